// Options of a body, and what counts when several know how it ended: what was seen, what was told, what is usual.
#include <doctest/doctest.h>

#include "every_shape.hpp"

#include <stop_token>

using lastbyte::cancelled_by;
using lastbyte::content_length;
using lastbyte::no_body;
using lastbyte::Outcome;
using namespace shapes;

namespace {

/// How a body ends that was taken to the middle and then left: for a shape that can't be left there, before its first pull.
template <class S>
constexpr Outcome left = S::traits.resumes ? Outcome::aborted : Outcome::abandoned;

/// Takes a chunk, where that is possible without going to the end.
template <class S, class Body>
void take_some(Body& body) {
    if (S::traits.resumes) (void)S::drive(body, 1);
}

}  // namespace

TEST_CASE_TEMPLATE("a consumer that cancels before, in the middle or while it leaves has cancelled", S, EVERY_SHAPE) {
    enum When { before, in_the_middle, while_pulled };
    for (auto const when : {before, in_the_middle, while_pulled}) {
        if (when == while_pulled && !S::traits.resumes) continue;
        Seen seen;
        std::stop_source stop;
        if (when == before) stop.request_stop();
        {
            auto body = make<S>(seen,
                                {.chunks = fours(3),
                                 .at_pull =
                                     [&](std::size_t) {
                                         if (when == while_pulled) stop.request_stop();
                                     }},
                                lastbyte::Tracer<Docs>{}, cancelled_by(stop.get_token()));
            take_some<S>(body);
            if (when == in_the_middle) stop.request_stop();
        }
        CHECK(seen.calls == 1);
        CHECK(seen.outcome == Outcome::cancelled);
        CHECK(seen.tier == "unresolved");
    }
}

TEST_CASE_TEMPLATE("a cancel that comes after the end changes nothing", S, EVERY_SHAPE) {
    if constexpr (S::traits.stepwise) {
        Seen seen;
        std::stop_source stop;
        {
            auto body = make<S>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{}, cancelled_by(stop.get_token()));
            (void)S::drive(body);
            stop.request_stop();
        }
        CHECK(seen.outcome == Outcome::complete);
        CHECK(seen.tier == "none");
    }
}

TEST_CASE_TEMPLATE("a body whose last announced byte was taken is complete, also when it was cancelled", S,
                   EVERY_SHAPE) {
    if constexpr (S::traits.stepwise) {
        Seen seen;
        std::stop_source stop;
        stop.request_stop();
        {
            auto body = make<S>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{}, content_length(12),
                                cancelled_by(stop.get_token()));
            (void)S::drive(body, 3);
        }
        CHECK(seen.outcome == Outcome::complete);
    }
}

TEST_CASE("a body that was not cancelled ends as one without a token") {
    std::stop_source stop;
    Seen seen;
    {
        auto const body =
            make<Pull>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{}, cancelled_by(stop.get_token()));
    }
    CHECK(seen.outcome == Outcome::abandoned);
}

namespace {

struct TokenThatThrows {
    bool stop_requested() const { throw std::runtime_error("no answer"); }
};
struct TokenOfAnotherLibrary {
    int const* cancelled;
    int stop_requested() const { return *cancelled; }
};

}  // namespace

TEST_CASE("any token with stop_requested() will do") {
    int cancelled = 1;
    Seen seen;
    {
        auto const body = make<Pull>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{},
                                     cancelled_by(TokenOfAnotherLibrary{&cancelled}));
    }
    CHECK(seen.outcome == Outcome::cancelled);
}

TEST_CASE("a token that throws when it is asked has said nothing, and harms nobody") {
    Seen seen;
    {
        auto const body =
            make<Pull>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{}, cancelled_by(TokenThatThrows{}));
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::abandoned);
}

TEST_CASE_TEMPLATE("options may stand in any order, and mean the same", S, EVERY_SHAPE) {
    std::stop_source stop;
    stop.request_stop();
    auto const token = cancelled_by(stop.get_token());
    CHECK(play<S>({.chunks = fours(3)}, 0, content_length(12), token).outcome == Outcome::cancelled);
    CHECK(play<S>({.chunks = fours(3)}, 0, token, content_length(12)).outcome == Outcome::cancelled);
    CHECK(play<S>({.chunks = fours(3)}, 0, token, content_length(12), no_body).outcome == Outcome::no_body);
    CHECK(play<S>({.chunks = fours(3)}, 0, no_body, token, content_length(12)).outcome == Outcome::no_body);
}

TEST_CASE_TEMPLATE("a server may say that a body timed out, was cancelled, failed or was shut down in the middle", S,
                   EVERY_SHAPE) {
    for (auto const why :
         {Outcome::timed_out, Outcome::shutdown, Outcome::cancelled, Outcome::producer_error, Outcome::aborted}) {
        Seen seen;
        {
            auto body = make<S>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{});
            take_some<S>(body);
            body.told_by_server(why);
            CHECK(seen.calls == 1);
        }
        CHECK(seen.outcome == why);
        CHECK(seen.tier == "unresolved");
    }
}

TEST_CASE_TEMPLATE("a consumer that cancels and then hangs up has cancelled, and one that only hangs up has not", S,
                   EVERY_SHAPE) {
    for (bool const says_so : {true, false}) {
        Seen seen;
        std::stop_source stop;
        lastbyte::Tracer<Docs> tracer;
        {
            auto body = make<S>(seen, {.chunks = fours(3)}, tracer, cancelled_by(stop.get_token()));
            take_some<S>(body);
            if (says_so) stop.request_stop();
            tracer.note_end(Outcome::aborted);
        }
        CHECK(seen.outcome == (says_so ? Outcome::cancelled : Outcome::aborted));
    }
}

