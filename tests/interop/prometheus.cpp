// Writes the page that prometheus.py asks for: ./interop_prometheus openmetrics|prometheus <rows
//
// The rows are those of calls.hpp. The page also has a ledger, of three traces with a body and two without, and two pipelines: one that
// delivered two records, was refused a third and has lost an empty one, and one with a record that waits.
#include <iostream>
#include <string>
#include <string_view>

#include <lastbyte/encode/prometheus.hpp>
#include <lastbyte/pipeline/pipeline.hpp>

#include "calls.hpp"

namespace {

using BySize = lastbyte::Rollup<Call, Named<"sizes">, Distribution<"bytes_out">, Sum<"duration_ms">>;

ByTool by_tool;
BySize by_size;

}  // namespace

int main(int count, char** words) {
    if (count != 2) return 2;
    bool const read = read_calls(std::cin, [](auto const& call, lastbyte::TraceId trace) {
        by_tool.add(call, trace);
        by_size.add(call);
    });
    if (!read) return 2;
    trace_five();
    lastbyte::Pipeline<> rows, traces;
    for (std::string_view const record : {"one", "", "two", "three"}) rows.write(record);
    rows.drain([](std::string_view record) {
        return record == "three" ? lastbyte::Delivered::never : lastbyte::Delivered::yes;
    });
    traces.write("waits");
    std::string page;
    auto const format =
        words[1] == std::string("openmetrics") ? lastbyte::MetricsFormat::openmetrics : lastbyte::MetricsFormat::prometheus;
    lastbyte::write_metrics(page, format, by_tool, by_size, lastbyte::ledger<Telemetry>(),
                            lastbyte::pipelines(lastbyte::NamedPipeline{"rows", rows.report()},
                                                lastbyte::NamedPipeline{"traces", traces.report()}),
                            lastbyte::CounterMetric{"points_lost_total", "Lines that \"points\\ndjson\"\nrefused.", 3});
    std::cout << page;
}
