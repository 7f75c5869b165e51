// A const Tracer, a copy, a temporary, a generic lambda's argument and a Tracer of a policy that is off are Tracers too.
// expect: lastbyte: tier.* was read from a Tracer.*Read it from the Reading
// expect-2: lastbyte: tier.* was read from a Tracer.*Read it from the Reading
// expect-3: lastbyte: tier.* was read from a Tracer.*Read it from the Reading
// expect-4: lastbyte: tier.* was read from a Tracer.*Read it from the Reading
// expect-5: lastbyte: tier.* was read from a Tracer.*Read it from the Reading
// expect-6: lastbyte: tier.* was read from a Tracer.*Read it from the Reading
// expect-7: lastbyte: tier.* was read from a Tracer.*Read it from the Reading
#include "policy.hpp"

template <class Handle>
auto tier_of(Handle const& handle) {
    return handle.template tier<"cache_tier">();
}

void handler(Tracer const& tracer) {
#if LASTBYTE_REJECT == 1
    (void)tracer.tier<"cache_tier">();
#elif LASTBYTE_REJECT == 2
    auto copy = tracer;
    (void)copy.tier<"cache_tier">();
#elif LASTBYTE_REJECT == 3
    (void)Tracer{}.tier<"cache_tier">();
#elif LASTBYTE_REJECT == 4
    [](auto& any) { return any.template tier<"cache_tier">(); }(tracer);
#elif LASTBYTE_REJECT == 5
    (void)tier_of(tracer);
#elif LASTBYTE_REJECT == 6
    struct Silent : lastbyte::Off {
        using Tiers = Telemetry::Tiers;
    };
    (void)lastbyte::Tracer<Silent>{}.tier<"cache_tier">();
#elif LASTBYTE_REJECT == 7
    struct Derived : Tracer {};
    (void)Derived{}.tier<"cache_tier">();
#else
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{}), [](auto const& done) { (void)tier_of(done); }));
    (void)tier_of(tracer.snapshot());
#endif
}
