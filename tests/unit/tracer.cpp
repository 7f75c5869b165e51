// Tracers: copies, moved-from handles, bounds, snapshots and seals.
#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "seed.hpp"

using lastbyte::milliseconds;
using lastbyte::Outcome;
using seed::Source;

namespace {

std::size_t count_spans(auto const& look) {
    std::size_t count = 0;
    for (auto const span : look.spans()) count += span.id().value != 0 ? 1 : 0;
    return count;
}

struct FourSpans : seed::Policy {
    static constexpr std::size_t max_spans = 4;
};
struct TwoSpans : seed::Policy {
    static constexpr std::size_t max_spans = 2;
    static constexpr std::size_t pooled_traces = 8;
};
struct SixtyFourBytes : seed::Policy {
    static constexpr std::size_t text_bytes = 64;
};
struct Nothing : seed::Policy {
    static constexpr std::size_t text_bytes = 0;
    static constexpr std::size_t max_text_bytes = 0;
    static constexpr std::size_t max_attributes = 0;
    static constexpr std::size_t pooled_traces = 0;
    static constexpr std::size_t max_spans = 1;
};

}  // namespace

TEST_CASE("a copy records into the same trace") {
    lastbyte::Tracer<seed::Policy> tracer;
    auto copy = tracer;
    copy.record<"index">(milliseconds(1), Source::r2);
    CHECK(copy.trace_id() == tracer.trace_id());
    CHECK(tracer.snapshot().tier<"cache_tier">().value() == Source::r2);
    copy = lastbyte::Tracer<seed::Policy>{};
    CHECK_FALSE(copy.trace_id() == tracer.trace_id());
    copy.record<"index">(milliseconds(1));
    CHECK(count_spans(tracer.snapshot()) == 1);
}

TEST_CASE("a moved-from tracer is safe, and what is recorded through it is counted") {
    struct Policy : seed::Policy {};
    lastbyte::Tracer<Policy> tracer;
    auto const moved = std::move(tracer);
    {
        auto span = tracer.span<"file:*">("a");
        span.source(Source::r2).detail("d");
        span.attribute<"n">(1).attribute<"t">("x");
        auto child = span.child<"index">();
    }
    tracer.record<"index">(milliseconds(1), static_cast<Source>(99));
    CHECK(tracer.trace<"index">([] { return 3; }) == 3);
    tracer.note_end(Outcome::cancelled);
    CHECK_FALSE(tracer.seal([](auto const&) {}));
    std::string out;
    tracer.snapshot().write_json(out);
    CHECK(out == R"({"spans":[],"total_ms":0,"index_source":"none","provisional":true,"final":false,"sequence":0})");
    CHECK(tracer.trace_id() == lastbyte::TraceId{});
    CHECK(count_spans(moved.snapshot()) == 0);
    auto const report = lastbyte::ledger<Policy>();
    CHECK(report.spans_unstored == 4);
    CHECK(report.seals_refused == 1);
    CHECK(report.traces_started == 1);
}

TEST_CASE("a tracer may be assigned to itself") {
    lastbyte::Tracer<seed::Policy> tracer;
    auto& same = tracer;
    tracer = same;
    tracer = std::move(same);
    tracer.record<"index">(milliseconds(1));
    CHECK(count_spans(tracer.snapshot()) == 1);
}

TEST_CASE("a tracer that outlives its body records late spans, and they are counted") {
    struct Policy : seed::Policy {};
    {
        lastbyte::Tracer<Policy> tracer;
        std::uint64_t lookups = 0;
        seed::read(tracer, [&](lastbyte::Reading<Policy> const& done) { lookups = done.tally().lookups(); });
        tracer.record<"index">(milliseconds(1), Source::r2);
        auto const job = tracer.async_span<"index">();
        CHECK(lookups == 0);
        CHECK(tracer.snapshot().tier<"cache_tier">().value().is_none());
    }
    CHECK(lastbyte::ledger<Policy>().spans_late == 2);
    CHECK(lastbyte::ledger<Policy>().spans_recorded == 0);
    CHECK(lastbyte::ledger<Policy>().balanced());
}

TEST_CASE("beyond the bound spans are counted, and tier and tally stay right") {
    {
        lastbyte::Tracer<FourSpans> tracer;
        for (int i = 0; i < 4; ++i) tracer.record<"other">(milliseconds(1), Source::github);
        for (int i = 0; i < 3; ++i) tracer.record<"file:*">("a", milliseconds(1), Source::miss);
        tracer.record<"file:*">("a", milliseconds(1), Source::r2);
        tracer.record<"index">(milliseconds(1), Source::memory);
        seed::read(tracer, [](lastbyte::Reading<FourSpans> const& done) {
            CHECK(done.tier<"cache_tier">().value() == Source::r2);
            CHECK(done.tally().lookups() == 9);
            CHECK(done.tally().hits() == 2);
            CHECK(done.tally().of(Source::miss) == 3);
            CHECK(done.over_bound() == 5);
            CHECK(count_spans(done) == 4);
        });
    }
    CHECK(lastbyte::ledger<FourSpans>().spans_over_bound == 5);
    CHECK(lastbyte::ledger<FourSpans>().spans_recorded == 4);
}

