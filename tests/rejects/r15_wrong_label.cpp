// A family has its tail and a plain label has none; a label is printable text with at most one star, at its end.
// expect: lastbyte: this label is a family .*needs its tail: span<.*file:\*
// expect-2: lastbyte: this label is plain and takes no tail\. Make it a family
// expect-3: lastbyte: this label holds a newline or another control character
// expect-4: lastbyte: this label is empty
// expect-5: lastbyte: a '\*' stands inside this label
// expect-6: lastbyte: this label is a family .*needs its tail
// expect-7: lastbyte: this label is plain and takes no tail
// expect-8: lastbyte: this label is a family .*needs its tail
// expect-9: lastbyte: this label is plain and takes no tail
// expect-10: lastbyte: this label is a family .*needs its tail
// expect-11: lastbyte: this label is plain and takes no tail
// expect-12: lastbyte: this label is a family .*needs its tail
// expect-13: lastbyte: this label is plain and takes no tail
// expect-14: lastbyte: this label is a family .*needs its tail
// expect-15: lastbyte: this label is plain and takes no tail
// expect-16: lastbyte: this label is a family .*needs its tail
// expect-17: lastbyte: this label is plain and takes no tail
// expect-18: lastbyte: a '\*' stands inside this label
// expect-19: lastbyte: this label holds a newline or another control character
// expect-20: lastbyte: span<.*>\(\) was called on a temporary Tracer
#include "policy.hpp"

struct Silent : lastbyte::Off {
    using Tiers = Telemetry::Tiers;
};
using lastbyte::milliseconds;

void handler(Tracer& tracer) {
    lastbyte::Tracer<Silent> const silent;
#if LASTBYTE_REJECT == 1
    auto span = tracer.span<"file:*">();
#elif LASTBYTE_REJECT == 2
    auto span = tracer.span<"index">("a.md");
#elif LASTBYTE_REJECT == 3
    auto span = tracer.span<"in\ndex">();
#elif LASTBYTE_REJECT == 4
    auto span = tracer.span<"">();
#elif LASTBYTE_REJECT == 5
    auto span = tracer.span<"file:*:r2">();
#elif LASTBYTE_REJECT == 6
    auto span = tracer.async_span<"file:*">();
#elif LASTBYTE_REJECT == 7
    auto span = tracer.async_span<"index">("a.md");
#elif LASTBYTE_REJECT == 8
    tracer.trace<"file:*">([] {});
#elif LASTBYTE_REJECT == 9
    tracer.trace<"index">("a.md", [] {});
#elif LASTBYTE_REJECT == 10
    tracer.record<"file:*">(milliseconds(2), Source::r2);
#elif LASTBYTE_REJECT == 11
    tracer.record<"index">("a.md", milliseconds(2), Source::r2);
#elif LASTBYTE_REJECT == 12
    auto span = tracer.span<"index">();
    auto child = span.child<"file:*">();
#elif LASTBYTE_REJECT == 13
    auto span = tracer.span<"index">();
    auto child = span.child<"index">("a.md");
#elif LASTBYTE_REJECT == 14
    auto span = silent.span<"file:*">();
#elif LASTBYTE_REJECT == 15
    silent.trace<"index">("a.md", [] {});
#elif LASTBYTE_REJECT == 16
    tracer.record<"file:*">(milliseconds(2));
#elif LASTBYTE_REJECT == 17
    silent.record<"index">("a.md", milliseconds(2));
#elif LASTBYTE_REJECT == 18
    auto span = tracer.span<"file:**">("a.md");
#elif LASTBYTE_REJECT == 19
    auto span = tracer.span<"in\x7f" "dex">();
#elif LASTBYTE_REJECT == 20
    auto span = Tracer{}.span<"index">();
#else
    auto span = tracer.span<"file:*">("a.md");
    auto child = span.child<"index">();
    auto job = tracer.async_span<"*">("any name");
    tracer.trace<"index">([] {});
    tracer.trace<"file:*">("a.md", [] {}, Source::r2);
    tracer.record<"file:*">("a.md", milliseconds(2), Source::r2);
    silent.trace<"index">([] {});
    auto temporary = Tracer{}.async_span<"index">();
#endif
    (void)tracer, (void)silent;
}
