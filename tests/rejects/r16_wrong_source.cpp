// A source is an enumerator of the policy's own enum, and a fetch has one.
// expect: lastbyte: this source is not of the policy's Source enum
// expect-2: lastbyte: this source is not of the policy's Source enum
// expect-3: lastbyte: source\(\) is called twice on one span\. .*record a second fetch as a span of its own
// expect-4: lastbyte: source\(\) is called twice on one span
// expect-5: lastbyte: source\(\) is called twice on one span
// expect-6: lastbyte: this source is not of the policy's Source enum
// expect-7: lastbyte: this source is not of the policy's Source enum
// expect-8: lastbyte: trace<.*>\(fn, source\) takes one source at most
// expect-9: lastbyte: this source is not of the policy's Source enum
// expect-10: lastbyte: source\(\) is called twice on one span
// expect-11: lastbyte: this source is not of the policy's Source enum
// expect-12: lastbyte: this source is not of the policy's Source enum
// expect-13: lastbyte: this source is not of the policy's Source enum
// expect-14: lastbyte: attribute<.*>\(value\) takes a bool, an integer, a floating-point number or text
#include "policy.hpp"

struct Silent : lastbyte::Off {
    using Tiers = Telemetry::Tiers;
};
using lastbyte::milliseconds;

void handler(Tracer& tracer) {
    lastbyte::Tracer<Silent> const silent;
    auto span = tracer.span<"index">();
    auto quiet = silent.span<"index">();
#if LASTBYTE_REJECT == 1
    span.source(Colour::red);
#elif LASTBYTE_REJECT == 2
    span.source(1);
#elif LASTBYTE_REJECT == 3
    span.source(Source::cache).source(Source::r2);
#elif LASTBYTE_REJECT == 4
    span.source(Source::cache).detail("warm").source(Source::cache);
#elif LASTBYTE_REJECT == 5
    tracer.async_span<"index">().source(Source::cache).attribute<"rows">(1).source(Source::r2);
#elif LASTBYTE_REJECT == 6
    tracer.trace<"index">([] {}, Colour::red);
#elif LASTBYTE_REJECT == 7
    tracer.record<"index">(milliseconds(1), Colour::red);
#elif LASTBYTE_REJECT == 8
    tracer.trace<"index">([] {}, Source::cache, Source::r2);
#elif LASTBYTE_REJECT == 9
    quiet.source(Colour::red);
#elif LASTBYTE_REJECT == 10
    quiet.source(Source::cache).source(Source::r2);
#elif LASTBYTE_REJECT == 11
    silent.trace<"index">([] {}, Colour::red);
#elif LASTBYTE_REJECT == 12
    silent.record<"index">(milliseconds(1), 1);
#elif LASTBYTE_REJECT == 13
    span.source("cache");
#elif LASTBYTE_REJECT == 14
    span.source(Source::cache).attribute<"colour">(Colour::red);
#else
    span.detail("warm").source(Source::cache).detail("hot").attribute<"rows">(1);
    quiet.source(Source::cache);
    tracer.trace<"index">([] {}, Source::cache);
    tracer.record<"index">(milliseconds(1), Source::cache);
    silent.record<"index">(milliseconds(1), Source::cache);
#endif
    (void)tracer, (void)silent;
}
