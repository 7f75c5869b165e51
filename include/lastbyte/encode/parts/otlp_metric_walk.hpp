// Rollups, ledgers and pipelines as OTLP metrics: the walk over them that both spellings, protobuf and JSON, are made by.
//
// An explicit-bounds histogram answers p99 with one of ten numbers; a rollup counts in exponential buckets as OpenTelemetry
// has them, so they go out as they are, with the slowest traces as exemplars. Allocates what the output allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/encode/parts/buffer.hpp>
#include <lastbyte/encode/parts/metric_parts.hpp>
#include <lastbyte/encode/parts/otlp_field.hpp>
#include <lastbyte/encode/parts/pipeline_metrics.hpp>
#include <lastbyte/encode/parts/semantics.hpp>
#include <lastbyte/telemetry/rollup.hpp>

namespace lastbyte::detail {

/// Appends the elements of ScopeMetrics.metrics, spelled by `Form`: OtlpProtobufForm or OtlpJsonForm.
template <class Form>
class OtlpMetricWalk {
    using Out = BoundedBuffer;
    static constexpr std::uint32_t cumulative = 2;

public:
    OtlpMetricWalk(Out& out, std::uint64_t start_ns, std::uint64_t now_ns) noexcept
        : out_(out), start_ns_(start_ns), now_ns_(now_ns) {}

    void add(CounterMetric const& metric) noexcept {
        auto name = metric.name;
        if (name.ends_with("_total")) name.remove_suffix(6);  // a suffix of Prometheus's text
        counts({}, {name, metric.help}, {{{}, metric.value}});
    }
    void add(LedgerReport const& report) noexcept { add(NamedLedger{"lastbyte", report}); }
    void add(NamedLedger const& ledger) noexcept {
        for_each_ledger_family(ledger.report, [&](LedgerFamily const& family, std::initializer_list<LedgerCause> causes) {
            counts(ledger.prefix, family, causes);
        });
    }
    template <PipelineCounts Report>
    void add(Report const& report) noexcept {
        add(pipelines(NamedPipeline<Report>{{}, report}));
    }
    template <PipelineRange Range>
    void add(Range const& reports) noexcept;
    template <class R>
        requires requires(R& rollup) { rollup.report().rows_in_other; }
    void add(R& rollup) noexcept;

private:
    /// Nanoseconds to buckets of seconds: by how many of them 10^9 is above 1.
    static constexpr std::int32_t seconds_shift(int scale) noexcept {
        constexpr double log2_of_a_second = 29.897352853986263;
        return static_cast<std::int32_t>(log2_of_a_second * static_cast<double>(1 << scale) + 0.5);
    }

    /// A Metric; `data(fields)` writes what it is.
    template <class Data>
    void metric(std::string_view scope, std::string_view name, std::string_view help, std::string_view more_help,
                std::string_view unit, Data const& data) noexcept {
        if (out_.size() != 0) append(out_, Form::separator);
        Form::append_element(out_, [&](auto& fields) {
            fields.text({1, "name"}, scope, std::string_view{scope.empty() ? "" : "."}, name);
            fields.text({2, "description"}, help, more_help);
            if (!unit.empty()) fields.text({3, "unit"}, unit);
            data(fields);
        });
    }
    /// `points(list)` writes the data points.
    template <class Fields, class Points>
    static void sum(Fields& fields, Points const& points) noexcept {
        fields.message({7, "sum"}, [&](auto& data) {
            data.list({1, "dataPoints"}, points);
            data.uint32({2, "aggregationTemporality"}, cumulative);
            data.boolean({3, "isMonotonic"}, true);
        });
    }
    template <class Fields, class Points>
    static void sum_or_gauge(Fields& fields, bool rises, Points const& points) noexcept {
        if (rises) return sum(fields, points);
        fields.message({5, "gauge"}, [&](auto& data) { data.list({1, "dataPoints"}, points); });
    }
    /// A NumberDataPoint; a gauge's has no start. `attributes(list)` writes them.
    template <class List, class Number, class Attributes>
    void point(List& points, Number number, bool has_start, Attributes const& attributes) noexcept {
        points.message([&](auto& fields) {
            if (has_start) fields.fixed64({2, "startTimeUnixNano"}, start_ns_);
            fields.fixed64({3, "timeUnixNano"}, now_ns_);
            if constexpr (std::is_same_v<Number, double>)
                fields.number({4, "asDouble"}, number);
            else
                fields.fixed64({6, "asInt"}, number);
            fields.list({7, "attributes"}, attributes);
        });
    }
    void counts(std::string_view scope, LedgerFamily const& family, std::initializer_list<LedgerCause> causes) noexcept {
        metric(scope, family.name, family.help, {}, {}, [&](auto& fields) {
            sum_or_gauge(fields, family.rises, [&](auto& points) {
                for (auto const& [cause, count] : causes)
                    point(points, count, family.rises, [&, &why = cause](auto& attributes) {
                        if (!why.empty()) attributes.attribute({"cause"}, value_of(why));
                    });
            });
        });
    }

