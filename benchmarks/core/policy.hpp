// What is measured: the seed's sources, rule and data point, as a service would declare them.
#pragma once

#include <lastbyte/lastbyte.hpp>
#include <lastbyte/telemetry/data_point.hpp>

namespace benchmarks {

enum class Source { memory, cache, r2, kv, github, build, miss };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers =
        lastbyte::TierRules<Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "index-build", "file:*">,
                                                        lastbyte::Never<Source::miss>>>;
    using Hits = lastbyte::Hits<Source::memory, Source::cache, Source::r2, Source::kv>;
};
/// For requests of many spans.
struct Long : Telemetry {
    static constexpr std::size_t max_spans = 512;
};
/// Keeps no spans of any trace.
struct Unsampled : Telemetry {
    using Sampler = lastbyte::SampleRatio<0, 1>;
};
/// For OpenTelemetry's span of ten attributes.
struct Wide : Telemetry {
    static constexpr std::size_t max_attributes = 10;
};
struct Disabled : Telemetry {
    static constexpr bool enabled = false;
};

using lastbyte::after_body, lastbyte::Blob, lastbyte::Double, lastbyte::IndexOf;
using ToolCall = lastbyte::Schema<
    "tool_calls", Blob<1, "event_type">, Blob<2, "method">, Blob<3, "tool_name">, Blob<4, "consumer_label">,
    Blob<5, "consumer_source">, Blob<6, "knowledge_base_url">, Blob<7, "document_uri">, Blob<8, "worker_version">,
    Blob<9, "cache_tier", after_body>, Double<1, "count">, Double<2, "duration_ms", after_body>, Double<3, "bytes_in">,
    Double<4, "bytes_out", after_body>, Double<5, "tokens_in">, Double<6, "tokens_out", after_body>,
    Double<7, "cache_hits", after_body>, Double<8, "cache_lookups", after_body>, IndexOf<1, "consumer_label">>;

}  // namespace benchmarks
