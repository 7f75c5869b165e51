// OTLP logs as protobuf: one log record for each data point, tied to its trace.
//
// What is in a record is told in otlp_log_record.hpp. About 30 ns a field, no allocation. POST it to /v1/logs with
// Content-Type: application/x-protobuf.
#pragma once

#include <lastbyte/encode/parts/batch.hpp>
#include <lastbyte/encode/parts/otlp_fields.hpp>
#include <lastbyte/encode/parts/otlp_log_record.hpp>

namespace lastbyte {

struct OtlpLogs : detail::OtlpLogRecords<detail::OtlpProtobufForm> {};

/// `OtlpLogBatch events{Resource{"oddkit"}};`, then `events.add(point.complete(…), done)` where the row is made, and in
/// the end `events.request()`.
using OtlpLogBatch = Batch<OtlpLogs>;

}  // namespace lastbyte
