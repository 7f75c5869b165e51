// What most tests need: the seed's sources and rule, a stream of given chunks, and a body that is over at once.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <lastbyte/lastbyte.hpp>

namespace seed {

enum class Source { memory, cache, r2, kv, github, build, miss };

using CacheTier = lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "index-build", "file:*">,
                                      lastbyte::Never<Source::miss>>;

struct Policy : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, CacheTier>;
    using Hits = lastbyte::Hits<Source::memory, Source::cache, Source::r2, Source::kv>;
};

/// A pull stream of these chunks.
struct Chunks {
    std::vector<std::string> chunks;
    std::size_t next = 0;
    std::optional<std::string> operator()() {
        if (next == chunks.size()) return std::nullopt;
        return chunks[next++];
    }
};

/// Pulls until the end; all bytes in one string.
template <class Body>
std::string drain(Body& body) {
    std::string all;
    while (auto chunk = body()) all += *chunk;
    return all;
}

/// Consumes an empty body of this trace, and hands its Reading to `fn`.
template <class Tracer, class Fn>
void read(Tracer const& tracer, Fn fn) {
    auto body = lastbyte::defer_until_consumed(tracer.body(Chunks{}), std::move(fn));
    (void)drain(body);
}

}  // namespace seed
