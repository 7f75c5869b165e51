// Across the border of a shared library a trace has one clock, one end and one owner.
#include "border.hpp"

#include <cstdio>
#include <memory>

namespace {

int passed = 0, failed = 0;

void check(bool right, char const* claim) {
    ++(right ? passed : failed);
    if (!right) std::printf("FAIL %s\n", claim);
}

Read through(Tracer const& tracer, void (*work)(Tracer const&)) {
    Read read;
    std::unique_ptr<AnyBody> const body(make_body(tracer, work, read));
    while (body->pull()) {
    }
    return read;
}

bool about_5_ms(std::uint64_t ns) { return ns >= 4'900'000 && ns < 2'000'000'000; }

}  // namespace

int main() {
    Read const read = through(make_tracer(), fetch);
    check(read.calls == 1 && read.spans == 1, "what one library records is in the other's Reading, once");
    check(read.from_store && read.bytes == 5, "with its tier and its bytes");
    check(about_5_ms(read.span_ns), "a span that another library recorded has its length");
    check(read.span_start_ns < 2'000'000'000, "and its place in the trace");
    check(about_5_ms(read.duration_ns), "the body has its duration");

    Read const own = through(Tracer{}, fetch);
    check(own.calls == 1 && about_5_ms(own.span_ns) && own.span_start_ns < 2'000'000'000,
          "so has a trace that was started here, recorded there and read elsewhere");

    // A moved-from tracer of one library, copied and dropped by the others, stays nothing.
    for (int times = 0; times < 100; ++times) {
        Tracer const nothing = make_moved_from_tracer();
        Tracer const copy = nothing;
        keep(copy);
    }
    Read const after = through(make_tracer(), fetch);
    check(after.calls == 1 && after.spans == 1 && about_5_ms(after.span_ns), "and the next trace is as good as the first");
    Tracer const nothing = make_moved_from_tracer();
    nothing.record<"fetch">(lastbyte::milliseconds(1), Source::cache);
    Read const empty = through(nothing, [](Tracer const&) {});
    check(empty.calls == 1 && empty.spans == 0, "nothing is recorded through a moved-from tracer");
    std::printf("%d passed, %d failed, 0 skipped\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
