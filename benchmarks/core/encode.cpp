// What it costs to encode a span that has been recorded, over reading the trace without encoding it.
//
// The trace has 63 spans under its root, none with attributes. The batch keeps its memory, as that of a thread that
// exports does, and is emptied each time.
#include <lastbyte/encode/otlp.hpp>
#include <lastbyte/encode/otlp_json.hpp>

#include <cstdlib>

#include "cases.hpp"
#include "policy.hpp"

namespace benchmarks {

namespace {

constexpr int spans = 64;

template <class Fn>
void with_reading(Fn fn) {
    lastbyte::Tracer<Telemetry> tracer;
    for (int i = 1; i < spans; ++i) auto const span = tracer.span<"index">();
    auto body = lastbyte::defer_until_consumed(tracer.body(std::string_view{}, lastbyte::no_body), fn);
    keep(&body);
}

void read_only(int n) {
    with_reading([n](lastbyte::Reading<Telemetry> const& done) {
        for (int i = 0; i < n; ++i) keep(done.root_id().value);
    });
}

template <class Batch>
void encode(int n) {
    static Batch batch{lastbyte::Resource{"benchmarks"}};
    with_reading([n](lastbyte::Reading<Telemetry> const& done) {
        for (int i = 0; i < n; ++i) {
            if (!batch.add(done, "request")) std::abort();
            keep(batch.request().data());
            batch.clear();
        }
    });
}

}  // namespace

void add_encode_cases(std::vector<Case>& cases) {
    cases.push_back({.name = "span without attributes encoded as OTLP/protobuf",
                     .run = encode<lastbyte::OtlpBatch>,
                     .bare = read_only,
                     .units = spans,
                     .budget = 100});
    cases.push_back({.name = "span without attributes encoded as OTLP/JSON",
                     .run = encode<lastbyte::OtlpJsonBatch>,
                     .bare = read_only,
                     .units = spans,
                     .budget = 300});
}

}  // namespace benchmarks
