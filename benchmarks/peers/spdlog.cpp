// spdlog, asynchronous: a line of text for each span at its end, formatted in the background by a sink that drops it.
#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>

#include <time.h>

#include "peer.hpp"

namespace {

using Clock = std::chrono::steady_clock;

/// Formats a line as a file sink does, and counts it.
class DroppingSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    std::atomic<std::uint64_t> lines{0};

protected:
    void sink_it_(spdlog::details::log_msg const& message) override {
        spdlog::memory_buf_t text;
        base_sink::formatter_->format(message, text);
        peers::drop(text.data(), text.size());
        lines.fetch_add(1, std::memory_order_release);
    }
    void flush_() override {}
};

std::shared_ptr<DroppingSink> sink;
std::shared_ptr<spdlog::details::thread_pool> pool;
std::shared_ptr<spdlog::async_logger> logger;
std::atomic<std::uint64_t> logged{0};

long long ns_since(Clock::time_point start) { return std::chrono::nanoseconds(Clock::now() - start).count(); }

char const* begin() {
    sink = std::make_shared<DroppingSink>();
    pool = std::make_shared<spdlog::details::thread_pool>(8192, 1);
    logger = std::make_shared<spdlog::async_logger>("requests", sink, pool, spdlog::async_overflow_policy::block);
    return nullptr;
}

void request() {
    auto const start = Clock::now();
    std::uint64_t const root = peers::next_id();
    for (int i = 1; i < peers::spans_per_request; ++i) {
        auto const span_start = Clock::now();
        std::uint64_t const id = peers::next_id();
        logger->info("span=index id={:016x} parent={:016x} duration_ns={} rows={} shard={}", id, root,
                     ns_since(span_start), peers::rows, peers::shard);
    }
    int left = peers::chunks_per_request;
    std::uint64_t const bytes = peers::read_body(left);
    logger->info("span=request id={:016x} duration_ns={} bytes={} outcome=complete", root, ns_since(start), bytes);
    logged.fetch_add(peers::spans_per_request, std::memory_order_relaxed);
}

void event_span() {
    auto const start = Clock::now();
    std::uint64_t const id = peers::next_id();
    logger->info("event span={:016x}", id);
    logger->info("span=index id={:016x} duration_ns={} rows={}", id, ns_since(start), peers::rows);
    logged.fetch_add(2, std::memory_order_relaxed);
}

void wide_span() {
    auto const start = Clock::now();
    auto const* value = peers::wide_value;
    logger->info(
        "span=index id={:016x} duration_ns={} attribute-of-20-ch-0={} attribute-of-20-ch-1={} attribute-of-20-ch-2={} "
        "attribute-of-20-ch-3={} attribute-of-20-ch-4={} attribute-of-20-ch-5={} attribute-of-20-ch-6={} "
        "attribute-of-20-ch-7={} attribute-of-20-ch-8={} attribute-of-20-ch-9={}",
        peers::next_id(), ns_since(start), value, value, value, value, value, value, value, value, value, value);
    logged.fetch_add(1, std::memory_order_relaxed);
}

void flush() {
    // Asleep, so that waiting is nobody's processor time.
    while (sink->lines.load(std::memory_order_acquire) < logged.load(std::memory_order_relaxed)) {
        timespec const pause{0, 20'000};
        nanosleep(&pause, nullptr);
    }
}

void end() {
    logger.reset();
    pool.reset();
    sink.reset();
}

}  // namespace

namespace peers {

Peer const peer{
    .name = "spdlog",
    .setup = "async_logger, a queue of 8192, one thread, lines formatted and dropped",
    .begin = begin,
    .request = request,
    .exported_request = nullptr,
    .event_span = event_span,
    .exported_event_span = nullptr,
    .wide_span = wide_span,
    .hand_over = nullptr,
    .flush = flush,
    .end = end,
};

}  // namespace peers
