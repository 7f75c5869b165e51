// A Tracer can't be read: while somebody holds it, the answer is not there yet.
// expect-1: lastbyte: tier.* was read from a Tracer.*Read it from the Reading that defer_until_consumed\(body, fn\) hands to fn
// expect-2: lastbyte: tally\(\) was read from a Tracer.*Read it from the Reading
// expect-3: lastbyte: duration_ns\(\) was read from a Tracer.*Read it from the Reading
// expect-4: lastbyte: duration_ms\(\) was read from a Tracer.*Read it from the Reading
// expect-5: lastbyte: bytes\(\) was read from a Tracer.*Read it from the Reading
// expect-6: lastbyte: spans\(\) was read from a Tracer.*Read it from the Reading
// expect-7: lastbyte: write_json\(\) was called on a Tracer.*Use the Reading.*tracer\.snapshot\(\)
// expect-8: lastbyte: write_header\(\) was called on a Tracer.*Use the Reading.*tracer\.snapshot\(\)
// expect-9: lastbyte: outcome\(\) was read from a Tracer.*Read it from the Reading
// expect-10: lastbyte: reading\(\) was asked of a Tracer.*defer_until_consumed\(body, fn\) hands it to fn
// expect-11: lastbyte: chunks\(\) was read from a Tracer.*Read it from the Reading
// expect-12: lastbyte: time_to_first_byte_ms\(\) was read from a Tracer.*Read it from the Reading
// expect-13: lastbyte: late\(\) was read from a Tracer.*Read it from the Reading
// expect-14: lastbyte: hits\(\) was read from a Tracer.*done\.tally\(\)\.hits\(\)
// expect-15: lastbyte: elapsed_ns\(\) was read from a Tracer.*tracer\.snapshot\(\)
// expect-16: lastbyte: tier.* was read from a Tracer.*Read it from the Reading
// expect-17: lastbyte: tier.* was read from a Tracer.*Read it from the Reading
#include "policy.hpp"

void handler(Tracer& tracer, Out& out) {
#if LASTBYTE_REJECT == 1
    (void)tracer.tier<"cache_tier">();
#elif LASTBYTE_REJECT == 2
    (void)tracer.tally();
#elif LASTBYTE_REJECT == 3
    (void)tracer.duration_ns();
#elif LASTBYTE_REJECT == 4
    (void)tracer.duration_ms();
#elif LASTBYTE_REJECT == 5
    (void)tracer.bytes();
#elif LASTBYTE_REJECT == 6
    for (auto span : tracer.spans()) (void)span;
#elif LASTBYTE_REJECT == 7
    tracer.write_json(out);
#elif LASTBYTE_REJECT == 8
    tracer.write_header(out);
#elif LASTBYTE_REJECT == 9
    (void)tracer.outcome();
#elif LASTBYTE_REJECT == 10
    (void)tracer.reading();
#elif LASTBYTE_REJECT == 11
    (void)tracer.chunks();
#elif LASTBYTE_REJECT == 12
    (void)tracer.time_to_first_byte_ms();
#elif LASTBYTE_REJECT == 13
    (void)tracer.late();
#elif LASTBYTE_REJECT == 14
    (void)tracer.hits();
#elif LASTBYTE_REJECT == 15
    (void)tracer.elapsed_ns();
#elif LASTBYTE_REJECT == 16
    (void)tracer.tier();
#elif LASTBYTE_REJECT == 17
    (void)tracer.tier("cache_tier");
#else
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{}), [&](Reading const& done) {
        (void)done.tier<"cache_tier">();
        (void)done.tally().hits();
        (void)done.duration_ns();
        (void)done.duration_ms();
        (void)done.bytes();
        (void)done.chunks();
        (void)done.time_to_first_byte_ms();
        (void)done.late();
        (void)done.outcome();
        for (auto span : done.spans()) (void)span;
        done.write_json(out);
        done.write_header(out);
    }));
    (void)tracer.snapshot().elapsed_ns();
#endif
}
