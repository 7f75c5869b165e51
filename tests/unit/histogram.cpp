// Histograms against sorted samples and exact arithmetic: percentiles, bounds, merging, extremes, threads, exemplars.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <thread>
#include <type_traits>
#include <vector>

#include <lastbyte/telemetry/shared_histogram.hpp>

#include "together.hpp"

using namespace lastbyte;

namespace {

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
using Times = ExponentialBuckets<>;
using Small = ExponentialBuckets<6, 0, 20>;

/// number^64 <= 2^exponent, by multiplying it out in digits of 32 bits.
bool at_most_two_to(std::uint64_t number, std::size_t exponent) {
    std::vector<std::uint32_t> power{1};
    for (int i = 0; i < 64; ++i) {
        std::vector<std::uint32_t> product(power.size() + 2);
        for (std::size_t half = 0; half < 2; ++half) {
            std::uint64_t const factor = half == 0 ? number & 0xffffffff : number >> 32;
            std::uint64_t carry = 0;
            for (std::size_t at = 0; at + half < product.size(); ++at) {
                carry += product[at + half] + (at < power.size() ? power[at] * factor : 0);
                product[at + half] = static_cast<std::uint32_t>(carry);
                carry >>= 32;
            }
        }
        power = product;
    }
    std::size_t bits = 0, ones = 0;
    for (std::size_t i = 0; i < power.size(); ++i) {
        if (power[i] != 0) bits = 32 * i + static_cast<std::size_t>(std::bit_width(power[i]));
        ones += static_cast<std::size_t>(std::popcount(power[i]));
    }
    return bits <= exponent || (bits == exponent + 1 && ones == 1);
}

std::uint64_t nearest_rank(std::vector<std::uint64_t> const& sorted, double share) {
    auto const rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return sorted[std::max<std::size_t>(rank, 1) - 1];
}

template <class Buckets = Times>
Histogram<Buckets> histogram_of(std::vector<std::uint64_t> const& numbers) {
    Histogram<Buckets> all;
    for (auto const number : numbers) all.record(number);
    return all;
}

/// Numbers of very different sizes, with the ends of the buckets and of the type among them.
std::vector<std::uint64_t> wild_numbers(std::mt19937_64& random, std::size_t n) {
    std::vector<std::uint64_t> numbers;
    while (numbers.size() < n) {
        std::uint64_t const number = random() >> (random() % 64);
        numbers.push_back(number);
        numbers.push_back(std::uint64_t{1} << (random() % 64));
        numbers.push_back(Times::last(random() % Times::size) + random() % 2);
        if (random() % 10 == 0) numbers.push_back(random() % 2 == 0 ? 0 : largest);
    }
    return numbers;
}

}  // namespace

TEST_CASE("the table of steps is 2^(63 + i/64), rounded down, to the last bit") {
    for (std::size_t i = 0; i < 64; ++i) {
        CAPTURE(i);
        CHECK(at_most_two_to(detail::step_begins[i], 63 * 64 + i));
        CHECK_FALSE(at_most_two_to(detail::step_begins[i] + 1, 63 * 64 + i));
    }
}

TEST_CASE("bucket indices are those of OpenTelemetry: above base^i, up to base^(i+1)") {
    auto const index = []<int Scale>(std::integral_constant<int, Scale>, std::uint64_t number) {
        using Buckets = ExponentialBuckets<Scale, 0, 63>;
        return Buckets::offset + static_cast<std::int32_t>(Buckets::position(number));
    };
    std::integral_constant<int, 0> zero;
    CHECK(index(zero, 2) == 0);
    CHECK(index(zero, 3) == 1);
    CHECK(index(zero, 4) == 1);
    CHECK(index(zero, 5) == 2);
    CHECK(index(zero, 1024) == 9);
    CHECK(index(zero, 1025) == 10);
    std::integral_constant<int, 3> three;
    CHECK(index(three, 2) == 7);
    CHECK(index(three, 3) == 12);  // 2^(12/8) = 2.83, 2^(13/8) = 3.08
    CHECK(index(three, 4) == 15);
    CHECK(index(std::integral_constant<int, 6>{}, 1000) == 637);  // 2^(637/64) = 991.5, 2^(638/64) = 1002.3
    CHECK(Times::offset == 9 * 64);
    CHECK(Times::position(513) == 0);
}