TEST_CASE("a block that ran over once starts clean the next time") {
    for (int round = 0; round < 40; ++round) {
        lastbyte::Tracer<TwoSpans> tracer;
        if (round % 2 == 0)
            for (int i = 0; i < 9; ++i) tracer.record<"index">(milliseconds(1), Source::r2, "detail");
        seed::read(tracer, [&](lastbyte::Reading<TwoSpans> const& done) {
            CHECK(done.over_bound() == (round % 2 == 0 ? 7u : 0u));
            CHECK(done.tally().lookups() == (round % 2 == 0 ? 9u : 0u));
            CHECK(done.tier<"cache_tier">().value().is_none() == (round % 2 != 0));
            CHECK(done.late() == 0);
        });
    }
}

TEST_CASE("when the text store is full, texts are dropped and counted, and spans go on") {
    {
        lastbyte::Tracer<SixtyFourBytes> tracer;
        for (int i = 0; i < 6; ++i) tracer.record<"file:*">("0123456789", milliseconds(1), Source::r2);  // two words each
        {
            auto span = tracer.span<"index">();
            span.attribute<"n">(1);
            span.attribute<"text">("x");
        }
        std::vector<std::string> tails;
        auto const snapshot = tracer.snapshot();
        for (auto const span : snapshot.spans()) {
            tails.emplace_back(span.tail());
            CHECK(span.attribute_count() == 0);
        }
        CHECK(tails == std::vector<std::string>{"0123456789", "0123456789", "0123456789", "0123456789", "", "", ""});
    }
    CHECK(lastbyte::ledger<SixtyFourBytes>().texts_dropped == 3);
    CHECK(lastbyte::ledger<SixtyFourBytes>().attributes_dropped == 1);
}

TEST_CASE("a text attribute that finds no room is left out, and the others stay") {
    {
        lastbyte::Tracer<SixtyFourBytes> tracer;
        for (int i = 0; i < 3; ++i) tracer.record<"file:*">("0123456789", milliseconds(1));  // six of eight words
        tracer.span<"index">().attribute<"text">(std::string(24, 'x')).attribute<"n">(1);
        auto const snapshot = tracer.snapshot();
        for (auto const span : snapshot.spans())
            if (span.is("index")) {
                REQUIRE(span.attribute_count() == 1);
                CHECK(span.attribute(0).name() == "n");
            }
    }
    CHECK(lastbyte::ledger<SixtyFourBytes>().texts_dropped == 4);
}

TEST_CASE("attributes that find no room take none from what comes after them") {
    lastbyte::Tracer<SixtyFourBytes> tracer;
    for (int i = 0; i < 3; ++i) tracer.record<"file:*">("0123456789", milliseconds(1));  // six of eight words
    tracer.span<"index">().attribute<"a">(1).attribute<"b">(2);                          // four more
    tracer.record<"sha:*">("0123456789", milliseconds(1));                               // two more
    auto const snapshot = tracer.snapshot();
    for (auto const span : snapshot.spans()) {
        CHECK(span.attribute_count() == 0);
        if (span.stem() != "index") CHECK(span.tail() == "0123456789");
    }
}

TEST_CASE("a policy may keep no text and no attributes at all") {
    lastbyte::Tracer<Nothing> tracer;
    {
        auto span = tracer.span<"file:*">("a");
        span.detail("d").attribute<"n">(1);
    }
    std::string out;
    tracer.snapshot().write_header(out);
    CHECK(out.starts_with("file:="));
}

TEST_CASE("snapshots are numbered, and see what was recorded before them") {
    lastbyte::Tracer<seed::Policy> tracer;
    auto const first = tracer.snapshot();
    tracer.record<"index">(milliseconds(1), Source::cache);
    auto const second = tracer.snapshot();
    CHECK(first.sequence() == 1);
    CHECK(second.sequence() == 2);
    CHECK(first.tier<"cache_tier">().value().is_none());
    CHECK(count_spans(first) == 0);
    CHECK(second.tier<"cache_tier">().value() == Source::cache);
    CHECK(count_spans(second) == 1);
    CHECK(first.trace_id() == tracer.trace_id());
}

