// Overflow: what the spans beyond a policy's `max_spans` leave behind, so that tiers and the tally stay right without them.
//
// A runaway request must not grow, and must not answer "none" either because the answering span came too late to be
// kept. Its spans are counted by source, and each rule line remembers the first that answered it. No lock: a span that is
// being counted while the trace is sealed is waited for briefly, and is late when it takes longer.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lastbyte/core/atomic.hpp>
#include <lastbyte/core/source.hpp>

namespace lastbyte::detail {

/// What has been counted by the moment of looking. Trivial; without spans the other members are not set.
template <class Tiers>
struct OverflowTotals {
    std::uint64_t spans;
    std::uint64_t sources[max_sources];
    std::uint64_t winner[Tiers::size + 1];  // for each line, the first span that answered it: order << 8 | source + 1

    /// The source of the first span that answered one of these lines, or `no_source`.
    [[nodiscard]] std::uint8_t first(std::uint32_t lines) const noexcept {
        std::uint64_t best = 0;
        for (std::size_t i = 0; i < Tiers::size; ++i)
            if ((lines >> i & 1) != 0 && winner[i] - 1 < best - 1) best = winner[i];
        return static_cast<std::uint8_t>(best - 1);
    }
    void copy(OverflowTotals const& from) noexcept {
        spans = from.spans;
        if (spans != 0) *this = from;
    }
};

/// The counts while they grow. Trivial: zeroed memory is an empty one.
template <class Tiers>
class Overflow {
public:
    using Totals = OverflowTotals<Tiers>;

    /// Counts a span that has `lines` and `source`; false when that came too late.
    bool add(std::uint32_t lines, std::uint8_t source) noexcept {
        std::uint64_t const order = entered_.add_acq_rel(1);
        if (order >= closed) return false;
        if (source < max_sources) {
            sources_[source].add_relaxed(1);
            for (std::size_t i = 0; i < Tiers::size; ++i)
                if ((lines >> i & 1) != 0 && Tiers::answers(std::uint32_t{1} << i, source))
                    put_least(winner_[i], order << 8 | (source + 1u));
        }
        counted_.add_acq_rel(1);
        return true;
    }
    /// Takes a look, without stopping anything: spans that are being counted right now may be in or not.
    void look(Totals& into) const noexcept {
        into.spans = counted_.load_acquire();
        if (into.spans == 0) return;
        for (std::size_t i = 0; i < max_sources; ++i) into.sources[i] = sources_[i].load_relaxed();
        for (std::size_t i = 0; i < Tiers::size; ++i) into.winner[i] = winner_[i].load_relaxed();
    }
    /// Ends counting, once, and takes the totals; returns how many spans were being counted and are now late.
    std::uint64_t close(Totals& into) noexcept {
        std::uint64_t const begun = entered_.add_acq_rel(closed);
        (void)wait_until([&] { return counted_.load_acquire() == begun; });
        look(into);
        return begun - into.spans;
    }
    void clear() noexcept {
        if (entered_.load_relaxed() == 0) return;
        entered_.store_relaxed(0);
        counted_.store_relaxed(0);
        for (auto& source : sources_) source.store_relaxed(0);
        for (auto& line : winner_) line.store_relaxed(0);
    }

private:
    static constexpr std::uint64_t closed = std::uint64_t{1} << 63;

    static void put_least(Atomic<std::uint64_t>& winner, std::uint64_t wanted) noexcept {
        std::uint64_t there = winner.load_relaxed();
        while ((there == 0 || there > wanted) && !winner.replace_acq_rel(there, wanted)) there = winner.load_relaxed();
    }

    Atomic<std::uint64_t> entered_;  // with `closed` once the trace is sealed
    Atomic<std::uint64_t> counted_;
    Atomic<std::uint64_t> sources_[max_sources];
    Atomic<std::uint64_t> winner_[Tiers::size + 1];
};

}  // namespace lastbyte::detail
