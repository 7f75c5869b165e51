// opentelemetry-cpp's SDK: the batch processor in front of an exporter that encodes OTLP/protobuf and drops it.
//
// Where the SDK was built without OTLP, its own SpanData is dropped without being encoded, and the setup says so.
#include <opentelemetry/sdk/resource/resource.h>
#include <opentelemetry/sdk/trace/batch_span_processor_factory.h>
#include <opentelemetry/sdk/trace/batch_span_processor_options.h>
#include <opentelemetry/sdk/trace/exporter.h>
#include <opentelemetry/sdk/trace/samplers/always_on_factory.h>
#include <opentelemetry/sdk/trace/span_data.h>
#include <opentelemetry/sdk/trace/tracer_provider.h>
#include <opentelemetry/sdk/trace/tracer_provider_factory.h>
#include <opentelemetry/trace/span_startoptions.h>
#include <opentelemetry/trace/tracer.h>

#ifdef LASTBYTE_BENCHMARKS_OTLP
#undef OPENTELEMETRY_PROTO_API  // opentelemetry_proto.pc defines it without the quotes in it, and so as no C++
#define OPENTELEMETRY_PROTO_API
#include <google/protobuf/arena.h>
#include <opentelemetry/exporters/otlp/otlp_recordable.h>
#include <opentelemetry/exporters/otlp/otlp_recordable_utils.h>
#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>
#endif

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "peer.hpp"

namespace {

namespace api = opentelemetry::trace;
namespace sdk = opentelemetry::sdk::trace;
namespace nostd = opentelemetry::nostd;

class DroppingExporter final : public sdk::SpanExporter {
public:
    std::unique_ptr<sdk::Recordable> MakeRecordable() noexcept override {
#ifdef LASTBYTE_BENCHMARKS_OTLP
        return std::make_unique<opentelemetry::exporter::otlp::OtlpRecordable>();
#else
        return std::make_unique<sdk::SpanData>();
#endif
    }
    opentelemetry::sdk::common::ExportResult Export(
        nostd::span<std::unique_ptr<sdk::Recordable>> const& spans) noexcept override {
#ifdef LASTBYTE_BENCHMARKS_OTLP
        // As the SDK's own OTLP exporters do it, arena and sizes included.
        google::protobuf::ArenaOptions sizes;
        sizes.initial_block_size = 1024;
        sizes.max_block_size = 65536;
        google::protobuf::Arena arena{sizes};
        using Request = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
#if GOOGLE_PROTOBUF_VERSION < 5027000  // there, Create leaves the parts of a message on the heap
        auto* const request = google::protobuf::Arena::CreateMessage<Request>(&arena);
#else
        auto* const request = google::protobuf::Arena::Create<Request>(&arena);
#endif
        opentelemetry::exporter::otlp::OtlpRecordableUtils::PopulateRequest(spans, request);
        std::string const bytes = request->SerializeAsString();
        peers::drop(bytes.data(), bytes.size());
#else
        peers::drop(spans.data(), spans.size());
#endif
        return opentelemetry::sdk::common::ExportResult::kSuccess;
    }
    bool ForceFlush(std::chrono::microseconds) noexcept override { return true; }
    bool Shutdown(std::chrono::microseconds) noexcept override { return true; }
};

std::unique_ptr<sdk::TracerProvider> provider;
nostd::shared_ptr<api::Tracer> tracer;

char const* begin() {
    sdk::BatchSpanProcessorOptions options;
    options.max_queue_size = 65536;  // so that nothing that is measured is dropped
    auto const resource =
        opentelemetry::sdk::resource::Resource::Create({{"service.name", peers::service_name},
                                                        {"service.version", peers::service_name},
                                                        {"service.instance.id", peers::service_instance}});
    provider = sdk::TracerProviderFactory::Create(
        sdk::BatchSpanProcessorFactory::Create(std::make_unique<DroppingExporter>(), options), resource,
        sdk::AlwaysOnSamplerFactory::Create());
    tracer = provider->GetTracer("lastbyte-benchmarks", "1");
    return nullptr;
}

void request() {
    auto const root = tracer->StartSpan("request");
    api::StartSpanOptions options;
    options.parent = root->GetContext();
    for (int i = 1; i < peers::spans_per_request; ++i) {
        auto const span = tracer->StartSpan("index", options);
        span->SetAttribute("rows", peers::rows);
        span->SetAttribute("shard", peers::shard);
        span->End();
    }
    int left = peers::chunks_per_request;
    root->SetAttribute("bytes", static_cast<std::int64_t>(peers::read_body(left)));
    root->SetAttribute("outcome", "complete");
    root->End();
}

void event_span() {
    auto const span = tracer->StartSpan("index");
    span->SetAttribute("rows", peers::rows);
    span->AddEvent("event");
    span->End();
}

void wide_span() {
    auto const span = tracer->StartSpan("index");
    static constexpr char const* names[peers::wide_attributes] = {
        "attribute-of-20-ch-0", "attribute-of-20-ch-1", "attribute-of-20-ch-2", "attribute-of-20-ch-3",
        "attribute-of-20-ch-4", "attribute-of-20-ch-5", "attribute-of-20-ch-6", "attribute-of-20-ch-7",
        "attribute-of-20-ch-8", "attribute-of-20-ch-9"};
    for (auto const* name : names) span->SetAttribute(name, peers::wide_value);
    span->End();
}

}  // namespace

namespace peers {

Peer const peer{
    .name = "opentelemetry-cpp",
#ifdef LASTBYTE_BENCHMARKS_OTLP
    .setup = "batch processor, OTLP/protobuf encoded and dropped",
#else
    .setup = "batch processor, SpanData dropped without being encoded",
#endif
    .begin = begin,
    .request = request,
    .exported_request = nullptr,
    .event_span = event_span,
    .exported_event_span = nullptr,
    .wide_span = wide_span,
    .hand_over = nullptr,
    .flush = [] { provider->ForceFlush(); },
    .end =
        [] {
            tracer = {};
            provider.reset();
        },
};

}  // namespace peers
