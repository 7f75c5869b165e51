// LTTng-UST: an event at the beginning and one at the end of each span, into a ring buffer that a session daemon made.
//
// Without a session that has enabled them, tracepoints are a load and a branch; then the figures say that it is off.
// There is nothing to encode, for what is written into the buffer is the trace format. benchmarks/run starts the daemon
// with a session that nobody reads, so that the buffer is overwritten.
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng_provider.hpp"

#include <cstdint>

#include "peer.hpp"

namespace {

void request() {
    std::uint64_t const root = peers::next_id();
    lttng_ust_tracepoint(lastbyte_peer, begin, "request", root, 0);
    for (int i = 1; i < peers::spans_per_request; ++i) {
        std::uint64_t const id = peers::next_id();
        lttng_ust_tracepoint(lastbyte_peer, begin, "index", id, root);
        lttng_ust_tracepoint(lastbyte_peer, end, id, peers::rows, peers::shard);
    }
    int left = peers::chunks_per_request;
    lttng_ust_tracepoint(lastbyte_peer, request_end, root, peers::read_body(left), "complete");
}

void event_span() {
    std::uint64_t const id = peers::next_id();
    lttng_ust_tracepoint(lastbyte_peer, begin, "index", id, 0);
    lttng_ust_tracepoint(lastbyte_peer, event, id, peers::rows);
    lttng_ust_tracepoint(lastbyte_peer, request_end, id, 0, "complete");
}

void wide_span() {
    std::uint64_t const id = peers::next_id();
    auto const* value = peers::wide_value;
    lttng_ust_tracepoint(lastbyte_peer, begin, "index", id, 0);
    lttng_ust_tracepoint(lastbyte_peer, five, id, value, value, value, value, value);
    lttng_ust_tracepoint(lastbyte_peer, five, id, value, value, value, value, value);
    lttng_ust_tracepoint(lastbyte_peer, request_end, id, 0, "complete");
}

}  // namespace

namespace peers {

Peer const peer{
    .name = "LTTng-UST",
    .setup = "one event at a span's begin and one at its end, ring buffer overwritten",
    .begin = []() -> char const* {
        return lttng_ust_tracepoint_enabled(lastbyte_peer, begin) ? nullptr : "no session: tracepoints are off";
    },
    .request = request,
    .exported_request = nullptr,
    .event_span = event_span,
    .exported_event_span = nullptr,
    .wide_span = wide_span,
    .hand_over = nullptr,
    .flush = [] {},
    .end = [] {},
};

}  // namespace peers
