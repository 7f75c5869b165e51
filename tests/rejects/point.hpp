// What the rejects about data points share: a point with facts from before and after the body.
#pragma once

#include <lastbyte/encode/ndjson.hpp>
#include <lastbyte/telemetry/data_point.hpp>

#include "policy.hpp"

using lastbyte::after_body, lastbyte::Blob, lastbyte::Double, lastbyte::IndexOf, lastbyte::Schema, lastbyte::set;

using ToolCall = Schema<"tool_calls", Blob<1, "method">, Blob<2, "cache_tier", after_body>, Double<1, "count">,
                        Double<2, "bytes_out", after_body>, IndexOf<1, "method">>;
using OtherCall = Schema<"other_calls", Blob<1, "method">>;

struct Lines {
    bool write(std::string_view) noexcept { return true; }
};
