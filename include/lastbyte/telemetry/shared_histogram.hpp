// SharedHistogram: a histogram that any number of threads record into, none waiting for another.
//
// One histogram behind a mutex stops every request for every other, and one of atomics moves a cache line between all
// cores. Here each thread has a lane, which is a histogram of relaxed counters, and who reads adds the lanes up. Two atomic
// additions a number, about 7 ns; 17 KB a lane, of which only the touched pages become memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lastbyte/core/atomic.hpp>
#include <lastbyte/core/ledger.hpp>
#include <lastbyte/telemetry/exemplar.hpp>
#include <lastbyte/telemetry/histogram.hpp>

namespace lastbyte {

namespace detail {

/// Raises what stands there to `number`.
inline void raise_to(Atomic<std::uint64_t>& highest, std::uint64_t number) noexcept {
    for (auto seen = highest.load_relaxed(); seen < number; seen = highest.load_relaxed())
        if (highest.replace_acq_rel(seen, number)) return;
}

/// One lane: a histogram of counters that several threads may add to. Zeroed memory is an empty one.
template <class Buckets>
class HistogramCells {
    using Whole = Histogram<Buckets>;

public:
    void record(std::uint64_t number) noexcept {
        counts_[Whole::place(number)].add_relaxed(1);
        if (auto const before = sum_.add_relaxed(number); before + number < before) [[unlikely]] carry_.add_relaxed(1);
        raise_to(above_min_, ~number);
        raise_to(max_, number);
    }
    /// Adds what is here to `whole`. While threads record, a number may be in one of the counters and not yet in another.
    void add_to(Whole& whole) const noexcept {
        if (untouched()) return;
        for (std::size_t i = 0; i < Whole::places; ++i) whole.counts_[i] += counts_[i].load_relaxed();
        whole.add_sum(sum_.load_relaxed(), carry_.load_relaxed());
        whole.widen(above_min_.load_relaxed(), max_.load_relaxed());
    }
    [[nodiscard]] std::uint64_t count() const noexcept {
        std::uint64_t total = 0;
        if (!untouched())
            for (auto const& one : counts_) total += one.load_relaxed();
        return total;
    }

private:
    [[nodiscard]] bool untouched() const noexcept { return above_min_.load_relaxed() == 0 && max_.load_relaxed() == 0; }

    // What every record writes stands together.
    Atomic<std::uint64_t> sum_, carry_, above_min_, max_;
    Atomic<std::uint64_t> counts_[Whole::places];
};

}  // namespace detail

/// Numbers from any thread. Make it static, or by `new SharedHistogram<>{}` with the braces: it is plain zeroed memory, so
/// that nothing runs at start-up or at exit. `max_bytes` is all that it ever takes.
template <class BucketScheme = ExponentialBuckets<>, std::size_t Lanes = detail::lanes>
class SharedHistogram {
    struct alignas(64) Lane {
        detail::HistogramCells<BucketScheme> cells;
    };
    struct Memory {
        Lane lanes[Lanes];
        detail::ExemplarSlots<BucketScheme> exemplars;
    };

public:
    using Buckets = BucketScheme;
    static constexpr std::size_t max_bytes = sizeof(Memory);

    void record(std::uint64_t number) noexcept { memory_.lanes[detail::this_lane() % Lanes].cells.record(number); }
    /// The same, with the trace it came from, which becomes the exemplar of its power of two when nothing slower is there.
    void record(std::uint64_t number, TraceId trace) noexcept {
        record(number);
        memory_.exemplars.offer(number, trace);
    }

    /// The sum of the lanes: exact once the recording threads are still, and otherwise behind by what they are doing.
    [[nodiscard]] Histogram<Buckets> read() const noexcept {
        Histogram<Buckets> whole;
        for (auto const& lane : memory_.lanes) lane.cells.add_to(whole);
        return whole;
    }
    /// Hands over every exemplar, from the smallest range to the largest, and makes room for new ones.
    template <class Fn>
    void for_each_exemplar(Fn&& fn) {
        memory_.exemplars.for_each(fn);
    }

private:
    Memory memory_;
};

}  // namespace lastbyte
