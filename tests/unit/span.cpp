// Spans: scopes, calls and records, and what they leave in the trace.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "seed.hpp"

using lastbyte::AttributeKind;
using lastbyte::milliseconds;
using seed::Source;

namespace {

using Clock = lastbyte::ManualClock<struct SpanTest>;
struct Policy : seed::Policy {
    using Clock = ::Clock;
    static constexpr std::size_t max_text_bytes = 32;
    static constexpr std::size_t max_attributes = 9;
};
using Tracer = lastbyte::Tracer<Policy>;

template <std::size_t Bytes>
struct Narrow : seed::Policy {
    static constexpr std::size_t text_bytes = Bytes;
};

struct Seen {
    std::string label, source, detail;
    std::uint64_t ns = 0, start_ns = 0, id = 0, parent = 0;
    bool failed = false;
    std::vector<std::string> attributes;
};

std::string value_of(lastbyte::AttributeView const& attribute) {
    switch (attribute.kind()) {
        case AttributeKind::integer: return std::to_string(attribute.integer());
        case AttributeKind::unsigned_integer: return std::to_string(attribute.unsigned_integer()) + "u";
        case AttributeKind::floating: return std::to_string(attribute.floating());
        case AttributeKind::boolean: return attribute.boolean() ? "true" : "false";
        case AttributeKind::text: return '"' + std::string{attribute.text()} + '"';
    }
    return "?";
}

std::vector<Seen> look(Tracer const& tracer) {
    std::vector<Seen> all;
    auto const snapshot = tracer.snapshot();
    for (auto const span : snapshot.spans()) {
        Seen one{std::string{span.stem()} + std::string{span.tail()}, std::string{span.source_name()},
                 std::string{span.detail()}, span.duration_ns(), span.start_ns(), span.id().value, span.parent_id().value,
                 span.failed(), {}};
        for (std::size_t i = 0; i < span.attribute_count(); ++i)
            one.attributes.push_back(std::string{span.attribute(i).name()} + '=' + value_of(span.attribute(i)));
        all.push_back(std::move(one));
    }
    return all;
}
Seen only(Tracer const& tracer) {
    auto all = look(tracer);
    REQUIRE(all.size() == 1);
    return std::move(all[0]);
}

/// Each read is a tick later than the one before.
struct Ticking {
    static inline std::uint64_t reads = 0;
    static std::uint64_t now() noexcept { return ++reads; }
    static lastbyte::ClockRate rate() noexcept { return {}; }
    static void anchor() noexcept {}
};
struct Phased : seed::Policy {
    using Clock = Ticking;
};

}  // namespace

TEST_CASE("a scope is recorded when it ends, with its length") {
    Tracer tracer;
    {
        auto span = tracer.span<"index">();
        Clock::advance_ns(33'000'000);
        CHECK(look(tracer).empty());
        span.source(Source::cache).detail("warm");
    }
    auto const seen = only(tracer);
    CHECK(seen.label == "index");
    CHECK(seen.source == "cache");
    CHECK(seen.detail == "warm");
    CHECK(seen.ns == 33'000'000);
    CHECK_FALSE(seen.failed);
}

TEST_CASE("a family's tail is copied when the span starts") {
    Tracer tracer;
    std::string path = "canon/foo.md";
    {
        auto span = tracer.span<"file:*">(path);
        path = "overwritten!";
    }
    CHECK(only(tracer).label == "file:canon/foo.md");
}

TEST_CASE("the last source and the last detail count") {
    Tracer tracer;
    {
        auto span = tracer.span<"index">();
        span.source(Source::miss);
        span.source(Source::r2);
        span.detail("one");
        span.detail("two");
    }
    CHECK(only(tracer).source == "r2");
    CHECK(only(tracer).detail == "two");
}

