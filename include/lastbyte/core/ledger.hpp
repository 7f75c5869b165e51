// The ledger: what became of every trace and span of a policy, by cause.
//
// Telemetry that loses things in silence is worse than none. Each loss is counted where it happens, and the counts balance:
// started = finished + lost by cause + live. Counters are kept per lane, so threads don't share a cache line on a warm path.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lastbyte/core/atomic.hpp>

namespace lastbyte {

/// What has happened under one policy since the program began. Sums of relaxed counters: exact once the threads are still.
struct LedgerReport {
    std::uint64_t traces_started = 0;
    std::uint64_t traces_finished = 0;   // a Reading was handed to a callback
    std::uint64_t traces_unbound = 0;    // the last handle went without a body ever being consumed
    std::uint64_t traces_unstored = 0;   // no memory: spans and tiers of this trace are lost, its request is not
    std::uint64_t traces_live = 0;       // neither finished nor lost yet
    std::uint64_t spans_recorded = 0;
    std::uint64_t spans_over_bound = 0;  // beyond max_spans: not kept, but tiers and the tally know them
    std::uint64_t spans_unsampled = 0;   // of traces that are not sampled: not kept, but tiers and the tally know them
    std::uint64_t spans_late = 0;        // recorded after the trace was sealed
    std::uint64_t spans_unstored = 0;    // recorded into a trace without memory, or through a moved-from handle
    std::uint64_t texts_cut = 0;         // longer than max_text_bytes
    std::uint64_t texts_dropped = 0;     // no room left in text_bytes
    std::uint64_t attributes_dropped = 0;  // beyond max_attributes, or no room left in text_bytes; so are links and events
    std::uint64_t links_dropped = 0;     // or they led nowhere: an id of zeros
    std::uint64_t events_dropped = 0;
    std::uint64_t sources_unknown = 0;   // a value outside the enum's 0..63
    std::uint64_t callbacks_threw = 0;
    std::uint64_t seals_refused = 0;     // seal() while no body of the trace was being produced, or a second time
    std::uint64_t bodies_refused = 0;    // a second body for one trace: consumed, but without a Reading of the trace

    /// started = finished + lost by cause + live.
    [[nodiscard]] constexpr bool balanced() const noexcept {
        return traces_started == traces_finished + traces_unbound + traces_unstored + traces_live;
    }
};

namespace detail {

enum class Count : std::uint8_t {
    started, finished, unbound, unstored, acquired, released, recorded, over_bound, unsampled, late, span_unstored, text_cut,
    text_dropped, attribute_dropped, link_dropped, event_dropped, source_unknown, callback_threw, seal_refused,
    body_refused, size
};

inline constexpr std::size_t lanes = 8;
inline constinit Atomic<std::uint32_t> lane_users{};
inline constinit thread_local std::uint32_t lane_plus_one = 0;

/// Which of the lanes this thread uses; threads are dealt out in turn.
[[nodiscard]] inline std::size_t this_lane() noexcept {
    if (lane_plus_one == 0) [[unlikely]] lane_plus_one = 1 + lane_users.add_relaxed(1) % lanes;
    return lane_plus_one - 1;
}

/// One lane's counters, on cache lines of their own.
struct alignas(64) LedgerLane {
    Atomic<std::uint64_t> counts[static_cast<std::size_t>(Count::size)];
};

struct Ledger {
    LedgerLane lane[lanes];

    void count(Count what, std::uint64_t by = 1) noexcept {
        if (by != 0) lane[this_lane()].counts[static_cast<std::size_t>(what)].add_relaxed(by);
    }
    [[nodiscard]] std::uint64_t sum(Count what) const noexcept {
        std::uint64_t total = 0;
        for (auto const& one : lane) total += one.counts[static_cast<std::size_t>(what)].load_relaxed();
        return total;
    }
    [[nodiscard]] LedgerReport report() const noexcept {
        std::uint64_t const released = sum(Count::released);  // before `acquired`, so that the difference is never negative
        return {.traces_started = sum(Count::started),
                .traces_finished = sum(Count::finished),
                .traces_unbound = sum(Count::unbound),
                .traces_unstored = sum(Count::unstored),
                .traces_live = sum(Count::acquired) - released,
                .spans_recorded = sum(Count::recorded),
                .spans_over_bound = sum(Count::over_bound),
                .spans_unsampled = sum(Count::unsampled),
                .spans_late = sum(Count::late),
                .spans_unstored = sum(Count::span_unstored),
                .texts_cut = sum(Count::text_cut),
                .texts_dropped = sum(Count::text_dropped),
                .attributes_dropped = sum(Count::attribute_dropped),
                .links_dropped = sum(Count::link_dropped),
                .events_dropped = sum(Count::event_dropped),
                .sources_unknown = sum(Count::source_unknown),
                .callbacks_threw = sum(Count::callback_threw),
                .seals_refused = sum(Count::seal_refused),
                .bodies_refused = sum(Count::body_refused)};
    }
};

}  // namespace detail
}  // namespace lastbyte