TEST_CASE_TEMPLATE("a tracer may be told the same before the body is dropped", S, EVERY_SHAPE) {
    for (auto const why :
         {Outcome::timed_out, Outcome::shutdown, Outcome::cancelled, Outcome::producer_error, Outcome::aborted}) {
        Seen seen;
        lastbyte::Tracer<Docs> tracer;
        {
            auto body = make<S>(seen, {.chunks = fours(3)}, tracer);
            take_some<S>(body);
            tracer.note_end(why);
            CHECK(seen.calls == 0);
        }
        CHECK(seen.calls == 1);
        CHECK(seen.outcome == why);
        CHECK(seen.tier == "unresolved");
    }
}

TEST_CASE_TEMPLATE("what a tracer was told can't make a body complete, or be what only a wrapper can see", S,
                   EVERY_SHAPE) {
    for (auto const why :
         {Outcome::complete, Outcome::no_body, Outcome::truncated, Outcome::overrun, Outcome::abandoned}) {
        Seen seen;
        lastbyte::Tracer<Docs> tracer;
        {
            auto body = make<S>(seen, {.chunks = fours(3)}, tracer);
            take_some<S>(body);
            tracer.note_end(why);
        }
        CHECK(seen.outcome == left<S>);
        CHECK(seen.tier == "unresolved");
    }
}

TEST_CASE_TEMPLATE("what the wrapper saw counts before what it was told", S, EVERY_SHAPE) {
    if constexpr (S::traits.stepwise) {
        std::stop_source stop;
        stop.request_stop();
        struct Case {
            Script script;
            std::uint64_t length;
            Outcome seen;
        };
        for (auto& [script, length, outcome] :
             {Case{{.chunks = fours(3)}, ~std::uint64_t{0}, Outcome::complete},
              Case{{.chunks = fours(3)}, 12, Outcome::complete}, Case{{.chunks = fours(3)}, 13, Outcome::truncated},
              Case{{.chunks = fours(3)}, 11, Outcome::overrun},
              Case{{.chunks = fours(3), .fails_at = 2}, 12, Outcome::producer_error}}) {
            Seen seen;
            lastbyte::Tracer<Docs> tracer;
            tracer.note_end(Outcome::shutdown);
            {
                auto body = make<S>(seen, script, tracer, content_length(length), cancelled_by(stop.get_token()));
                try {
                    (void)S::drive(body);
                } catch (ProducerFailed const&) {
                }
                body.told_by_server(Outcome::timed_out);
            }
            CHECK(seen.calls == 1);
            CHECK(seen.outcome == outcome);
        }
    }
}

TEST_CASE_TEMPLATE("what the server said counts before what the tracer was told, and that before the token", S,
                   EVERY_SHAPE) {
    std::stop_source stop;
    stop.request_stop();
    for (bool const server : {true, false}) {
        Seen seen;
        lastbyte::Tracer<Docs> tracer;
        {
            auto body = make<S>(seen, {.chunks = fours(3)}, tracer, cancelled_by(stop.get_token()));
            take_some<S>(body);
            tracer.note_end(Outcome::shutdown);
            if (server) body.told_by_server(Outcome::timed_out);
        }
        CHECK(seen.outcome == (server ? Outcome::timed_out : Outcome::shutdown));
    }
}

TEST_CASE_TEMPLATE("the last word of several to a tracer counts", S, EVERY_SHAPE) {
    Seen seen;
    lastbyte::Tracer<Docs> tracer;
    {
        auto body = make<S>(seen, {.chunks = fours(3)}, tracer);
        tracer.note_end(Outcome::shutdown);
        tracer.note_end(Outcome::timed_out);
    }
    CHECK(seen.outcome == Outcome::timed_out);
}

TEST_CASE_TEMPLATE("a body without a body stays one, whoever says what, and its tier is none", S, EVERY_SHAPE) {
    Seen seen;
    lastbyte::Tracer<Docs> tracer;
    tracer.note_end(Outcome::shutdown);
    {
        auto body = make<S>(seen, {.chunks = fours(3)}, tracer, no_body);
        body.told_by_server(Outcome::aborted);
        CHECK(seen.calls == 1);
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::no_body);
    CHECK(seen.tier == "none");
    CHECK(seen.bytes == 0);
}

TEST_CASE_TEMPLATE("a second body of one trace is consumed like any other, and counted, but reads an empty trace", S,
                   EVERY_SHAPE) {
    Seen first, second;
    auto const before = lastbyte::ledger<Docs>().bodies_refused;
    lastbyte::Tracer<Docs> tracer;
    tracer.span<"index">().source(Source::cache);
    {
        auto body = make<S>(first, {.chunks = fours(3)}, tracer);
        auto another = make<S>(second, {.chunks = fours(2)}, tracer);
        CHECK(S::drive(another).text == joined(fours(2)));
        CHECK(S::drive(body).text == joined(fours(3)));
    }
    CHECK(lastbyte::ledger<Docs>().bodies_refused == before + 1);
    CHECK(first.calls == 1);
    CHECK(first.tier == "cache");
    CHECK(second.calls == 1);
    CHECK(second.bytes == 8);
    CHECK(second.spans == 0);
    CHECK(second.tier == "unresolved");
}
