// The page of metrics, letter by letter: names, units, labels, escapes, bounds, exemplars, and what only one format has.
// Other people's parsers read it in tests/interop/prometheus.py.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <lastbyte/encode/prometheus.hpp>
#include <lastbyte/pipeline/report.hpp>

using namespace lastbyte;

namespace {

using Call = Schema<"tool_calls", Blob<1, "tool.name">, Blob<2, "outcome">, Double<1, "duration_ms">, Double<2, "bytes_out">,
                    Double<3, "9_lives">>;
struct Bounds : RollupLimits {
    static constexpr std::size_t max_series = 2;
};
using ByTool = RollupWithin<Bounds, Call, By<"tool.name">, ErrorType<"outcome">,
                            Distribution<"duration_ms", "http.server.request.duration">,
                            Sum<"bytes_out", "http.server.response.body.size", Unit::bytes>>;

Call::Row call(std::string_view tool, double ms = 0, double bytes = 0, std::string_view outcome = "complete") {
    Call::Point point;
    point.set<"tool.name">(tool);
    point.set<"outcome">(outcome);
    point.set<"duration_ms">(ms);
    point.set<"bytes_out">(bytes);
    point.set<"9_lives">(bytes);
    return point.complete();
}

template <class... Parts>
std::string openmetrics_of(Parts&&... parts) {
    std::string page;
    write_openmetrics(page, parts...);
    return page;
}
template <class... Parts>
std::string prometheus_of(Parts&&... parts) {
    std::string page;
    write_prometheus(page, parts...);
    return page;
}

/// The lines that begin so.
std::string lines(std::string const& page, std::string_view beginning) {
    std::string found;
    for (std::size_t at = 0; at < page.size();) {
        std::size_t const end = page.find('\n', at) + 1;
        if (page.compare(at, beginning.size(), beginning) == 0) found += page.substr(at, end - at);
        at = end;
    }
    return found;
}
bool has(std::string const& page, std::string_view text) { return page.find(text) != std::string::npos; }

/// A report whose counts are 1000, 1001, and so on.
template <class Report>
constexpr std::size_t counts_of = sizeof(Report) / sizeof(std::uint64_t);
template <class Report>
Report counted() {
    Report report;
    auto* const counts = reinterpret_cast<std::uint64_t*>(&report);
    for (std::size_t i = 0; i < counts_of<Report>; ++i) counts[i] = 1000 + i;
    return report;
}
/// How many of them the page has exactly once.
template <class Report>
std::size_t shown_once(std::string const& page) {
    std::size_t shown = 0;
    for (std::size_t i = 0; i < counts_of<Report>; ++i) {
        auto const value = " " + std::to_string(1000 + i) + "\n";
        shown += page.find(value) != std::string::npos && page.find(value) == page.rfind(value) ? 1u : 0u;
    }
    return shown;
}

}  // namespace

TEST_CASE("a rollup in OpenMetrics: native names with units, cumulative buckets, an exemplar, a label for an error only") {
    static ByTool by_tool;
    by_tool.add(call("search", 3.5, 100, "aborted"), {0xabc, 0x123});
    by_tool.add(call("search", 1.5, 10), {1, 2});
    by_tool.add(call("search", 5, 20));
    CHECK(openmetrics_of(with_bounds<20, 22>(by_tool)) ==
          R"(# HELP http_server_request_duration_seconds Of the rows' field duration_ms
# TYPE http_server_request_duration_seconds histogram
# UNIT http_server_request_duration_seconds seconds
http_server_request_duration_seconds_bucket{tool_name="search",error_type="aborted",le="0.001048576"} 0
http_server_request_duration_seconds_bucket{tool_name="search",error_type="aborted",le="0.002097152"} 0
http_server_request_duration_seconds_bucket{tool_name="search",error_type="aborted",le="0.004194304"} 1)"
          R"( # {trace_id="0000000000000abc0000000000000123"} 0.0035
http_server_request_duration_seconds_bucket{tool_name="search",error_type="aborted",le="+Inf"} 1
http_server_request_duration_seconds_sum{tool_name="search",error_type="aborted"} 0.0035
http_server_request_duration_seconds_count{tool_name="search",error_type="aborted"} 1
http_server_request_duration_seconds_bucket{tool_name="search",le="0.001048576"} 0
http_server_request_duration_seconds_bucket{tool_name="search",le="0.002097152"} 1)"
          R"( # {trace_id="00000000000000010000000000000002"} 0.0015
