// What a Snapshot says was true while the body was still being produced: it can't be what a row says of the whole.
// expect: lastbyte: a Snapshot's value was given to a field marked after_body\. .*Read the same thing from
// expect-2: lastbyte: a Snapshot's value was given to a field marked after_body\. .*Read the same thing from
// expect-3: lastbyte: a plain value was given to a field marked after_body\. .*set<.?"bytes_out.?">\(done\.bytes\(\)\)
// expect-4: lastbyte: a Snapshot's value was given to a field as it is\. .*\.value\(\)
// expect-5: lastbyte: a plain value was given to a field marked after_body\. .*Pass what the Reading gives
// expect-6: lastbyte: a Snapshot's value was given to a field marked after_body\. .*Read the same thing from
#include "point.hpp"

void write(ToolCall::Point point, Tracer& tracer, Reading const& done) {
    auto const snapshot = tracer.snapshot();
#if LASTBYTE_REJECT == 1
    (void)point.complete(set<"cache_tier">(snapshot.tier<"cache_tier">()), set<"bytes_out">(done.bytes()));
#elif LASTBYTE_REJECT == 2
    (void)point.complete(set<"cache_tier">(done.tier<"cache_tier">()), set<"bytes_out">(snapshot.elapsed_ns()));
#elif LASTBYTE_REJECT == 3
    (void)point.complete(set<"cache_tier">(snapshot.tier<"cache_tier">().value()), set<"bytes_out">(done.bytes()));
#elif LASTBYTE_REJECT == 4
    point.set<"method">(snapshot.tier<"cache_tier">());
#elif LASTBYTE_REJECT == 5
    tracer.seal([&](lastbyte::Sealed<Telemetry> const& sealed) {  // knows neither the bytes nor the outcome
        (void)point.complete(set<"cache_tier">(sealed.tier<"cache_tier">()), set<"bytes_out">(done.bytes()));
    });
#elif LASTBYTE_REJECT == 6
    (void)point.complete(set<"cache_tier">(done.tier<"cache_tier">()), set<"bytes_out">(snapshot.tally()));
#else
    point.set<"method">(snapshot.tier<"cache_tier">().value());
    (void)point.complete(set<"cache_tier">(done.tier<"cache_tier">()), set<"bytes_out">(done.bytes()));
#endif
}