    template <class R, class List>
    static void dimensions(List& attributes, typename R::Series const& series) noexcept {
        if (series.is_other()) return attributes.attribute({"otel.metric.overflow"}, value_of(true));
        for (std::size_t i = 0; i < R::dimensions; ++i)
            if (auto const text = series.text(i); !text.empty())
                attributes.attribute({R::dimension_info[i].name}, value_of(text));
    }
    template <class R, std::size_t I>
    void measure(R& rollup) noexcept;
    template <class R, std::size_t I, class List, class H>
    void exponential(List& points, typename R::Series const& series, H const& histogram) noexcept;
    template <bool Time, class Fields, class H>
    static void buckets(Fields& fields, H const& histogram) noexcept;
    template <bool Time>
    static constexpr double amount(std::uint64_t number) noexcept {
        return Time ? static_cast<double>(number) / 1e9 : static_cast<double>(number);
    }

    Out& out_;
    std::uint64_t start_ns_, now_ns_;
};

template <class Form>
template <PipelineRange Range>
void OtlpMetricWalk<Form>::add(Range const& reports) noexcept {
    using Report = std::remove_cvref_t<decltype(reports.begin()->report)>;
    if (!(reports.begin() != reports.end())) return;
    auto const* const all = pipeline_metrics<Report>;
    std::size_t end = 0;
    for (std::size_t begin = 0; begin < std::size(pipeline_metrics<Report>); begin = end) {
        for (end = begin + 1; end < std::size(pipeline_metrics<Report>) && !all[end].begins_family();) ++end;
        bool const rises = all[begin].is_counter();
        metric("lastbyte.pipeline", all[begin].name, all[begin].help, {}, {}, [&](auto& fields) {
            sum_or_gauge(fields, rises, [&](auto& points) {
                for (std::size_t i = begin; i < end; ++i)
                    for (auto const& one : reports)
                        point(points, one.report.*all[i].count, rises, [&](auto& attributes) {
                            if (!std::string_view{one.name}.empty())
                                attributes.attribute({"pipeline"}, value_of(one.name));
                            if (!all[i].label.empty()) attributes.attribute({all[i].label}, value_of(all[i].value));
                        });
            });
        });
    }
}

template <class Form>
template <class R>
    requires requires(R& rollup) { rollup.report().rows_in_other; }
void OtlpMetricWalk<Form>::add(R& rollup) noexcept {
    auto const is = rollup.report();
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        if (is.rows == 0) return;  // a metric without a point is none
        (measure<R, I>(rollup), ...);
        if ((R::measure_info[I].distribution || ...)) return;  // whose count it is
        metric(R::name, "rows", "Rows that were added.", {}, {}, [&](auto& fields) {
            sum(fields, [&](auto& points) {
                rollup.for_each_series([&](typename R::Series const& series) {
                    point(points, series.count(), true, [&](auto& attributes) { dimensions<R>(attributes, series); });
                });
            });
        });
    }
    (std::make_index_sequence<R::measures>{});
    counts(R::name, {"rollup_series", "Combinations of values that have a series.", false}, {{{}, is.series}});
    counts(R::name, {"rollup_series_limit", "The most series there can be.", false}, {{{}, is.max_series}});
    counts(R::name, {"rollup_overflow_rows", "Rows whose combination of values found no series."},
           {{{}, is.rows_in_other}});
    counts(R::name, {"rollup_values_cut", "Values of dimensions that were too long."}, {{{}, is.values_cut}});
    counts(R::name, {"rollup_negatives", "Values of measures below 0, which count as 0."}, {{{}, is.negatives}});
}

