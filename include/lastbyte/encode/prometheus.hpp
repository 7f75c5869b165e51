// Metrics for Prometheus: rollups and ledgers as its text format 0.0.4, or as OpenMetrics 1.0 with exemplars.
//
// A histogram whose bounds lie inside its buckets gives counts that are guesses, and a metric in milliseconds beside one in
// seconds is off by a thousand. Here every bound is a power of two of what was recorded, so each count is exact; times are
// seconds, names have their units, and what went to `other` is a metric. Allocates what the output allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/core/ledger.hpp>
#include <lastbyte/core/text.hpp>
#include <lastbyte/encode/json.hpp>
#include <lastbyte/encode/parts/metric_parts.hpp>
#include <lastbyte/encode/parts/metrics_text.hpp>
#include <lastbyte/encode/parts/pipeline_metrics.hpp>
#include <lastbyte/telemetry/rollup.hpp>

namespace lastbyte {

enum class MetricsFormat : std::uint8_t { prometheus, openmetrics };

/// What to answer a scrape with, from its Accept header: OpenMetrics for those that ask for it.
[[nodiscard]] constexpr MetricsFormat metrics_format_for(std::string_view accept) noexcept {
    bool const asked = accept.find("application/openmetrics-text") != std::string_view::npos;
    return asked ? MetricsFormat::openmetrics : MetricsFormat::prometheus;
}
/// The Content-Type of a page.
[[nodiscard]] constexpr std::string_view content_type(MetricsFormat format) noexcept {
    return format == MetricsFormat::openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                                : "text/plain; version=0.0.4; charset=utf-8";
}

/// A rollup with bounds of your own for its distributions: 2^First, 2^(First+Step), … 2^Last, in nanoseconds or in what the
/// field counts; those outside a histogram's range are left out. `write_prometheus(out, with_bounds<10, 40, 2>(by_tool))`.
template <class R, unsigned First, unsigned Last, unsigned Step>
struct WithBounds {
    R& rollup;
};
template <unsigned First, unsigned Last, unsigned Step = 1, class R>
[[nodiscard]] WithBounds<R, First, Last, Step> with_bounds(R& rollup) noexcept {
    static_assert(
        First <= Last && Last <= 63 && Step > 0,
        "lastbyte: with_bounds<first, last, step>() are the exponents of two at which a histogram is shown: 0 <= first <= "
        "last <= 63, and step > 0.");
    return {rollup};
}

/// Appends one whole page: rollups, LedgerReports, NamedLedgers, PipelineReports (of several pipelines: pipelines(...)) and
/// CounterMetrics, each metric name once.
///
///     lastbyte::write_metrics(page, lastbyte::metrics_format_for(accept), by_tool, lastbyte::ledger<Telemetry>(),
///                             points.transport().report());
///
/// A distribution is a histogram with a bound at each power of two from 65 µs to 69 s (of other units: at each power of four
/// from 64 to 2^30), a sum is a counter, a dimension is a label; what other tools write with a dot is written with `_`. An
/// empty value is no label. The series `other` is labelled as OpenTelemetry does it: `otel_metric_overflow="true"`. Writing
/// OpenMetrics makes room for new exemplars in the rollups.
template <TextOutput Out, class... Parts>
void write_metrics(Out& out, MetricsFormat format, Parts&&... parts);

template <TextOutput Out, class... Parts>
void write_prometheus(Out& out, Parts&&... parts) {
    write_metrics(out, MetricsFormat::prometheus, std::forward<Parts>(parts)...);
}
template <TextOutput Out, class... Parts>
void write_openmetrics(Out& out, Parts&&... parts) {
    write_metrics(out, MetricsFormat::openmetrics, std::forward<Parts>(parts)...);
}

namespace detail {

/// Whether the dimensions make labels that differ from each other and from those that the formats take for themselves.
template <class R>
constexpr bool labels_differ() noexcept {
    for (std::size_t i = 0; i < R::dimensions; ++i) {
        auto const name = R::dimension_info[i].name;
        if (same_label(name, "le") || same_label(name.substr(0, 2), "__")) return false;
        for (std::size_t j = 0; j < i; ++j)
            if (same_label(name, R::dimension_info[j].name)) return false;
    }
    return true;
}

/// One page, family by family: a family is its description and then its samples, or a parser refuses all of it.
template <TextOutput Out>
class MetricsPage {
    /// What stands before a name's dot, what behind it, and the unit that it ends with; the first and the last may be empty.
    struct Name {
        std::string_view scope, name, unit{};
    };
    struct Bounds {
        unsigned first, last, step;
    };

public:
    MetricsPage(Out& out, MetricsFormat format) noexcept : out_(out), open_(format == MetricsFormat::openmetrics) {}

