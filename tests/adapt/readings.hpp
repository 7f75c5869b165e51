// What the programs of beast.py, curl.py and httplib.py share: the policies, and the line that they print for a Reading.
#pragma once

#include <lastbyte/lastbyte.hpp>

#include <cstdio>
#include <string>
#include <string_view>

enum class Source { memory, cache, miss };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index">>>;
};
struct Off : Telemetry {
    static constexpr bool enabled = false;
};

/// `ID OUTCOME BYTES TIER`, written as one piece: bodies end on several threads.
template <class Policy>
void print_reading(std::string_view id, lastbyte::Reading<Policy> const& done) {
    std::string line{id};
    (line += ' ') += name(done.outcome());
    (line += ' ') += std::to_string(done.bytes().value());
    (line += ' ') += done.template tier<"cache_tier">().value().name();
    std::fputs((line += '\n').c_str(), stdout);
    std::fflush(stdout);
}
