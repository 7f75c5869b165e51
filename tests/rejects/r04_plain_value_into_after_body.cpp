// A plain value may have been read at any time; an after_body field takes what a Reading gives.
// expect: lastbyte: a plain value was given to a field marked after_body\. .*Pass what the Reading gives
// expect-2: lastbyte: a plain value was given to a field marked after_body\. .*Pass what the Reading gives
// expect-3: lastbyte: a plain value was given to a field marked after_body\. .*done\.final_value\(tokens\)
// expect-4: lastbyte: this field is marked after_body.*point\.complete\(
// expect-5: lastbyte: this field is marked after_body, and a Point never holds its value\. .*row\.get
#include "point.hpp"

void write(ToolCall::Point point, Reading const& done) {
#if LASTBYTE_REJECT == 1
    (void)point.complete(set<"cache_tier">(Source::cache), set<"bytes_out">(done.bytes()));
#elif LASTBYTE_REJECT == 2
    (void)point.complete(set<"cache_tier">("cache"), set<"bytes_out">(done.bytes()));
#elif LASTBYTE_REJECT == 3
    (void)point.complete(set<"cache_tier">(done.tier<"cache_tier">()), set<"bytes_out">(4096));
#elif LASTBYTE_REJECT == 4
    point.set<"cache_tier">("cache");
#elif LASTBYTE_REJECT == 5
    (void)point.get<"cache_tier">();
#else
    point.set<"method">("tools/call");
    (void)point.get<"method">();
    (void)point.complete(set<"cache_tier">(done.tier<"cache_tier">()), set<"bytes_out">(done.final_value(4096)));
#endif
}
