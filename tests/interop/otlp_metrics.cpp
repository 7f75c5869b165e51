// Writes the request that otlp_metrics.py asks for, on standard output: ./interop_otlp_metrics otlp|otlp_json <rows
//
// The rows are those of calls.hpp. The request also has a ledger, of three traces with a body and two without, a pipeline
// and a count.
#include <cstdint>
#include <iostream>
#include <string_view>

#include <lastbyte/encode/otlp_metrics.hpp>
#include <lastbyte/encode/otlp_metrics_json.hpp>
#include <lastbyte/pipeline/pipeline.hpp>

#include "calls.hpp"

namespace {

using BySize = lastbyte::Rollup<Call, Named<"sizes">, Distribution<"bytes_out">>;
using Times = lastbyte::Rollup<Call, Named<"times">, Sum<"duration_ms">>;

ByTool by_tool;
BySize by_size;
Times times;

/// The time of day, ten seconds later at each look.
struct WallClock {
    static std::uint64_t unix_ns() noexcept {
        static std::uint64_t now = 1'700'006'390'000'000'000;
        return now += 10'000'000'000;
    }
};

template <class Metrics>
int write() {
    Metrics metrics{lastbyte::Resource{"oddkit", {{"service.version", "1.4.0"}}}, lastbyte::Scope{"tool \"server\"", "0.1"}};
    bool const read = read_calls(std::cin, [](auto const& call, lastbyte::TraceId trace) {
        by_tool.add(call, trace);
        by_size.add(call);
        times.add(call);
    });
    if (!read) return 2;
    trace_five();
    lastbyte::Pipeline<> pipeline;
    pipeline.write("a record");
    std::cout << metrics.request(by_tool, by_size, times, lastbyte::ledger<Telemetry>(), pipeline.report(),
                                 lastbyte::CounterMetric{"points_lost_total", "Lines that were refused.", 3});
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::string_view const what = argc == 2 ? argv[1] : "";
    if (what == "otlp") return write<lastbyte::BasicOtlpMetrics<WallClock>>();
    if (what == "otlp_json") return write<lastbyte::BasicOtlpJsonMetrics<WallClock>>();
    std::cerr << "otlp_metrics: give one of: otlp, otlp_json\n";
    return 2;
}
