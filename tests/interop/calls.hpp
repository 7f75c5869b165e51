// The calls that prometheus.py and otlp_metrics.py invent, and where they are added up: what the programs of both write out.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <sstream>
#include <string>

#include <lastbyte/lastbyte.hpp>
#include <lastbyte/telemetry/rollup.hpp>

using lastbyte::Blob, lastbyte::By, lastbyte::Distribution, lastbyte::Double, lastbyte::ErrorType, lastbyte::Named,
    lastbyte::Sum, lastbyte::Unit;

struct Telemetry : lastbyte::DefaultPolicy {};

using Call = lastbyte::Schema<"tool_calls", Blob<1, "tool.name">, Blob<2, "cache_tier">, Blob<3, "outcome">,
                              Double<1, "duration_ms">, Double<2, "bytes_out">>;
struct Bounds : lastbyte::RollupLimits {
    static constexpr std::size_t max_series = 24;
};
using ByTool = lastbyte::RollupWithin<Bounds, Call, By<"tool.name", "cache_tier">, ErrorType<"outcome">,
                                      Distribution<"duration_ms", "http.server.request.duration">,
                                      Sum<"bytes_out", "http.server.response.body.size", Unit::bytes>>;

inline std::string text_of(std::string const& hexadecimal) {
    std::string bytes;
    for (std::size_t at = 0; hexadecimal != "-" && at < hexadecimal.size(); at += 2)
        bytes += static_cast<char>(std::stoi(hexadecimal.substr(at, 2), nullptr, 16));
    return bytes;
}

/// Calls `add(point, trace_id)` for each row. A row is a line of a tool and a tier in hexadecimal ("-" is an empty one), an
/// outcome, milliseconds, bytes, and the number of its trace. False at a line that is none.
template <class Add>
bool read_calls(std::istream& rows, Add add) {
    std::string line, tool, tier, outcome;
    double milliseconds = 0, bytes = 0;
    std::uint64_t number = 0;
    while (std::getline(rows, line)) {
        std::istringstream words{line};
        if (!(words >> tool >> tier >> outcome >> milliseconds >> bytes >> number)) return false;
        Call::Point point;
        point.set<"tool.name">(text_of(tool));
        point.set<"cache_tier">(text_of(tier));
        point.set<"outcome">(outcome);
        point.set<"duration_ms">(milliseconds);
        point.set<"bytes_out">(bytes);
        add(point.complete(), lastbyte::TraceId{7, number});
    }
    return true;
}

/// What the ledger has to show: three traces with a body, and two without.
inline void trace_five() {
    for (bool const with_a_body : {true, true, true, false, false}) {
        lastbyte::Tracer<Telemetry> tracer;
        { auto const span = tracer.span<"index">(); }
        if (!with_a_body) continue;
        auto body =
            lastbyte::defer_until_consumed(tracer.body([]() -> std::optional<std::string> { return std::nullopt; }),
                                           [](lastbyte::Reading<Telemetry> const&) {});
        (void)body();
    }
}
