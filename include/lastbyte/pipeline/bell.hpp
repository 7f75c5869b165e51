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
        call(wake_all, 0x7fffffff, 0);
    }

    /// Returns when the bell has rung since `seen`, when `until` (of SteadyClock) has come, or sooner for no reason.
    void wait(std::uint32_t seen, std::uint64_t until) noexcept {
        std::uint64_t const now = SteadyClock::now();
        if (until <= now || rings_.load_acquire() != seen) return;
        constexpr std::uint64_t most = supported ? 3600 * second : second / 1000;
        call(sleep, seen, until - now < most ? until - now : most);
    }

private:
    static constexpr std::uint64_t second = 1'000'000'000;
#if defined(__linux__)
    static constexpr bool supported = true;
    static constexpr int sleep = 128, wake_all = 129;  // private FUTEX_WAIT and FUTEX_WAKE; musl has no <linux/futex.h>
    void call(int what, std::uint32_t value, std::uint64_t ns) noexcept {
        int const kept = errno;
        // Two longs to the kernel, and no timespec, which a 32-bit program may have with 64 bits of time.
        long const length[] = {static_cast<long>(ns / second), static_cast<long>(ns % second)};
        ::syscall(SYS_futex, &rings_, what, value, length, nullptr, 0);
        errno = kept;
    }
#else
    static constexpr bool supported = false;
    static constexpr int wake_all = 0, sleep = 1;
    void call(int what, std::uint32_t, std::uint64_t ns) noexcept {
        int const kept = errno;
        timespec const time{0, static_cast<long>(ns)};
        if (what == sleep) ::nanosleep(&time, nullptr);
        errno = kept;
    }
#endif

    Atomic<std::uint32_t> rings_{0};
};
static_assert(sizeof(Bell) == 4);

}  // namespace lastbyte::detail
