// Trace and span ids: 128 and 64 bits, counted from a random prefix instead of drawn.
//
// Drawing random bits for each span would cost more than the rest of it. Each thread draws a prefix once and then counts;
// a trace also mixes its start time into both counts, so that a process that forks doesn't repeat its parent's ids in the
// traces it starts. No lock, nothing shared between threads; about 1 ns an id.
#pragma once

#include <cstddef>
#include <cstdint>
#include <time.h>
#if __has_include(<sys/random.h>)
#include <sys/random.h>
#endif

#include <lastbyte/core/atomic.hpp>
#include <lastbyte/core/text.hpp>

namespace lastbyte {

/// A W3C trace id: 128 bits, not all zero.
struct TraceId {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    friend constexpr bool operator==(TraceId, TraceId) noexcept = default;
    /// 32 lower-case hexadecimal digits.
    template <TextOutput Out>
    constexpr void write(Out& out) const;
};

/// A W3C parent id: 64 bits, not all zero; zero says "none".
struct SpanId {
    std::uint64_t value = 0;

    friend constexpr bool operator==(SpanId, SpanId) noexcept = default;
    /// 16 lower-case hexadecimal digits.
    template <TextOutput Out>
    constexpr void write(Out& out) const;
};

/// A span of whichever trace and process, for `span.link(other)`: `SpanContext{{high, low}, {span}, flags}` from ids that
/// were received, `span.context()` from a span of a Reading or Snapshot. `flags` are those of a traceparent (W3C Trace
/// Context 3.2.2.5; 1 is "sampled").
struct SpanContext {
    TraceId trace_id{};
    SpanId span_id{};
    std::uint8_t flags = 0;

    friend constexpr bool operator==(SpanContext const&, SpanContext const&) noexcept = default;
    /// Both ids are there.
    [[nodiscard]] constexpr bool valid() const noexcept { return trace_id != TraceId{} && span_id != SpanId{}; }
};

namespace detail {

template <TextOutput Out>
constexpr void append_hex(Out& out, std::uint64_t value) {
    char digits[16]{};
    for (int i = 15; i >= 0; --i, value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
    out.append(digits, sizeof digits);
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit.
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

struct IdState {
    std::uint64_t trace_prefix = 0;
    std::uint64_t next_trace = 0;
    std::uint64_t next_span = 0;
};
inline constinit thread_local IdState id_state{};
inline constinit Atomic<std::uint64_t> id_threads{};

[[gnu::noinline, gnu::cold]] inline void seed_ids(std::uint64_t now) noexcept {
    std::uint64_t drawn[3]{};
    bool given = false;
#if __has_include(<sys/random.h>)
    given = getrandom(drawn, sizeof drawn, GRND_NONBLOCK) == static_cast<ssize_t>(sizeof drawn);
#endif
    // What the system doesn't give is made from what differs between threads, processes and moments.
    if (!given)
        for (auto& word : drawn) {
            timespec at{};
            clock_gettime(CLOCK_REALTIME, &at);
            word ^= mix(static_cast<std::uint64_t>(at.tv_sec) << 30 ^ static_cast<std::uint64_t>(at.tv_nsec));
        }
    auto const thread = id_threads.add_relaxed(1);
    auto const place = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&id_state));
    id_state.trace_prefix = mix(drawn[0] ^ mix(now ^ place));
    id_state.next_trace = mix(drawn[1] ^ mix(thread ^ place));
    id_state.next_span = mix(drawn[2] ^ mix(now + thread)) | 1;
    if (id_state.trace_prefix == 0) id_state.trace_prefix = 1;
}

}  // namespace detail

template <TextOutput Out>
constexpr void TraceId::write(Out& out) const {
    detail::append_hex(out, high);
    detail::append_hex(out, low);
}

template <TextOutput Out>
constexpr void SpanId::write(Out& out) const {
    detail::append_hex(out, value);
}

/// Ids for production. `next_trace` takes the trace's start tick.
struct RandomIds {
    [[nodiscard]] static TraceId next_trace(std::uint64_t now) noexcept {
        auto& state = detail::id_state;
        if (state.trace_prefix == 0) [[unlikely]] detail::seed_ids(now);
        state.next_span = detail::mix(state.next_span ^ now);
        return {state.trace_prefix, detail::mix(++state.next_trace ^ (now << 20)) | 1};
    }
    [[nodiscard]] static std::uint64_t next_span() noexcept {
        auto& state = detail::id_state;
        if (state.trace_prefix == 0) [[unlikely]] detail::seed_ids(0);
        return ++state.next_span;
    }
};

/// Ids 1, 2, 3, … for tests that compare whole traces. Each `Tag` counts for itself; safe from several threads.
template <class Tag = void>
struct SequentialIds {
    [[nodiscard]] static TraceId next_trace(std::uint64_t) noexcept { return {0, traces_.add_relaxed(1) + 1}; }
    [[nodiscard]] static std::uint64_t next_span() noexcept { return spans_.add_relaxed(1) + 1; }
    static void restart() noexcept {
        traces_.store_relaxed(0);
        spans_.store_relaxed(0);
    }

private:
    static inline constinit detail::Atomic<std::uint64_t> traces_{};
    static inline constinit detail::Atomic<std::uint64_t> spans_{};
};

}  // namespace lastbyte
