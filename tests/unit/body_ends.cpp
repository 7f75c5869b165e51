// How a body can end, on every shape: the outcome, the counts, and `none` or `unresolved`.
#include <doctest/doctest.h>

#include "every_shape.hpp"

using lastbyte::Outcome;
using namespace shapes;

TEST_CASE_TEMPLATE("a body whose end was pulled is complete", S, EVERY_SHAPE) {
    auto const seen = play<S>({.chunks = fours(3)}, all);
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 12);
    CHECK(seen.chunks == (S::traits.stepwise ? 3 : 1));
    CHECK(seen.tier == "none");
    CHECK(seen.first_byte_ns <= seen.duration_ns);
}

TEST_CASE_TEMPLATE("the callback runs at the end where nothing points into the stream, else at the drop", S,
                   EVERY_SHAPE) {
    Seen seen;
    auto body = make_plain<S>(seen, {.chunks = fours(2)});
    (void)S::drive(body);
    CHECK(seen.calls == (S::traits.at_drop ? 0 : 1));
    { auto const gone = std::move(body); }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE_TEMPLATE("a body is complete at its announced length though nobody pulls the end", S, EVERY_SHAPE) {
    auto const seen = play<S>({.chunks = fours(3)}, 3, lastbyte::content_length(12));
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 12);
    CHECK(seen.tier == "none");
}

TEST_CASE_TEMPLATE("an empty body is complete", S, EVERY_SHAPE) {
    auto const seen = play<S>({}, all);
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 0);
    CHECK(seen.chunks == 0);
    CHECK(seen.first_byte_ns == seen.duration_ns);
}

TEST_CASE_TEMPLATE("a body of length 0 is complete though it is never pulled", S, EVERY_SHAPE) {
    auto const seen = play<S>({}, 0, lastbyte::content_length(0));
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.tier == "none");
}

TEST_CASE_TEMPLATE("HEAD, 204 and 304 have no body, announced length or not", S, EVERY_SHAPE) {
    CHECK(play<S>({.chunks = fours(1)}, 0, lastbyte::no_body).outcome == Outcome::no_body);
    auto const seen = play<S>({.chunks = fours(1)}, 0, lastbyte::no_body, lastbyte::content_length(4));
    CHECK(seen.outcome == Outcome::no_body);
    CHECK(seen.tier == "none");
}

TEST_CASE_TEMPLATE("a body that nobody pulled was abandoned, and its tier is unresolved", S, EVERY_SHAPE) {
    auto const seen = play<S>({.chunks = fours(3)}, 0);
    CHECK(seen.outcome == Outcome::abandoned);
    CHECK(seen.bytes == 0);
    CHECK(seen.tier == "unresolved");
}

TEST_CASE_TEMPLATE("a consumer that leaves after one, all but one or all chunks aborts", S, EVERY_SHAPE) {
    if constexpr (S::traits.stepwise) {
        for (std::size_t const taken : {1u, 3u, 4u}) {
            bool const seen_end = !S::traits.resumes && taken == 4;
            auto const seen = play<S>({.chunks = fours(4)}, taken);
            CHECK(seen.outcome == (seen_end ? Outcome::complete : Outcome::aborted));
            CHECK(seen.bytes == 4 * taken);
            CHECK(seen.tier == (seen_end ? "none" : "unresolved"));
        }
        CHECK(play<S>({.chunks = fours(4)}, 2, lastbyte::content_length(16)).outcome == Outcome::aborted);
    }
}

TEST_CASE_TEMPLATE("a producer that throws at its first, a middle or its last pull has failed", S, EVERY_SHAPE) {
    if constexpr (S::traits.stepwise) {
        for (std::size_t const at : {0u, 2u, 4u}) {
            auto const seen = play<S>({.chunks = fours(4), .fails_at = at}, all);
            CHECK(seen.outcome == Outcome::producer_error);
            CHECK(seen.bytes == 4 * at);
            CHECK(seen.tier == "unresolved");
        }
        SUBCASE("and the exception reaches the server") {
            Seen seen;
            auto body = make_plain<S>(seen, {.chunks = fours(2), .fails_at = 1});
            CHECK_THROWS_AS((void)S::drive(body), ProducerFailed);
        }
        SUBCASE("but not once every announced byte was taken") {
            auto const seen = play<S>({.chunks = fours(2), .fails_at = 2}, all, lastbyte::content_length(8));
            CHECK(seen.outcome == Outcome::complete);
        }
    }
}