TEST_CASE("every bucket holds the numbers above the last of the one before it, up to its own last") {
    auto const check = []<int Scale>(std::integral_constant<int, Scale>) {
        using Buckets = ExponentialBuckets<Scale, 9, 42>;
        std::uint64_t before = Buckets::least;
        for (std::size_t i = 0; i < Buckets::size; ++i) {
            std::uint64_t const last = Buckets::last(i);
            REQUIRE(last > before);
            REQUIRE(Buckets::position(before + 1) == i);
            REQUIRE(Buckets::position(last) == i);
            before = last;
        }
        REQUIRE(before == Buckets::most);
    };
    check(std::integral_constant<int, 6>{});
    check(std::integral_constant<int, 5>{});
    check(std::integral_constant<int, 3>{});
    check(std::integral_constant<int, 0>{});
}

TEST_CASE("p50, p95, p99 and p99.9 are within 1 % of the sorted samples, from 1 us to 1 h") {
    std::mt19937_64 random{20261125};
    constexpr double hour = 3.6e12;
    std::lognormal_distribution<double> web{std::log(2e6), 1.8};
    std::exponential_distribution<double> waiting{1e-7};
    std::uniform_real_distribution<double> flat{1e3, hour}, share{0, 1};
    std::function<double()> const distributions[] = {
        [&] { return web(random); },
        [&] { return 1e3 + waiting(random); },
        [&] { return flat(random); },
        [&] { return 1e3 * std::pow(hour / 1e3, share(random)); },                                     // every size as often
        [&] { return 1e3 * std::pow(1 - share(random), -1 / 1.1); },                                   // a heavy tail
        [&] { return share(random) < 0.97 ? 2e3 + 1e3 * share(random) : 4e9 * (1 + share(random)); },  // hits, and builds
        [&] { return 123456789.0; },
    };
    for (auto const& draw : distributions)
        for (std::size_t const n : {100u, 1000u, 100000u}) {
            std::vector<std::uint64_t> samples(n);
            for (auto& sample : samples) sample = static_cast<std::uint64_t>(std::clamp(draw(), 1e3, hour));
            auto const histogram = histogram_of(samples);
            std::sort(samples.begin(), samples.end());
            for (double const wanted : {0.5, 0.95, 0.99, 0.999}) {
                auto const exact = static_cast<double>(nearest_rank(samples, wanted));
                auto const error = std::abs(static_cast<double>(histogram.quantile(wanted)) - exact) / exact;
                CAPTURE(&draw - distributions);
                CAPTURE(wanted);
                CHECK(error <= 0.006);
            }
            CHECK(histogram.count() == n);
            CHECK(histogram.underflow() + histogram.overflow() == 0);
        }
}

TEST_CASE("a whole number that has its bucket to itself is read back exactly") {
    for (std::uint64_t number = 0; number <= 90; ++number) {
        auto const three = histogram_of<Small>({0, number, 1u << 20u});
        CHECK(three.quantile(0.5) == number);
    }
}

TEST_CASE("count, sum, min and max are exact") {
    std::mt19937_64 random{1};
    std::vector<std::uint64_t> numbers;
    std::uint64_t sum = 0;
    for (int i = 0; i < 1000; ++i) sum += numbers.emplace_back(random() >> 20);
    auto const histogram = histogram_of(numbers);
    CHECK(histogram.count() == 1000);
    CHECK(histogram.sum() == sum);
    CHECK(histogram.smallest() == *std::min_element(numbers.begin(), numbers.end()));
    CHECK(histogram.largest() == *std::max_element(numbers.begin(), numbers.end()));
    CHECK_FALSE(histogram.empty());
}

TEST_CASE("an empty histogram answers 0 to everything") {
    Histogram<> const none;
    CHECK(none.empty());
    CHECK(none.count() == 0);
    CHECK(none.sum() == 0);
    CHECK(none.smallest() == 0);
    CHECK(none.largest() == 0);
    CHECK(none.quantile(0.5) == 0);
    CHECK(none.at_most_two_to(42) == 0);
}

TEST_CASE("0, 1 and 2^64-1 are counted, as zero, underflow and overflow, and are the extremes") {
    auto const histogram = histogram_of({largest, 1, 0});
    CHECK(histogram.count() == 3);
    CHECK(histogram.zeros() == 1);
    CHECK(histogram.underflow() == 1);
    CHECK(histogram.overflow() == 1);
    CHECK(histogram.smallest() == 0);
    CHECK(histogram.largest() == largest);
    CHECK(histogram.quantile(0) == 0);
    CHECK(histogram.quantile(1) == largest);
    CHECK(histogram_of({0}).smallest() == 0);
    CHECK(histogram_of({0}).largest() == 0);
    CHECK_FALSE(histogram_of({0}).empty());
    CHECK(histogram_of({largest}).smallest() == largest);
    CHECK(histogram_of({largest}).quantile(0.5) == largest);
    CHECK(histogram_of({1}).quantile(0.5) == 1);
}

