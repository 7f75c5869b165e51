// quill: a line of text for each span at its end, formatted by quill's backend thread for a sink that drops it.
#include <quill/Backend.h>
#include <quill/Frontend.h>
#include <quill/LogMacros.h>
#include <quill/Logger.h>
#include <quill/sinks/NullSink.h>

#include <chrono>
#include <cstdint>

#include "peer.hpp"

namespace {

using Clock = std::chrono::steady_clock;

quill::Logger* logger = nullptr;

long long ns_since(Clock::time_point start) { return std::chrono::nanoseconds(Clock::now() - start).count(); }

/// The backend formats the whole line before it asks the sink.
char const* begin() {
    quill::Backend::start();
    logger = quill::Frontend::create_or_get_logger("requests",
                                                   quill::Frontend::create_or_get_sink<quill::NullSink>("dropped"));
    return nullptr;
}

void request() {
    auto const start = Clock::now();
    std::uint64_t const root = peers::next_id();
    for (int i = 1; i < peers::spans_per_request; ++i) {
        auto const span_start = Clock::now();
        std::uint64_t const id = peers::next_id();
        LOG_INFO(logger, "span=index id={:016x} parent={:016x} duration_ns={} rows={} shard={}", id, root,
                 ns_since(span_start), peers::rows, peers::shard);
    }
    int left = peers::chunks_per_request;
    std::uint64_t const bytes = peers::read_body(left);
    LOG_INFO(logger, "span=request id={:016x} duration_ns={} bytes={} outcome=complete", root, ns_since(start), bytes);
}

void event_span() {
    auto const start = Clock::now();
    std::uint64_t const id = peers::next_id();
    LOG_INFO(logger, "event span={:016x}", id);
    LOG_INFO(logger, "span=index id={:016x} duration_ns={} rows={}", id, ns_since(start), peers::rows);
}

void wide_span() {
    auto const start = Clock::now();
    std::uint64_t const id = peers::next_id();
    auto const* value = peers::wide_value;
    LOG_INFO(
        logger,
        "span=index id={:016x} duration_ns={} attribute-of-20-ch-0={} attribute-of-20-ch-1={} attribute-of-20-ch-2={} "
        "attribute-of-20-ch-3={} attribute-of-20-ch-4={} attribute-of-20-ch-5={} attribute-of-20-ch-6={} "
        "attribute-of-20-ch-7={} attribute-of-20-ch-8={} attribute-of-20-ch-9={}",
        id, ns_since(start), value, value, value, value, value, value, value, value, value, value);
}

}  // namespace

namespace peers {

Peer const peer{
    .name = "quill",
    .setup = "default backend, lines formatted and dropped",
    .begin = begin,
    .request = request,
    .exported_request = nullptr,
    .event_span = event_span,
    .exported_event_span = nullptr,
    .wide_span = wide_span,
    .hand_over = nullptr,
    .flush = [] { logger->flush_log(20'000); },
    .end = [] { quill::Backend::stop(); },
};

}  // namespace peers