TEST_CASE("a snapshot may be taken before, during and after the body, and outlive the tracer") {
    using lastbyte::Snapshot;
    std::optional<lastbyte::Tracer<seed::Policy>> tracer{std::in_place};
    auto const before = tracer->snapshot();
    auto body = lastbyte::defer_until_consumed(
        tracer->body([t = *tracer, n = 0]() mutable -> std::optional<std::string> {
            t.record<"index">(milliseconds(1), Source::r2);
            CHECK(count_spans(t.snapshot()) == static_cast<std::size_t>(n) + 1);
            if (++n == 3) return std::nullopt;
            return "x";
        }),
        [&](lastbyte::Reading<seed::Policy> const& done) { CHECK(count_spans(done) == 3); });
    CHECK(seed::drain(body) == "xx");
    auto const after = tracer->snapshot();
    tracer.reset();
    CHECK(count_spans(before) == 0);
    CHECK(count_spans(after) == 3);
}

TEST_CASE("a snapshot says the same when it is asked again, whatever came beyond the bound in between") {
    lastbyte::Tracer<FourSpans> tracer;
    for (int i = 0; i < 5; ++i) tracer.record<"index">(milliseconds(1), Source::miss);
    auto const snapshot = tracer.snapshot();
    for (int i = 0; i < 3; ++i) tracer.record<"index">(milliseconds(1), Source::r2);
    CHECK(snapshot.tally().value().lookups() == 5);
    CHECK(snapshot.tier<"cache_tier">().value().is_none());
    CHECK(tracer.snapshot().tally().value().lookups() == 8);
    CHECK(tracer.snapshot().tier<"cache_tier">().value() == Source::r2);
}

TEST_CASE("a snapshot after the end sees what the Reading saw, and nothing late") {
    lastbyte::Tracer<FourSpans> tracer;
    for (int i = 0; i < 6; ++i) tracer.record<"index">(milliseconds(1), Source::miss);
    seed::read(tracer, [](lastbyte::Reading<FourSpans> const& done) { CHECK(done.tally().lookups() == 6u); });
    tracer.record<"index">(milliseconds(1), Source::r2);
    auto const after = tracer.snapshot();
    CHECK(count_spans(after) == 4);
    CHECK(after.tally().value().lookups() == 6);
    CHECK(after.tier<"cache_tier">().value().is_none());
}

TEST_CASE("a seal is refused before production, after it, and the second time") {
    struct Policy : seed::Policy {};
    lastbyte::Tracer<Policy> tracer;
    int sealed = 0;
    auto const seal = [&](auto const& t) { return t.seal([&](lastbyte::Sealed<Policy> const&) { ++sealed; }); };
    CHECK_FALSE(seal(tracer));
    auto bound = tracer.body([&, t = tracer, n = 0]() mutable -> std::optional<std::string> {
        if (n++ == 1) return std::nullopt;
        CHECK(seal(t));
        CHECK_FALSE(seal(t));
        return "last event";
    });
    CHECK_FALSE(seal(tracer));
    auto body = lastbyte::defer_until_consumed(std::move(bound), [](lastbyte::Reading<Policy> const&) {});
    CHECK_FALSE(seal(tracer));
    (void)seed::drain(body);
    CHECK_FALSE(seal(tracer));
    CHECK(sealed == 1);
    CHECK(lastbyte::ledger<Policy>().seals_refused == 5);
}

TEST_CASE("what a producer records after its seal is late, and the Reading says what the seal said") {
    lastbyte::Tracer<seed::Policy> tracer;
    std::string at_seal, at_end;
    auto body = lastbyte::defer_until_consumed(
        tracer.body([&, t = tracer, n = 0]() mutable -> std::optional<std::string> {
            if (n++ == 1) return std::nullopt;
            t.record<"index">(milliseconds(1), Source::cache);
            t.seal([&](lastbyte::Sealed<seed::Policy> const& done) {
                CHECK(done.tier<"cache_tier">() == Source::cache);
                CHECK(done.tally().lookups() == 1);
                CHECK(count_spans(done) == 1);
                done.write_json(at_seal);
            });
            t.record<"file:*">("x", milliseconds(1), Source::r2);
            return "x";
        }),
        [&](lastbyte::Reading<seed::Policy> const& done) {
            CHECK(done.late() == 1);
            CHECK(done.tally().lookups() == 1);
            done.write_json(at_end);
        });
    (void)seed::drain(body);
    CHECK(at_seal.find("\"final\":true,\"sequence\":1}") != std::string::npos);
    CHECK(at_seal.substr(0, at_seal.find("total_ms")) == at_end.substr(0, at_end.find("total_ms")));
}

TEST_CASE("after a producer's seal an early end leaves none, not unresolved") {
    lastbyte::Tracer<seed::Policy> tracer;
    std::string tier;
    {
        auto body = lastbyte::defer_until_consumed(tracer.body([t = tracer]() -> std::optional<std::string> {
            t.seal([](auto const&) {});
            return "x";
        }), [&](lastbyte::Reading<seed::Policy> const& done) { tier = done.tier<"cache_tier">().value().name(); });
        (void)body();
    }
    CHECK(tier == "none");
}

