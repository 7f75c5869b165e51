// Threads: many of them record into one trace, and nothing is lost uncounted. Run under ThreadSanitizer as well.
#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "seed.hpp"

using lastbyte::milliseconds;
using seed::Source;

namespace {

template <class Fn>
void on_threads(int count, Fn fn) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([&fn, i] { fn(i); });
    for (auto& thread : threads) thread.join();
}

std::uint64_t accounted(lastbyte::LedgerReport const& report) {
    return report.spans_recorded + report.spans_late + report.spans_over_bound + report.spans_unstored;
}

struct Roomy : seed::Policy {
    static constexpr std::size_t max_spans = 4096;
    static constexpr std::size_t text_bytes = 512 * 1024;
};
struct Small : seed::Policy {
    static constexpr std::size_t max_spans = 64;
    static constexpr std::size_t text_bytes = 512;
};
struct Tiny : seed::Policy {
    static constexpr std::size_t max_spans = 2;
};
struct Room256 : seed::Policy {
    static constexpr std::size_t max_spans = 256;
};
struct PoolOfEight : seed::Policy {
    static constexpr std::size_t pooled_traces = 8;
};

}  // namespace

TEST_CASE("spans of many threads all arrive whole in one trace") {
    lastbyte::Tracer<Roomy> tracer;
    on_threads(8, [&](int thread) {
        for (int i = 0; i < 400; ++i) {
            auto const text = std::to_string(thread) + '/' + std::to_string(i);
            auto span = tracer.span<"file:*">(text);
            span.source(Source::r2).detail(text);
            span.attribute<"text">(text).attribute<"n">(i);
        }
    });
    seed::read(tracer, [](lastbyte::Reading<Roomy> const& done) {
        std::vector<int> next(8);
        std::size_t count = 0;
        for (auto const span : done.spans()) {
            ++count;
            std::string const text{span.tail()};
            if (span.detail() != text || span.attribute(0).text() != text) FAIL_CHECK("torn: " << text);
            auto const thread = static_cast<std::size_t>(text[0] - '0');
            if (text.substr(2) != std::to_string(next[thread]) || span.attribute(1).integer() != next[thread])
                FAIL_CHECK("out of order: " << text);
            ++next[thread];
        }
        CHECK(count == 3200);
        CHECK(done.tally().of(Source::r2) == 3200);
        CHECK(done.over_bound() == 0);
        CHECK(done.late() == 0);
    });
}

TEST_CASE("a seal in a race loses no span uncounted") {
    auto const before = lastbyte::ledger<Small>();
    std::uint64_t opened = 0;
    for (int round = 0; round < 300; ++round) {
        lastbyte::Tracer<Small> tracer;
        std::atomic<int> ready{0};
        constexpr int writers = 3, each = 40;
        std::vector<std::thread> threads;
        for (int t = 0; t < writers; ++t)
            threads.emplace_back([&, copy = tracer] {
                ++ready;
                while (ready < writers + 1) {}
                for (int i = 0; i < each; ++i) {
                    auto span = copy.span<"file:*">("tail");
                    span.source(Source::cache).detail("some detail");
                    span.attribute<"n">(i);
                }
            });
        std::uint64_t kept = 0;
        {
            auto const read = [&](lastbyte::Reading<Small> const& done) {
                auto const first = done.tally().lookups().value();
                for (auto const span : done.spans()) {
                    ++kept;
                    if (!span.is("file:tail") && !span.is("file:")) FAIL_CHECK("torn tail");
                }
                if (kept > 64) FAIL_CHECK("more spans than the bound");
                if (done.tally().lookups() != first) FAIL_CHECK("a Reading changed while it was read");
            };
            auto body = lastbyte::defer_until_consumed(tracer.body(seed::Chunks{}), read);
            ++ready;
            for (int spin = 0; spin < round * 20; ++spin) (void)ready.load();
            (void)body();
        }
        for (auto& thread : threads) thread.join();
        opened += writers * each;
    }
    auto const after = lastbyte::ledger<Small>();
    CHECK(accounted(after) - accounted(before) == opened);
    CHECK(after.spans_unstored == before.spans_unstored);
    CHECK(after.balanced());
    CHECK(after.traces_live == 0);
}

