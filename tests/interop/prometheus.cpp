// Writes the page that prometheus.py asks for: ./interop_prometheus openmetrics|prometheus <rows
//
// A row is a line of a tool and a tier in hexadecimal ("-" is an empty one), an outcome, milliseconds, bytes, and the number
// of its trace. The page also has a ledger, of three traces with a body and two without, and two pipelines: one that
// delivered two records, was refused a third and has lost an empty one, and one with a record that waits.
#include <cstdint>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>

#include <lastbyte/encode/prometheus.hpp>
#include <lastbyte/lastbyte.hpp>
#include <lastbyte/pipeline/pipeline.hpp>

using lastbyte::Blob, lastbyte::By, lastbyte::Distribution, lastbyte::Double, lastbyte::ErrorType, lastbyte::Named,
    lastbyte::Sum, lastbyte::Unit;

namespace {

struct Telemetry : lastbyte::DefaultPolicy {};

using Call = lastbyte::Schema<"tool_calls", Blob<1, "tool.name">, Blob<2, "cache_tier">, Blob<3, "outcome">,
                              Double<1, "duration_ms">, Double<2, "bytes_out">>;
struct Bounds : lastbyte::RollupLimits {
    static constexpr std::size_t max_series = 24;
};
using ByTool = lastbyte::RollupWithin<Bounds, Call, By<"tool.name", "cache_tier">, ErrorType<"outcome">,
                                      Distribution<"duration_ms", "http.server.request.duration">,
                                      Sum<"bytes_out", "http.server.response.body.size", Unit::bytes>>;
using BySize = lastbyte::Rollup<Call, Named<"sizes">, Distribution<"bytes_out">, Sum<"duration_ms">>;

ByTool by_tool;
BySize by_size;

std::string text(std::string const& hexadecimal) {
    std::string bytes;
    for (std::size_t at = 0; hexadecimal != "-" && at < hexadecimal.size(); at += 2)
        bytes += static_cast<char>(std::stoi(hexadecimal.substr(at, 2), nullptr, 16));
    return bytes;
}

void trace(bool with_a_body) {
    lastbyte::Tracer<Telemetry> tracer;
    { auto const span = tracer.span<"index">(); }
    if (!with_a_body) return;
    auto body = lastbyte::defer_until_consumed(tracer.body([]() -> std::optional<std::string> { return std::nullopt; }),
                                               [](lastbyte::Reading<Telemetry> const&) {});
    (void)body();
}

}  // namespace

int main(int count, char** words) {
    if (count != 2) return 2;
    std::string line, tool, tier, outcome;
    double milliseconds = 0, bytes = 0;
    std::uint64_t number = 0;
    while (std::getline(std::cin, line)) {
        std::istringstream words_of{line};
        if (!(words_of >> tool >> tier >> outcome >> milliseconds >> bytes >> number)) return 2;
        Call::Point point;
        point.set<"tool.name">(text(tool));
        point.set<"cache_tier">(text(tier));
        point.set<"outcome">(outcome);
        point.set<"duration_ms">(milliseconds);
        point.set<"bytes_out">(bytes);
        by_tool.add(point.complete(), {7, number});
        by_size.add(point.complete());
    }
    for (int i = 0; i < 5; ++i) trace(i < 3);
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
