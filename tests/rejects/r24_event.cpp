// An event has a name, and each of its facts a key.
// expect-1: lastbyte: this event has no name\. Say what happened
// expect-2: lastbyte: an event's facts are named behind its name, one key for each value
// expect-3: lastbyte: an event's facts are named behind its name, one key for each value
// expect-4: lastbyte: attribute<.*>\(value\) takes a bool, an integer, a floating-point number or text
#include "policy.hpp"

struct Time {};

void tool(lastbyte::Span<Telemetry>& span) {
#if LASTBYTE_REJECT == 1
    span.event<"">();
#elif LASTBYTE_REJECT == 2
    span.event<"retry", "attempt">();
#elif LASTBYTE_REJECT == 3
    span.source(Source::miss).event<"retry">(2);
#elif LASTBYTE_REJECT == 4
    span.event<"retry", "at">(Time{});
#else
    span.event<"retry">().event<"retry", "attempt", "why">(2, "429");
#endif
}
