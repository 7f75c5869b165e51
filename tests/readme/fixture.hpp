// What the README's code blocks take for granted: its first program's policy, and a stream of 1024 bytes.
#pragma once

#include <lastbyte/encode/chrome_trace.hpp>
#include <lastbyte/encode/clickhouse.hpp>
#include <lastbyte/encode/clickhouse_table.hpp>
#include <lastbyte/encode/html_report.hpp>
#include <lastbyte/encode/ndjson.hpp>
#include <lastbyte/encode/otlp.hpp>
#include <lastbyte/encode/otlp_json.hpp>
#include <lastbyte/encode/otlp_logs.hpp>
#include <lastbyte/encode/otlp_logs_json.hpp>
#include <lastbyte/encode/otlp_metrics.hpp>
#include <lastbyte/encode/otlp_metrics_json.hpp>
#include <lastbyte/encode/prometheus.hpp>
#include <lastbyte/encode/stamped.hpp>
#include <lastbyte/lastbyte.hpp>
#include <lastbyte/pipeline/worker.hpp>
#include <lastbyte/telemetry/data_point.hpp>
#include <lastbyte/transport/file.hpp>
#include <lastbyte/transport/http.hpp>
#include <lastbyte/transport/http_retry.hpp>
#include <lastbyte/transport/otlp_http.hpp>

#include <chrono>
#include <functional>
#include <iostream>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

enum class Source { memory, cache, r2, build, miss };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "file:*">, lastbyte::Never<Source::miss>>>;
};

inline auto file_stream() {
    return [left = 2]() mutable -> std::optional<std::string> {
        if (left-- == 0) return std::nullopt;
        return std::string(512, 'x');
    };
}