TEST_CASE("spans beyond the bound are in the Reading whole or not at all, when the seal is in a race") {
    auto const before = lastbyte::ledger<Tiny>();
    constexpr int writers = 3, each = 500, rounds = 200;
    for (int round = 0; round < rounds; ++round) {
        lastbyte::Tracer<Tiny> tracer;
        std::atomic<int> written{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < writers; ++t)
            threads.emplace_back([&written, copy = tracer] {
                for (int i = 0; i < each; ++i) {
                    copy.record<"index">(milliseconds(1), Source::kv);
                    ++written;
                }
            });
        auto body = lastbyte::defer_until_consumed(tracer.body(seed::Chunks{}), [](lastbyte::Reading<Tiny> const& done) {
            std::uint64_t kept = 0;
            for (auto const span : done.spans()) kept += span.has_source() ? 1 : 0;
            if (kept + done.over_bound() != done.tally().lookups()) FAIL_CHECK("the tally and the counts disagree");
            if (done.tier<"cache_tier">().value().has_source() != (done.tally().lookups() != 0u))
                FAIL_CHECK("the tier and the tally disagree");
        });
        while (written < round * 5) std::this_thread::yield();
        (void)body();
        for (auto& thread : threads) thread.join();
    }
    auto const after = lastbyte::ledger<Tiny>();
    CHECK(accounted(after) - accounted(before) == std::uint64_t{writers} * each * rounds);
    CHECK(after.spans_over_bound > before.spans_over_bound);
    CHECK(after.spans_late > before.spans_late);
}

TEST_CASE("a producer's seal and the body's end may race") {
    struct Policy : seed::Policy {};
    for (int round = 0; round < 200; ++round) {
        lastbyte::Tracer<Policy> tracer;
        auto body = lastbyte::defer_until_consumed(
            tracer.body(seed::Chunks{{"a"}}), [](lastbyte::Reading<Policy> const& done) {
                if (done.tier<"cache_tier">().value().has_source() != (done.tally().lookups() != 0u))
                    FAIL_CHECK("a torn Reading");
            });
        (void)body();
        std::thread other([copy = tracer] {
            copy.record<"index">(milliseconds(1), Source::r2);
            copy.seal([](lastbyte::Sealed<Policy> const& sealed) {
                if (!(sealed.tier<"cache_tier">() == Source::r2)) FAIL_CHECK("a sealed trace lost a span");
            });
        });
        (void)body();
        other.join();
    }
    CHECK(lastbyte::ledger<Policy>().balanced());
}

TEST_CASE("snapshots may be taken while others record") {
    lastbyte::Tracer<Room256> tracer;
    std::atomic<bool> stop{false};
    std::thread reader([&] {
        std::size_t last = 0;
        while (!stop) {
            auto const snapshot = tracer.snapshot();
            std::string out;
            snapshot.write_json(out);
            std::size_t count = 0;
            for (auto const span : snapshot.spans()) count += span.has_source() ? 1 : 0;
            if (count + 3 < last) FAIL_CHECK("spans went away");  // at most one span per writer is still being written
            last = count;
        }
    });
    on_threads(3, [&](int) {
        for (int i = 0; i < 120; ++i) tracer.record<"file:*">("x", milliseconds(1), Source::kv, "detail");
    });
    stop = true;
    reader.join();
    CHECK(tracer.snapshot().tally().value().of(Source::kv) == 360);
}

TEST_CASE("the last handle may go on any thread") {
    on_threads(4, [](int) {
        for (int i = 0; i < 200; ++i) {
            lastbyte::Tracer<PoolOfEight> tracer;
            std::thread other([moved = tracer] { moved.record<"index">(milliseconds(1), Source::r2); });
            tracer.record<"index">(milliseconds(1), Source::r2);
            if (i % 2 == 0) other.join();
            tracer = lastbyte::Tracer<PoolOfEight>{};
            if (other.joinable()) other.join();
        }
    });
    auto const report = lastbyte::ledger<PoolOfEight>();
    CHECK(report.traces_started == 1600);
    CHECK(report.traces_unbound == 1600);
    CHECK(report.spans_recorded == 1600);
    CHECK(report.traces_live == 0);
}