    void add(CounterMetric const& metric) {
        auto name = metric.name;
        if (name.ends_with("_total")) name.remove_suffix(6);
        counter({{}, name}, metric.help, metric.value);
    }
    void add(LedgerReport const& report) { add(NamedLedger{"lastbyte", report}); }
    void add(NamedLedger const& ledger);
    template <PipelineCounts Report>
    void add(Report const& report) {
        add(pipelines(NamedPipeline{{}, report}));
    }
    template <PipelineRange Range>
    void add(Range const& reports);
    template <class R, unsigned First, unsigned Last, unsigned Step>
    void add(WithBounds<R, First, Last, Step> const& part) {
        add_rollup(part.rollup, [](bool) { return Bounds{First, Last, Step}; });
    }
    template <class R>
        requires requires(R& rollup) { rollup.report().rows_in_other; }
    void add(R& rollup) {
        add_rollup(rollup, [](bool time) { return time ? Bounds{16, 36, 1} : Bounds{6, 30, 2}; });
    }
    void end() { text(open_ ? "# EOF\n" : ""); }

private:
    void text(std::string_view more) { append(out_, more); }
    void quantity(std::uint64_t number, bool time) { time ? append_seconds(out_, number) : append_unsigned(out_, number); }
    void name(Name const& metric) {
        append_metric_name(out_, metric.scope);
        if (!metric.scope.empty()) text("_");
        append_metric_name(out_, metric.name);
        if (metric.unit.empty() || metric.name.ends_with(metric.unit)) return;
        text("_");
        text(metric.unit);
    }

    void family(Name const& metric, std::string_view type, std::string_view help, std::string_view more_help = {}) {
        auto const describe = [&](std::string_view what) {
            text(what);
            name(metric);
            text(type == "counter" && !open_ ? "_total " : " ");
        };
        describe("# HELP ");
        append_label_text(out_, help, open_);
        append_label_text(out_, more_help, open_);
        describe("\n# TYPE ");
        text(type);
        text("\n");
        if (!open_ || metric.unit.empty()) return;
        describe("# UNIT ");
        text(metric.unit);
        text("\n");
    }
    /// A sample is begun, gets its labels and its value, and ends with the line.
    void begin(Name const& metric, std::string_view suffix) {
        name(metric);
        text(suffix);
        labelled_ = false;
    }
    void label(std::string_view name, std::string_view value) {
        if (value.empty()) return;
        text(labelled_ ? "," : "{");
        labelled_ = true;
        append_metric_name(out_, name);
        text("=\"");
        append_label_text(out_, value);
        text("\"");
    }
    void value_follows() { text(labelled_ ? "} " : " "); }

    void sample(Name const& metric, std::uint64_t value, std::string_view suffix = "_total", std::string_view cause = {}) {
        begin(metric, suffix);
        label("cause", cause);
        value_follows();
        append_unsigned(out_, value);
        text("\n");
    }
    void counter(Name const& metric, std::string_view help, std::uint64_t value) {
        family(metric, "counter", help);
        sample(metric, value);
    }
    void gauge(Name const& metric, std::string_view help, std::uint64_t value) {
        family(metric, "gauge", help);
        sample(metric, value, "");
    }

    template <class R>
    void begin_series(Name const& metric, std::string_view suffix, typename R::Series const& series) {
        begin(metric, suffix);
        if (series.is_other()) return label("otel_metric_overflow", "true");
        for (std::size_t i = 0; i < R::dimensions; ++i) label(R::dimension_info[i].name, series.text(i));
    }
    template <class R, class BoundsFor>
    void add_rollup(R& rollup, BoundsFor bounds_for);
    template <class R, std::size_t I>
    void add_measure(R& rollup, Bounds bounds);
    template <class R, class H>
    void histogram(Name const& metric, typename R::Series const& series, H const& counts, Exemplar const* exemplars,
                   Bounds bounds, bool time);

