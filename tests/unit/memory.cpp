// Memory: where traces get it, what happens without it, and how much is kept. Not for ThreadSanitizer, which has an operator
// new of its own.
#include <doctest/doctest.h>

#include <cstdlib>
#include <new>
#include <vector>

#include "seed.hpp"

namespace {
bool out_of_memory = false;
int blocks_alive = 0;
std::size_t last_size = 0;
}  // namespace

// The one allocation function that the core calls, and its counterpart.
void* operator new(std::size_t size, std::align_val_t alignment, std::nothrow_t const&) noexcept {
    if (out_of_memory) return nullptr;
    ++blocks_alive;
    last_size = size;
    auto const align = static_cast<std::size_t>(alignment);
    return std::aligned_alloc(align, (size + align - 1) / align * align);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    if (memory != nullptr) --blocks_alive;
    std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t alignment) noexcept { operator delete(memory, alignment); }
void operator delete(void* memory, std::align_val_t alignment, std::nothrow_t const&) noexcept {
    operator delete(memory, alignment);
}

using lastbyte::ledger;
using lastbyte::milliseconds;
using seed::Source;

namespace {

struct PoolOfEight : seed::Policy {
    static constexpr std::size_t pooled_traces = 8;
    static constexpr std::size_t max_spans = 4;
    static constexpr std::size_t text_bytes = 64;
};
struct NoPool : seed::Policy {
    static constexpr std::size_t pooled_traces = 0;
};

template <std::size_t Spans>
struct Keeping : seed::Policy {
    static constexpr std::size_t max_spans = Spans;
};
/// What the first trace of a policy that keeps so many spans asks for.
template <std::size_t Spans>
std::size_t bytes_of_a_trace() {
    last_size = 0;
    lastbyte::Tracer<Keeping<Spans>> const tracer;
    return last_size;
}

}  // namespace

TEST_CASE("a span takes 64 bytes of its trace, and none beside them") {
    CHECK(bytes_of_a_trace<65>() - bytes_of_a_trace<64>() == 64);
    CHECK(bytes_of_a_trace<65536>() - bytes_of_a_trace<1024>() == (65536 - 1024) * 64);
}

TEST_CASE("without memory the request goes on, its answer is unresolved, and the loss is counted") {
    struct Policy : seed::Policy {};
    out_of_memory = true;
    {
        lastbyte::Tracer<Policy> tracer;
        {
            auto span = tracer.span<"index">();
            span.source(Source::r2).detail("d");
            span.attribute<"t">("x");
        }
        auto copy = tracer;
        copy.record<"file:*">("a", milliseconds(1), Source::r2);
        auto body = lastbyte::defer_until_consumed(
            copy.body(seed::Chunks{{"ab", "c"}}), [](lastbyte::Reading<Policy> const& done) {
                CHECK(done.bytes() == 3);
                CHECK(name(done.outcome().value()) == "complete");
                CHECK(done.tier<"cache_tier">().value().is_unresolved());
                CHECK(done.tally().lookups() == 0);
                CHECK(done.duration_ns() < 10'000'000'000);
            });
        CHECK(seed::drain(body) == "abc");
    }
    out_of_memory = false;
    auto const report = ledger<Policy>();
    CHECK(report.traces_started == 1);
    CHECK(report.traces_unstored == 1);
    CHECK(report.traces_finished == 0);
    CHECK(report.spans_unstored == 2);
    CHECK(report.balanced());
}

TEST_CASE("memory that comes back is used again") {
    struct Policy : seed::Policy {};
    out_of_memory = true;
    { lastbyte::Tracer<Policy> tracer; }
    out_of_memory = false;
    {
        lastbyte::Tracer<Policy> tracer;
        tracer.record<"index">(milliseconds(1), Source::kv);
        CHECK(tracer.snapshot().tier<"cache_tier">().value() == Source::kv);
    }
    CHECK(ledger<Policy>().traces_unstored == 1);
    CHECK(ledger<Policy>().balanced());
}

TEST_CASE("blocks beyond the pool are freed, those in it are used again") {
    auto const before = blocks_alive;
    {
        std::vector<lastbyte::Tracer<PoolOfEight>> many(50);
        CHECK(blocks_alive - before == 50);
        for (auto& tracer : many) tracer.record<"index">(milliseconds(1));
        CHECK(ledger<PoolOfEight>().traces_live == 50);
    }
    CHECK(blocks_alive - before == 8);
    for (int i = 0; i < 100; ++i) {
        std::vector<lastbyte::Tracer<PoolOfEight>> some(8);
        CHECK(blocks_alive - before == 8);
    }
    auto const report = ledger<PoolOfEight>();
    CHECK(report.traces_started == 850);
    CHECK(report.traces_unbound == 850);
    CHECK(report.spans_recorded == 50);
    CHECK(report.balanced());
}

TEST_CASE("a pool of nothing frees every block") {
    auto const before = blocks_alive;
    {
        lastbyte::Tracer<NoPool> tracer;
        CHECK(blocks_alive - before == 1);
    }
    CHECK(blocks_alive == before);
}
