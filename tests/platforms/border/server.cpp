// The server's library: it makes tracers, bodies and readings.
#include "border.hpp"

#include <utility>

namespace {

template <class Stream>
struct Wrapped final : AnyBody {
    explicit Wrapped(Stream&& taken) : stream(std::move(taken)) {}
    bool pull() override { return stream().has_value(); }
    Stream stream;
};

}  // namespace

Tracer make_tracer() { return Tracer{}; }

Tracer make_moved_from_tracer() {
    Tracer tracer;
    keep(std::move(tracer));
    return tracer;
}

AnyBody* make_body(Tracer const& tracer, void (*work)(Tracer const&), Read& read) {
    auto body = lastbyte::defer_until_consumed(
        tracer.body([tracer, work, done = false]() mutable -> std::optional<std::string_view> {
            if (done) return std::nullopt;
            done = true;
            work(tracer);
            return "bytes";
        }),
        [&read](lastbyte::Reading<Telemetry> const& done) {
            ++read.calls;
            read.bytes = done.bytes().value();
            read.duration_ns = done.duration_ns().value();
            read.from_store = done.tier<"tier">().value().name() == "store";
            for (auto const& span : done.spans()) {
                ++read.spans;
                read.span_ns = span.duration_ns();
                read.span_start_ns = span.start_ns();
            }
        });
    return new Wrapped<decltype(body)>(std::move(body));
}
