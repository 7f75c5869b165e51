// What the translation units offer to each other: the tier that each one's own policy resolved, and a tracer of a policy
// that all of them know.
#pragma once

#include <lastbyte/lastbyte.hpp>

#include <string>

std::string cached_source();
std::string peer_source();

enum class SharedSource { near_by, remote };

struct SharedTelemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<SharedSource, lastbyte::FirstWins<"tier", lastbyte::On<"fetch">>>;
    using Ids = lastbyte::SequentialIds<SharedTelemetry>;
};

void fetch_remotely(lastbyte::Tracer<SharedTelemetry> const& tracer);
