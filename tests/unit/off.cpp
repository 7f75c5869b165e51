// Off: the same program compiles, runs, and leaves nothing; the body that comes back is the stream itself.
#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "seed.hpp"

using lastbyte::milliseconds;
using seed::Source;

namespace {

struct Silent : seed::Policy {
    static constexpr bool enabled = false;
};

/// One program for both policies; returns what the client gets, and how often the callback ran.
template <class P>
std::pair<std::string, int> program() {
    using namespace std::chrono_literals;
    int called = 0;
    lastbyte::Tracer<P> tracer;
    auto const copy = tracer;
    (void)tracer.snapshot().template tier<"cache_tier">();
    {
        auto span = tracer.template span<"index">();
        span.source(Source::cache).detail("x");
        span.template attribute<"n">(1).template attribute<"t">("text").error("e");
        auto child = span.template child<"file:*">("a");
        auto deeper = child.template child<"index">();
        span.tracer().template record<"index">(2ms);
    }
    auto job = copy.template async_span<"file:*">("b");
    auto moved = std::move(job);
    moved.end();
    copy.template record<"index">(milliseconds(1), Source::r2, "d");
    copy.template record<"file:*">("c", 3ms, Source::r2);
    int const result = copy.template trace<"index">([](auto& span) { span.source(Source::kv); return 7; });
    copy.template trace<"file:*">("d", [] {}, Source::kv);
    CHECK(result == 7);
    CHECK_THROWS_AS(copy.template trace<"index">([] { throw std::logic_error("x"); }), std::logic_error);
    tracer.note_end(lastbyte::Outcome::cancelled);
    (void)tracer.trace_id();
    CHECK_FALSE(tracer.seal([](lastbyte::Sealed<P> const&) {}));
    auto body = lastbyte::defer_until_consumed(
        tracer.body(seed::Chunks{{"a", "bc"}}, lastbyte::content_length(3)),
        [&](lastbyte::Reading<P> const& done) { called += done.bytes() == 3u ? 1 : 100; });
    return {seed::drain(body), called};
}

}  // namespace

TEST_CASE("the same program runs with telemetry on and off") {
    CHECK(program<seed::Policy>() == std::pair<std::string, int>{"abc", 1});
    CHECK(program<Silent>() == std::pair<std::string, int>{"abc", 0});
}

TEST_CASE("under Off the body is the stream's own type") {
    lastbyte::Tracer<lastbyte::Off> tracer;
    auto stream = [n = 0]() mutable -> std::optional<std::string> {
        if (n++ == 1) return std::nullopt;
        return "x";
    };
    auto body = lastbyte::defer_until_consumed(tracer.body(std::move(stream)),
                                               [](lastbyte::Reading<lastbyte::Off> const&) {});
    static_assert(std::is_same_v<decltype(body), decltype(stream)>);
    CHECK(seed::drain(body) == "x");
}

TEST_CASE("handles of a policy that is off are empty") {
    static_assert(std::is_empty_v<lastbyte::Tracer<lastbyte::Off>>);
    static_assert(std::is_empty_v<lastbyte::Span<lastbyte::Off>>);
    static_assert(std::is_empty_v<lastbyte::AsyncSpan<lastbyte::Off>>);
}

TEST_CASE("what can't be moved or copied under a policy that is on can't be under Off") {
    using On = lastbyte::Span<seed::Policy>;
    using Off = lastbyte::Span<Silent>;
    static_assert(!std::is_move_constructible_v<On> && !std::is_move_constructible_v<Off>);
    static_assert(!std::is_default_constructible_v<On> && !std::is_default_constructible_v<Off>);
    using Async = lastbyte::AsyncSpan<Silent>;
    static_assert(std::is_move_constructible_v<Async> && !std::is_copy_constructible_v<Async>);
}

TEST_CASE("a snapshot under Off is an empty one, and says that it is provisional") {
    lastbyte::Tracer<Silent> tracer;
    tracer.record<"index">(milliseconds(1), Source::r2);
    lastbyte::Snapshot<Silent> const look = tracer.snapshot();
    std::string json, header;
    look.write_json(json);
    look.write_header(header);
    CHECK(look.tier<"cache_tier">().value().is_none());
    CHECK(look.tally().value().lookups() == 0);
    CHECK(json == R"({"spans":[],"total_ms":0,"index_source":"none","provisional":true,"final":false,"sequence":0})");
    CHECK(header == "total=0ms, provisional");
}

TEST_CASE("trace keeps value categories under Off") {
    lastbyte::Tracer<lastbyte::Off> tracer;
    int number = 1;
    static_assert(std::is_same_v<decltype(tracer.trace<"a">([&]() -> int& { return number; })), int&>);
    static_assert(std::is_void_v<decltype(tracer.trace<"a">([] {}))>);
    CHECK(&tracer.trace<"a">([&]() -> int& { return number; }) == &number);
}

TEST_CASE("a policy that is off has an empty ledger") {
    (void)program<Silent>();
    auto const report = lastbyte::ledger<Silent>();
    CHECK(report.traces_started == 0);
    CHECK(report.spans_recorded == 0);
    CHECK(report.balanced());
}
