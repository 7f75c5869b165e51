// The other file of r20_two_meanings.cpp, compiled before somebody changed the policy there.
#include <lastbyte/lastbyte.hpp>

enum class Source { memory, cache, miss };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index">, lastbyte::Never<Source::miss>>>;
};

void record_elsewhere(lastbyte::Tracer<Telemetry> const& tracer) {
    auto span = tracer.span<"index">();
    span.source(Source::cache);
}

std::uint64_t count_elsewhere(lastbyte::Reading<Telemetry> const& done) { return done.tally().lookups(); }