template <class Form>
template <class R, std::size_t I>
void OtlpMetricWalk<Form>::measure(R& rollup) noexcept {
    constexpr MeasureInfo info = R::measure_info[I];
    constexpr std::string_view unit = is_time(info.unit) ? "s" : info.unit == Unit::bytes ? "By" : "";
    metric(info.scope, info.name, "Of the rows' field ", info.field, unit, [&](auto& fields) {
        if constexpr (info.distribution) {
            fields.message({10, "exponentialHistogram"}, [&](auto& data) {
                data.list({1, "dataPoints"}, [&](auto& points) {
                    rollup.for_each_series([&](typename R::Series const& series) {
                        exponential<R, I>(points, series, series.template measure<I>());
                    });
                });
                data.uint32({2, "aggregationTemporality"}, cumulative);
            });
        } else {
            sum(fields, [&](auto& points) {
                rollup.for_each_series([&](typename R::Series const& series) {
                    double const value = series.template measure<I>();
                    point(points, is_time(info.unit) ? value * ns_of_one(info.unit) / 1e9 : value, true,
                          [&](auto& attributes) { dimensions<R>(attributes, series); });
                });
            });
        }
    });
}

/// An ExponentialHistogramDataPoint.
template <class Form>
template <class R, std::size_t I, class List, class H>
void OtlpMetricWalk<Form>::exponential(List& points, typename R::Series const& series, H const& histogram) noexcept {
    constexpr bool time = is_time(R::measure_info[I].unit);
    // From 2^0 up the smallest whole number has a bucket of its own below the others, and nothing is near zero.
    constexpr bool all_in_buckets = H::Buckets::from == 0 && !time;
    points.message([&](auto& fields) {
        fields.list({1, "attributes"}, [&](auto& attributes) { dimensions<R>(attributes, series); });
        fields.fixed64({2, "startTimeUnixNano"}, start_ns_);
        fields.fixed64({3, "timeUnixNano"}, now_ns_);
        fields.fixed64({4, "count"}, histogram.count());
        fields.number({5, "sum"}, amount<time>(histogram.sum()));
        fields.zigzag({6, "scale"}, H::Buckets::scale);
        fields.fixed64({7, "zeroCount"}, histogram.zeros() + (all_in_buckets ? 0 : histogram.underflow()));
        fields.message({8, "positive"}, [&](auto& positive) { buckets<time>(positive, histogram); });
        fields.list({11, "exemplars"}, [&](auto& exemplars) {
            series.template for_each_exemplar<I>([&](Exemplar const& one) {
                exemplars.message([&](auto& exemplar) {
                    exemplar.fixed64({2, "timeUnixNano"}, now_ns_);
                    exemplar.number({3, "asDouble"}, amount<time>(one.number));
                    exemplar.id({5, "traceId"}, one.trace);
                });
            });
        });
        if (!histogram.empty()) {
            fields.number({12, "min"}, amount<time>(histogram.smallest()));
            fields.number({13, "max"}, amount<time>(histogram.largest()));
        }
        if (!all_in_buckets) fields.number({14, "zeroThreshold"}, amount<time>(H::Buckets::least));
    });
}

/// ExponentialHistogramDataPoint.Buckets, from the first one that isn't empty to the last.
template <class Form>
template <bool Time, class Fields, class H>
void OtlpMetricWalk<Form>::buckets(Fields& fields, H const& histogram) noexcept {
    using Buckets = typename H::Buckets;
    // Position 0 is what lies before the buckets (if it isn't in the zero count), the last is what lies behind them.
    constexpr bool has_below = Buckets::from == 0 && !Time;
    auto const at = [&](std::size_t i) {
        if (i == 0) return has_below ? histogram.underflow() : 0;
        return i <= Buckets::size ? histogram.in_bucket(i - 1) : histogram.overflow();
    };
    std::size_t begin = 0, end = Buckets::size + 2;
    while (begin < end && at(begin) == 0) ++begin;
    while (end > begin && at(end - 1) == 0) --end;
    if (begin == end) return;
    std::int32_t const first = Buckets::offset - 1 + static_cast<std::int32_t>(begin);
    std::int32_t const offset = Time ? first - seconds_shift(Buckets::scale) : first;
    if (offset != 0) fields.zigzag({1, "offset"}, offset);
    fields.counts({2, "bucketCounts"}, begin, end, at);
}

}  // namespace lastbyte::detail
