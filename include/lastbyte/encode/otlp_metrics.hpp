// OTLP metrics as protobuf: an ExportMetricsServiceRequest from rollups and ledgers, as every OpenTelemetry collector takes
// it.
//
// An explicit-bounds histogram answers p99 with one of ten numbers; a rollup counts in exponential buckets as OpenTelemetry
// has them, so they go out as they are, with the slowest traces as exemplars. About 5 µs a series; a warm encoder allocates
// nothing. POST it to /v1/metrics with Content-Type: application/x-protobuf.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/encode/parts/batch.hpp>
#include <lastbyte/encode/parts/metric_parts.hpp>
#include <lastbyte/encode/parts/otlp_envelope.hpp>
#include <lastbyte/encode/parts/pipeline_metrics.hpp>
#include <lastbyte/encode/parts/resource.hpp>
#include <lastbyte/encode/protobuf.hpp>
#include <lastbyte/telemetry/rollup.hpp>

namespace lastbyte {

namespace detail {
class OtlpMetricWriter;
}

struct OtlpMetricsReport {
    std::uint64_t requests = 0;   ///< that were made
    std::uint64_t too_large = 0;  ///< that were not: longer than `max_bytes`
};

/// Makes one request after the other. Make it when the program begins: what it exports has been counted since then.
///
///     static lastbyte::OtlpMetrics metrics{lastbyte::Resource{"oddkit"}};
///     collector.write(metrics.request(by_tool, lastbyte::ledger<Telemetry>()));      // every ten seconds
///
/// A sum is a cumulative, monotonic Sum. A distribution is a cumulative ExponentialHistogram, times in seconds, by the names
/// of the rollup's measures (`http.server.request.duration`). Count, sum, least and greatest are exact. So are the bounds of
/// buckets of amounts; those of times are moved by less than half a bucket (0.47 % up at scale 6), because seconds are no
/// power of the base from nanoseconds. What was below the buckets is in the zero count, with its threshold; what was above
/// them is in the bucket behind the last. A dimension is an attribute, unless it is empty; the series `other` has
/// `otel.metric.overflow`. Exemplars bear the time of the request: the rollup keeps none. One thread's at a time.
template <class WallClock = SystemWallClock>
class BasicOtlpMetrics {
public:
    static constexpr std::size_t default_max_bytes = std::size_t{4} << 20;

    explicit BasicOtlpMetrics(Resource const& resource, Scope const& scope = {},
                              std::size_t max_bytes = default_max_bytes) noexcept
        : batch_(resource, scope, max_bytes), metrics_(max_bytes) {}

    /// A whole request of rollups, LedgerReports, NamedLedgers, reports of pipelines (pipelines()) and CounterMetrics; empty
    /// when it is longer than `max_bytes`. Valid until the next one.
    template <class... Parts>
    [[nodiscard]] std::string_view request(Parts&&... parts) noexcept;

    [[nodiscard]] OtlpMetricsReport report() const noexcept { return report_; }

private:
    Batch<detail::OtlpEnvelope, WallClock> batch_;
    detail::BoundedBuffer metrics_;
    std::uint64_t start_ns_ = WallClock::unix_ns();
    OtlpMetricsReport report_;
};
using OtlpMetrics = BasicOtlpMetrics<>;

namespace detail {

/// Appends messages Metric, each as ScopeMetrics.metrics. Field numbers are those of opentelemetry-proto 1.x.
class OtlpMetricWriter {
    using Out = BoundedBuffer;
    static constexpr std::uint64_t cumulative = 2;

public:
    OtlpMetricWriter(Out& out, std::uint64_t start_ns, std::uint64_t now_ns) noexcept
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
    static constexpr std::uint64_t zigzag(std::int32_t value) noexcept {
        return value < 0 ? ~(std::uint64_t(std::uint32_t(value)) << 1) & 0xffff'ffff : std::uint64_t(std::uint32_t(value)) << 1;
    }

