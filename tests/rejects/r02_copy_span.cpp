// A Span ends where it was made; what must move is an async_span.
// expect-g++: a_Span_ends_where_it_was_made_so_take_an_async_span_to_move_it
// expect-clang: lastbyte: a Span ends where it was made, so it can't be copied or moved\. .*tracer\.async_span<
// expect-2-g++: a_Span_ends_where_it_was_made_so_take_an_async_span_to_move_it
// expect-2-clang: lastbyte: a Span ends where it was made, so it can't be copied or moved\. .*tracer\.async_span<
#include "policy.hpp"

void later(lastbyte::AsyncSpan<Telemetry>) {}

void tool(Tracer& tracer) {
#if LASTBYTE_REJECT == 1
    auto span = tracer.span<"index">();
    auto copy = span;
#elif LASTBYTE_REJECT == 2
    auto span = tracer.span<"index">();
    auto moved = std::move(span);
#else
    auto span = tracer.async_span<"index">();
    later(std::move(span));
#endif
}
