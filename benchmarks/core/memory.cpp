// What a trace holds in memory: counted where it is asked for, not computed from a sizeof.
#include <cstdint>
#include <string>

#include "programs.hpp"
#include "request.hpp"

namespace benchmarks {

namespace {

template <std::size_t Spans>
struct Bounded : Telemetry {
    static constexpr std::size_t max_spans = Spans;
};

/// Bytes that the first trace of a policy asks for.
template <class Policy>
double bytes_of_a_trace() {
    auto const before = allocated_bytes();
    lastbyte::Tracer<Policy> tracer;
    return static_cast<double>(allocated_bytes() - before);
}

}  // namespace

void run_memory() {
    double const fewer = bytes_of_a_trace<Bounded<512>>(), more = bytes_of_a_trace<Bounded<1024>>();
    print("bytes held for one more span", (more - fewer) / 512, "bytes", 64);
    print("bytes of a trace in flight, texts and 128 spans included", bytes_of_a_trace<Bounded<128>>(), "bytes");
    for (int i = 0; i < 10; ++i) whole_request();
    auto const before = allocations();
    for (int i = 0; i < 1000; ++i) whole_request();
    auto const made = allocations() - before;  // before the name below is made
    print("allocations of 1000 warm whole requests", static_cast<double>(made), "allocations", 0.5);
}

}  // namespace benchmarks
