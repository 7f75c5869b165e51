// The callback takes the Reading of its own body's policy, by reference to const.
// expect: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once, .*write \[\]\(lastbyte::Reading<Policy> const& done\)
// expect-2: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once, .*It can't take it by value or by mutable reference
// expect-3: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once, .*It can't take it by value or by mutable reference
// expect-4: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once, .*of the body's own policy
// expect-5: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once
// expect-6: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once, .*without a tracer: .lastbyte::Consumption const&
// expect-7: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once
// expect-8: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once
// expect-9: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once
// expect-10: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once
// expect-11: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once
// expect-12: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once
#include "policy.hpp"

struct Silent : lastbyte::Off {
    using Tiers = Telemetry::Tiers;
};

void handler(Tracer& tracer) {
    [[maybe_unused]] auto const defer = [&](auto fn) {
        serve(lastbyte::defer_until_consumed(tracer.body(Pull{}), std::move(fn)));
    };
    [[maybe_unused]] auto const defer_silent = [](auto fn) {
        serve(lastbyte::defer_until_consumed(lastbyte::Tracer<Silent>{}.body(Pull{}), std::move(fn)));
    };
#if LASTBYTE_REJECT == 1
    defer([] {});
#elif LASTBYTE_REJECT == 2
    defer([](Reading) {});
#elif LASTBYTE_REJECT == 3
    defer([](Reading&) {});
#elif LASTBYTE_REJECT == 4
    defer([](lastbyte::Reading<OtherTelemetry> const&) {});
#elif LASTBYTE_REJECT == 5
    defer([](lastbyte::Consumption const&) {});
#elif LASTBYTE_REJECT == 6
    serve(lastbyte::defer_until_consumed(Pull{}, [](Reading const&) {}));
#elif LASTBYTE_REJECT == 7
    defer([](auto) {});
#elif LASTBYTE_REJECT == 8
    defer([](Reading&&) {});
#elif LASTBYTE_REJECT == 9
    defer([](Reading const&, int) {});
#elif LASTBYTE_REJECT == 10
    defer([](Reading const*) {});
#elif LASTBYTE_REJECT == 11
    defer(42);
#elif LASTBYTE_REJECT == 12
    defer_silent([](Reading const&) {});
#else
    defer([](Reading const&) {});
    defer([](auto const&) {});
    defer([](auto&&) {});
    defer_silent([](lastbyte::Reading<Silent> const&) {});
    serve(lastbyte::defer_until_consumed(Pull{}, [](lastbyte::Consumption const&) {}));
#endif
}