http_server_request_duration_seconds_bucket{tool_name="search",le="0.004194304"} 1
http_server_request_duration_seconds_bucket{tool_name="search",le="+Inf"} 2
http_server_request_duration_seconds_sum{tool_name="search"} 0.0065
http_server_request_duration_seconds_count{tool_name="search"} 2
# HELP http_server_response_body_size_bytes Of the rows' field bytes_out
# TYPE http_server_response_body_size_bytes counter
# UNIT http_server_response_body_size_bytes bytes
http_server_response_body_size_bytes_total{tool_name="search",error_type="aborted"} 100
http_server_response_body_size_bytes_total{tool_name="search"} 30
# HELP tool_calls_rollup_series Combinations of values that have a series.
# TYPE tool_calls_rollup_series gauge
tool_calls_rollup_series 2
# HELP tool_calls_rollup_series_limit The most series there can be.
# TYPE tool_calls_rollup_series_limit gauge
tool_calls_rollup_series_limit 2
# HELP tool_calls_rollup_overflow_rows Rows whose combination of values found no series.
# TYPE tool_calls_rollup_overflow_rows counter
tool_calls_rollup_overflow_rows_total 0
# HELP tool_calls_rollup_values_cut Values of dimensions that were too long.
# TYPE tool_calls_rollup_values_cut counter
tool_calls_rollup_values_cut_total 0
# HELP tool_calls_rollup_negatives Values of measures below 0, which count as 0.
# TYPE tool_calls_rollup_negatives counter
tool_calls_rollup_negatives_total 0
# EOF
)");
}

TEST_CASE("Prometheus' own format has no exemplars, units or end, and describes a counter by its full name") {
    static ByTool by_tool;
    by_tool.add(call("search", 3.5, 100), {1, 2});
    auto const page = prometheus_of(with_bounds<20, 22>(by_tool), CounterMetric{"own_total", "Of mine.", 7});
    CHECK_FALSE(has(page, "# {"));
    CHECK_FALSE(has(page, "# UNIT"));
    CHECK_FALSE(has(page, "# EOF"));
    CHECK(lines(page, "# TYPE http_server_response") == "# TYPE http_server_response_body_size_bytes_total counter\n");
    CHECK(lines(page, "own") == "own_total 7\n");
    CHECK(lines(page, "# TYPE own") == "# TYPE own_total counter\n");
    CHECK(lines(openmetrics_of(CounterMetric{"own", "Of mine.", 7}), "") ==
          "# HELP own Of mine.\n# TYPE own counter\nown_total 7\n# EOF\n");
    CHECK(has(openmetrics_of(by_tool), "# {trace_id"));  // which the page without exemplars has left there
}

TEST_CASE("backslashes, quotes and newlines in labels and help are escaped") {
    static ByTool by_tool;
    by_tool.add(call("a\\b\"c\nd\té"));
    CHECK(has(prometheus_of(by_tool), "{tool_name=\"a\\\\b\\\"c\\nd\té\"}"));
    CounterMetric const own{"own", "\"a\\b\"\nc", 1};
    CHECK(lines(prometheus_of(own), "# HELP") == "# HELP own_total \"a\\\\b\"\\nc\n");
    CHECK(lines(openmetrics_of(own), "# HELP") == "# HELP own \\\"a\\\\b\\\"\\nc\n");
}

TEST_CASE("rows without a series are one that is labelled as overflow, and a counter") {
    static ByTool by_tool;
    for (auto const* tool : {"a", "b", "c", "d"}) by_tool.add(call(tool, 1, 5));
    auto const page = prometheus_of(by_tool);
    CHECK(lines(page, "http_server_response_body_size") ==
          "http_server_response_body_size_bytes_total{tool_name=\"a\"} 5\n"
          "http_server_response_body_size_bytes_total{tool_name=\"b\"} 5\n"
          "http_server_response_body_size_bytes_total{otel_metric_overflow=\"true\"} 10\n");
    CHECK(lines(page, "tool_calls_rollup_overflow") == "tool_calls_rollup_overflow_rows_total 2\n");
}

