// What every peer does here: the same request, the same spans, the same end. One program for each peer, for each brings
// its own threads and global state.
//
// The request: a root and eight spans, on each span the integer `rows` and the text `shard`, sixteen chunks of body,
// and at the end its duration, bytes and outcome recorded. Then it goes to an exporter that encodes it as it would for
// its reader and drops the bytes. The two workloads of OpenTelemetry's specification ("Performance Benchmark of
// OpenTelemetry API") are a span of its own trace with one integer attribute and one event, and one with ten attributes
// of twenty characters, of which one thread on each processor makes as many as it can.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace peers {

inline constexpr int spans_per_request = 9;
inline constexpr int chunks_per_request = 16;
inline constexpr std::string_view chunk = "sixteen bytes ok";
inline constexpr std::int64_t rows = 12;
inline constexpr char const* shard = "eu-1";
inline constexpr int wide_attributes = 10;
inline constexpr char const* wide_value = "a-value-of-20-chars.";
inline constexpr char const* service_name = "0123456789";  // and its version
inline constexpr char const* service_instance = "6f1c2a5e-3b0d-4c53-9e1c-7d2f8a90b1e4";

/// How a peer does it. What is null, it can't do. Only `wide_span` and `hand_over` are called by several threads at a
/// time.
struct Peer {
    char const* name;
    char const* setup;           ///< how it is configured, for the table
    char const* (*begin)();      ///< null, or why what is measured is less than it says
    void (*request)();           ///< recorded, and on its way to be exported
    void (*exported_request)();  ///< the same for a peer that exports in the request's own thread; null: `request` does
    void (*event_span)();        ///< OpenTelemetry's span: one integer attribute, one event
    void (*exported_event_span)();
    void (*wide_span)();  ///< OpenTelemetry's span of ten attributes, recorded and on its way; by any thread
    /// By each other thread that has recorded, before one thread calls `flush`: what it holds goes where that finds it.
    /// Null: a thread holds nothing.
    void (*hand_over)();
    void (*flush)();  ///< returns when all that this thread has recorded, and others have handed over, is exported
    void (*end)();
};

/// Each peer's source defines this.
extern Peer const peer;

/// The bytes that an exporter made; they go nowhere, and are counted. By any thread.
void drop(void const* bytes, std::size_t size) noexcept;

/// An id for a peer that has none of its own: the thread in the upper half, so that threads share nothing.
inline std::uint64_t next_id() noexcept {
    static constinit std::atomic<std::uint64_t> threads{0};
    static constinit thread_local std::uint64_t last = 0;
    if (last == 0) [[unlikely]]
        last = (threads.fetch_add(1) + 1) << 32;
    return ++last;
}

/// The body of every request, read to its end: the bytes.
std::uint64_t read_body(int& left);

}  // namespace peers
