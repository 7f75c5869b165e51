// Tracy: a zone for each span, with a value and a text; its own thread sends them to whoever is connected.
//
// Without a viewer Tracy keeps everything in memory until one comes. benchmarks/run starts tracy-capture when it is
// there, and turns Tracy's sampling of the whole system off. A flush waits until Tracy's thread, which sleeps for 10 ms
// whenever it finds nothing, has taken all that there is out of its queue; it then has a last buffer to compress and
// send.
#include <tracy/Tracy.hpp>

#include <cstring>

#include <time.h>

#include "peer.hpp"

namespace tracy {
/// Tracy's own, declared in its source alone.
TRACY_API moodycamel::ConcurrentQueue<QueueItem>& GetQueue();
}  // namespace tracy

namespace {

void rest(long us) {
    timespec const pause{0, us * 1'000};
    nanosleep(&pause, nullptr);
}

bool connected() {
    for (int tenths = 0; tenths < 30 && !TracyIsConnected; ++tenths) rest(100'000);
    return TracyIsConnected;
}

/// Asleep, so that waiting is nobody's processor time. Without a viewer the queue is never empty.
void flush() {
    while (TracyIsConnected && tracy::GetQueue().size_approx() != 0) rest(5'000);
}

void child() {
    ZoneScopedN("index");
    ZoneValue(static_cast<std::uint64_t>(peers::rows));
    ZoneText(peers::shard, std::strlen(peers::shard));
}

void request() {
    ZoneScopedN("request");
    for (int i = 1; i < peers::spans_per_request; ++i) child();
    int left = peers::chunks_per_request;
    ZoneValue(peers::read_body(left));
    ZoneText("complete", 8);
}

void event_span() {
    ZoneScopedN("index");
    ZoneValue(static_cast<std::uint64_t>(peers::rows));
    TracyMessageL("event");
}

void wide_span() {
    ZoneScopedN("index");
    for (int i = 0; i < peers::wide_attributes; ++i) ZoneText(peers::wide_value, std::strlen(peers::wide_value));
}

}  // namespace

namespace peers {

Peer const peer{
    .name = "Tracy",
    .setup = "zones sent to tracy-capture by Tracy's own thread",
    .begin = []() -> char const* { return connected() ? nullptr : "no viewer: all is kept in memory"; },
    .request = request,
    .exported_request = nullptr,
    .event_span = event_span,
    .exported_event_span = nullptr,
    .wide_span = wide_span,
    .hand_over = nullptr,
    .flush = flush,
    .end = [] {},
};

}  // namespace peers
