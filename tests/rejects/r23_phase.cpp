// A phase ends the span before it, so it takes that span over.
// expect-1: lastbyte: then<.*>\(\) ends a span that is still in its variable\. Move it
// expect-2: lastbyte: this label is a family .* and needs its tail
// expect-3: lastbyte: then<.*>\(\) ends a span that is still in its variable\. Move it
#include "policy.hpp"

struct OffTelemetry : Telemetry {
    static constexpr bool enabled = false;
};

void tool(Tracer const& tracer, lastbyte::Tracer<OffTelemetry> const& off) {
    auto read = tracer.async_span<"index">();
    auto nothing = off.async_span<"index">();
#if LASTBYTE_REJECT == 1
    read.then<"parse">();
#elif LASTBYTE_REJECT == 2
    auto parse = std::move(read).then<"file:*">();
#elif LASTBYTE_REJECT == 3
    nothing.then<"parse">();
#else
    auto parse = std::move(read).then<"file:*">("a");
    auto still_nothing = std::move(nothing).then<"parse">();
#endif
}
