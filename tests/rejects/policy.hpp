// What the rejects share: the seed's sources and rule, and the smallest stream.
#pragma once

#include <string_view>
#include <utility>

#include <lastbyte/lastbyte.hpp>

enum class Source { memory, cache, r2, kv, github, build, miss };
enum class Colour { red, green };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source,
        lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "index-build", "file:*">, lastbyte::Never<Source::miss>>,
        lastbyte::FirstWins<"file_tier", lastbyte::On<"file:*">>>;
    using Hits = lastbyte::Hits<Source::memory, Source::cache, Source::r2, Source::kv>;
};
struct OtherTelemetry : lastbyte::DefaultPolicy {};

using Reading = lastbyte::Reading<Telemetry>;
using Tracer = lastbyte::Tracer<Telemetry>;

struct Pull {
    std::string_view const* operator()() const { return nullptr; }
};

/// What a server does with a body.
template <class Body>
void serve(Body body) {
    while (body()) {}
}

struct Out {
    void append(char const*, std::size_t) {}
};