    Out& out_;
    bool open_;
    bool labelled_ = false;
};

template <TextOutput Out>
void MetricsPage<Out>::add(NamedLedger const& ledger) {
    for_each_ledger_family(ledger.report, [&](LedgerFamily const& one, std::initializer_list<LedgerCause> causes) {
        family({ledger.prefix, one.name}, one.rises ? "counter" : "gauge", one.help);
        for (auto const& [cause, count] : causes) sample({ledger.prefix, one.name}, count, one.rises ? "_total" : "", cause);
    });
}

template <TextOutput Out>
template <PipelineRange Range>
void MetricsPage<Out>::add(Range const& reports) {
    if (!(reports.begin() != reports.end())) return;
    for (auto const& metric : pipeline_metrics<std::remove_cvref_t<decltype(reports.begin()->report)>>) {
        if (metric.begins_family()) family({"lastbyte_pipeline", metric.name}, metric.type, metric.help);
        for (auto const& one : reports) {
            begin({"lastbyte_pipeline", metric.name}, metric.is_counter() ? "_total" : "");
            label("pipeline", one.name);
            label(metric.label, metric.value);
            value_follows();
            append_unsigned(out_, one.report.*metric.count);
            text("\n");
        }
    }
}

template <TextOutput Out>
template <class R, class BoundsFor>
void MetricsPage<Out>::add_rollup(R& rollup, BoundsFor bounds_for) {
    constexpr bool labels = labels_differ<R>();
    static_assert(
        labels,
        "lastbyte: two dimensions of this rollup make the same Prometheus label, or one makes a label that Prometheus "
        "keeps for itself (\"le\", \"__...\"). Rename the field in the schema.");
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (add_measure<R, I>(rollup, bounds_for(is_time(R::measure_info[I].unit))), ...);
        if ((R::measure_info[I].distribution || ...)) return;  // whose _count it is
        family({R::name, "rows"}, "counter", "Rows that were added.");
        rollup.for_each_series([&](typename R::Series const& series) {
            begin_series<R>({R::name, "rows"}, "_total", series);
            value_follows();
            append_unsigned(out_, series.count());
            text("\n");
        });
    }
    (std::make_index_sequence<R::measures>{});
    auto const report = rollup.report();
    gauge({R::name, "rollup_series"}, "Combinations of values that have a series.", report.series);
    gauge({R::name, "rollup_series_limit"}, "The most series there can be.", report.max_series);
    counter({R::name, "rollup_overflow_rows"}, "Rows whose combination of values found no series.", report.rows_in_other);
    counter({R::name, "rollup_values_cut"}, "Values of dimensions that were too long.", report.values_cut);
    counter({R::name, "rollup_negatives"}, "Values of measures below 0, which count as 0.", report.negatives);
}

template <TextOutput Out>
template <class R, std::size_t I>
void MetricsPage<Out>::add_measure(R& rollup, Bounds bounds) {
    constexpr MeasureInfo const& info = R::measure_info[I];
    constexpr bool time = is_time(info.unit);
    Name const metric{info.scope, info.name, time ? "seconds" : info.unit == Unit::bytes ? "bytes" : ""};
    family(metric, info.distribution ? "histogram" : "counter", "Of the rows' field ", info.field);
    rollup.for_each_series([&](typename R::Series const& series) {
        auto const value = series.template measure<I>();
        if constexpr (info.distribution) {
            using Slots = ExemplarSlots<typename decltype(value)::Buckets>;
            Exemplar exemplars[Slots::size];
            auto const keep = [&](Exemplar const& one) { exemplars[Slots::place(one.number)] = one; };
            if (open_) series.template for_each_exemplar<I>(keep);
            histogram<R>(metric, series, value, exemplars, bounds, time);
        } else {
            begin_series<R>(metric, "_total", series);
            value_follows();
            append_json_number(out_, time ? value * ns_of_one(info.unit) / 1e9 : value);
            text("\n");
        }
    });
}

template <TextOutput Out>
template <class R, class H>
void MetricsPage<Out>::histogram(Name const& metric, typename R::Series const& series, H const& counts,
                                 Exemplar const* exemplars, Bounds bounds, bool time) {
    using Buckets = typename H::Buckets;
    std::size_t slot = 0;
    // The slowest of the exemplars that no line had yet, up to `slots_end`.
    auto const bucket = [&](std::uint64_t count, std::size_t slots_end) {
        text("\"} ");
        append_unsigned(out_, count);
        Exemplar best;
        for (; slot < slots_end; ++slot)
            if (exemplars[slot].trace != TraceId{}) best = exemplars[slot];
        if (best.trace != TraceId{}) {
            text(" # {trace_id=\"");
            best.trace.write(out_);
            text("\"} ");
            quantity(best.number, time);
        }
        text("\n");
    };
    for (unsigned exponent = bounds.first; exponent <= bounds.last && exponent <= Buckets::to; exponent += bounds.step) {
        if (exponent < Buckets::from) continue;
        begin_series<R>(metric, "_bucket", series);
        text(labelled_ ? ",le=\"" : "{le=\"");
        quantity(std::uint64_t{1} << exponent, time);
        text(time ? "" : ".0");
        bucket(counts.at_most_two_to(exponent), exponent - Buckets::from + 1);
    }
    std::uint64_t const count = counts.count();
    begin_series<R>(metric, "_bucket", series);
    text(labelled_ ? ",le=\"+Inf" : "{le=\"+Inf");
    bucket(count, ExemplarSlots<Buckets>::size);
    begin_series<R>(metric, "_sum", series);
    value_follows();
    quantity(counts.sum(), time);
    text("\n");
    begin_series<R>(metric, "_count", series);
    value_follows();
    append_unsigned(out_, count);
    text("\n");
}

}  // namespace detail

template <TextOutput Out, class... Parts>
void write_metrics(Out& out, MetricsFormat format, Parts&&... parts) {
    detail::MetricsPage<Out> page{out, format};
    (page.add(parts), ...);
    page.end();
}

}  // namespace lastbyte
