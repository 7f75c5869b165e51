// The whole request that several programs measure: alone, in two threads, a million times for its tail, and in a fresh
// process.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string_view>

#include "measure.hpp"
#include "policy.hpp"

namespace benchmarks {

/// A body whose producer does nothing but name its next sixteen bytes.
struct SixteenChunks {
    static constexpr std::string_view chunk = "sixteen bytes ok";
    static constexpr std::size_t bytes = 16 * chunk.size();
    int left = 16;
    std::optional<std::string_view> operator()() {
        clobber();
        if (left-- == 0) return std::nullopt;
        return chunk;
    }
};

/// The last rows of a thread. A row has no public constructor, so that the places are empty at first.
struct KeptRows {
    std::size_t next = 0;
    std::optional<ToolCall::Row> at[32];
};
inline thread_local KeptRows kept_rows;

/// A sink that keeps what it is given, as the queue before a writer does.
struct KeepingSink {
    static void write(ToolCall::Row const& row) noexcept {
        auto& rows = kept_rows;
        rows.at[rows.next++ % std::size(rows.at)] = row;
        clobber();
    }
};

inline void set_request_facts(ToolCall::Point& point) {
    point.set<"event_type">("tool_call");
    point.set<"method">("tools/call");
    point.set<"tool_name">("search");
    point.set<"consumer_label">("acme");
    point.set<"consumer_source">("header");
    point.set<"knowledge_base_url">("https://example.org/docs");
    point.set<"document_uri">("docs/guide.md");
    point.set<"worker_version">("1.4.2");
    point.set<"count">(1);
    point.set<"bytes_in">(312);
    point.set<"tokens_in">(78);
}

inline ToolCall::Row completed(ToolCall::Point const& point, lastbyte::Reading<Telemetry> const& done) {
    using lastbyte::set;
    auto const tally = done.tally();
    return point.complete(set<"cache_tier">(done.tier<"cache_tier">()), set<"duration_ms">(done.duration_ms()),
                          set<"bytes_out">(done.bytes()),
                          set<"tokens_out">(done.bytes().map([](auto n) { return n / 4; })),
                          set<"cache_hits">(tally.hits()), set<"cache_lookups">(tally.lookups()));
}

/// One request as a service would trace it.
inline void whole_request() {
    lastbyte::Tracer<Telemetry> tracer;
    for (int k = 0; k < 8; ++k) {
        auto span = tracer.span<"index">();
        clobber();
        span.source(Source::cache);
    }
    auto body =
        lastbyte::defer_until_consumed(tracer.body(SixteenChunks{}), [](lastbyte::Reading<Telemetry> const& done) {
            ToolCall::Point point;
            set_request_facts(point);
            auto const row = completed(point, done);
            if (row.get<"cache_tier">() != "cache" || row.get<"bytes_out">() != SixteenChunks::bytes) std::abort();
            KeepingSink::write(row);
        });
    while (auto chunk = body()) keep(chunk->data());
}

}  // namespace benchmarks