TEST_CASE("the name of a measure without one is that of the schema and the field, its unit behind it and not twice") {
    using Plain = Rollup<Call, Distribution<"duration_ms">, Sum<"bytes_out">, Sum<"9_lives">>;
    static Plain plain;
    plain.add(call("a", 1500, 2.5));
    auto const page = openmetrics_of(plain);
    CHECK(lines(page, "tool_calls_duration_seconds_sum") == "tool_calls_duration_seconds_sum 1.5\n");
    CHECK(lines(page, "tool_calls_bytes_out_total") == "tool_calls_bytes_out_total 2.5\n");
    CHECK(lines(page, "tool_calls__9_lives_total") == "tool_calls__9_lives_total 2.5\n");
    using Long = Rollup<Call, Named<"by-all">, Sum<"duration_ms", "wait.seconds">, Sum<"bytes_out", "1st">>;
    static Long named;
    named.add(call("a", 1500, 2.5));
    auto const other = openmetrics_of(named);
    CHECK(lines(other, "wait") == "wait_seconds_total 1.5\n");
    CHECK(lines(other, "_1st") == "_1st_total 2.5\n");
    CHECK(lines(other, "by_all_rows") == "by_all_rows_total 1\n");
    CHECK(lines(other, "by_all_rollup_series ") == "by_all_rollup_series 1\n");
}

TEST_CASE("what is no time has bounds at powers of four, written as floats, and whole exemplars") {
    using Sizes = Rollup<Call, Distribution<"bytes_out">>;
    static Sizes sizes;
    sizes.add(call("a", 0, 64));
    sizes.add(call("a", 0, 65), {0, 9});
    sizes.add(call("a", 0, 5e9), {0, 8});
    auto const page = openmetrics_of(sizes);
    CHECK(lines(page, "tool_calls_bytes_out_bucket{le=\"64") == "tool_calls_bytes_out_bucket{le=\"64.0\"} 1\n");
    CHECK(lines(page, "tool_calls_bytes_out_bucket{le=\"256") ==
          "tool_calls_bytes_out_bucket{le=\"256.0\"} 2 # {trace_id=\"00000000000000000000000000000009\"} 65\n");
    CHECK(lines(page, "tool_calls_bytes_out_bucket{le=\"1073741824") ==
          "tool_calls_bytes_out_bucket{le=\"1073741824.0\"} 2\n");
    CHECK(lines(page, "tool_calls_bytes_out_bucket{le=\"+Inf") ==
          "tool_calls_bytes_out_bucket{le=\"+Inf\"} 3 # {trace_id=\"00000000000000000000000000000008\"} 5000000000\n");
    CHECK(lines(page, "tool_calls_bytes_out_sum") == "tool_calls_bytes_out_sum 5000000129\n");
}

TEST_CASE("a bucket of several powers of two shows the slowest of their exemplars") {
    using Times = Rollup<Call, Distribution<"duration_ms">>;
    static Times times;
    for (double const ms : {0.01, 0.03, 0.06, 0.1}) times.add(call("a", ms), {0, static_cast<std::uint64_t>(ms * 100)});
    auto const page = openmetrics_of(with_bounds<9, 42, 33>(times));
    CHECK(lines(page, "tool_calls_duration_seconds_bucket") ==
          "tool_calls_duration_seconds_bucket{le=\"0.000000512\"} 0\n"
          "tool_calls_duration_seconds_bucket{le=\"4398.046511104\"} 4 # {trace_id=\"0000000000000000000000000000000a\"} "
          "0.0001\n"
          "tool_calls_duration_seconds_bucket{le=\"+Inf\"} 4\n");
}

TEST_CASE("bounds outside the histogram's range are left out") {
    using Times = Rollup<Call, Distribution<"duration_ms">>;
    static Times times;
    times.add(call("a", 1));
    auto const page = prometheus_of(with_bounds<0, 63, 50>(times));
    CHECK(lines(page, "tool_calls_duration_seconds_bucket") == "tool_calls_duration_seconds_bucket{le=\"+Inf\"} 1\n");
}

