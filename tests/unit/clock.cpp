// Clocks: rates, lengths of time, and a clock that stands still.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include <lastbyte/core/clock.hpp>

using lastbyte::ClockRate;
using lastbyte::milliseconds;
using lastbyte::Nanoseconds;

namespace {
constexpr std::uint64_t ns(Nanoseconds duration) { return duration.count; }

/// A world with a time of its own, a counter of 2.7 GHz in it, and a reference clock whose reads take 20 to 60 ns.
template <class Tag>
struct World {
    static inline lastbyte::detail::Atomic<std::uint64_t> ps{0};
    static void pass_ns(double ns) { ps.add_relaxed(static_cast<std::uint64_t>(ns * 1e3)); }
    static double ns() { return static_cast<double>(ps.load_relaxed()) / 1e3; }
};
template <class Tag, bool Invariant = true>
struct Counter {
    static constexpr std::uint64_t first = 1'000'000'000'000;
    static inline lastbyte::detail::Atomic<int> reads{0};
    static inline lastbyte::detail::Atomic<int> asked{0};
    static std::uint64_t now() noexcept {
        reads.add_relaxed(1);
        return first + static_cast<std::uint64_t>(World<Tag>::ns() * 2.7);
    }
    static bool invariant() noexcept {
        asked.add_relaxed(1);
        return Invariant;
    }
};
template <class Tag>
struct Reference {
    static inline lastbyte::detail::Atomic<std::uint32_t> reads{0};
    static std::uint64_t now() noexcept {
        std::uint32_t const hash = reads.add_relaxed(1) * 2654435761u >> 16;
        World<Tag>::pass_ns(10 + hash % 20);
        auto const answer = static_cast<std::uint64_t>(World<Tag>::ns());
        World<Tag>::pass_ns(10 + hash / 20 % 20);
        return answer;
    }
};
template <class Tag, bool Invariant = true>
using Simulated = lastbyte::CalibratedClock<Counter<Tag, Invariant>, Reference<Tag>>;
}  // namespace

TEST_CASE("a difference that ran backwards is no time at all") {
    CHECK(ClockRate{1.0}.ns(static_cast<std::uint64_t>(-5)) == 0);
    CHECK(ClockRate{0.4}.ns(0) == 0);
    CHECK(ClockRate{0.4}.ns(10) == 4);
}

TEST_CASE("a rate of one is exact up to 2^52 ns, which is 52 days") {
    std::mt19937_64 random{1};
    for (int i = 0; i < 100'000; ++i) {
        std::uint64_t const ticks = random() >> 12 >> (random() % 40);
        if (ClockRate{}.ns(ticks) != ticks) FAIL_CHECK(ticks);
    }
}

TEST_CASE("the tick clock agrees with the monotonic clock within a percent over 50 ms") {
    lastbyte::TickClock::anchor();
    auto const before = lastbyte::TickClock::now();
    auto const steady = lastbyte::SteadyClock::now();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    auto const ticks = lastbyte::TickClock::now() - before;
    auto const elapsed = static_cast<double>(lastbyte::SteadyClock::now() - steady);
    auto const measured = static_cast<double>(lastbyte::TickClock::rate().ns(ticks));
    CHECK(measured > elapsed * 0.99);
    CHECK(measured < elapsed * 1.01);
}

TEST_CASE("many threads anchor a clock once, and none goes on before it is done") {
    struct Tag;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([] {
            Simulated<Tag>::anchor();
            CHECK(Simulated<Tag>::now() >= Counter<Tag>::first);
        });
    for (auto& thread : threads) thread.join();
    CHECK(Counter<Tag>::asked.load_relaxed() == 1);
}

TEST_CASE("over an hour a calibrated clock is wrong by less than 1 ppm") {
    struct Tag;
    using Clock = Simulated<Tag>;
    Clock::anchor();
    double const began = World<Tag>::ns();
    auto const started = Clock::now();
    std::mt19937_64 random{3};
    double worst_ppm = 0;
    double worst_ns = 0;
    for (double step = 10; World<Tag>::ns() < 3.6e12; step = std::min(step * 1.1, 2e9)) {
        World<Tag>::pass_ns(std::uniform_real_distribution<double>(0, step)(random));
        double const real = World<Tag>::ns() - began;
        auto const ticks = Clock::now() - started;
        double const wrong = std::abs(static_cast<double>(Clock::rate().ns(ticks)) - real);
        if (real < 1e8) worst_ns = std::max(worst_ns, wrong);
        if (real > 1e8) worst_ppm = std::max(worst_ppm, wrong / real * 1e6);
    }
    CHECK(worst_ppm < 1.0);
    CHECK(worst_ns < 100.0);
}