    template <class Data>
    void metric(std::string_view scope, std::string_view name, std::string_view help, std::string_view more_help,
                std::string_view unit, Data const& data) noexcept {
        using namespace protobuf;
        append_message(out_, 2, [&](Out& to) {
            std::string_view const dot = scope.empty() ? "" : ".";
            std::size_t const scope_size = utf8_size(scope), name_size = utf8_size(name);
            append_length(to, 1, scope_size + dot.size() + name_size);
            append_utf8(to, scope, scope_size);
            append(to, dot);
            append_utf8(to, name, name_size);
            append_text_field(to, 2, help, more_help);
            if (!unit.empty()) append_text_field(to, 3, unit);
            data(to);
        });
    }
    /// `points(Out&)` appends the data points of a Sum.
    template <class Points>
    static void sum(Out& to, Points const& points) noexcept {
        protobuf::append_message(to, 7, [&](Out& data) {
            points(data);
            protobuf::append_varint_field(data, 2, cumulative);
            protobuf::append_varint_field(data, 3, 1);  // monotonic
        });
    }
    template <class Points>
    static void gauge(Out& to, Points const& points) noexcept {
        protobuf::append_message(to, 5, points);
    }
    /// A NumberDataPoint; a gauge's has no start.
    template <class Number, class Attributes>
    void point(Out& to, Number number, bool has_start, Attributes const& attributes) noexcept {
        using namespace protobuf;
        append_message(to, 1, [&](Out& fields) {
            if (has_start) append_fixed64_field(fields, 2, start_ns_);
            append_fixed64_field(fields, 3, now_ns_);
            if constexpr (std::is_same_v<Number, double>)
                append_double_field(fields, 4, number);
            else
                append_fixed64_field(fields, 6, number);
            attributes(fields);
        });
    }
    void counts(std::string_view scope, LedgerFamily const& family, std::initializer_list<LedgerCause> causes) noexcept {
        metric(scope, family.name, family.help, {}, {}, [&](Out& to) {
            auto const points = [&](Out& data) {
                for (auto const& [cause, count] : causes)
                    point(data, count, family.rises, [&, &why = cause](Out& fields) {
                        if (!why.empty()) append_otlp_attribute(fields, 7, {"cause"}, value_of(why));
                    });
            };
            family.rises ? sum(to, points) : gauge(to, points);
        });
    }

    template <class R>
    static void dimensions(Out& to, std::uint32_t field, typename R::Series const& series) noexcept {
        if (series.is_other()) return append_otlp_attribute(to, field, {"otel.metric.overflow"}, value_of(true));
        for (std::size_t i = 0; i < R::dimensions; ++i)
            if (auto const text = series.text(i); !text.empty())
                append_otlp_attribute(to, field, {R::dimension_info[i].name}, value_of(text));
    }
    template <class R, std::size_t I>
    void measure(R& rollup) noexcept;
    template <class R, std::size_t I, class H>
    void exponential(Out& to, typename R::Series const& series, H const& histogram) noexcept;
    template <bool Time, class H>
    static void buckets(Out& to, H const& histogram) noexcept;
    template <bool Time>
    static constexpr double amount(std::uint64_t number) noexcept {
        return Time ? static_cast<double>(number) / 1e9 : static_cast<double>(number);
    }