TEST_CASE("every count of a ledger is on the page, each under its own cause") {
    auto const report = counted<LedgerReport>();
    auto const page = prometheus_of(report);
    CHECK(shown_once<LedgerReport>(page) == counts_of<LedgerReport>);
    CHECK(lines(page, "lastbyte_spans_lost") ==
          "lastbyte_spans_lost_total{cause=\"over_bound\"} 1006\n"
          "lastbyte_spans_lost_total{cause=\"unsampled\"} 1007\n"
          "lastbyte_spans_lost_total{cause=\"late\"} 1008\n"
          "lastbyte_spans_lost_total{cause=\"unstored\"} 1009\n");
    CHECK(lines(page, "lastbyte_traces_live") == "lastbyte_traces_live 1004\n");
    CHECK(has(prometheus_of(NamedLedger{"docs", report}), "docs_traces_started_total 1000\n"));
}

TEST_CASE("every count of a pipeline is on the page, each loss under its own cause") {
    auto const report = counted<PipelineReport>();
    auto const page = prometheus_of(report);
    CHECK(shown_once<PipelineReport>(page) == counts_of<PipelineReport>);
    CHECK(lines(page, "lastbyte_pipeline_records_lost") ==
          "lastbyte_pipeline_records_lost_total{cause=\"full\"} 1003\n"
          "lastbyte_pipeline_records_lost_total{cause=\"evicted\"} 1004\n"
          "lastbyte_pipeline_records_lost_total{cause=\"too_large\"} 1005\n"
          "lastbyte_pipeline_records_lost_total{cause=\"no_memory\"} 1006\n"
          "lastbyte_pipeline_records_lost_total{cause=\"refused\"} 1007\n"
          "lastbyte_pipeline_records_lost_total{cause=\"spool_lost\"} 1008\n");
    CHECK(report.lost() == 1003 + 1004 + 1005 + 1006 + 1007 + 1008);
    CHECK(lines(page, "# TYPE lastbyte_pipeline_records_pending") == "# TYPE lastbyte_pipeline_records_pending gauge\n");
}

TEST_CASE("several pipelines are one family each, with their names as a label") {
    PipelineReport rows, traces;
    rows.delivered = 7;
    traces.delivered = 8;
    auto const page = openmetrics_of(pipelines(NamedPipeline{"rows", rows}, NamedPipeline{"traces", traces}));
    CHECK(lines(page, "# HELP lastbyte_pipeline_records_delivered") ==
          "# HELP lastbyte_pipeline_records_delivered Records that the transport took.\n");
    CHECK(lines(page, "lastbyte_pipeline_records_delivered") ==
          "lastbyte_pipeline_records_delivered_total{pipeline=\"rows\"} 7\n"
          "lastbyte_pipeline_records_delivered_total{pipeline=\"traces\"} 8\n");
    CHECK(lines(page, "# TYPE lastbyte_pipeline_records_lost") == "# TYPE lastbyte_pipeline_records_lost counter\n");
    CHECK(has(page, "lastbyte_pipeline_records_lost_total{pipeline=\"traces\",cause=\"full\"} 0\n"));

    std::vector<NamedPipeline<PipelineReport>> as_many_as_there_are;
    CHECK(prometheus_of(as_many_as_there_are).empty());
    as_many_as_there_are.assign({{"rows", rows}, {"traces", traces}});
    CHECK(openmetrics_of(as_many_as_there_are) == page);
}

TEST_CASE("an empty rollup is a page of descriptions") {
    static ByTool by_tool;
    CHECK(lines(prometheus_of(by_tool), "http").empty());
    CHECK(lines(prometheus_of(by_tool), "# TYPE http_server_request") ==
          "# TYPE http_server_request_duration_seconds histogram\n");
}

TEST_CASE("the format is the one that the scraper accepts, and has its content type") {
    CHECK(metrics_format_for("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1") ==
          MetricsFormat::openmetrics);
    CHECK(metrics_format_for("text/html,*/*") == MetricsFormat::prometheus);
    CHECK(metrics_format_for("") == MetricsFormat::prometheus);
    CHECK(content_type(MetricsFormat::openmetrics) == "application/openmetrics-text; version=1.0.0; charset=utf-8");
    CHECK(content_type(MetricsFormat::prometheus) == "text/plain; version=0.0.4; charset=utf-8");
}
