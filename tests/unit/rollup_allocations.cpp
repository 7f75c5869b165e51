// Allocations: a rollup makes none, whether it is written, read or shown. Not for ThreadSanitizer, which has an operator new
// of its own.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include <lastbyte/encode/prometheus.hpp>

#include "counting_new.hpp"

using namespace lastbyte;

namespace {

using Call = Schema<"calls", Blob<1, "tool">, Blob<2, "outcome">, Double<1, "duration_ms">, Double<2, "bytes_out">>;
using ByTool = Rollup<Call, By<"tool">, ErrorType<"outcome">, Distribution<"duration_ms">, Sum<"bytes_out">>;

Call::Row call(std::string const& tool, double number, std::string_view outcome) {
    Call::Point point;
    point.set<"tool">(tool);
    point.set<"outcome">(outcome);
    point.set<"duration_ms">(number);
    point.set<"bytes_out">(number);
    return point.complete();
}

/// Takes a page without keeping it.
struct Counted {
    std::size_t bytes = 0;
    void append(char const*, std::size_t size) { bytes += size; }
};

}  // namespace

TEST_CASE("adding a row allocates nothing, neither for a new series nor for an old one") {
    static ByTool by_tool;
    std::vector<Call::Row> rows;
    for (int i = 0; i < 100; ++i) rows.push_back(call(std::to_string(i), i, i % 3 == 0 ? "aborted" : "complete"));
    auto const before = allocations;
    for (auto const& row : rows) by_tool.add(row, {1, 2});
    for (auto const& row : rows) by_tool.add(row);
    auto const made = allocations - before;
    CHECK(made == 0);
    CHECK(by_tool.report().rows == 200);
    CHECK(by_tool.report().rows_in_other == 72);
}

TEST_CASE("reading a rollup, and writing it for Prometheus, allocates nothing") {
    static ByTool by_tool;
    for (int i = 0; i < 70; ++i) by_tool.add(call(std::to_string(i), 1, "complete"), {1, 2});
    Counted page;
    auto const before = allocations;
    std::uint64_t seen = 0;
    by_tool.for_each_series([&](ByTool::Series const& series) {
        seen += series.distribution<"duration_ms">().quantile(0.99);
        series.for_each_exemplar<0>([&](Exemplar const&) { ++seen; });
    });
    write_openmetrics(page, by_tool, LedgerReport{});
    write_prometheus(page, by_tool, LedgerReport{});
    auto const made = allocations - before;
    CHECK(made == 0);
    CHECK(seen == 65 * 1'000'001);
    CHECK(page.bytes > 100'000);
}