    Out& out_;
    std::uint64_t start_ns_, now_ns_;
};

template <PipelineRange Range>
void OtlpMetricWriter::add(Range const& reports) noexcept {
    using Report = std::remove_cvref_t<decltype(reports.begin()->report)>;
    if (!(reports.begin() != reports.end())) return;
    auto const* const all = pipeline_metrics<Report>;
    std::size_t end = 0;
    for (std::size_t begin = 0; begin < std::size(pipeline_metrics<Report>); begin = end) {
        for (end = begin + 1; end < std::size(pipeline_metrics<Report>) && !all[end].begins_family();) ++end;
        bool const rises = all[begin].is_counter();
        metric("lastbyte.pipeline", all[begin].name, all[begin].help, {}, {}, [&](Out& to) {
            auto const points = [&](Out& data) {
                for (std::size_t i = begin; i < end; ++i)
                    for (auto const& one : reports)
                        point(data, one.report.*all[i].count, rises, [&](Out& fields) {
                            if (!std::string_view{one.name}.empty())
                                append_otlp_attribute(fields, 7, {"pipeline"}, value_of(one.name));
                            if (!all[i].label.empty())
                                append_otlp_attribute(fields, 7, {all[i].label}, value_of(all[i].value));
                        });
            };
            rises ? sum(to, points) : gauge(to, points);
        });
    }
}

template <class R>
    requires requires(R& rollup) { rollup.report().rows_in_other; }
void OtlpMetricWriter::add(R& rollup) noexcept {
    auto const is = rollup.report();
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        if (is.rows == 0) return;  // a metric without a point is none
        (measure<R, I>(rollup), ...);
        if ((R::measure_info[I].distribution || ...)) return;  // whose count it is
        metric(R::name, "rows", "Rows that were added.", {}, {}, [&](Out& to) {
            sum(to, [&](Out& data) {
                rollup.for_each_series([&](typename R::Series const& series) {
                    point(data, series.count(), true, [&](Out& fields) { dimensions<R>(fields, 7, series); });
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

template <class R, std::size_t I>
void OtlpMetricWriter::measure(R& rollup) noexcept {
    constexpr MeasureInfo const& info = R::measure_info[I];
    constexpr std::string_view unit = is_time(info.unit) ? "s" : info.unit == Unit::bytes ? "By" : "";
    metric(info.scope, info.name, "Of the rows' field ", info.field, unit, [&](Out& to) {
        if constexpr (info.distribution) {
            protobuf::append_message(to, 10, [&](Out& data) {
                rollup.for_each_series([&](typename R::Series const& series) {
                    exponential<R, I>(data, series, series.template measure<I>());
                });
                protobuf::append_varint_field(data, 2, cumulative);
            });
        } else {
            sum(to, [&](Out& data) {
                rollup.for_each_series([&](typename R::Series const& series) {
                    double const value = series.template measure<I>();
                    point(data, is_time(info.unit) ? value * ns_of_one(info.unit) / 1e9 : value, true,
                          [&](Out& fields) { dimensions<R>(fields, 7, series); });
                });
            });
        }
    });
}

/// An ExponentialHistogramDataPoint.
template <class R, std::size_t I, class H>
void OtlpMetricWriter::exponential(Out& to, typename R::Series const& series, H const& histogram) noexcept {
    using namespace protobuf;
    constexpr bool time = is_time(R::measure_info[I].unit);
    // From 2^0 up the smallest whole number has a bucket of its own below the others, and nothing is near zero.
    constexpr bool all_in_buckets = H::Buckets::from == 0 && !time;
    append_message(to, 1, [&](Out& fields) {
        dimensions<R>(fields, 1, series);
        append_fixed64_field(fields, 2, start_ns_);
        append_fixed64_field(fields, 3, now_ns_);
        append_fixed64_field(fields, 4, histogram.count());
        append_double_field(fields, 5, amount<time>(histogram.sum()));
        append_varint_field(fields, 6, zigzag(H::Buckets::scale));
        append_fixed64_field(fields, 7, histogram.zeros() + (all_in_buckets ? 0 : histogram.underflow()));
        append_message(fields, 8, [&](Out& positive) { buckets<time>(positive, histogram); });
        series.template for_each_exemplar<I>([&](Exemplar const& one) {
            append_message(fields, 11, [&](Out& exemplar) {
                append_fixed64_field(exemplar, 2, now_ns_);
                append_double_field(exemplar, 3, amount<time>(one.number));
                append_otlp_id(exemplar, 5, one.trace);
            });
        });
        if (!histogram.empty()) {
            append_double_field(fields, 12, amount<time>(histogram.smallest()));
            append_double_field(fields, 13, amount<time>(histogram.largest()));
        }
        if (!all_in_buckets) append_double_field(fields, 14, amount<time>(H::Buckets::least));
    });
}

/// ExponentialHistogramDataPoint.Buckets, from the first one that isn't empty to the last.
template <bool Time, class H>
void OtlpMetricWriter::buckets(Out& to, H const& histogram) noexcept {
    using namespace protobuf;
    using Buckets = typename H::Buckets;
    // Position 0 is what lies before the buckets (if it isn't in the zero count), the last is what lies behind them.
    constexpr bool has_below = Buckets::from == 0 && !Time;
    auto const at = [&](std::size_t i) {
        if (i == 0) return has_below ? histogram.underflow() : 0;
        return i <= Buckets::size ? histogram.in_bucket(i - 1) : histogram.overflow();
    };
    std::size_t begin = 0, end = Buckets::size + 2, bytes = 0;
    while (begin < end && at(begin) == 0) ++begin;
    while (end > begin && at(end - 1) == 0) --end;
    if (begin == end) return;
    for (std::size_t i = begin; i < end; ++i) bytes += varint_size(at(i));
    std::int32_t const first = Buckets::offset - 1 + static_cast<std::int32_t>(begin);
    std::int32_t const offset = Time ? first - seconds_shift(Buckets::scale) : first;
    if (offset != 0) append_varint_field(to, 1, zigzag(offset));
    append_length(to, 2, bytes);
    for (std::size_t i = begin; i < end; ++i) append_varint(to, at(i));
}

}  // namespace detail

template <class WallClock>
template <class... Parts>
std::string_view BasicOtlpMetrics<WallClock>::request(Parts&&... parts) noexcept {
    batch_.clear();
    metrics_.cut(0);
    std::uint64_t const now = WallClock::unix_ns();
    detail::OtlpMetricWriter writer{metrics_, start_ns_, now < start_ns_ ? start_ns_ : now};
    (writer.add(parts), ...);
    bool const whole = !metrics_.overflowed() && batch_.add_encoded(metrics_.view());
    ++(whole ? report_.requests : report_.too_large);
    return whole ? batch_.request() : std::string_view{};
}

}  // namespace lastbyte
