// lastbyte itself, doing what the peers do.
//
// A request that is exported is encoded in its callback, as OTLP/protobuf, into its thread's batch; a full one goes to
// a pipeline that all threads share, whose worker drops it. A span's event is a record of no duration: spans have no
// events here. A span by itself is the only child of a request without a body, and both are exported.
#include <lastbyte/encode/otlp.hpp>
#include <lastbyte/lastbyte.hpp>
#include <lastbyte/pipeline/worker.hpp>

#include <cstdlib>
#include <optional>
#include <string_view>

#include "../core/measure.hpp"
#include "../core/policy.hpp"
#include "peer.hpp"

namespace {

using benchmarks::Source, benchmarks::Telemetry;

using benchmarks::Wide;
static_assert(Wide::max_attributes == peers::wide_attributes);

/// What this thread has encoded and not yet handed over.
lastbyte::OtlpBatch& batch() {
    static thread_local lastbyte::OtlpBatch traces{lastbyte::Resource{
        peers::service_name,
        {{"service.version", peers::service_name}, {"service.instance.id", peers::service_instance}}}};
    return traces;
}

/// What sends it, in a thread of its own. Who finds no room waits for it, so that nothing is lost.
struct Exporter {
    lastbyte::Pipeline<lastbyte::BlockUpTo<lastbyte::milliseconds(20'000)>> pipeline;
    lastbyte::Worker<void (*)(std::string_view)> worker{
        pipeline, {}, [](std::string_view bytes) { peers::drop(bytes.data(), bytes.size()); }};
};
std::optional<Exporter> exporter;

/// As many as OpenTelemetry's batch processor sends at once, about.
constexpr std::size_t batch_bytes = 64 * 1024;

void hand_over() {
    if (batch().empty()) return;
    if (!exporter->pipeline.write(batch().request())) std::abort();
    batch().clear();
}

template <class Policy>
void encode(lastbyte::Reading<Policy> const& done) {
    if (!batch().add(done, "request")) std::abort();
    if (batch().size_bytes() >= batch_bytes) hand_over();
}

void flush() {
    hand_over();
    if (!exporter->worker.flush(lastbyte::milliseconds(20'000))) std::abort();
}

template <class Policy>
void take(lastbyte::Reading<Policy> const& done) {
    benchmarks::keep(done.bytes().value());
    benchmarks::keep(done.duration_ns().value());
    benchmarks::keep(done.outcome().value());
    benchmarks::keep(done.template tier<"cache_tier">().value() == Source::cache);
}

template <class Policy, bool Export, class Record>
void trace(Record record) {
    lastbyte::Tracer<Policy> tracer;
    record(tracer);
    auto body = lastbyte::defer_until_consumed(
        tracer.body([left = peers::chunks_per_request]() mutable -> std::optional<std::string_view> {
            benchmarks::clobber();
            if (left-- == 0) return std::nullopt;
            return peers::chunk;
        }),
        [](lastbyte::Reading<Policy> const& done) {
            if constexpr (Export)
                encode(done);
            else
                take(done);
        });
    while (auto chunk = body()) benchmarks::keep(chunk->data());
}

/// A trace without a body.
template <class Policy, bool Export, class Record>
void bodiless(Record record) {
    lastbyte::Tracer<Policy> tracer;
    record(tracer);
    auto body = lastbyte::defer_until_consumed(tracer.body(std::string_view{}, lastbyte::no_body),
                                               [](lastbyte::Reading<Policy> const& done) {
                                                   if constexpr (Export)
                                                       encode(done);
                                                   else
                                                       take(done);
                                               });
    benchmarks::keep(&body);
}

template <bool Export>
void request() {
    trace<Telemetry, Export>([](lastbyte::Tracer<Telemetry> const& tracer) {
        for (int i = 1; i < peers::spans_per_request; ++i) {
            auto span = tracer.span<"index">();
            span.source(Source::cache);
            span.attribute<"rows">(peers::rows);
            span.attribute<"shard">(peers::shard);
            benchmarks::clobber();
        }
    });
}

template <bool Export>
void event_span() {
    bodiless<Telemetry, Export>([](lastbyte::Tracer<Telemetry> const& tracer) {
        auto span = tracer.span<"index">();
        span.attribute<"rows">(peers::rows);
        span.tracer().record<"event">(lastbyte::Nanoseconds{0});
        benchmarks::clobber();
    });
}

void wide_span() {
    bodiless<Wide, true>([](lastbyte::Tracer<Wide> const& tracer) {
        auto span = tracer.span<"index">();
        span.attribute<"attribute-of-20-ch-0">(peers::wide_value).attribute<"attribute-of-20-ch-1">(peers::wide_value);
        span.attribute<"attribute-of-20-ch-2">(peers::wide_value).attribute<"attribute-of-20-ch-3">(peers::wide_value);
        span.attribute<"attribute-of-20-ch-4">(peers::wide_value).attribute<"attribute-of-20-ch-5">(peers::wide_value);
        span.attribute<"attribute-of-20-ch-6">(peers::wide_value).attribute<"attribute-of-20-ch-7">(peers::wide_value);
        span.attribute<"attribute-of-20-ch-8">(peers::wide_value).attribute<"attribute-of-20-ch-9">(peers::wide_value);
        benchmarks::clobber();
    });
}

}  // namespace

namespace peers {

Peer const peer{
    .name = "lastbyte",
    .setup = "encoded as OTLP/protobuf in the callback, handed over in batches, dropped by the pipeline's thread",
    .begin = []() -> char const* {
        exporter.emplace();
        return nullptr;
    },
    .request = request<false>,
    .exported_request = request<true>,
    .event_span = event_span<false>,
    .exported_event_span = event_span<true>,
    .wide_span = wide_span,
    .hand_over = hand_over,
    .flush = flush,
    .end = [] { exporter.reset(); },
};

}  // namespace peers
