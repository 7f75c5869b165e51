// The second policy: other sources and other bounds, under the same names as the first.
#include "two_policies.hpp"

namespace {

enum class Source { disk, peer, origin };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"tier", lastbyte::On<"fetch:*">>>;
    using Hits = lastbyte::Hits<Source::peer>;
    static constexpr std::size_t max_spans = 32;
};

}  // namespace

std::string peer_source() {
    std::string resolved = "the callback never ran";
    lastbyte::Tracer<Telemetry> tracer;
    tracer.record<"fetch:*">("a", lastbyte::milliseconds(1), Source::peer);
    {
        auto stream = lastbyte::defer_until_consumed(
            tracer.body(std::string("text")),
            [&resolved](lastbyte::Reading<Telemetry> const& done) { resolved = done.tier<"tier">().value().name(); });
        static_cast<void>(stream.data());
    }
    return resolved;
}

void fetch_remotely(lastbyte::Tracer<SharedTelemetry> const& tracer) {
    tracer.record<"fetch">(lastbyte::milliseconds(1), SharedSource::remote);
}
