// A Span is written and never read, under whatever name it goes.
// expect: lastbyte: tier.* was read from .* a Span.*Read it from the Reading
// expect-2: lastbyte: duration_ns\(\) was read from .* a Span.*Read it from the Reading
// expect-3: lastbyte: tier.* was read from .* a Span.*Read it from the Reading
// expect-4: lastbyte: tally\(\) was read from .* a Span.*Read it from the Reading
// expect-5: lastbyte: tier.* was read from .* a Span.*Read it from the Reading
// expect-6: lastbyte: duration_ms\(\) was read from .* a Span.*Read it from the Reading
// expect-7: lastbyte: spans\(\) was read from .* a Span.*Read it from the Reading
// expect-8: lastbyte: write_json\(\) was called on .* a Span.*Use the Reading
// expect-9: lastbyte: source\(\) was read from a Span.*span\.source\(
// expect-10: lastbyte: detail\(\) was read from a Span.*span\.detail\(
// expect-11: lastbyte: bytes\(\) was read from .* a Span.*Read it from the Reading
// expect-12: lastbyte: tier.* was read from .* a Span.*Read it from the Reading
#include "policy.hpp"

void tool(Tracer& tracer, Out& out) {
    auto span = tracer.span<"index">();
    auto const& constant = span;
    auto& reference = span;
    (void)constant, (void)reference, (void)out;
#if LASTBYTE_REJECT == 1
    (void)span.tier<"cache_tier">();
#elif LASTBYTE_REJECT == 2
    (void)span.duration_ns();
#elif LASTBYTE_REJECT == 3
    (void)constant.tier<"cache_tier">();
#elif LASTBYTE_REJECT == 4
    (void)reference.tally();
#elif LASTBYTE_REJECT == 5
    [](auto& any) { return any.template tier<"cache_tier">(); }(span);
#elif LASTBYTE_REJECT == 6
    auto job = tracer.async_span<"index">();
    (void)job.duration_ms();
#elif LASTBYTE_REJECT == 7
    auto child = span.child<"index">();
    for (auto one : child.spans()) (void)one;
#elif LASTBYTE_REJECT == 8
    span.tracer().write_json(out);
#elif LASTBYTE_REJECT == 9
    (void)span.source();
#elif LASTBYTE_REJECT == 10
    (void)span.detail();
#elif LASTBYTE_REJECT == 11
    auto job = tracer.async_span<"index">();
    auto moved = std::move(job);
    (void)moved.bytes();
#elif LASTBYTE_REJECT == 12
    (void)span.source(Source::cache).tier<"cache_tier">();
#else
    reference.source(Source::cache).detail("read by its Reading");
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{}), [](Reading const& done) {
        for (auto one : done.spans()) (void)one.duration_ns(), (void)one.source(), (void)one.detail();
    }));
#endif
}
