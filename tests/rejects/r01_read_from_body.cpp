// A body that is bound or deferred has not been consumed either.
// expect: lastbyte: tier.* was read from .* a body, before the body is consumed.*Read it from the Reading
// expect-2: lastbyte: bytes\(\) was read from .* a body, before the body is consumed.*Read it from the Reading
// expect-3: lastbyte: reading\(\) was asked of .* a body.*defer_until_consumed\(body, fn\) hands it to fn
// expect-4: lastbyte: outcome\(\) was read from .* a body.*Read it from the Reading
// expect-5: lastbyte: duration_ns\(\) was read from .* a body.*Read it from the Reading
// expect-6: lastbyte: bytes\(\) was read from .* a body.*Read it from the Reading
#include "policy.hpp"

void handler(Tracer& tracer) {
    auto bound = tracer.body(Pull{});
#if LASTBYTE_REJECT == 1
    (void)bound.tier<"cache_tier">();
#elif LASTBYTE_REJECT == 2
    (void)bound.bytes();
#else
    auto body = lastbyte::defer_until_consumed(std::move(bound), [](Reading const& done) {
        (void)done.bytes();
        (void)done.outcome();
    });
#if LASTBYTE_REJECT == 3
    (void)body.reading();
#elif LASTBYTE_REJECT == 4
    (void)body.outcome();
#elif LASTBYTE_REJECT == 5
    auto plain = lastbyte::defer_until_consumed(Pull{}, [](lastbyte::Consumption const&) {});
    (void)plain.duration_ns();
#elif LASTBYTE_REJECT == 6
    auto copies = std::move(body).shared();
    (void)copies.bytes();
#else
    serve(std::move(body));
#endif
#endif
}
