// Exemplars: for each range of a histogram, the trace of a request that fell into it.
//
// "p99 is 2 s" is where questions begin; the id of one such trace is where they end. Keeping every id is a log, so there is
// one place for each power of two, and it holds the slowest request since somebody looked. A request that is not the slowest
// pays for one load and one comparison; none waits.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include <lastbyte/core/atomic.hpp>
#include <lastbyte/core/ids.hpp>

namespace lastbyte {

/// A number that was recorded, and the trace that it came from.
struct Exemplar {
    TraceId trace;
    std::uint64_t number = 0;
};

namespace detail {

/// One exemplar that many threads write and read. Its sequence is odd while somebody writes; whoever meets that goes on
/// without it: the next request of the same size is as good an example. Zeroed memory is an empty slot.
class ExemplarSlot {
public:
    void offer(std::uint64_t number, TraceId trace) noexcept {
        if (number < wanted_.load_relaxed()) [[likely]] return;
        auto const before = sequence_.load_relaxed();
        if ((before & 1) != 0 || !sequence_.replace_acq_rel(before, before + 1)) return;
        high_.store_relaxed(trace.high);
        low_.store_relaxed(trace.low);
        number_.store_relaxed(number);
        wanted_.store_relaxed(number + (number == ~std::uint64_t{0} ? 0 : 1));
        sequence_.store_release(before + 2);
    }
    /// False when there is none, or one that is being replaced over and over. Afterwards the slot takes the next offer,
    /// whatever its size, and keeps this one until then.
    [[nodiscard]] bool take(Exemplar& out) noexcept {
        for (int attempt = 0; attempt < 8; ++attempt) {
            auto const before = sequence_.load_acquire();
            if (before == 0) return false;
            out = {{high_.load_relaxed(), low_.load_relaxed()}, number_.load_relaxed()};
            // An addition, because a plain load could be done before the three above it.
            if ((before & 1) != 0 || sequence_.add_acq_rel(0) != before) continue;
            wanted_.store_relaxed(0);
            return true;
        }
        return false;
    }

private:
    Atomic<std::uint32_t> sequence_;
    Atomic<std::uint64_t> wanted_;  // smaller numbers are no news
    Atomic<std::uint64_t> high_, low_, number_;
};

/// The exemplars of one histogram: a slot for each power of two, one below the buckets and one above them.
template <class Buckets>
class ExemplarSlots {
public:
    static constexpr std::size_t size = Buckets::to - Buckets::from + 2;

    /// The slot of a number: 0 up to 2^from, i + 1 above 2^(from + i), the last one above 2^to.
    [[nodiscard]] static constexpr std::size_t place(std::uint64_t number) noexcept {
        if (number <= Buckets::least) return 0;
        if (number > Buckets::most) return size - 1;
        return static_cast<std::size_t>(64 - std::countl_zero(number - 1)) - Buckets::from;
    }
    void offer(std::uint64_t number, TraceId trace) noexcept { slots_[place(number)].offer(number, trace); }
    [[nodiscard]] bool take(std::size_t place, Exemplar& out) noexcept { return slots_[place].take(out); }
    template <class Fn>
    void for_each(Fn& fn) {
        Exemplar one;
        for (auto& slot : slots_)
            if (slot.take(one)) fn(Exemplar{one});
    }

private:
    ExemplarSlot slots_[size];
};

}  // namespace detail
}  // namespace lastbyte