TEST_CASE("what lies on the outer bounds is in the buckets, or just outside of them") {
    auto const histogram = histogram_of({Times::least, Times::least + 1, Times::most, Times::most + 1});
    CHECK(histogram.underflow() == 1);
    CHECK(histogram.in_bucket(0) == 1);
    CHECK(histogram.in_bucket(Times::size - 1) == 1);
    CHECK(histogram.overflow() == 1);
}

TEST_CASE("a sum beyond 64 bits is the largest number, and doesn't wrap") {
    auto histogram = histogram_of({largest});
    CHECK(histogram.sum() == largest);
    histogram.record(1);
    CHECK(histogram.sum() == largest);
    histogram.merge(histogram_of({5}));
    CHECK(histogram.sum() == largest);
}

TEST_CASE("shares outside 0..1, and NaN, are read as the nearest end") {
    auto const histogram = histogram_of({1000, 2000, 3000});
    CHECK(histogram.quantile(-1) == 1000);
    CHECK(histogram.quantile(2) == 3000);
    CHECK(histogram.quantile(std::nan("")) == 1000);
}

TEST_CASE("a merge is what one histogram of all numbers would be, in any order and grouping") {
    std::mt19937_64 random{42};
    for (int round = 0; round < 20; ++round) {
        std::vector<std::uint64_t> all;
        std::vector<Histogram<>> parts;
        for (int i = 0; i < 5; ++i) {
            auto const numbers = wild_numbers(random, random() % 200);
            all.insert(all.end(), numbers.begin(), numbers.end());
            parts.push_back(histogram_of(numbers));
        }
        std::shuffle(all.begin(), all.end(), random);
        auto const whole = histogram_of(all);
        std::shuffle(parts.begin(), parts.end(), random);
        Histogram<> in_turn;
        for (auto const& part : parts) in_turn.merge(part);
        CHECK((in_turn == whole));
        while (parts.size() > 1) {
            std::swap(parts[random() % parts.size()], parts.back());
            auto const last = parts.back();
            parts.pop_back();
            parts[random() % parts.size()].merge(last);
        }
        CHECK((parts[0] == whole));
        Histogram<> copy = whole;
        copy.merge(Histogram<>{});
        CHECK((copy == whole));
    }
}

TEST_CASE("a fine histogram merges into a coarse one as if it had been coarse") {
    std::mt19937_64 random{43};
    auto const numbers = wild_numbers(random, 2000);
    using Coarse = ExponentialBuckets<2, Times::from, Times::to>;
    Histogram<Coarse> merged;
    merged.merge(histogram_of(numbers));
    CHECK((merged == histogram_of<Coarse>(numbers)));
}

TEST_CASE("counts at the powers of two are exact") {
    std::mt19937_64 random{44};
    auto const numbers = wild_numbers(random, 5000);
    auto const histogram = histogram_of(numbers);
    for (unsigned exponent = Times::from; exponent <= Times::to; ++exponent) {
        auto const bound = std::uint64_t{1} << exponent;
        auto const exact = std::count_if(numbers.begin(), numbers.end(), [&](auto number) { return number <= bound; });
        CHECK(histogram.at_most_two_to(exponent) == static_cast<std::uint64_t>(exact));
    }
}

TEST_CASE("a histogram can be filled and read by the compiler") {
    constexpr auto median = [] {
        Histogram<ExponentialBuckets<3, 9, 12>> histogram;
        for (std::uint64_t i = 600; i < 700; ++i) histogram.record(i);
        return histogram.quantile(0.5);
    }();
    CHECK(median >= 600);
    CHECK(median < 700);
}