TEST_CASE("a source that is no enumerator is counted and left out") {
    auto const before = lastbyte::ledger<Policy>().sources_unknown;
    {
        Tracer tracer;
        for (int value : {-1, 7, 63, 64, 255, 256, 1'000'000}) tracer.span<"index">().source(static_cast<Source>(value));
        for (auto const& seen : look(tracer)) CHECK(seen.source.empty());
    }
    CHECK(lastbyte::ledger<Policy>().sources_unknown - before == 7);
}

TEST_CASE("a child's parent is its span, and a span's parent is the root") {
    Tracer tracer;
    {
        auto outer = tracer.span<"outer">();
        auto inner = outer.child<"file:*">("a");
        auto innermost = inner.child<"deep">();
    }
    auto const seen = look(tracer);
    REQUIRE(seen.size() == 3);
    CHECK(seen[0].label == "deep");
    CHECK(seen[0].parent == seen[1].id);
    CHECK(seen[1].parent == seen[2].id);
    CHECK(seen[2].parent != 0);
    CHECK(seen[2].parent != seen[2].id);
}

TEST_CASE("a tracer handed on by a span makes its children, also on another thread") {
    Tracer tracer;
    {
        auto outer = tracer.span<"outer">();
        std::thread([inner = outer.tracer()] {
            auto span = inner.span<"index">();
            inner.record<"file:*">("a", milliseconds(1));
        }).join();
        outer.tracer().trace<"call">([] {});
    }
    auto const seen = look(tracer);
    REQUIRE(seen.size() == 4);
    for (int i = 0; i < 3; ++i) CHECK(seen[static_cast<std::size_t>(i)].parent == seen[3].id);
}

TEST_CASE("an async span is moved, ends once, and keeps its trace") {
    auto const before = lastbyte::ledger<Policy>();
    {
        auto job = [] {
            Tracer tracer;
            return tracer.async_span<"index">();
        }();
        auto moved = std::move(job);
        job.end();
        CHECK(lastbyte::ledger<Policy>().traces_live - before.traces_live == 1);
        moved.source(Source::kv);
        moved.end();
        moved.end();
        job = std::move(moved);
    }
    auto const after = lastbyte::ledger<Policy>();
    CHECK(after.spans_recorded - before.spans_recorded == 1);
    CHECK(after.traces_live == before.traces_live);
}

TEST_CASE("assigning to an async span ends the one that stood there") {
    Tracer tracer;
    auto job = tracer.async_span<"first">();
    job = tracer.async_span<"file:*">("second");
    CHECK(only(tracer).label == "first");
    job.end();
    CHECK(look(tracer).size() == 2);
    auto& same = job;
    job = std::move(same);
    CHECK(look(tracer).size() == 2);
}

TEST_CASE("an async span that was moved from records nothing, whatever is called on it") {
    Tracer tracer;
    auto job = tracer.async_span<"index">();
    auto const moved = std::move(job);
    job.source(Source::r2).detail("x");
    job.error("y");
    job.attribute<"n">(1).attribute<"t">("text");
    { auto child = job.child<"child">(); }
    job.tracer().record<"late">(milliseconds(1));
    job.end();
    CHECK(look(tracer).empty());
}

TEST_CASE("an attribute of every kind keeps its value and its kind") {
    Tracer tracer;
    {
        auto span = tracer.span<"index">();
        span.attribute<"i">(-12).attribute<"min">(std::numeric_limits<std::int64_t>::min());
        span.attribute<"u">(std::numeric_limits<std::uint64_t>::max()).attribute<"small">(static_cast<std::int8_t>(-3));
        span.attribute<"d">(2.5).attribute<"f">(0.25f);
        span.attribute<"b">(true).attribute<"s">("text").attribute<"string">(std::string(40, 'x'));
        span.attribute<"over">(1);
    }
    std::vector<std::string> const expected = {"i=-12", "min=-9223372036854775808", "u=18446744073709551615u", "small=-3",
                                               "d=2.500000", "f=0.250000", "b=true", "s=\"text\"",
                                               "string=\"" + std::string(32, 'x') + '"'};
    CHECK(only(tracer).attributes == expected);
}

