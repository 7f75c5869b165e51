// Clocks: raw ticks on the recording path, nanoseconds only when somebody reads.
//
// A clock call is most of what a span costs, so the default reads the processor's own counter (time-stamp counter on x86,
// CNTVCT_EL0 on aarch64) and finds its rate later, by comparing it with the monotonic clock. A span pays for two of these
// reads (about 7 ns each on a 2.5 GHz server core) and for no division. Where the counter can't be trusted as a clock, the
// monotonic clock stands in.
#pragma once

#include <cstdint>
#include <time.h>
#include <type_traits>

#include <lastbyte/core/atomic.hpp>

namespace lastbyte {

/// What turns a clock's ticks into nanoseconds.
struct ClockRate {
    double ns_per_tick = 1.0;

    /// The length of `ticks` in nanoseconds; a difference that ran backwards counts as 0.
    [[nodiscard]] std::uint64_t ns(std::uint64_t ticks) const noexcept {
        if (static_cast<std::int64_t>(ticks) <= 0) return 0;
        return static_cast<std::uint64_t>(static_cast<double>(ticks) * ns_per_tick + 0.5);
    }
};

/// A clock that a policy can name: `now()` in ticks, `rate()` for reading them, and `anchor()`, which is called before
/// either, and may be called again.
template <class T>
concept ClockSource = requires {
    { T::now() } noexcept;
    { T::rate() } noexcept;
    { T::anchor() } noexcept;
};

/// The monotonic clock of the system: about 25 ns a read, right everywhere.
struct SteadyClock {
    [[nodiscard]] static std::uint64_t now() noexcept {
        timespec at{};
        clock_gettime(CLOCK_MONOTONIC, &at);
        return static_cast<std::uint64_t>(at.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(at.tv_nsec);
    }
    [[nodiscard]] static ClockRate rate() noexcept { return {}; }
    static void anchor() noexcept {}
};

/// A counter that may serve as a clock: `now()`, and whether it runs at one rate in all states of the processor.
template <class T>
concept TickCounter = requires {
    { T::now() } noexcept;
    { T::invariant() } noexcept;
};

/// The processor's own counter. About 7 ns a read; not serialising, so a read may drift by a few instructions.
struct ProcessorCounter {
    [[nodiscard, gnu::always_inline]] static inline std::uint64_t now() noexcept {
#if defined(__x86_64__) || defined(__i386__)
        return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
        std::uint64_t ticks;
        __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
        return ticks;
#else
        return 0;
#endif
    }
    /// x86: CPUID says "invariant TSC" (Intel SDM 3B, 18.17.1; AMD APM 3, CPUID Fn8000_0007 EDX[8]). aarch64: always (Arm
    /// ARM D11.1: the system counter runs at a fixed rate).
    [[nodiscard]] static bool invariant() noexcept {
#if defined(__x86_64__) || defined(__i386__)
        auto const leaf = [](unsigned wanted, unsigned& d) {
            unsigned a = wanted, b = 0, c = 0;
            __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
            return a;
        };
        unsigned d = 0;
        return leaf(0x80000000u, d) >= 0x80000007u && (static_cast<void>(leaf(0x80000007u, d)), (d >> 8 & 1) != 0);
#elif defined(__aarch64__)
        return true;
#else
        return false;
#endif
    }
};

/// A counter as a clock, or `Reference` (nanoseconds) where the counter is not invariant. The choice is made once, by
/// `anchor()`; it costs a load and a predicted branch per read.
///
/// The rate is measured from the anchor to the moment of reading and kept for as long again, at most a second: so an error
/// of one pair of clock reads (about 50 ns) is never multiplied by more than two, and weighs under 1 ppm after a tenth of a
/// second. Thread-safe.
template <TickCounter Counter, class Reference>
struct CalibratedClock {
    [[nodiscard, gnu::always_inline]] static inline std::uint64_t now() noexcept {
        if (state_.trusted.load_relaxed() != 0) [[likely]] return Counter::now();
        return stand_in();
    }

    static void anchor() noexcept {
        if (state_.anchored.load_acquire() != 0) return;
        if (state_.claimed.exchange_acq_rel(1) != 0) {
            (void)detail::wait_until([] { return state_.anchored.load_acquire() != 0; });
            return;
        }
        if (Counter::invariant()) {
            Pair const start = read_both();
            state_.ticks.store_relaxed(start.ticks);
            state_.ns.store_relaxed(start.ns);
            state_.rated_at.store_relaxed(start.ticks);
            state_.trusted.store_relaxed(1);
        }
        state_.anchored.store_release(1);
    }

    [[nodiscard]] static ClockRate rate() noexcept {
        if (state_.trusted.load_relaxed() == 0 && !rated_late()) return {};
        std::uint64_t const valid_for = state_.valid_for.load_acquire();
        if (Counter::now() - state_.rated_at.load_relaxed() < valid_for) [[likely]]
            return {__builtin_bit_cast(double, state_.rate_bits.load_relaxed())};
        return calibrate();
    }

private:
    struct Pair {
        std::uint64_t ticks;
        std::uint64_t ns;
    };
    struct State {
        detail::Atomic<std::uint8_t> claimed;
        detail::Atomic<std::uint8_t> anchored;
        detail::Atomic<std::uint8_t> trusted;
        detail::Atomic<std::uint64_t> ticks;  // where the two clocks stood together
        detail::Atomic<std::uint64_t> ns;
        detail::Atomic<std::uint64_t> rated_at;
        detail::Atomic<std::uint64_t> valid_for;  // ticks from there
        detail::Atomic<std::uint64_t> rate_bits;  // of a double
    };
    static inline constinit State state_{};