TEST_CASE("what several threads record is what one would have recorded") {
    static SharedHistogram<Times, 2> shared;  // threads that share a lane are among them
    static_assert(std::is_trivially_default_constructible_v<SharedHistogram<>>);
    static_assert(std::is_trivially_destructible_v<SharedHistogram<>>);
    static_assert(sizeof shared == decltype(shared)::max_bytes);
    static_assert(SharedHistogram<>::max_bytes < 140 * 1024);
    constexpr std::size_t threads = 6;
    std::vector<std::uint64_t> all;
    std::vector<std::thread> running;
    for (std::size_t i = 0; i < threads; ++i) {
        std::mt19937_64 random{i};
        auto const numbers = wild_numbers(random, 5000);
        all.insert(all.end(), numbers.begin(), numbers.end());
        running.emplace_back([numbers] {
            for (auto const number : numbers) shared.record(number);
        });
    }
    std::uint64_t seen = 0;
    while (seen < all.size() / 2) {
        auto const now = shared.read().count();
        REQUIRE(now >= seen);
        REQUIRE(now <= all.size());
        seen = now;
    }
    for (auto& thread : running) thread.join();
    CHECK((shared.read() == histogram_of(all)));
}

TEST_CASE("threads that count in the same place at the same moment lose no number") {
    static SharedHistogram<Times, 1> shared;
    constexpr std::uint64_t each = 2'000'000;
    together(4, [](std::size_t) {
        for (std::uint64_t n = 0; n < each; ++n) shared.record(1000);
    });
    auto const all = shared.read();
    CHECK(all.in_bucket(Times::position(1000)) == 4 * each);
    CHECK(all.count() == 4 * each);
    CHECK(all.sum() == 4000 * each);
}

TEST_CASE("an exemplar is the slowest of its power of two since somebody looked, and stays until the next") {
    auto const shared = std::make_unique<SharedHistogram<>>();
    std::vector<Exemplar> seen;
    auto const look = [&] {
        seen.clear();
        shared->for_each_exemplar([&](Exemplar const& one) { seen.push_back(one); });
        return seen.size();
    };
    CHECK(look() == 0);
    shared->record(3000);
    CHECK(look() == 0);  // without a trace there is none
    shared->record(3000, {1, 1});
    shared->record(4000, {1, 2});
    shared->record(3500, {1, 3});
    shared->record(100, {1, 4});
    shared->record(largest, {1, 5});
    REQUIRE(look() == 3);
    CHECK(seen[0].number == 100);
    CHECK(seen[0].trace == TraceId{1, 4});
    CHECK(seen[1].number == 4000);
    CHECK(seen[1].trace == TraceId{1, 2});
    CHECK(seen[2].number == largest);
    CHECK(look() == 3);
    shared->record(2100, {1, 6});
    shared->record(2050, {1, 7});
    shared->record(largest, {1, 8});
    REQUIRE(look() == 3);
    CHECK(seen[1].trace == TraceId{1, 6});
    CHECK(seen[2].trace == TraceId{1, 8});
    CHECK(shared->read().count() == 9);
}

TEST_CASE("an exemplar's power of two is that of its bucket") {
    using Slots = detail::ExemplarSlots<Times>;
    CHECK(Slots::place(0) == 0);
    CHECK(Slots::place(512) == 0);
    CHECK(Slots::place(513) == 1);
    CHECK(Slots::place(1024) == 1);
    CHECK(Slots::place(1025) == 2);
    CHECK(Slots::place(Times::most) == Slots::size - 2);
    CHECK(Slots::place(Times::most + 1) == Slots::size - 1);
    CHECK(Slots::place(largest) == Slots::size - 1);
    using Amounts = detail::ExemplarSlots<Small>;
    CHECK(Amounts::place(1) == 0);
    CHECK(Amounts::place(2) == 1);
    CHECK(Amounts::place(3) == 2);
}

TEST_CASE("an exemplar that several threads write and one reads is never half of two") {
    static detail::ExemplarSlot slot;
    detail::Atomic<int> writing{3}, torn{0};
    together(4, [&](std::size_t i) {
        if (i == 3) {
            Exemplar one;
            while (writing.load_acquire() != 0)
                if (slot.take(one) && one.trace != TraceId{one.trace.high, ~one.trace.high}) torn.add_relaxed(1);
            return;
        }
        // The largest number there is: each offer replaces the one before.
        for (std::uint64_t n = 1; n < 2'000'000; ++n) slot.offer(largest, {n * 3 + i, ~(n * 3 + i)});
        writing.sub_acq_rel(1);
    });
    CHECK(torn.load_relaxed() == 0);
    Exemplar one;
    REQUIRE(slot.take(one));
    CHECK(one.trace == TraceId{one.trace.high, ~one.trace.high});
    CHECK(one.number == largest);
}
