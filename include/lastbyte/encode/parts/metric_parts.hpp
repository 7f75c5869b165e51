// What is exported as metrics beside rollups: a policy's ledger, and counts of one's own.
//
// Each format that named the ledger's counts for itself would make another dashboard necessary. Here they are listed once,
// with their words, and both formats end up with the same names in Prometheus.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include <lastbyte/core/ledger.hpp>

namespace lastbyte {

/// A count of your own on a page: `CounterMetric{"points_lost", "Lines that the file refused.", report.rows_lost}`.
struct CounterMetric {
    std::string_view name, help;
    std::uint64_t value;
};
/// The ledger of one of several policies: its metrics begin with `prefix` instead of `lastbyte`.
struct NamedLedger {
    std::string_view prefix;
    LedgerReport report;
};

namespace detail {

struct LedgerFamily {
    std::string_view name, help;
    bool rises = true;  // or else it goes up and down
};
struct LedgerCause {
    std::string_view cause;  // empty where there is only one
    std::uint64_t count;
};

/// `each(LedgerFamily, initializer_list<LedgerCause>)`, each name once.
template <class Each>
void for_each_ledger_family(LedgerReport const& is, Each each) {
    using Causes = std::initializer_list<LedgerCause>;
    each(LedgerFamily{"traces_started", "Traces that began."}, Causes{{{}, is.traces_started}});
    each(LedgerFamily{"traces_finished", "Traces whose callback got a Reading."}, Causes{{{}, is.traces_finished}});
    each(LedgerFamily{"traces_lost", "Traces that ended without a Reading, by cause."},
         Causes{{"unbound", is.traces_unbound}, {"unstored", is.traces_unstored}});
    each(LedgerFamily{"traces_live", "Traces that are neither finished nor lost yet.", false}, Causes{{{}, is.traces_live}});
    each(LedgerFamily{"spans_recorded", "Spans that were recorded."}, Causes{{{}, is.spans_recorded}});
    each(LedgerFamily{"spans_lost", "Spans that no Reading has, by cause."},
         Causes{{"over_bound", is.spans_over_bound},
                {"unsampled", is.spans_unsampled},
                {"late", is.spans_late},
                {"unstored", is.spans_unstored}});
    each(LedgerFamily{"texts_lost", "Texts of spans that are not kept whole, by cause."},
         Causes{{"cut", is.texts_cut}, {"dropped", is.texts_dropped}});
    each(LedgerFamily{"attributes_lost", "Attributes beyond a span's bound, or without room."},
         Causes{{{}, is.attributes_dropped}});
    each(LedgerFamily{"links_lost", "Links beyond a span's bound, without room, or to no span."},
         Causes{{{}, is.links_dropped}});
    each(LedgerFamily{"events_lost", "Events beyond a span's bound, or without room."}, Causes{{{}, is.events_dropped}});
    each(LedgerFamily{"sources_unknown", "Sources outside the policy's enum."}, Causes{{{}, is.sources_unknown}});
    each(LedgerFamily{"callbacks_threw", "Callbacks that threw an exception, which was swallowed."},
         Causes{{{}, is.callbacks_threw}});
    each(LedgerFamily{"seals_refused", "Seals while no body was being produced, or a second time."},
         Causes{{{}, is.seals_refused}});
    each(LedgerFamily{"bodies_refused", "Second bodies of one trace, consumed without its Reading."},
         Causes{{{}, is.bodies_refused}});
}

}  // namespace detail
}  // namespace lastbyte
