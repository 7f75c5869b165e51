// A body owns the stream that it watches, watches something that is a stream, and has one callback.
// expect: lastbyte: this stream is an lvalue.*std::move\(stream\), fn\); or say defer_ref\(stream\)
// expect-2: lastbyte: this stream is an lvalue.*or say defer_ref\(stream\)
// expect-3: lastbyte: this stream is an lvalue.*or say defer_ref\(stream\)
// expect-4: lastbyte: this is no stream that can be watched\. A body is a function
// expect-5: lastbyte: this is no stream that can be watched
// expect-6: lastbyte: this is no stream that can be watched
// expect-7: lastbyte: this body is wrapped already
// expect-8: lastbyte: this body is wrapped already
// expect-9: lastbyte: this body is wrapped already
// expect-10: lastbyte: this body is wrapped already
// expect-11: lastbyte: this body is an lvalue.*defer_until_consumed\(std::move\(body\), fn\)
// expect-12: lastbyte: an option of a body is content_length\(bytes\), no_body or cancelled_by\(token\)
// expect-13: lastbyte: this is no stream that can be watched
// expect-14: lastbyte: this stream is an lvalue
// expect-15: lastbyte: this body is wrapped already
// expect-16: lastbyte: this is no stream that can be watched
// expect-17: lastbyte: this is no stream that can be watched.*include <lastbyte/body/streambuf\.hpp>
#include <sstream>
#include <vector>

#include "policy.hpp"

struct Silent : lastbyte::Off {
    using Tiers = Telemetry::Tiers;
};

void handler(Tracer& tracer) {
    Pull stream;
    Pull const constant;
    auto const on_done = [](Reading const&) {};
    auto const on_end = [](lastbyte::Consumption const&) {};
    [[maybe_unused]] lastbyte::Tracer<Silent> const silent;
#if LASTBYTE_REJECT == 1
    serve(lastbyte::defer_until_consumed(stream, on_end));
#elif LASTBYTE_REJECT == 2
    serve(lastbyte::defer_until_consumed(tracer.body(stream), on_done));
#elif LASTBYTE_REJECT == 3
    serve(lastbyte::defer_until_consumed(tracer.body(constant), on_done));
#elif LASTBYTE_REJECT == 4
    serve(lastbyte::defer_until_consumed(tracer.body(42), on_done));
#elif LASTBYTE_REJECT == 5
    serve(lastbyte::defer_until_consumed([] { return 1; }, on_end));
#elif LASTBYTE_REJECT == 6
    serve(lastbyte::defer_until_consumed(std::vector<int>{1}, on_end));
#elif LASTBYTE_REJECT == 7
    auto body = lastbyte::defer_until_consumed(tracer.body(Pull{}), on_done);
    serve(lastbyte::defer_until_consumed(std::move(body), on_end));
#elif LASTBYTE_REJECT == 8
    auto body = lastbyte::defer_until_consumed(tracer.body(Pull{}), on_done);
    serve(lastbyte::defer_until_consumed(tracer.body(std::move(body)), on_done));
#elif LASTBYTE_REJECT == 9
    auto body = lastbyte::defer_until_consumed(Pull{}, on_end);
    serve(lastbyte::defer_until_consumed(lastbyte::defer_ref(body), on_end));
#elif LASTBYTE_REJECT == 10
    serve(lastbyte::defer_until_consumed(tracer.body(tracer.body(Pull{})), on_done));
#elif LASTBYTE_REJECT == 11
    auto body = tracer.body(Pull{});
    serve(lastbyte::defer_until_consumed(body, on_done));
#elif LASTBYTE_REJECT == 12
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{}, 4096), on_done));
#elif LASTBYTE_REJECT == 13
    serve(lastbyte::defer_until_consumed(lastbyte::defer_ref(tracer), on_end));
#elif LASTBYTE_REJECT == 14
    serve(lastbyte::defer_until_consumed(silent.body(stream), [](auto const&) {}));
#elif LASTBYTE_REJECT == 15
    auto body = lastbyte::defer_until_consumed(tracer.body(Pull{}), on_done).shared();
    serve(lastbyte::defer_until_consumed(tracer.body(std::move(body)), on_done));
#elif LASTBYTE_REJECT == 16
    serve(lastbyte::defer_until_consumed([]() -> bool { return false; }, on_end));
#elif LASTBYTE_REJECT == 17
    serve(lastbyte::defer_until_consumed(tracer.body(std::istringstream{"text"}), on_done));
#else
    serve(lastbyte::defer_until_consumed(lastbyte::defer_ref(stream), on_end));
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{constant}, lastbyte::content_length(0)), on_done));
    serve(lastbyte::defer_until_consumed(silent.body(Pull{}), [](auto const&) {}));
#endif
    (void)tracer, (void)stream, (void)constant, (void)on_done, (void)on_end;
}
