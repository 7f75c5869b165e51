// A body without a tracer: its callback gets the facts of the body alone.
#include <doctest/doctest.h>

#include "every_shape.hpp"

#include <stop_token>

using lastbyte::Outcome;
using namespace shapes;

namespace {

/// What the callback of an untraced body saw.
template <class S, class... Options>
Seen play_plain(Script script, std::size_t most, Options... options) {
    Seen seen;
    {
        auto body = make_plain<S>(seen, std::move(script), options...);
        try {
            (void)S::drive(body, most);
        } catch (ProducerFailed const&) {
        }
    }
    CHECK(seen.calls == 1);
    return seen;
}

}  // namespace

TEST_CASE_TEMPLATE("a consumed body without a tracer tells its bytes, chunks, times and outcome", S, EVERY_SHAPE) {
    auto const seen = play_plain<S>({.chunks = fours(3)}, all);
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 12);
    CHECK(seen.chunks == (S::traits.stepwise ? 3 : 1));
    CHECK(seen.first_byte_ns <= seen.duration_ns);
    CHECK(seen.duration_ns < 60'000'000'000u);
}

TEST_CASE_TEMPLATE("its duration begins when it is wrapped", S, EVERY_SHAPE) {
    auto const wait = [] {
        auto const start = lastbyte::SteadyClock::now();
        while (lastbyte::SteadyClock::now() - start < 2'000'000) {
        }
    };
    // A machine that is busy elsewhere makes a time too long now and then, and never too short.
    bool not_much_longer = false;
    for (int attempt = 0; attempt < 50 && !not_much_longer; ++attempt) {
        Seen seen;
        auto stream = S::stream(Producer{{.chunks = fours(1)}});
        wait();
        {
            auto body = lastbyte::defer_until_consumed(std::move(stream), NotePlain{&seen});
            wait();
            (void)S::drive(body);
        }
        CHECK(seen.first_byte_ns > 1'900'000);
        not_much_longer = seen.duration_ns < 3'000'000;
    }
    CHECK(not_much_longer);
}

TEST_CASE_TEMPLATE("it ends in as many ways as one with a tracer", S, EVERY_SHAPE) {
    CHECK(play_plain<S>({.chunks = fours(3)}, 0).outcome == Outcome::abandoned);
    CHECK(play_plain<S>({.chunks = fours(3)}, all, lastbyte::content_length(12)).outcome == Outcome::complete);
    CHECK(play_plain<S>({.chunks = fours(3)}, all, lastbyte::content_length(13)).outcome == Outcome::truncated);
    CHECK(play_plain<S>({.chunks = fours(3)}, all, lastbyte::content_length(11)).outcome == Outcome::overrun);
    CHECK(play_plain<S>({.chunks = fours(3)}, 0, lastbyte::no_body).outcome == Outcome::no_body);
    std::stop_source stop;
    stop.request_stop();
    CHECK(play_plain<S>({.chunks = fours(3)}, 0, lastbyte::cancelled_by(stop.get_token())).outcome ==
          Outcome::cancelled);
    if constexpr (S::traits.stepwise) {
        CHECK(play_plain<S>({.chunks = fours(3), .fails_at = 1}, all).outcome == Outcome::producer_error);
        CHECK(play_plain<S>({.chunks = fours(3)}, 1).outcome == Outcome::aborted);
    }
    Seen seen;
    {
        auto body = make_plain<S>(seen, {.chunks = fours(3)});
        body.told_by_server(Outcome::shutdown);
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::shutdown);
}

TEST_CASE_TEMPLATE("it may be shared, moved and destroyed elsewhere like one with a tracer", S, EVERY_SHAPE) {
    Seen seen;
    {
        auto shared = make_plain<S>(seen, {.chunks = fours(2)}).shared();
        auto const copy = shared;
        auto const moved = std::move(shared);
        CHECK(S::drive(*copy).text == joined(fours(2)));
    }
    CHECK(seen.calls == 1);
    CHECK(seen.bytes == 8);
}

TEST_CASE("a callback may make a final value of a count that its producer kept") {
    std::uint64_t rows = 0, final_rows = 0;
    {
        auto body = lastbyte::defer_until_consumed(
            Pull::stream(Producer{{.chunks = fours(3), .at_pull = [&](std::size_t) { ++rows; }}}),
            [&](lastbyte::Consumption const& done) {
                final_rows = done.final_value(rows).map([](auto n) { return n * 2; });
            });
        (void)Pull::drive(body);
    }
    CHECK(final_rows == 8);
}

namespace {

struct Disabled : lastbyte::DefaultPolicy {
    static constexpr bool enabled = false;
};

}  // namespace

TEST_CASE_TEMPLATE("under a policy that is off the stream comes back as it was, and nothing is called", S,
                   EVERY_SHAPE) {
    using Stream = decltype(S::stream(Producer{Script{}}));
    lastbyte::Tracer<Disabled> tracer;
    bool called = false;
    auto stream = S::stream(Producer{{.chunks = fours(2)}});
    {
        auto body = lastbyte::defer_until_consumed(tracer.body(std::move(stream), lastbyte::content_length(8)),
                                                   [&](lastbyte::Reading<Disabled> const&) { called = true; });
        static_assert(std::is_same_v<decltype(body), Stream>);
        CHECK(S::drive(body).text == joined(fours(2)));
    }
    CHECK_FALSE(called);
}
