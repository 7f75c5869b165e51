// OTLP metrics as protobuf: an ExportMetricsServiceRequest from rollups and ledgers, as every OpenTelemetry collector takes
// it.
//
// What becomes of what is told in otlp_metric_requests.hpp. About 5 µs a series; a warm encoder allocates nothing. POST it
// to /v1/metrics with Content-Type: application/x-protobuf.
#pragma once

#include <lastbyte/encode/parts/otlp_fields.hpp>
#include <lastbyte/encode/parts/otlp_metric_requests.hpp>

namespace lastbyte {

template <class WallClock = SystemWallClock>
using BasicOtlpMetrics = OtlpMetricRequests<detail::OtlpProtobufForm, WallClock>;

///     static lastbyte::OtlpMetrics metrics{lastbyte::Resource{"oddkit"}};
///     collector.write(metrics.request(by_tool, lastbyte::ledger<Telemetry>()));      // every ten seconds
using OtlpMetrics = BasicOtlpMetrics<>;

}  // namespace lastbyte