TEST_CASE("a noted end counts when the body ends early, and not when it is complete") {
    auto const end = [](Outcome noted, bool complete) {
        lastbyte::Tracer<seed::Policy> tracer;
        std::string outcome;
        {
            auto body = lastbyte::defer_until_consumed(
                tracer.body(seed::Chunks{{"a", "b"}}),
                [&](lastbyte::Reading<seed::Policy> const& done) { outcome = name(done.outcome().value()); });
            (void)body();
            tracer.note_end(noted);
            if (complete) (void)seed::drain(body);
        }
        return outcome;
    };
    CHECK(end(Outcome::cancelled, false) == "cancelled");
    CHECK(end(Outcome::timed_out, false) == "timed_out");
    CHECK(end(Outcome::shutdown, false) == "shutdown");
    CHECK(end(Outcome::complete, false) == "aborted");
    CHECK(end(Outcome::no_body, false) == "aborted");
    CHECK(end(Outcome::cancelled, true) == "complete");
}

TEST_CASE("what a late span leaves out is not counted beside it") {
    struct Policy : seed::Policy {};
    {
        lastbyte::Tracer<Policy> tracer;
        seed::read(tracer, [&](lastbyte::Reading<Policy> const&) {
            auto span = tracer.span<"index">();
            for (int i = 0; i < 20; ++i) span.attribute<"n">(i);
            span.source(static_cast<Source>(99));
            span.detail(std::string(100'000, 'x'));
        });
    }
    auto const report = lastbyte::ledger<Policy>();
    CHECK(report.spans_late == 1);
    CHECK(report.attributes_dropped + report.sources_unknown + report.texts_cut + report.texts_dropped == 0);
}

TEST_CASE("a second body of one trace is refused, counted, and reads as an empty trace") {
    struct Policy : seed::Policy {};
    {
        lastbyte::Tracer<Policy> tracer;
        tracer.record<"index">(milliseconds(1), Source::r2);
        int calls = 0;
        seed::read(tracer, [&](lastbyte::Reading<Policy> const& done) { calls += done.tally().lookups() == 1u ? 1 : 100; });
        seed::read(tracer, [&](lastbyte::Reading<Policy> const& done) { calls += done.tally().lookups() == 0u ? 1 : 100; });
        CHECK(calls == 2);
    }
    CHECK(lastbyte::ledger<Policy>().bodies_refused == 1);
    CHECK(lastbyte::ledger<Policy>().traces_finished == 1);
    CHECK(lastbyte::ledger<Policy>().balanced());
}

TEST_CASE("a record that its writer has not finished at the end is late, and never seen half") {
    struct Policy : seed::Policy {};
    using Block = lastbyte::detail::TraceRef<Policy, lastbyte::detail::digest<Policy>>;
    {
        Block block;
        (void)block->state.add_acq_rel(1);  // what a writer does first, before it is suspended
        CHECK(block->seal());
        CHECK(block->late.load_relaxed() == 1);
        CHECK(block->kept == 1);
        CHECK_FALSE(block->was_whole(0));
        block->slot[0].ready.store_release(block->generation);  // it goes on: too late for a snapshot as well
        std::uint64_t bits[2]{};
        lastbyte::detail::LeftOutTotals<Policy::Tiers> over;
        CHECK(block->look(bits, over) == 1);
        CHECK(bits[0] == 0);
    }
    CHECK(lastbyte::ledger<Policy>().spans_late == 1);
    CHECK(lastbyte::ledger<Policy>().spans_recorded == 0);
}

TEST_CASE("what a block's last use left behind is no record of this one, even when its generations start over") {
    struct Policy : seed::Policy {};
    using Block = lastbyte::detail::TraceRef<Policy, lastbyte::detail::digest<Policy>>;
    void const* first = nullptr;
    {
        Block block;
        first = block.get();
        block->generation = 0xffffffff;
        block->slot[0].ready.store_relaxed(1);  // as a use four billion traces ago has left it
    }
    Block block;
    REQUIRE(block.get() == first);
    CHECK(block->generation == 1);
    (void)block->state.add_acq_rel(1);
    block->seal();
    CHECK_FALSE(block->was_whole(0));
}

TEST_CASE("a seal that another thread began and never ends is not waited for without end") {
    struct Policy : seed::Policy {};
    lastbyte::detail::TraceRef<Policy, lastbyte::detail::digest<Policy>> block;
    (void)block->state.and_acq_rel(~block->open_bit);  // that thread stops here: in a forked child it isn't there
    CHECK_FALSE(block->seal());
}
