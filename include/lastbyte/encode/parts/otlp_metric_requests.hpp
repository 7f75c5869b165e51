// Requests of metrics: an ExportMetricsServiceRequest after the other, of what was counted since the program began.
//
// Metrics come as a whole or not at all: half a request would be half a truth. So they are written beside the envelope and
// put into it when they fit. A warm encoder allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/encode/parts/batch.hpp>
#include <lastbyte/encode/parts/buffer.hpp>
#include <lastbyte/encode/parts/otlp_metric_walk.hpp>
#include <lastbyte/encode/parts/resource.hpp>

namespace lastbyte {

struct OtlpMetricsReport {
    std::uint64_t requests = 0;   ///< that were made
    std::uint64_t too_large = 0;  ///< that were not: longer than `max_bytes`
};

/// What OtlpMetrics and OtlpJsonMetrics are. Make it when the program begins: what it exports has been counted since then.
///
/// A sum is a cumulative, monotonic Sum. A distribution is a cumulative ExponentialHistogram, times in seconds, by the names
/// of the rollup's measures (`http.server.request.duration`). Count, sum, least and greatest are exact. So are the bounds of
/// buckets of amounts; those of times are moved by less than half a bucket (0.47 % up at scale 6), because seconds are no
/// power of the base from nanoseconds. What was below the buckets is in the zero count, with its threshold; what was above
/// them is in the bucket behind the last. A dimension is an attribute, unless it is empty; the series `other` has
/// `otel.metric.overflow`. Exemplars bear the time of the request: the rollup keeps none. One thread's at a time.
template <class Form, class WallClock>
class OtlpMetricRequests {
public:
    static constexpr std::size_t default_max_bytes = Batch<Form, WallClock>::default_max_bytes;

    explicit OtlpMetricRequests(Resource const& resource, Scope const& scope = {},
                                std::size_t max_bytes = default_max_bytes) noexcept
        : batch_(resource, scope, max_bytes), metrics_(max_bytes) {}

    /// A whole request of rollups, LedgerReports, NamedLedgers, reports of pipelines (pipelines()) and CounterMetrics; empty
    /// when it is longer than `max_bytes`. Valid until the next one.
    template <class... Parts>
    [[nodiscard]] std::string_view request(Parts&&... parts) noexcept {
        batch_.clear();
        metrics_.cut(0);
        std::uint64_t const now = WallClock::unix_ns();
        detail::OtlpMetricWalk<Form> walk{metrics_, start_ns_, now < start_ns_ ? start_ns_ : now};
        (walk.add(parts), ...);
        bool const whole = !metrics_.overflowed() && batch_.add_encoded(metrics_.view());
        ++(whole ? report_.requests : report_.too_large);
        return whole ? batch_.request() : std::string_view{};
    }

    [[nodiscard]] OtlpMetricsReport report() const noexcept { return report_; }

private:
    Batch<Form, WallClock> batch_;
    detail::BoundedBuffer metrics_;
    std::uint64_t start_ns_ = WallClock::unix_ns();
    OtlpMetricsReport report_;
};

}  // namespace lastbyte
