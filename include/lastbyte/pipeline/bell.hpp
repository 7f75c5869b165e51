// A bell: one word that threads wait at until it changes, and no longer than a deadline.
//
// A condition variable needs a mutex on the side that rings, so a request would take a lock to wake a worker. Ringing
// is an addition and, only while somebody waits, one system call. Linux's futex; elsewhere a wait looks once a
// millisecond.
#pragma once

#include <cerrno>
#include <cstdint>
#include <ctime>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <lastbyte/core/atomic.hpp>
#include <lastbyte/core/clock.hpp>

namespace lastbyte::detail {

class Bell {
public:
    /// What to give to wait(): a ring after this is not missed.
    [[nodiscard]] std::uint32_t look() const noexcept { return rings_.load_acquire(); }

    /// Wakes all who wait. The caller's errno stays.
    void ring() noexcept {
        rings_.add_acq_rel(1);
        call(wake_all, 0x7fffffff, nullptr);
    }

    /// Returns when the bell has rung since `seen`, when `until` (of SteadyClock) has come, or sooner for no reason.
    void wait(std::uint32_t seen, std::uint64_t until) noexcept {
        std::uint64_t const now = SteadyClock::now();
        if (until <= now || rings_.load_acquire() != seen) return;
        std::uint64_t left = until - now;
        constexpr std::uint64_t second = 1'000'000'000, most = supported ? 3600 * second : second / 1000;
        if (left > most) left = most;
        timespec const time{static_cast<time_t>(left / second), static_cast<long>(left % second)};
        call(sleep, seen, &time);
    }

private:
#if defined(__linux__)
    static constexpr bool supported = true;
    static constexpr int wake_all = FUTEX_WAKE | FUTEX_PRIVATE_FLAG;
    static constexpr int sleep = FUTEX_WAIT | FUTEX_PRIVATE_FLAG;
    void call(int what, std::uint32_t value, timespec const* time) noexcept {
        int const kept = errno;
        ::syscall(SYS_futex, &rings_, what, value, time, nullptr, 0);
        errno = kept;
    }
#else
    static constexpr bool supported = false;
    static constexpr int wake_all = 0, sleep = 1;
    void call(int, std::uint32_t, timespec const* time) noexcept {
        int const kept = errno;
        if (time != nullptr) ::nanosleep(time, nullptr);
        errno = kept;
    }
#endif

    Atomic<std::uint32_t> rings_{0};
};
static_assert(sizeof(Bell) == 4);

}  // namespace lastbyte::detail
