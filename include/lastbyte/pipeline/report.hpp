// The pipeline's report: what became of every record, by cause, in counts that balance.
//
// A queue that drops in silence makes every dashboard behind it wrong by an unknown amount. Here each record that was
// offered is delivered, lost for one of these causes, or still there; and a test can say so.
#pragma once

#include <cstdint>

namespace lastbyte {

/// Counts of records since the pipeline was made (in a forked child: since the fork). Sums of relaxed counters: exact
/// once the threads are still.
struct PipelineReport {
    std::uint64_t offered = 0;         ///< calls of write()
    std::uint64_t recovered = 0;       ///< found in the spool, left by a process before this one
    std::uint64_t delivered = 0;       ///< the transport took them
    std::uint64_t full = 0;            ///< lost: there was no room in the lane, and none came in time where one waits
    std::uint64_t evicted = 0;         ///< lost: the oldest, to make room for a newer one (DropOldest)
    std::uint64_t too_large = 0;       ///< lost: empty, or longer than max_record_bytes()
    std::uint64_t no_memory = 0;       ///< lost: the pipeline has no memory
    std::uint64_t refused = 0;         ///< lost: the transport will never take them, or has failed `max_attempts` times
    std::uint64_t spool_lost = 0;      ///< lost: what was in the spool can't be read any more
    std::uint64_t in_memory = 0;       ///< waiting in the lanes, or being written
    std::uint64_t in_spool = 0;        ///< waiting on the disk
    std::uint64_t failures = 0;        ///< attempts that were answered by "later"
    std::uint64_t spool_failures = 0;  ///< times that the disk didn't take a record (it stays in memory)

    [[nodiscard]] constexpr std::uint64_t lost() const noexcept {
        return full + evicted + too_large + no_memory + refused + spool_lost;
    }
    [[nodiscard]] constexpr std::uint64_t pending() const noexcept { return in_memory + in_spool; }
    /// offered + recovered = delivered + lost by cause + pending.
    [[nodiscard]] constexpr bool balanced() const noexcept {
        return offered + recovered == delivered + lost() + pending();
    }
};

}  // namespace lastbyte
