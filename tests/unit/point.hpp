// What the tests of points and rows need: the seed's data point, and a body that is over.
#pragma once

#include <lastbyte/telemetry/data_point.hpp>

#include "seed.hpp"

namespace seed {

using lastbyte::after_body, lastbyte::Blob, lastbyte::Double, lastbyte::IndexOf;

using ToolCall = lastbyte::Schema<
    "tool_calls", Blob<1, "event_type">, Blob<2, "method">, Blob<3, "tool_name">, Blob<4, "consumer_label">,
    Blob<5, "consumer_source">, Blob<6, "knowledge_base_url">, Blob<7, "document_uri">, Blob<8, "worker_version">,
    Blob<9, "cache_tier", after_body>, Double<1, "count">, Double<2, "duration_ms", after_body>, Double<3, "bytes_in">,
    Double<4, "bytes_out", after_body>, Double<5, "tokens_in">, Double<6, "tokens_out", after_body>,
    Double<7, "cache_hits", after_body>, Double<8, "cache_lookups", after_body>, IndexOf<1, "consumer_label">>;

/// Consumes a body of five bytes whose producer reads the index from the cache, and hands its Reading to `fn`.
template <class Fn>
void after_a_body(Fn fn) {
    lastbyte::Tracer<Policy> const tracer;
    auto body =
        lastbyte::defer_until_consumed(tracer.body([tracer, sent = false]() mutable -> std::optional<std::string> {
            if (std::exchange(sent, true)) return std::nullopt;
            tracer.record<"index">(lastbyte::milliseconds(33), Source::cache);
            return "bytes";
        }),
                                       [&fn](lastbyte::Reading<Policy> const& done) { fn(done); });
    (void)drain(body);
}

inline ToolCall::Row completed(ToolCall::Point const& point, lastbyte::Reading<Policy> const& done) {
    using lastbyte::set;
    return point.complete(set<"cache_tier">(done.tier<"cache_tier">()), set<"duration_ms">(done.final_value(40.5)),
                          set<"bytes_out">(done.bytes()), set<"tokens_out">(done.final_value(7)),
                          set<"cache_hits">(done.tally().hits()), set<"cache_lookups">(done.tally().lookups()));
}

/// A row of `point`, with the after_body fields of a body like the one above.
inline ToolCall::Row row_of(ToolCall::Point const& point) {
    std::optional<ToolCall::Row> row;
    after_a_body([&](lastbyte::Reading<Policy> const& done) { row.emplace(completed(point, done)); });
    return *row;
}

/// A schema without after_body fields: its rows need no body.
using Plain = lastbyte::Schema<"plain", Blob<1, "text">, Blob<2, "more">, Double<1, "number">, IndexOf<1, "text">>;

}  // namespace seed
