// Retrying, for those who send without a Worker: again after a pause, until a deadline.
//
// A client that tries again at once makes a busy server busier, and a thousand of them that pause for the same second come
// back together. Here the pause doubles, a part of it is chance, and what the server asks for by Retry-After goes before; a
// pause that would end behind the deadline isn't begun. Blocks its thread; a Worker's thread does the same beside yours.
#pragma once

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <string_view>

namespace lastbyte {

struct RetryOptions {
    std::uint32_t within_ms = 30'000;  ///< all attempts and all pauses
    std::uint32_t first_pause_ms = 500;
    std::uint32_t longest_pause_ms = 10'000;  ///< that the doubling leads to; what the server asks for may be longer
};

/// The time, as retry() has it. Tests give one of their own, and need none.
struct RetryClock {
    [[nodiscard]] std::uint64_t now_ns() noexcept {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
    }
    void sleep_ns(std::uint64_t ns) noexcept {
        timespec left{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
        while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
        }
    }
    /// A number below `bound`, which is not 0. Two processes that began together draw different ones.
    [[nodiscard]] std::uint64_t random(std::uint64_t bound) noexcept {
        std::uint64_t x = now_ns() ^ reinterpret_cast<std::uintptr_t>(this);
        for (int i = 0; i < 2; ++i) x = (x ^ x >> 32) * 0xd6e8feb86659fd93;
        return (x ^ x >> 32) % bound;
    }
};

/// What became of all attempts.
template <class Result>
struct Retried {
    Result last;  ///< of the last attempt
    std::uint32_t attempts = 0;
    std::uint64_t paused_ns = 0;
    bool gave_up = false;  ///< another attempt would have been worth it, but not before the deadline
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(last); }
};

/// Writes `body` until it is delivered, refused for good, or out of time:
///
///     if (auto const sent = lastbyte::retry(http, batch.request(), {.within_ms = 5'000}); !sent) keep(batch);
///
/// A transport is what a Worker takes: its `write(body)` gives something that is true or false, and may have
/// worth_retrying() and retry_after_ns(). One that has `write(body, within_ns)` is told what is left of the time; another's
/// last attempt may take as long as it takes.
template <class Transport, class Clock = RetryClock>
auto retry(Transport& transport, std::string_view body, RetryOptions options = {}, Clock&& clock = Clock{}) {
    constexpr std::uint64_t ms = 1'000'000;
    std::uint64_t const until = clock.now_ns() + options.within_ms * ms;
    std::uint64_t pause = (options.first_pause_ms == 0 ? 1 : options.first_pause_ms) * ms;
    std::uint64_t const longest = options.longest_pause_ms * ms > pause ? options.longest_pause_ms * ms : pause;
    auto const attempt = [&](std::uint64_t left_ns) {
        if constexpr (requires { transport.write(body, left_ns); })
            return transport.write(body, left_ns);
        else
            return transport.write(body);
    };
    Retried<decltype(attempt(pause))> all{attempt(options.within_ms * ms), 1};
    for (;;) {
        if (static_cast<bool>(all.last)) return all;
        if constexpr (requires { all.last.worth_retrying(); })
            if (!all.last.worth_retrying()) return all;
        std::uint64_t wait = pause / 2 + clock.random(pause / 2 + 1);
        if constexpr (requires { all.last.retry_after_ns(); })
            if (all.last.retry_after_ns() > wait) wait = all.last.retry_after_ns();
        std::uint64_t const now = clock.now_ns();
        if (now >= until || wait >= until - now) {
            all.gave_up = true;
            return all;
        }
        clock.sleep_ns(wait);
        all.paused_ns += wait;
        pause = pause * 2 < longest ? pause * 2 : longest;
        std::uint64_t const awake = clock.now_ns();
        all.last = attempt(awake < until ? until - awake : 1);
        ++all.attempts;
    }
}

}  // namespace lastbyte
