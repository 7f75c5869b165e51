// A row is complete: every after_body field once, nothing else, each by a name that the schema knows.
// expect: says::complete_also_needs_set<.*("bytes_out"|'b', 'y', 't', 'e', 's', '_', 'o', 'u', 't')
// expect-2: says::complete_also_needs_set<.*("cache_tier"|'c', 'a', 'c', 'h', 'e', '_', 't', 'i', 'e', 'r').*("bytes_out"|'b', 'y', 't', 'e', 's', '_', 'o', 'u', 't')
// expect-3: says::complete_was_given_twice<.*("bytes_out"|'b', 'y', 't', 'e', 's', '_', 'o', 'u', 't')
// expect-4: says::not_marked_after_body_so_give_to_point_set<.*("count"|'c', 'o', 'u', 'n', 't')
// expect-5: says::no_field_is_called<.*("cache_teir"|'c', 'a', 'c', 'h', 'e', '_', 't', 'e', 'i', 'r').*did_you_mean<.*("cache_tier"|'c', 'a', 'c', 'h', 'e', '_', 't', 'i', 'e', 'r')
// expect-6: lastbyte: complete\(\) was given a value without the name of its field
// expect-7: says::no_field_is_called<.*("metod"|'m', 'e', 't', 'o', 'd').*did_you_mean<.*("method"|'m', 'e', 't', 'h', 'o', 'd')
// expect-8: lastbyte: this is a Blob field, and it was given something that is no text
// expect-9: lastbyte: this is a Double field, and it was given something that is no number
// expect-10: lastbyte: this is a Double field, and it was given something that is no number
#include "point.hpp"

void complete(ToolCall::Point point, Reading const& done) {
#if LASTBYTE_REJECT == 1
    (void)point.complete(set<"cache_tier">(done.tier<"cache_tier">()));
#elif LASTBYTE_REJECT == 2
    (void)point.complete();
#elif LASTBYTE_REJECT == 3
    (void)point.complete(set<"bytes_out">(done.bytes()), set<"cache_tier">(done.tier<"cache_tier">()),
                         set<"bytes_out">(done.bytes()));
#elif LASTBYTE_REJECT == 4
    (void)point.complete(set<"bytes_out">(done.bytes()), set<"cache_tier">(done.tier<"cache_tier">()),
                         set<"count">(done.bytes()));
#elif LASTBYTE_REJECT == 5
    (void)point.complete(set<"bytes_out">(done.bytes()), set<"cache_teir">(done.tier<"cache_tier">()));
#elif LASTBYTE_REJECT == 6
    (void)point.complete(done.tier<"cache_tier">(), done.bytes());
#elif LASTBYTE_REJECT == 7
    point.set<"metod">("tools/call");
#elif LASTBYTE_REJECT == 8
    point.set<"method">(1);
#elif LASTBYTE_REJECT == 9
    point.set<"count">("1");
#elif LASTBYTE_REJECT == 10
    (void)point.complete(set<"bytes_out">(done.outcome()), set<"cache_tier">(done.tier<"cache_tier">()));
#else
    point.set<"method">("tools/call");
    point.set<"count">(1);
    (void)point.complete(set<"bytes_out">(done.bytes()), set<"cache_tier">(done.tier<"cache_tier">()));
#endif
}
