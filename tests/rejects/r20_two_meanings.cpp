// One policy type that means two things in two files: their Tracers and Readings are distinct types, and nothing links.
// link: r20_two_meanings_partner.cpp
// expect: undefined (reference to|symbol).*_elsewhere.*lastbyte::Basic(Tracer|Reading)<Telemetry
// expect-2: undefined (reference to|symbol).*_elsewhere.*lastbyte::Basic(Tracer|Reading)<Telemetry
// expect-3: undefined (reference to|symbol).*_elsewhere.*lastbyte::Basic(Tracer|Reading)<Telemetry
// expect-4: undefined (reference to|symbol).*_elsewhere.*lastbyte::Basic(Tracer|Reading)<Telemetry
// expect-5: undefined (reference to|symbol).*_elsewhere.*lastbyte::Basic(Tracer|Reading)<Telemetry
// expect-6: undefined (reference to|symbol).*_elsewhere.*lastbyte::Basic(Tracer|Reading)<Telemetry
// expect-7: undefined (reference to|symbol).*_elsewhere.*lastbyte::Basic(Tracer|Reading)<Telemetry
// expect-8: undefined (reference to|symbol).*_elsewhere.*lastbyte::Basic(Tracer|Reading)<Telemetry
// expect-9: undefined (reference to|symbol).*_elsewhere.*lastbyte::Basic(Tracer|Reading)<Telemetry
// expect-10: undefined (reference to|symbol).*_elsewhere.*lastbyte::Basic(Tracer|Reading)<Telemetry
#include <string_view>

#include <lastbyte/lastbyte.hpp>

#if LASTBYTE_REJECT == 1
enum class Source { cache, memory, miss };
#else
enum class Source { memory, cache, miss };
#endif
using Passed = lastbyte::Never<Source::miss>;

struct Telemetry : lastbyte::DefaultPolicy {
#if LASTBYTE_REJECT == 2
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "file:*">, Passed>>;
#elif LASTBYTE_REJECT == 3
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index">>>;
#elif LASTBYTE_REJECT == 4
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"tier", lastbyte::On<"index">, Passed>>;
#else
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index">, Passed>>;
#endif
#if LASTBYTE_REJECT == 5
    using Hits = lastbyte::Hits<Source::memory, Source::cache>;
#elif LASTBYTE_REJECT == 6
    using Labels = lastbyte::ClosedLabels<"action">;
#elif LASTBYTE_REJECT == 7
    using Clock = lastbyte::SteadyClock;
#elif LASTBYTE_REJECT == 8
    static constexpr bool enabled = false;
#elif LASTBYTE_REJECT == 9
    static constexpr std::size_t max_spans = 64;
#elif LASTBYTE_REJECT == 10
    static constexpr std::size_t text_bytes = 4096;
#endif
};

struct Empty {
    std::string_view const* operator()() const { return nullptr; }
};

void record_elsewhere(lastbyte::Tracer<Telemetry> const& tracer);
std::uint64_t count_elsewhere(lastbyte::Reading<Telemetry> const& done);

int main() {
    lastbyte::Tracer<Telemetry> const tracer;
    record_elsewhere(tracer);
    std::uint64_t lookups = 0;
    auto body = lastbyte::defer_until_consumed(
        tracer.body(Empty{}), [&](lastbyte::Reading<Telemetry> const& done) { lookups = count_elsewhere(done); });
    while (body()) {}
    return lookups == 1 && lastbyte::ledger<Telemetry>().traces_finished == 1 ? 0 : 1;
}