    // A shared library with hidden visibility has a clock of its own, and meets traces that another one started: so it may
    // be asked before anybody has called its anchor(), and must give ticks of the same kind.

    /// Out of line, so that a span's code holds no call of the system on its way.
    [[gnu::noinline, gnu::cold]] static std::uint64_t stand_in() noexcept {
        anchor();
        return state_.trusted.load_relaxed() != 0 ? Counter::now() : Reference::now();
    }

    /// Whether the counter is in use. If nobody has asked before, waits once until there is a time to measure its rate over.
    [[gnu::noinline, gnu::cold]] static bool rated_late() noexcept {
        if (state_.anchored.load_acquire() != 0) return state_.trusted.load_relaxed() != 0;
        anchor();
        if (state_.trusted.load_relaxed() == 0) return false;
        std::uint64_t const start = Reference::now();
        while (Reference::now() - start < 100'000) {
        }
        return true;
    }

    /// Both clocks at once: the tightest of a few readings, so that being interrupted between the two doesn't skew it.
    static Pair read_both() noexcept {
        std::uint64_t tightest = ~std::uint64_t{0};
        Pair best{};
        for (int attempt = 0; attempt < 4; ++attempt) {
            std::uint64_t const before = Reference::now();
            std::uint64_t const ticks = Counter::now();
            std::uint64_t const gap = Reference::now() - before;
            if (gap >= tightest) continue;
            tightest = gap;
            best = {ticks, before + gap / 2};
        }
        return best;
    }

    [[gnu::noinline, gnu::cold]] static ClockRate calibrate() noexcept {
        Pair const here = read_both();
        std::uint64_t const ticks = here.ticks - state_.ticks.load_relaxed();
        std::uint64_t const ns = here.ns - state_.ns.load_relaxed();
        if (static_cast<std::int64_t>(ticks) <= 0 || static_cast<std::int64_t>(ns) <= 0) return {};
        double const ns_per_tick = static_cast<double>(ns) / static_cast<double>(ticks);
        auto const second = static_cast<std::uint64_t>(1e9 / ns_per_tick);
        state_.rate_bits.store_relaxed(__builtin_bit_cast(std::uint64_t, ns_per_tick));
        state_.rated_at.store_relaxed(here.ticks);
        state_.valid_for.store_release(ticks < second ? ticks : second);
        return {ns_per_tick};
    }
};

/// The default clock.
using TickClock = CalibratedClock<ProcessorCounter, SteadyClock>;

/// A clock that stands still until it is told to move: for tests of whole traces, and for replaying recorded ones.
///
/// Each `Tag` is a clock of its own. One tick is one nanosecond. Safe from several threads.
template <class Tag = void>
struct ManualClock {
    [[nodiscard]] static std::uint64_t now() noexcept { return ticks_.load_relaxed(); }
    [[nodiscard]] static ClockRate rate() noexcept { return {}; }
    static void anchor() noexcept {}
    static void advance_ns(std::uint64_t ns) noexcept { ticks_.add_relaxed(ns); }

private:
    static inline constinit detail::Atomic<std::uint64_t> ticks_{1};
};

/// A length of time for `record`, made from a number or from any std::chrono duration.
struct Nanoseconds {
    std::uint64_t count = 0;

    constexpr explicit Nanoseconds(std::uint64_t ns) noexcept : count(ns) {}

    /// Any std::chrono duration, recognised by its shape so that <chrono> need not be included. A negative one counts as 0.
    template <class Duration>
        requires requires(Duration d) {
            d.count();
            Duration::period::num;
        }
    constexpr Nanoseconds(Duration duration) noexcept
        : Nanoseconds(from_double_ns(static_cast<double>(duration.count()) * 1e9 *
                                     static_cast<double>(Duration::period::num) /
                                     static_cast<double>(Duration::period::den))) {}

    [[nodiscard]] static constexpr Nanoseconds from_double_ns(double ns) noexcept {
        // Also false for a NaN.
        if (!(ns > 0)) return Nanoseconds{0};
        constexpr double most = 9.2e18;
        return Nanoseconds{static_cast<std::uint64_t>((ns < most ? ns : most) + 0.5)};
    }
};

/// Milliseconds as a length of time, rounded to the nanosecond; negative numbers and NaN count as 0.
[[nodiscard]] constexpr Nanoseconds milliseconds(double ms) noexcept { return Nanoseconds::from_double_ns(ms * 1e6); }
template <class Integer>
    requires std::is_integral_v<Integer>
[[nodiscard]] constexpr Nanoseconds milliseconds(Integer ms) noexcept {
    return milliseconds(static_cast<double>(ms));
}

}  // namespace lastbyte