TEST_CASE_TEMPLATE("fewer bytes than announced are truncated, more are an overrun", S, EVERY_SHAPE) {
    auto const fewer = play<S>({.chunks = fours(2)}, all, lastbyte::content_length(9));
    CHECK(fewer.outcome == Outcome::truncated);
    CHECK(fewer.tier == "none");
    auto const more = play<S>({.chunks = fours(3)}, all, lastbyte::content_length(9));
    CHECK(more.outcome == Outcome::overrun);
    CHECK(more.bytes == 12);
    auto const whole_chunk_more = play<S>({.chunks = fours(3)}, all, lastbyte::content_length(8));
    CHECK(whole_chunk_more.outcome == Outcome::overrun);
    CHECK(play<S>({.chunks = fours(1)}, all, lastbyte::content_length(0)).outcome == Outcome::overrun);
}

TEST_CASE_TEMPLATE("a matching span answers whatever the end, and its absence is none or unresolved by the end", S,
                   EVERY_SHAPE) {
    struct Case {
        std::size_t most;
        std::size_t fails_at;
        char const* without;
    };
    for (auto const& [most, fails_at, without] :
         {Case{all, all, "none"}, Case{1, all, "unresolved"}, Case{all, 1, "unresolved"}}) {
        if (!S::traits.stepwise && (most != all || fails_at != all)) continue;
        for (bool const matching : {false, true}) {
            Seen seen;
            lastbyte::Tracer<Docs> tracer;
            {
                auto body = make<S>(seen,
                                    {.chunks = fours(3),
                                     .fails_at = fails_at,
                                     .at_pull =
                                         [&](std::size_t at) {
                                             if (at == 0 && matching) tracer.span<"index">().source(Source::cache);
                                             if (at == 0) tracer.span<"file:*">("a").source(Source::miss);
                                         }},
                                    tracer);
                try {
                    (void)S::drive(body, most);
                } catch (ProducerFailed const&) {
                }
            }
            CHECK(seen.tier == (matching ? std::string{"cache"} : std::string{without}));
        }
    }
}

TEST_CASE_TEMPLATE("a body that is destroyed while an exception unwinds ends like any other", S, EVERY_SHAPE) {
    Seen seen;
    try {
        auto body = make_plain<S>(seen, {.chunks = fours(2)});
        (void)S::drive(body, 1);
        throw std::runtime_error("the server failed");
    } catch (std::runtime_error const&) {
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == (S::traits.stepwise ? Outcome::aborted : Outcome::complete));
}

TEST_CASE_TEMPLATE("a stream that somebody else owns is watched, and stays", S, EVERY_SHAPE) {
    Seen seen;
    bool dead = false;
    {
        auto stream = S::stream(Producer{{.chunks = fours(2), .at_death = [&] { dead = true; }}});
        {
            auto body = lastbyte::defer_until_consumed(lastbyte::defer_ref(stream), NotePlain{&seen});
            CHECK(S::drive(body).text == joined(fours(2)));
        }
        CHECK(seen.calls == 1);
        CHECK(seen.outcome == Outcome::complete);
        CHECK_FALSE(dead);
    }
    CHECK(dead);
}

TEST_CASE_TEMPLATE("the body may outlive its tracer, and the tracer its body", S, EVERY_SHAPE) {
    Seen seen;
    {
        std::optional<lastbyte::Tracer<Docs>> tracer{std::in_place};
        auto body = make<S>(seen, {.chunks = fours(2)}, *tracer);
        tracer.reset();
        (void)S::drive(body);
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);

    lastbyte::Tracer<Docs> tracer;
    {
        auto body = make<S>(seen, {.chunks = fours(2)}, tracer);
        (void)S::drive(body);
    }
    CHECK(seen.calls == 2);
    tracer.span<"index">().source(Source::cache);
    CHECK(seen.tier == "none");
}
