// Perfetto's SDK, in process: a track event for each span with two debug annotations, read from the trace buffer and
// dropped.
#include <perfetto.h>

#include <memory>
#include <vector>

#include "peer.hpp"

PERFETTO_DEFINE_CATEGORIES(perfetto::Category("peer").SetDescription("what is measured"));
PERFETTO_TRACK_EVENT_STATIC_STORAGE();

namespace {

std::unique_ptr<perfetto::TracingSession> session;

char const* begin() {
    perfetto::TracingInitArgs arguments;
    arguments.backends = perfetto::kInProcessBackend;
    arguments.shmem_size_hint_kb = 16 * 1024;  // events that find it full are lost
    perfetto::Tracing::Initialize(arguments);
    perfetto::TrackEvent::Register();
    perfetto::TraceConfig config;
    config.add_buffers()->set_size_kb(16 * 1024);
    config.add_data_sources()->mutable_config()->set_name("track_event");
    session = perfetto::Tracing::NewTrace();
    session->Setup(config);
    session->StartBlocking();
    return nullptr;
}

void child() { TRACE_EVENT("peer", "index", "rows", peers::rows, "shard", peers::shard); }

void request() {
    TRACE_EVENT_BEGIN("peer", "request");
    for (int i = 1; i < peers::spans_per_request; ++i) child();
    int left = peers::chunks_per_request;
    TRACE_EVENT_END("peer", "bytes", peers::read_body(left), "outcome", "complete");
}

void event_span() {
    TRACE_EVENT("peer", "index", "rows", peers::rows);
    TRACE_EVENT_INSTANT("peer", "event");
}

void wide_span() {
    TRACE_EVENT("peer", "index", [](perfetto::EventContext event) {
        static constexpr char const* names[peers::wide_attributes] = {
            "attribute-of-20-ch-0", "attribute-of-20-ch-1", "attribute-of-20-ch-2", "attribute-of-20-ch-3",
            "attribute-of-20-ch-4", "attribute-of-20-ch-5", "attribute-of-20-ch-6", "attribute-of-20-ch-7",
            "attribute-of-20-ch-8", "attribute-of-20-ch-9"};
        for (auto const* name : names) event.AddDebugAnnotation(name, peers::wide_value);
    });
}

/// A thread's last chunk of the shared memory is committed by that thread.
void hand_over() { perfetto::TrackEvent::Flush(); }

void flush() {
    hand_over();
    session->FlushBlocking();
    std::vector<char> const trace = session->ReadTraceBlocking();
    peers::drop(trace.data(), trace.size());
}

void end() {
    session->StopBlocking();
    session.reset();
}

}  // namespace

namespace peers {

Peer const peer{
    .name = "Perfetto",
    .setup = "in process, buffers of 16 MB, read and dropped",
    .begin = begin,
    .request = request,
    .exported_request = nullptr,
    .event_span = event_span,
    .exported_event_span = nullptr,
    .wide_span = wide_span,
    .hand_over = hand_over,
    .flush = flush,
    .end = end,
};

}  // namespace peers
