// A rollup is held against its schema where it is declared: names, kinds, and what stands in it twice.
// expect: says::no_field_is_called<.*("tool"|'t', 'o', 'o', 'l').*did_you_mean<.*("tool_name"|'t', 'o', 'o', 'l', '_', 'n', 'a', 'm', 'e')
// expect-2: says::a_dimension_is_a_Blob_field_and_this_is_a_Double_so_give_it_to_Distribution_or_Sum<.*("duration_ms"|'d', 'u', 'r', 'a')
// expect-3: says::a_measure_is_a_Double_field_and_this_is_a_Blob_so_give_it_to_By<.*("cache_tier"|'c', 'a', 'c', 'h', 'e')
// expect-4: says::no_field_is_called<.*("duration"|'d', 'u', 'r', 'a', 't', 'i', 'o', 'n').*did_you_mean<.*("duration_ms"|'_', 'm', 's')
// expect-5: says::two_dimensions_of_this_rollup_are<.*("outcome"|'o', 'u', 't', 'c', 'o', 'm', 'e')
// expect-6: says::two_measures_of_this_rollup_are_of_one_field_and_a_Distribution_has_its_sum<.*("bytes_out"|'b', 'y', 't', 'e', 's')
// expect-7: lastbyte: a rollup is made of By<.+tool_name.+>, ErrorType<.+outcome.+>, Distribution<.+duration_ms.+>
// expect-8: lastbyte: Named<.+> gives a rollup no name\. Leave it out, or name it
// expect-9: lastbyte: max_series of a rollup lies in 1\.\.32768
// expect-10: says::a_measure_is_a_Double_field_and_this_is_a_Blob_so_give_it_to_By<.*("tool_name"|'t', 'o', 'o', 'l')
// expect-11: says::a_dimension_is_a_Blob_field_and_this_is_a_Double_so_give_it_to_Distribution_or_Sum<.*("bytes_out"|'b', 'y', 't', 'e', 's')
// expect-12: lastbyte: lanes of a rollup lies in 1\.\.8
#include <lastbyte/telemetry/rollup.hpp>

using lastbyte::Blob, lastbyte::By, lastbyte::Distribution, lastbyte::Double, lastbyte::ErrorType, lastbyte::Named,
    lastbyte::Rollup, lastbyte::Sum;

using ToolCall = lastbyte::Schema<"tool_calls", Blob<1, "tool_name">, Blob<2, "cache_tier">, Blob<3, "outcome">,
                                  Double<1, "duration_ms">, Double<2, "bytes_out">>;
struct NoSeries : lastbyte::RollupLimits {
    static constexpr std::size_t max_series = 0;
};
struct NoLanes : lastbyte::RollupLimits {
    static constexpr std::size_t lanes = 0;
};

#if LASTBYTE_REJECT == 1
using ByTool = Rollup<ToolCall, By<"tool", "cache_tier">, Distribution<"duration_ms">>;
#elif LASTBYTE_REJECT == 2
using ByTool = Rollup<ToolCall, By<"tool_name", "duration_ms">, Sum<"bytes_out">>;
#elif LASTBYTE_REJECT == 3
using ByTool = Rollup<ToolCall, By<"tool_name">, Distribution<"cache_tier">>;
#elif LASTBYTE_REJECT == 4
using ByTool = Rollup<ToolCall, By<"tool_name">, Distribution<"duration">>;
#elif LASTBYTE_REJECT == 5
using ByTool = Rollup<ToolCall, By<"tool_name", "outcome">, ErrorType<"outcome">, Distribution<"duration_ms">>;
#elif LASTBYTE_REJECT == 6
using ByTool = Rollup<ToolCall, By<"tool_name">, Distribution<"bytes_out">, Sum<"bytes_out">>;
#elif LASTBYTE_REJECT == 7
using ByTool = Rollup<ToolCall, Blob<1, "tool_name">, Distribution<"duration_ms">>;
#elif LASTBYTE_REJECT == 8
using ByTool = Rollup<ToolCall, Named<"">, By<"tool_name">, Distribution<"duration_ms">>;
#elif LASTBYTE_REJECT == 9
using ByTool = lastbyte::RollupWithin<NoSeries, ToolCall, By<"tool_name">, Distribution<"duration_ms">>;
#elif LASTBYTE_REJECT == 10
using ByTool = Rollup<ToolCall, Sum<"tool_name">>;
#elif LASTBYTE_REJECT == 11
using ByTool = Rollup<ToolCall, ErrorType<"bytes_out">>;
#elif LASTBYTE_REJECT == 12
using ByTool = lastbyte::RollupWithin<NoLanes, ToolCall, By<"tool_name">, Distribution<"duration_ms">>;
#else
using ByTool = Rollup<ToolCall, Named<"by_tool">, By<"tool_name", "cache_tier">, ErrorType<"outcome">,
                      Distribution<"duration_ms">, Sum<"bytes_out">>;
#endif

static ByTool by_tool;

int main() { return static_cast<int>(by_tool.report().rows); }
