// The order at the end of a body: the last byte leaves, the producer goes, and then the callback reads.
#include <doctest/doctest.h>

#include "every_shape.hpp"

using lastbyte::Outcome;
using namespace shapes;

namespace {

/// Lets the producer record a span when it dies.
Script records_when_it_dies(lastbyte::Tracer<Docs> const& tracer, bool& dead, std::size_t fails_at = all) {
    return {.chunks = fours(3), .fails_at = fails_at, .at_death = [&tracer, &dead] {
                tracer.span<"index">().source(Source::cache);
                dead = true;
            }};
}

}  // namespace

TEST_CASE_TEMPLATE("a span that the producer's destructor records is in the Reading, however the body ends", S,
                   EVERY_SHAPE) {
    enum End { end, drop, failure, told, never_pulled, replaced };
    for (auto const how : {end, drop, failure, told, never_pulled, replaced}) {
        if (how == failure && !S::traits.stepwise) continue;
        Seen seen, other;
        bool dead = false;
        lastbyte::Tracer<Docs> tracer;
        {
            auto body = make<S>(seen, records_when_it_dies(tracer, dead, how == failure ? 1 : all), tracer);
            try {
                if (how != never_pulled) (void)S::drive(body, how == drop || how == told ? 1 : all);
            } catch (ProducerFailed const&) {
            }
            if (how == told) body.told_by_server(Outcome::timed_out);
            if (how == replaced) body = make<S>(other, {}, lastbyte::Tracer<Docs>{});
        }
        CHECK(dead);
        CHECK(seen.calls == 1);
        CHECK(seen.spans == 1);
        CHECK(seen.tier == "cache");
    }
}

TEST_CASE_TEMPLATE("the same when the body is shared", S, EVERY_SHAPE) {
    Seen seen;
    bool dead = false;
    lastbyte::Tracer<Docs> tracer;
    {
        auto const body = make<S>(seen, records_when_it_dies(tracer, dead), tracer).shared();
        auto const copy = body;
        (void)S::drive(*copy);
    }
    CHECK(dead);
    CHECK(seen.calls == 1);
    CHECK(seen.tier == "cache");
}

TEST_CASE_TEMPLATE("the producer is gone when the callback runs, and what the body borrowed is not", S, EVERY_SHAPE) {
    bool dead = false;
    std::optional<bool> owned, borrowed;
    {
        auto body =
            lastbyte::defer_until_consumed(S::stream(Producer{{.chunks = fours(2), .at_death = [&] { dead = true; }}}),
                                           [&](lastbyte::Consumption const&) { owned = dead; });
        (void)S::drive(body);
    }
    CHECK(owned == true);
    dead = false;
    {
        auto stream = S::stream(Producer{{.chunks = fours(2), .at_death = [&] { dead = true; }}});
        auto body = lastbyte::defer_until_consumed(lastbyte::defer_ref(stream),
                                                   [&](lastbyte::Consumption const&) { borrowed = dead; });
        (void)S::drive(body);
    }
    CHECK(borrowed == false);
}

TEST_CASE_TEMPLATE("the callback runs after the last byte left the wrapper, at the next call or the drop", S,
                   EVERY_SHAPE) {
    Seen seen;
    std::size_t pulls = 0;
    {
        auto body = make<S>(seen, {.chunks = fours(3), .at_pull = [&](std::size_t) { ++pulls; }},
                            lastbyte::Tracer<Docs>{}, lastbyte::content_length(12));
        CHECK(S::drive(body, 3).text == joined(fours(3)));
        // A push producer has returned by then, after its last write; all others are not asked before somebody pulls.
        CHECK(seen.calls == (S::traits.stepwise && !S::traits.resumes ? 1 : 0));
        if (S::traits.resumes) CHECK(pulls == 3);
        CHECK(S::drive(body).text == (S::traits.stepwise ? "" : joined(fours(3))));
        CHECK(seen.calls == (S::traits.at_drop ? 0 : 1));
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 12);
}

namespace {

/// Takes text, and knows how much of it there was when the callback ran.
struct WatchfulSink {
    std::string& taken;
    bool write(char const* data, std::size_t size) {
        taken.append(data, size);
        return true;
    }
    void done() { taken += "(done)"; }
};

}  // namespace

TEST_CASE_TEMPLATE("a sink has taken the last byte, and heard of the end, when the callback runs", S, Push, Provider) {
    std::string taken, at_callback;
    auto body = lastbyte::defer_until_consumed(S::stream(Producer{{.chunks = fours(2)}}),
                                               [&](lastbyte::Consumption const&) { at_callback = taken; });
    WatchfulSink sink{taken};
    if constexpr (std::is_same_v<S, Push>)
        body(sink);
    else
        for (int i = 0; i < 3; ++i) (void)body(std::size_t{0}, std::size_t{4}, sink);
    CHECK(at_callback == joined(fours(2)) + (std::is_same_v<S, Push> ? "" : "(done)"));
}

namespace {

struct Timed : Docs {
    using Clock = lastbyte::ManualClock<Timed>;
};

}  // namespace

TEST_CASE_TEMPLATE("a body of announced length ends at its last byte, not at the drop that follows", S, EVERY_SHAPE) {
    if constexpr (S::traits.stepwise) {
        Seen seen;
        lastbyte::Tracer<Timed> tracer;
        Timed::Clock::advance_ns(100);
        {
            auto body =
                make<S>(seen, {.chunks = fours(2), .at_pull = [](std::size_t) { Timed::Clock::advance_ns(10); }},
                        tracer, lastbyte::content_length(8));
            Timed::Clock::advance_ns(1000);
            (void)S::drive(body, 2);
            Timed::Clock::advance_ns(50'000);
        }
        CHECK(seen.first_byte_ns == 1110);
        CHECK(seen.duration_ns == 1120);
    }
}

TEST_CASE_TEMPLATE("a body whose end was seen ends there, not at the drop that follows", S, EVERY_SHAPE) {
    if constexpr (S::traits.stepwise) {
        Seen seen;
        lastbyte::Tracer<Timed> tracer;
        {
            auto body = make<S>(
                seen, {.chunks = fours(2), .at_pull = [](std::size_t) { Timed::Clock::advance_ns(10); }}, tracer);
            (void)S::drive(body);
            Timed::Clock::advance_ns(50'000);
        }
        CHECK(seen.first_byte_ns == 10);
        CHECK(seen.duration_ns == 30);
    }
}

TEST_CASE_TEMPLATE("a body that is left ends when it is dropped", S, EVERY_SHAPE) {
    if constexpr (S::traits.resumes) {
        Seen seen;
        lastbyte::Tracer<Timed> tracer;
        {
            auto body = make<S>(
                seen, {.chunks = fours(2), .at_pull = [](std::size_t) { Timed::Clock::advance_ns(10); }}, tracer);
            (void)S::drive(body, 1);
            Timed::Clock::advance_ns(500);
        }
        CHECK(seen.duration_ns == 510);
    }
}