TEST_CASE("a rate is kept while it is good enough, and measured anew at least once a second") {
    struct Tag;
    using Clock = Simulated<Tag>;
    Clock::anchor();
    World<Tag>::pass_ns(1e10);
    (void)Clock::rate();
    auto const reads = Reference<Tag>::reads.load_relaxed();
    for (int i = 0; i < 9; ++i) {
        World<Tag>::pass_ns(1e8);
        (void)Clock::rate();
    }
    CHECK(Reference<Tag>::reads.load_relaxed() == reads);
    World<Tag>::pass_ns(2e8);
    (void)Clock::rate();
    CHECK(Reference<Tag>::reads.load_relaxed() > reads);
}

TEST_CASE("where the counter is not invariant, the reference is the clock") {
    struct Tag;
    using Clock = Simulated<Tag, false>;
    Clock::anchor();
    auto const start = Clock::now();
    World<Tag>::pass_ns(1e6);
    auto const ns = Clock::rate().ns(Clock::now() - start);
    CHECK(ns >= 1'000'000);
    CHECK(ns < 1'000'100);
    CHECK(Counter<Tag, false>::reads.load_relaxed() == 0);
}

TEST_CASE("a clock that nobody has anchored checks its counter first, and then ticks like one that was") {
    struct Tag;
    using Clock = Simulated<Tag>;
    CHECK(Clock::now() >= Counter<Tag>::first);
    CHECK(Counter<Tag>::asked.load_relaxed() == 1);
    struct Other;
    CHECK(Simulated<Other, false>::now() < Counter<Other, false>::first);
    CHECK(Counter<Other, false>::reads.load_relaxed() == 0);
}

TEST_CASE("a rate that is asked for before anything else is within 0.1 %") {
    struct Tag;
    double const ns_per_tick = Simulated<Tag>::rate().ns_per_tick;
    CHECK(ns_per_tick * 2.7 > 0.999);
    CHECK(ns_per_tick * 2.7 < 1.001);
}

TEST_CASE("the monotonic clock doesn't run backwards") {
    std::uint64_t last = 0;
    for (int i = 0; i < 10'000; ++i) {
        auto const now = lastbyte::SteadyClock::now();
        CHECK_MESSAGE(now >= last, "at read ", i);
        last = now;
    }
}

TEST_CASE("a manual clock moves when it is told to, and each tag is another clock") {
    using Clock = lastbyte::ManualClock<struct A>;
    auto const before = Clock::now();
    auto const other = lastbyte::ManualClock<struct B>::now();
    Clock::advance_ns(7);
    CHECK(Clock::now() == before + 7);
    CHECK(lastbyte::ManualClock<struct B>::now() == other);
    CHECK(Clock::rate().ns(33) == 33);
}

TEST_CASE("milliseconds take whole and broken numbers") {
    CHECK(ns(milliseconds(33)) == 33'000'000);
    CHECK(ns(milliseconds(1.5)) == 1'500'000);
    CHECK(ns(milliseconds(0.0000004)) == 0);
    CHECK(ns(milliseconds(0.0000006)) == 1);
    std::int64_t const wide = 12;  // without a warning under -Wconversion
    std::size_t const size = 12;
    CHECK(ns(milliseconds(wide)) == ns(milliseconds(size)));
    CHECK(ns(milliseconds(2.5f)) == 2'500'000);
}

TEST_CASE("negative, infinite and impossible lengths are harmless") {
    CHECK(ns(milliseconds(-1)) == 0);
    CHECK(ns(milliseconds(std::numeric_limits<double>::quiet_NaN())) == 0);
    CHECK(ns(milliseconds(std::numeric_limits<double>::infinity())) == 9'200'000'000'000'000'000u);
    CHECK(ns(milliseconds(std::numeric_limits<std::int64_t>::max())) == 9'200'000'000'000'000'000u);
    CHECK(ns(std::chrono::milliseconds(-3)) == 0);
    CHECK(ns(std::chrono::hours::max()) == 9'200'000'000'000'000'000u);
}

TEST_CASE("std::chrono durations are taken as they are") {
    using namespace std::chrono_literals;
    CHECK(ns(33ms) == 33'000'000);
    CHECK(ns(5ns) == 5);
    CHECK(ns(2h) == 7'200'000'000'000);
    CHECK(ns(1.25s) == 1'250'000'000);
    CHECK(ns(std::chrono::duration<int, std::ratio<1, 3>>(1)) == 333'333'333);
    std::mt19937_64 random{2};
    for (int i = 0; i < 100'000; ++i) {
        auto const count = static_cast<std::int64_t>(random() >> 13);  // 2^51 ns are 26 days
        if (ns(std::chrono::nanoseconds(count)) != static_cast<std::uint64_t>(count)) FAIL_CHECK(count);
        auto const whole = static_cast<std::uint64_t>(count / 1000 * 1000);
        if (ns(std::chrono::microseconds(count / 1000)) != whole) FAIL_CHECK(count);
    }
}