TEST_CASE("a null text is an empty one") {
    Tracer tracer;
    char const* nothing = nullptr;
    { tracer.span<"index">().attribute<"t">(nothing).detail({}); }
    CHECK(only(tracer).attributes == std::vector<std::string>{"t=\"\""});
    CHECK(only(tracer).detail.empty());
}

TEST_CASE("after its source a span can be written further in one chain") {
    Tracer tracer;
    tracer.span<"index">().source(Source::r2).attribute<"n">(1).detail("first").error("gone");
    CHECK(only(tracer).source == "r2");
    CHECK(only(tracer).detail == "error: gone");
    CHECK(only(tracer).attributes == std::vector<std::string>{"n=1"});
}

TEST_CASE("attributes beyond the bound and texts that are cut are counted") {
    auto const before = lastbyte::ledger<Policy>();
    {
        Tracer tracer;
        auto span = tracer.span<"index">();
        for (int i = 0; i < 12; ++i) span.attribute<"n">(i);
        span.detail(std::string(33, 'x'));
        span.detail(std::string(32, 'x'));
    }
    auto const after = lastbyte::ledger<Policy>();
    CHECK(after.attributes_dropped - before.attributes_dropped == 3);
    CHECK(after.texts_cut - before.texts_cut == 1);
}

TEST_CASE("a span links to others, in the order in which it was told, and its attributes stay as they are") {
    using lastbyte::SpanContext;
    SpanContext const received{{0x0102030405060708, 9}, {0xa0b0c0d0e0f00102}, 1};
    Tracer other, tracer;
    other.record<"tried before">(milliseconds(1));
    SpanContext before;
    auto const first = other.snapshot();
    for (auto const span : first.spans()) before = span.context();
    CHECK(before.trace_id == other.trace_id());
    CHECK(before.valid());
    {
        auto span = tracer.span<"index">();
        span.attribute<"rows">(12).link(received);
        span.source(Source::r2).link(before).attribute<"shard">("eu-1");
        CHECK(look(tracer).empty());
    }
    auto const snapshot = tracer.snapshot();
    for (auto const span : snapshot.spans()) {
        REQUIRE(span.link_count() == 2);
        CHECK(span.link(0) == received);
        CHECK(span.link(1) == before);
        CHECK(span.link(1).flags == 1);
        CHECK(span.event_count() == 0);
    }
    CHECK(only(tracer).attributes == std::vector<std::string>{"rows=12", "shard=\"eu-1\""});
}

