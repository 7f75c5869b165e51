// A rollup takes finished rows of its schema, and is asked for what it has.
// expect: lastbyte: add\(\) takes a row of the rollup's schema, which point\.complete\(\.\.\.\) makes, and nothing else
// expect-2: lastbyte: add\(\) takes a row of the rollup's schema
// expect-3: says::this_rollup_has_nothing_called<.*("duration"|'d', 'u', 'r', 'a').*of_this_kind_it_has<.*("duration_ms"|'_', 'm', 's')
// expect-4: says::this_rollup_has_nothing_called<.*("cache_tier"|'c', 'a', 'c', 'h', 'e').*of_this_kind_it_has<.*("tool_name"|'t', 'o', 'o', 'l')
// expect-5: lastbyte: this measure is a Sum, which has no histogram\. Ask for its sum<.+bytes_out
// expect-6: lastbyte: this measure is a Distribution\. Ask for its distribution<.+duration_ms
#include <lastbyte/telemetry/rollup.hpp>

using lastbyte::Blob, lastbyte::By, lastbyte::Distribution, lastbyte::Double, lastbyte::Rollup, lastbyte::Sum;

using ToolCall = lastbyte::Schema<"tool_calls", Blob<1, "tool_name">, Blob<2, "cache_tier">, Double<1, "duration_ms">,
                                  Double<2, "bytes_out">>;
using OtherCall = lastbyte::Schema<"other_calls", Blob<1, "tool_name">>;
using ByTool = Rollup<ToolCall, By<"tool_name">, Distribution<"duration_ms">, Sum<"bytes_out">>;

static ByTool by_tool;

int main() {
    ToolCall::Point point;
    double sum = 0;
#if LASTBYTE_REJECT == 1
    by_tool.add(point);
#elif LASTBYTE_REJECT == 2
    by_tool.add(OtherCall::Point{}.complete());
#else
    by_tool.add(point.complete());
    by_tool.add(point.complete(), {1, 2});
#endif
    by_tool.for_each_series([&](ByTool::Series const& series) {
#if LASTBYTE_REJECT == 3
        sum += static_cast<double>(series.distribution<"duration">().largest());
#elif LASTBYTE_REJECT == 4
        sum += static_cast<double>(series.get<"cache_tier">().size());
#elif LASTBYTE_REJECT == 5
        sum += static_cast<double>(series.distribution<"bytes_out">().largest());
#elif LASTBYTE_REJECT == 6
        sum += series.sum<"duration_ms">();
#else
        sum += static_cast<double>(series.distribution<"duration_ms">().largest() + series.get<"tool_name">().size());
        sum += series.sum<"bytes_out">();
#endif
    });
    return static_cast<int>(sum);
}
