// A body that nobody gives to a server is abandoned on the spot; so is whatever else is made and dropped in one line.
// flags: -Werror=unused-result -Werror=unused-value
// expect: lastbyte: .* body .*must be given to the server
// expect-2: lastbyte: .* body .*must be given to the server
// expect-3: lastbyte: .* body .*must be given to the server
// expect-4: lastbyte: this is no body yet; give it to defer_until_consumed\(tracer\.body\(stream\), fn\)
// expect-5: lastbyte: a Span ends where its variable does.*auto span = tracer\.span
// expect-6: lastbyte: an async_span ends with its variable
// expect-7: lastbyte: .* body .*must be given to the server
// expect-8: lastbyte: a Span ends where its variable does
// expect-9: lastbyte: this is no body yet
#include "policy.hpp"

struct Silent : lastbyte::Off {
    using Tiers = Telemetry::Tiers;
};

void handler(Tracer& tracer) {
    lastbyte::Tracer<Silent> const silent;
    [[maybe_unused]] auto const on_end = [](auto const&) {};
#if LASTBYTE_REJECT == 1
    lastbyte::defer_until_consumed(tracer.body(Pull{}), on_end);
#elif LASTBYTE_REJECT == 2
    lastbyte::defer_until_consumed(Pull{}, on_end);
#elif LASTBYTE_REJECT == 3
    lastbyte::defer_until_consumed(silent.body(Pull{}), on_end);
#elif LASTBYTE_REJECT == 4
    tracer.body(Pull{});
#elif LASTBYTE_REJECT == 5
    tracer.span<"index">();
#elif LASTBYTE_REJECT == 6
    tracer.async_span<"file:*">("a.md");
#elif LASTBYTE_REJECT == 7
    lastbyte::defer_until_consumed(tracer.body(Pull{}), on_end).shared();
#elif LASTBYTE_REJECT == 8
    auto span = tracer.span<"index">();
    span.child<"index">();
#elif LASTBYTE_REJECT == 9
    silent.body(Pull{});
#else
    auto span = tracer.span<"index">();
    auto child = span.child<"index">();
    auto job = tracer.async_span<"file:*">("a.md");
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{}), on_end).shared());
    serve(lastbyte::defer_until_consumed(silent.body(Pull{}), on_end));
#endif
    (void)silent;
}
