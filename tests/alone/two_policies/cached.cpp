// The first policy: a cache before a store, and a trace that is cut after 16 spans.
#include "two_policies.hpp"

namespace {

enum class Source { cache, store };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"tier", lastbyte::On<"fetch">>>;
    using Hits = lastbyte::Hits<Source::cache>;
    static constexpr std::size_t max_spans = 16;
};

}  // namespace

std::string cached_source() {
    std::string resolved = "the callback never ran";
    lastbyte::Tracer<Telemetry> tracer;
    tracer.record<"fetch">(lastbyte::milliseconds(1), Source::cache);
    {
        auto stream = lastbyte::defer_until_consumed(
            tracer.body(std::string("text")),
            [&resolved](lastbyte::Reading<Telemetry> const& done) { resolved = done.tier<"tier">().value().name(); });
        static_cast<void>(stream.data());
    }
    return resolved;
}
