// What the README's code blocks take for granted: its first program's policy, and a stream of 1024 bytes.
#pragma once

#include <lastbyte/encode/ndjson.hpp>
#include <lastbyte/encode/prometheus.hpp>
#include <lastbyte/lastbyte.hpp>
#include <lastbyte/telemetry/data_point.hpp>
#include <lastbyte/transport/file.hpp>

#include <chrono>
#include <functional>
#include <iostream>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

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
