// What the spans leave behind that are not kept: those of a trace that is not sampled, and those beyond `max_spans`.
//
// A runaway request must not grow, and must not answer "none" either because the answering span came too late to be kept;
// and nobody should have to sample facts. So these spans are counted by source, and each rule line remembers the first that
// answered it. One atomic addition per span, three for one that may be a line's answer. No lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lastbyte/core/atomic.hpp>
#include <lastbyte/core/source.hpp>

namespace lastbyte::detail {

/// An address that no other running thread has.
[[nodiscard, gnu::always_inline]] inline void const* this_thread() noexcept {
#if defined(__linux__)
    return __builtin_thread_pointer();
#else
    static thread_local char own;  // elsewhere the builtin is lacking, or a register that means something else
    return &own;
#endif
}

/// What has been counted by the moment of looking. Trivial; without spans the other members are not set.
template <class Tiers>
struct LeftOutTotals {
    static constexpr std::size_t sources_named = named_end<typename Tiers::Source>;
    std::uint64_t spans;
    std::uint64_t sources[sources_named + 1];  // the last: without a source
    std::uint64_t winner[Tiers::size + 1];     // for each line, the first span that answered it: order << 8 | source + 1

    /// The source of the first span that answered one of these lines, or `no_source`.
    [[nodiscard]] std::uint8_t first(std::uint32_t lines) const noexcept {
        std::uint64_t best = 0;
        for (std::size_t i = 0; i < Tiers::size; ++i)
            if ((lines >> i & 1) != 0 && winner[i] - 1 < best - 1) best = winner[i];
        return static_cast<std::uint8_t>(best - 1);
    }
    void copy(LeftOutTotals const& from) noexcept {
        spans = from.spans;
        if (spans != 0) *this = from;
    }
};

/// The counts while they grow. Trivial: zeroed memory is an empty one.
template <class Tiers>
class LeftOut {
public:
    using Totals = LeftOutTotals<Tiers>;

    /// Counts a span that has `lines` and `source`; false when that came too late.
    bool add(std::uint32_t lines, std::uint8_t source) noexcept {
        bool const known = source < Totals::sources_named;
        if (known && may_win(lines, source)) [[unlikely]] return add_in_turn(lines, source);
        sources_[known ? source : Totals::sources_named].add_acq_rel(1);
        return true;
    }
    /// Counts a span without a source, from the one thread that may call this: an addition without a lock.
    [[gnu::always_inline]] void add_own() noexcept { own_.store_relaxed(own_.load_relaxed() + 1); }

    /// Takes a look, without stopping anything: spans that are being counted right now may be in or not.
    void look(Totals& into) const noexcept {
        into.spans = own_.load_relaxed();
        for (std::size_t i = 0; i <= Totals::sources_named; ++i) into.spans += into.sources[i] = sources_[i].load_acquire();
        for (std::size_t i = 0; i < Tiers::size; ++i) into.winner[i] = winner_[i].load_relaxed();
    }
    /// Takes the totals, once: no line gets an answer any more.
    void close(Totals& into) noexcept {
        std::uint64_t const begun = entered_.add_acq_rel(closed);
        (void)wait_until([&] { return left_.load_acquire() == begun; });
        look(into);
    }
    /// How many spans have been counted since the totals were taken.
    [[nodiscard]] std::uint64_t since(Totals const& taken) const noexcept {
        Totals now;
        look(now);
        return now.spans - taken.spans;
    }
    void clear() noexcept {
        entered_.store_relaxed(0);
        left_.store_relaxed(0);
        own_.store_relaxed(0);
        for (auto& source : sources_) source.store_relaxed(0);
        for (auto& line : winner_) line.store_relaxed(0);
    }

private:
    static constexpr std::uint64_t closed = std::uint64_t{1} << 63;

    static constexpr bool answers(std::uint32_t lines, std::size_t line, std::uint8_t source) noexcept {
        return (lines >> line & 1) != 0 && Tiers::answers(std::uint32_t{1} << line, source);
    }
    /// A line that has an answer keeps it, since whoever gave it came first.
    [[nodiscard]] bool may_win(std::uint32_t lines, std::uint8_t source) const noexcept {
        for (std::size_t i = 0; i < Tiers::size; ++i)
            if (answers(lines, i, source) && winner_[i].load_acquire() == 0) return true;
        return false;
    }
    /// A span that may answer a line takes a number, which says who was first. The answer stands before the span is counted,
    /// so that tier and tally agree at any moment. One that is under way when the trace is sealed is waited for briefly.
    [[gnu::noinline]] bool add_in_turn(std::uint32_t lines, std::uint8_t source) noexcept {
        std::uint64_t const order = entered_.add_acq_rel(1);
        if (order >= closed) return false;
        for (std::size_t i = 0; i < Tiers::size; ++i)
            if (answers(lines, i, source)) put_least(winner_[i], order << 8 | (source + 1u));
        sources_[source].add_acq_rel(1);
        left_.add_acq_rel(1);
        return true;
    }
    static void put_least(Atomic<std::uint64_t>& winner, std::uint64_t wanted) noexcept {
        std::uint64_t there = winner.load_relaxed();
        while ((there == 0 || there > wanted) && !winner.replace_acq_rel(there, wanted)) there = winner.load_relaxed();
    }

    Atomic<std::uint64_t> entered_;  // with `closed` once the trace is sealed
    Atomic<std::uint64_t> left_;
    Atomic<std::uint64_t> own_;
    Atomic<std::uint64_t> sources_[Totals::sources_named + 1];
    Atomic<std::uint64_t> winner_[Tiers::size + 1];
};

}  // namespace lastbyte::detail