TEST_CASE("an event has the time at which it happened, and what was told of it") {
    Tracer tracer;
    Clock::advance_ns(1'000);
    std::string why = "429";
    {
        auto span = tracer.span<"index">();
        Clock::advance_ns(500);
        span.event<"retry", "attempt", "why", "share", "again">(2, why, 0.5, true).link({{1, 2}, {3}});
        why = "overwritten";
        Clock::advance_ns(7);
        span.attribute<"rows">(1).event<"done">();
        Clock::advance_ns(1);
    }
    auto const snapshot = tracer.snapshot();
    for (auto const span : snapshot.spans()) {
        REQUIRE(span.event_count() == 2);
        auto const retry = span.event(0), done = span.event(1);
        CHECK(retry.name() == "retry");
        CHECK(retry.at_ns() == 1'500);
        std::string facts;
        for (std::size_t i = 0; i < retry.attribute_count(); ++i)
            facts += std::string{retry.attribute(i).name()} + '=' + value_of(retry.attribute(i)) + ' ';
        CHECK(facts == "attempt=2 why=\"429\" share=0.500000 again=true ");
        CHECK(done.name() == "done");
        CHECK(done.at_ns() == 1'507);
        CHECK(done.attribute_count() == 0);
        CHECK(span.link_count() == 1);
    }
    CHECK(only(tracer).attributes == std::vector<std::string>{"rows=1"});
}

TEST_CASE("a span that is moved takes its links and events along, and its next phase begins without") {
    Tracer tracer;
    auto read = tracer.async_span<"read">();
    read.link({{1, 2}, {3}}).event<"half">();
    auto moved = std::move(read);
    moved.event<"whole">();
    auto parse = std::move(moved).then<"parse">();
    parse.end();
    auto const snapshot = tracer.snapshot();
    for (auto const span : snapshot.spans()) {
        CHECK(span.link_count() == (span.is("read") ? 1 : 0));
        CHECK(span.event_count() == (span.is("read") ? 2 : 0));
    }
}

TEST_CASE("links, events and attributes share a span's bound, and each kind is counted for itself") {
    auto const before = lastbyte::ledger<Policy>();
    {
        Tracer tracer;
        {
            auto span = tracer.span<"index">();
            for (int i = 0; i < 3; ++i) span.attribute<"n">(i).link({{1, 2}, {3}}).event<"e">();
            span.event<"e">().event<"e">().link({{1, 2}, {3}}).attribute<"n">(3);
        }
        CHECK(only(tracer).attributes == std::vector<std::string>{"n=0", "n=1", "n=2"});
    }
    auto const after = lastbyte::ledger<Policy>();
    CHECK(after.attributes_dropped - before.attributes_dropped == 1);
    CHECK(after.links_dropped - before.links_dropped == 1);
    CHECK(after.events_dropped - before.events_dropped == 2);
}

TEST_CASE("a link to no span, of which an id is all zeros, is counted and left out") {
    struct Policy : seed::Policy {};
    {
        lastbyte::Tracer<Policy> tracer;
        { tracer.span<"index">().link({{1, 2}, {}}).link({{}, {3}}).link({}).link({{0, 1}, {1}}); }
        auto const snapshot = tracer.snapshot();
        for (auto const span : snapshot.spans()) CHECK(span.link_count() == 1);
    }
    CHECK(lastbyte::ledger<Policy>().links_dropped == 3);
}

TEST_CASE("links and events without room in the text store are counted, and so are those of a span that found none") {
    using Policy = Narrow<64>;
    {
        lastbyte::Tracer<Policy> tracer;
        {
            auto span = tracer.span<"index">();
            span.link({{1, 2}, {3}});          // 32 bytes
            span.event<"e", "n">(1);           // 24
            span.link({{1, 2}, {3}});          // no room
            span.event<"e", "n">(1);
            span.event<"e">();                 // the last 8
        }                                      // and none for where they lie
        auto const snapshot = tracer.snapshot();
        for (auto const span : snapshot.spans()) {
            CHECK(span.link_count() == 0);
            CHECK(span.event_count() == 0);
            CHECK(span.attribute_count() == 0);
        }
    }
    CHECK(lastbyte::ledger<Policy>().links_dropped == 2);
    CHECK(lastbyte::ledger<Policy>().events_dropped == 3);
    CHECK(lastbyte::ledger<Policy>().attributes_dropped == 0);
}

TEST_CASE("an event whose text found no room goes without it, and the text is counted") {
    using Policy = Narrow<136>;
    {
        lastbyte::Tracer<Policy> tracer;
        {
            auto span = tracer.span<"index">();
            span.event<"a", "n", "t", "m">(1, std::string(40, 'x'), 2);
            span.event<"b", "t">(std::string(60, 'x'));
        }
        auto const snapshot = tracer.snapshot();
        for (auto const span : snapshot.spans()) {
            REQUIRE(span.event_count() == 2);
            CHECK(span.event(0).attribute_count() == 3);
            CHECK(span.event(0).attribute(1).text() == std::string(40, 'x'));
            CHECK(span.event(1).name() == "b");
            CHECK(span.event(1).attribute_count() == 0);
        }
    }
    CHECK(lastbyte::ledger<Policy>().texts_dropped == 1);
    CHECK(lastbyte::ledger<Policy>().events_dropped == 0);
}

TEST_CASE("links and events after the seal, of a trace without memory and of one that is not sampled go nowhere") {
    struct Sealed : seed::Policy {
        using Sampler = lastbyte::SampleRatio<1, 1>;
    };
    {
        lastbyte::Tracer<Sealed> tracer;
        auto late = tracer.async_span<"late">();
        seed::read(tracer, [](lastbyte::Reading<Sealed> const&) {});
        late.link({{1, 2}, {3}}).event<"e", "t">("text").link({});
        auto const gone = std::move(late);
        late.link({{1, 2}, {3}}).event<"e">();
        lastbyte::Tracer<Sealed> unsampled{lastbyte::unsampled};
        unsampled.span<"index">().link({{1, 2}, {3}}).event<"e", "t">(std::string(10'000, 'x')).link({});
    }
    CHECK(lastbyte::ledger<Sealed>().links_dropped == 0);
    CHECK(lastbyte::ledger<Sealed>().events_dropped == 0);
    CHECK(lastbyte::ledger<Sealed>().texts_dropped + lastbyte::ledger<Sealed>().texts_cut == 0);
    CHECK(lastbyte::ledger<Sealed>().spans_late == 1);
}

TEST_CASE("a long detail is cut between characters") {
    Tracer tracer;
    { tracer.span<"index">().detail(std::string(31, 'x') + "\xe2\x82\xac"); }
    CHECK(only(tracer).detail == std::string(31, 'x'));
}

TEST_CASE("a long error is cut between characters, with its prefix to the bound of a text, and counted") {
    auto const before = lastbyte::ledger<Policy>().texts_cut;
    {
        Tracer tracer;
        { tracer.span<"index">().error(std::string(24, 'x') + "\xe2\x82\xac and more"); }
        CHECK(only(tracer).detail == "error: " + std::string(24, 'x'));
        CHECK(only(tracer).failed);
    }
    CHECK(lastbyte::ledger<Policy>().texts_cut - before == 1);
}

TEST_CASE("an error without a message is an error") {
    Tracer tracer;
    { tracer.span<"index">().error({}); }
    CHECK(only(tracer).detail == "error: ");
    CHECK(only(tracer).failed);
}

TEST_CASE("an exception that passes through a scope marks it as failed") {
    Tracer tracer;
    try {
        auto span = tracer.span<"index">();
        span.source(Source::r2);
        throw std::runtime_error("passing");
    } catch (std::runtime_error const&) {
    }
    CHECK(only(tracer).failed);
    CHECK(only(tracer).detail == "error: exception");
    CHECK(only(tracer).source == "r2");
}

TEST_CASE("a scope that begins and ends while an exception unwinds has not failed") {
    Tracer tracer;
    struct Cleanup {
        Tracer& tracer;
        ~Cleanup() { auto span = tracer.span<"cleanup">(); }
    };
    try {
        Cleanup const cleanup{tracer};
        throw 1;
    } catch (int) {
    }
    CHECK_FALSE(only(tracer).failed);
}

TEST_CASE("a scope inside a destructor that runs during unwinding fails only by an exception of its own") {
    Tracer tracer;
    struct Cleanup {
        Tracer& tracer;
        ~Cleanup() {
            try {
                auto span = tracer.span<"fails">();
                throw std::runtime_error("inner");
            } catch (std::runtime_error const&) {
            }
            auto span = tracer.span<"does not">();
        }
    };
    try {
        Cleanup const cleanup{tracer};
        throw 1;
    } catch (int) {
    }
    auto const seen = look(tracer);
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].failed);
    CHECK_FALSE(seen[1].failed);
}

TEST_CASE("a scope in a handler of an exception has not failed") {
    Tracer tracer;
    try {
        throw 1;
    } catch (int) {
        auto span = tracer.span<"recover">();
    }
    CHECK_FALSE(only(tracer).failed);
}

TEST_CASE("the count of exceptions that pass through a thread is the standard library's") {
    struct Compare {
        int depth;
        bool& same;
        ~Compare() {
            same = same && lastbyte::detail::passing_exceptions() == static_cast<unsigned>(std::uncaught_exceptions()) &&
                   std::uncaught_exceptions() == depth;
            if (depth == 3) return;
            try {
                Compare const deeper{depth + 1, same};
                throw depth;
            } catch (int) {
            }
        }
    };
    auto const on_this_thread = [] {
        bool same = true;
        { Compare const none{0, same}; }
        return same;
    };
    CHECK(on_this_thread());
    bool elsewhere = false;
    std::thread([&] { elsewhere = on_this_thread(); }).join();
    CHECK(elsewhere);
}

TEST_CASE("an exception that is caught inside a scope leaves it as it is") {
    Tracer tracer;
    {
        auto span = tracer.span<"index">();
        try {
            throw 1;
        } catch (int) {
        }
    }
    CHECK_FALSE(only(tracer).failed);
}

TEST_CASE("trace passes every value category on") {
    Tracer tracer;
    int number = 1;
    static_assert(std::is_same_v<decltype(tracer.trace<"a">([&]() -> int& { return number; })), int&>);
    static_assert(std::is_same_v<decltype(tracer.trace<"a">([&]() -> int const& { return number; })), int const&>);
    static_assert(std::is_same_v<decltype(tracer.trace<"a">([&]() -> int&& { return std::move(number); })), int&&>);
    static_assert(std::is_same_v<decltype(tracer.trace<"a">([] { return 1; })), int>);
    static_assert(std::is_void_v<decltype(tracer.trace<"a">([] {}))>);
    CHECK(&tracer.trace<"a">([&]() -> int& { return number; }) == &number);
    CHECK(*tracer.trace<"a">([] { return std::make_unique<int>(7); }) == 7);
    tracer.trace<"a">([&] { number = 2; });
    CHECK(number == 2);
    CHECK(look(tracer).size() == 3);
}

TEST_CASE("trace returns without a copy or a move") {
    struct Immovable {
        int value;
        explicit Immovable(int given) : value(given) {}
        Immovable(Immovable&&) = delete;
    };
    Tracer tracer;
    CHECK(tracer.trace<"a">([] { return Immovable{3}; }).value == 3);
}

TEST_CASE("trace takes functions that are move-only, const, mutable or take the span") {
    Tracer tracer;
    CHECK(tracer.trace<"a">([owned = std::make_unique<int>(4)] { return *owned; }) == 4);
    CHECK(tracer.trace<"a">([n = 0]() mutable { return ++n; }) == 1);
    auto const constant = [](auto& span) {
        span.source(Source::github);
        return 5;
    };
    CHECK(tracer.trace<"file:*">("x", constant) == 5);
    auto const takes_the_span = [](lastbyte::Span<Policy>& span) {
        span.detail("d");
        return 6;
    };
    CHECK(tracer.trace<"file:*">(std::string{"y"}, takes_the_span, Source::kv) == 6);
    auto const seen = look(tracer);
    CHECK(seen[2].source == "github");
    CHECK(seen[3].label == "file:y");
    CHECK(seen[3].source == "kv");
    CHECK(seen[3].detail == "d");
}

TEST_CASE("trace records what was thrown, and the same object goes on") {
    struct Thrown : std::runtime_error {
        using std::runtime_error::runtime_error;
        Thrown(Thrown const&) = default;
    };
    Tracer tracer;
    std::exception_ptr original;
    try {
        tracer.trace<"index">(
            [&] {
                try {
                    throw Thrown("disk on fire");
                } catch (...) {
                    original = std::current_exception();
                    throw;
                }
            },
            Source::r2);
        FAIL("nothing was thrown");
    } catch (Thrown const& caught) {
        CHECK(std::current_exception() == original);
        CHECK(caught.what() == std::string{"disk on fire"});
    }
    CHECK(only(tracer).detail == "error: disk on fire");
    CHECK(only(tracer).source == "r2");
    CHECK(only(tracer).failed);
}

TEST_CASE("trace records what is no std::exception, too") {
    Tracer tracer;
    CHECK_THROWS_AS(tracer.trace<"index">([] { throw 42; }), int);
    CHECK(only(tracer).detail == "error: unknown exception");
}

TEST_CASE("record takes what was timed elsewhere") {
    using namespace std::chrono_literals;
    Tracer tracer;
    Clock::advance_ns(1'000'000'000);
    tracer.record<"index">(33ms, Source::cache, "zip");
    tracer.record<"file:*">("a", 2s);
    tracer.record<"file:*">(std::string{"b"}, milliseconds(0.5), Source::r2);
    tracer.record<"index">(lastbyte::Nanoseconds{7});
    auto const seen = look(tracer);
    REQUIRE(seen.size() == 4);
    CHECK(seen[0].ns == 33'000'000);
    CHECK(seen[0].start_ns == 967'000'000);
    CHECK(seen[0].detail == "zip");
    CHECK(seen[1].ns == 2'000'000'000);
    CHECK(seen[1].start_ns == 0);
    CHECK(seen[2].label == "file:b");
    CHECK(seen[2].source == "r2");
    CHECK(seen[3].ns == 7);
}

TEST_CASE("a span view knows its whole label") {
    Tracer tracer;
    tracer.record<"file:*">("a", milliseconds(1));
    auto const snapshot = tracer.snapshot();
    for (auto const span : snapshot.spans()) {
        CHECK(span.is("file:a"));
        CHECK_FALSE(span.is("file:b"));
        CHECK_FALSE(span.is("file:"));
        CHECK_FALSE(span.is("file:*"));
    }
}

TEST_CASE("a phase begins at the tick where the one before ends, and has its parent") {
    lastbyte::Tracer<Phased> tracer;
    {
        auto outer = tracer.span<"request">();
        auto const inner = outer.tracer();
        auto const before = Ticking::reads;
        auto read = inner.async_span<"read">();
        read.source(Source::r2);
        auto parse = std::move(read).then<"parse">();
        parse.detail("second");
        auto write = std::move(parse).then<"file:*">("out");
        write.end();
        CHECK(Ticking::reads - before == 4);
    }
    std::vector<std::uint64_t> starts, ends, parents;
    std::string labels;
    auto const snapshot = tracer.snapshot();
    for (auto const span : snapshot.spans()) {
        starts.push_back(span.start_ns());
        ends.push_back(span.start_ns() + span.duration_ns());
        parents.push_back(span.parent_id().value);
        labels += std::string{span.stem()} + std::string{span.tail()} + '=' + std::string{span.source_name()} + ',' +
                  std::string{span.detail()} + ' ';
        if (span.is("request")) CHECK(span.id().value == parents[0]);
    }
    CHECK(labels == "read=r2, parse=,second file:out=, request=, ");
    CHECK(starts[1] == ends[0]);
    CHECK(starts[2] == ends[1]);
    CHECK(ends[2] == starts[2] + 1);
    CHECK(parents[1] == parents[0]);
    CHECK(parents[2] == parents[0]);
}

TEST_CASE("a span that has ended is not ended again by its next phase, which begins where it is asked for") {
    struct Policy : Phased {};
    {
        lastbyte::Tracer<Policy> tracer;
        auto read = tracer.async_span<"read">();
        read.end();
        auto parse = std::move(read).then<"parse">();
        read.source(Source::r2);  // moved from: goes nowhere
        read.end();
        parse.end();
        std::uint64_t end_of_read = 0, start_of_parse = 0;
        auto const snapshot = tracer.snapshot();
        for (auto const span : snapshot.spans()) {
            CHECK_FALSE(span.has_source());
            if (span.is("read")) end_of_read = span.start_ns() + span.duration_ns();
            if (span.is("parse")) start_of_parse = span.start_ns();
        }
        CHECK(start_of_parse == end_of_read + 1);
    }
    CHECK(lastbyte::ledger<Policy>().spans_recorded == 2);
    CHECK(lastbyte::ledger<Policy>().spans_unstored == 0);
}
