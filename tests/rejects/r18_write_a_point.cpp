// A sink takes finished rows of its own schema.
// expect: lastbyte: write\(\) was given a Point, whose after_body fields have no value yet\. .*write\(point\.complete\(
// expect-2: lastbyte: this row is of another schema than the sink
// expect-3: lastbyte: write\(\) takes a row of the sink's schema
// expect-4: lastbyte: this transport's write\(std::string_view\) is not noexcept
#include "point.hpp"

struct Throwing {
    bool write(std::string_view) { return true; }
};

void write(ToolCall::Point point, Reading const& done) {
    lastbyte::NdjsonSink<ToolCall, Lines> sink;
    [[maybe_unused]] auto const row = point.complete(set<"bytes_out">(done.bytes()), set<"cache_tier">(done.tier<"cache_tier">()));
#if LASTBYTE_REJECT == 1
    sink.write(point);
#elif LASTBYTE_REJECT == 2
    sink.write(OtherCall::Point{}.complete());
#elif LASTBYTE_REJECT == 3
    sink.write("{}");
#elif LASTBYTE_REJECT == 4
    lastbyte::NdjsonSink<ToolCall, Throwing>{}.write(row);
#else
    sink.write(row);
#endif
}
