// The tool's library: it never makes a tracer itself.
#include "border.hpp"

#include <utility>

void fetch(Tracer const& tracer) {
    auto span = tracer.span<"fetch">();
    std::uint64_t const start = lastbyte::SteadyClock::now();
    while (lastbyte::SteadyClock::now() - start < 5'000'000) {
    }
    span.source(Source::store);
}

void keep(Tracer tracer) {
    static std::optional<Tracer> kept;
    kept.emplace(std::move(tracer));
    Tracer const copy = *kept;
    kept.emplace(copy);
}
