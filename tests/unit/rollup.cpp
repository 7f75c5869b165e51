// Rollups against a map of sorted samples: what is counted where, bounds that hold, and threads that meet.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <lastbyte/telemetry/rollup.hpp>

#include "point.hpp"
#include "together.hpp"

using namespace lastbyte;

namespace {

struct Short : StoreLimits {
    static constexpr std::size_t blob_bytes = 300;
};
using Call = SchemaWithin<Short, "calls", Blob<1, "tool">, Blob<2, "tier">, Blob<3, "outcome">, Double<1, "duration_ms">,
                          Double<2, "bytes_out">, Double<3, "wait_us">, Double<4, "cost">>;
using ByTool = Rollup<Call, By<"tool", "tier">, Distribution<"duration_ms">, Sum<"bytes_out">>;
using ByOutcome = Rollup<Call, By<"tool">, ErrorType<"outcome">, Distribution<"duration_ms">>;

struct Two : RollupLimits {
    static constexpr std::size_t max_series = 2;
    static constexpr std::size_t value_bytes = 8;
    static constexpr std::size_t lanes = 2;
};
struct Eight : RollupLimits {
    static constexpr std::size_t max_series = 8;
};
struct OneLane : RollupLimits {
    static constexpr std::size_t lanes = 1;  // in which all threads meet
};
using Crowded = RollupWithin<OneLane, Call, By<"tool", "tier">, Distribution<"duration_ms">, Sum<"bytes_out">>;
using Narrow = RollupWithin<Two, Call, By<"tool">, Sum<"bytes_out">>;

Call::Row call(std::string_view tool, std::string_view tier = "", double ms = 0, double bytes = 0,
               std::string_view outcome = "complete") {
    Call::Point point;
    point.set<"tool">(tool);
    point.set<"tier">(tier);
    point.set<"outcome">(outcome);
    point.set<"duration_ms">(ms);
    point.set<"bytes_out">(bytes);
    return point.complete();
}

/// The rows of every series by the text of its dimensions; a series that appears twice fails.
template <class R>
std::map<std::string, std::uint64_t> counts(R& rollup) {
    std::map<std::string, std::uint64_t> all;
    rollup.for_each_series([&](typename R::Series const& series) {
        std::string key;
        for (std::size_t i = 0; i < R::dimensions; ++i) key.append(series.text(i)).append(i + 1 < R::dimensions ? "/" : "");
        REQUIRE(all.emplace(series.is_other() ? "(other)" : key, series.count()).second);
    });
    return all;
}
using Counts = std::map<std::string, std::uint64_t>;

}  // namespace

TEST_CASE("a series is made for each combination of values, and keeps its histogram and its sum") {
    static ByTool by_tool;
    by_tool.add(call("search", "cache", 2, 100));
    by_tool.add(call("search", "r2", 40, 10));
    by_tool.add(call("search", "cache", 4, 200));
    std::vector<std::string> order;
    by_tool.for_each_series([&](ByTool::Series const& series) {
        order.emplace_back(series.get<"tier">());
        CHECK(series.get<"tool">() == "search");
        CHECK_FALSE(series.is_other());
        auto const times = series.distribution<"duration_ms">();
        if (series.get<"tier">() == "cache") {
            CHECK(series.count() == 2);
            CHECK(times.count() == 2);
            CHECK(times.smallest() == 2'000'000);
            CHECK(times.largest() == 4'000'000);
            CHECK(times.sum() == 6'000'000);
            CHECK(series.sum<"bytes_out">() == 300);
        } else {
            CHECK(times.quantile(0.5) == 40'000'000);
            CHECK(series.sum<"bytes_out">() == 10);
        }
    });
    CHECK(order == std::vector<std::string>{"cache", "r2"});
    auto const report = by_tool.report();
    CHECK(report.rows == 3);
    CHECK(report.series == 2);
    CHECK(report.max_series == 64);
    CHECK(report.rows_in_other + report.values_cut + report.negatives == 0);
}

TEST_CASE("the memory of a rollup is a constant, all of it zeroes at first, and nothing runs at start-up or exit") {
    static_assert(ByTool::max_bytes == sizeof(ByTool));
    static_assert(ByTool::max_bytes < 9u << 20u);
    static_assert(Narrow::max_bytes < 1024);
    static_assert(std::is_trivially_default_constructible_v<ByTool>);
    static_assert(std::is_trivially_destructible_v<ByTool>);
    static_assert(!std::is_polymorphic_v<ByTool>);
    auto const made = std::make_unique<ByTool>();
    CHECK(made->report().rows == 0);
    CHECK(counts(*made).empty());
}

TEST_CASE("rows of bodies that are over are added with their traces") {
    using ByTier = Rollup<seed::ToolCall, By<"cache_tier">, Distribution<"duration_ms">, Sum<"bytes_out">>;
    static ByTier by_tier;
    TraceId trace{};
    seed::after_a_body([&](Reading<seed::Policy> const& done) {
        trace = done.trace_id();
        by_tier.add(seed::completed({}, done), done.trace_id());
    });
    by_tier.for_each_series([&](ByTier::Series const& series) {
        CHECK(series.get<"cache_tier">() == "cache");
        CHECK(series.sum<"bytes_out">() == 5);
        std::size_t exemplars = 0;
        series.for_each_exemplar<"duration_ms">([&](Exemplar const& one) {
            ++exemplars;
            CHECK(one.trace == trace);
            CHECK(one.number == 40'500'000);
        });
        CHECK(exemplars == 1);
    });
    CHECK(by_tier.report().rows == 1);
}

TEST_CASE("an error type is empty for complete and no_body, and an outcome's name for all others") {
    static ByOutcome by_outcome;
    for (auto const outcome : {Outcome::complete, Outcome::no_body, Outcome::aborted, Outcome::truncated, Outcome::complete})
        by_outcome.add(call("get", "", 1, 1, name(outcome)));
    CHECK(counts(by_outcome) == Counts{{"get/", 3}, {"get/aborted", 1}, {"get/truncated", 1}});
    CHECK(ByOutcome::dimension_info[1].name == "error.type");
    CHECK(ByOutcome::dimension_info[1].field == "outcome");
}

TEST_CASE("any rows, from any number of threads, add up to what a map of their values says") {
    struct Expected {
        std::vector<double> ms;
        double bytes = 0;
    };
    std::map<std::string, Expected> expected;
    std::vector<std::vector<Call::Row>> work(4);
    std::mt19937_64 random{7};
    std::lognormal_distribution<double> latency{1, 2};
    for (auto& rows : work)
        for (int i = 0; i < 5000; ++i) {
            // Texts that begin alike, are empty, or hold a zero byte.
            std::string const tool = std::string("search\0and more of it", 21).substr(0, random() % 22);
            std::string const tier = random() % 2 == 0 ? "cache" : "";
            double const ms = latency(random), bytes = static_cast<double>(random() % 100000);
            rows.push_back(call(tool, tier, ms, bytes));
            auto& one = expected[tool + "/" + tier];
            one.ms.push_back(ms);
            one.bytes += bytes;
        }
    static Crowded by_tool;
    together(work.size(), [&](std::size_t i) {
        for (auto const& row : work[i]) by_tool.add(row);
    });
    std::size_t series_seen = 0;
    by_tool.for_each_series([&](Crowded::Series const& series) {
        auto& one = expected.at(std::string(series.get<"tool">()) + "/" + std::string(series.get<"tier">()));
        std::sort(one.ms.begin(), one.ms.end());
        auto const times = series.distribution<"duration_ms">();
        REQUIRE(times.count() == one.ms.size());
        CHECK(series.sum<"bytes_out">() == one.bytes);
        CHECK(times.largest() == static_cast<std::uint64_t>(one.ms.back() * 1e6 + 0.5));
        auto const rank = static_cast<std::size_t>(std::ceil(0.95 * static_cast<double>(one.ms.size())));
        CHECK(std::abs(static_cast<double>(times.quantile(0.95)) / 1e6 / one.ms[rank - 1] - 1) < 0.01);
        ++series_seen;
    });
    CHECK(series_seen == expected.size());
    CHECK(by_tool.report().rows == 20000);
}

TEST_CASE("texts of every length are told apart by their last byte, and by their length") {
    auto const rollup = std::make_unique<Rollup<Call, By<"tool">>>();
    for (int round = 0; round < 3; ++round)
        for (std::size_t length = 0; length < 31; ++length) {
            rollup->add(call(std::string(length, 'x')));
            rollup->add(call(std::string(length, 'x') + "y"));
        }
    auto const all = counts(*rollup);
    CHECK(all.size() == 62);
    for (auto const& [text, rows] : all) CHECK(rows == 3);
}

TEST_CASE("what finds no room goes to `other`, is counted, and leaves the series that are there alone") {
    static Narrow narrow;
    for (auto const* tool : {"a", "b", "c", "d", "a", "c"}) narrow.add(call(tool, "", 0, 10));
    CHECK(counts(narrow) == Counts{{"a", 2}, {"b", 1}, {"(other)", 3}});
    bool last = false;
    narrow.for_each_series([&](Narrow::Series const& series) {
        last = series.is_other();
        if (last) CHECK(series.get<"tool">() == "other");
        if (last) CHECK(series.sum<"bytes_out">() == 30);
    });
    CHECK(last);
    auto const report = narrow.report();
    CHECK(report.rows == 6);
    CHECK(report.rows_in_other == 3);
    CHECK(report.series == 2);
    CHECK(report.max_series == 2);
}

TEST_CASE("a value that is called other is a series of its own") {
    static Narrow narrow;
    narrow.add(call("other"));
    narrow.for_each_series([](Narrow::Series const& series) { CHECK_FALSE(series.is_other()); });
    CHECK(narrow.report().rows_in_other == 0);
}

TEST_CASE("values beyond their bound are cut between two characters, and counted") {
    static Narrow narrow;
    narrow.add(call("1234567\u00e9"));
    narrow.add(call("1234567"));
    narrow.add(call("12345678"));
    CHECK(counts(narrow) == Counts{{"1234567", 2}, {"12345678", 1}});
    CHECK(narrow.report().values_cut == 1);
}

TEST_CASE("numbers below 0 count as 0, and are counted; numbers beyond 64 bits are the largest") {
    static ByTool by_tool;
    by_tool.add(call("a", "", -1, -5));
    by_tool.add(call("a", "", 1e300, 7));
    by_tool.for_each_series([](ByTool::Series const& series) {
        auto const times = series.distribution<"duration_ms">();
        CHECK(times.zeros() == 1);
        CHECK(times.overflow() == 1);
        CHECK(times.largest() == ~std::uint64_t{0});
        CHECK(series.sum<"bytes_out">() == 7);
        CHECK(series.count() == 2);
    });
    CHECK(by_tool.report().negatives == 2);
}

TEST_CASE("a number becomes the nearest whole one") {
    CHECK(detail::nearest_whole(0.4) == 0);
    CHECK(detail::nearest_whole(0.5) == 1);
    CHECK(detail::nearest_whole(-0.0) == 0);
    CHECK(detail::nearest_whole(std::nan("")) == 0);
    CHECK(detail::nearest_whole(9007199254740992.0) == 9007199254740992u);
    CHECK(detail::nearest_whole(0x1p63) == std::uint64_t{1} << 63u);
    CHECK(detail::nearest_whole(0x1p63 - 1024) == (std::uint64_t{1} << 63u) - 1024);
    CHECK(detail::nearest_whole(0x1p64 - 2048) == ~std::uint64_t{0} - 2047);
    CHECK(detail::nearest_whole(0x1p64) == ~std::uint64_t{0});
}

TEST_CASE("sums of fractions keep their fractions") {
    auto const rollup = std::make_unique<Rollup<Call, Sum<"cost">>>();
    Call::Point point;
    point.set<"cost">(0.25);
    for (int i = 0; i < 10; ++i) rollup->add(point.complete());
    rollup->for_each_series([](auto const& series) { CHECK(series.template sum<"cost">() == 2.5); });
}

TEST_CASE("the unit is the end of a field's name unless it is said, and times are nanoseconds") {
    using Waits = Rollup<Call, Named<"waits">, Distribution<"wait_us">, Distribution<"cost", "bill", Unit::seconds>,
                         Distribution<"bytes_out", "", Unit::bytes>, Sum<"duration_ms">>;
    static Waits waits;
    Call::Point point;
    point.set<"wait_us">(1.5);
    point.set<"cost">(2);
    point.set<"bytes_out">(3);
    point.set<"duration_ms">(4);
    waits.add(point.complete());
    waits.for_each_series([](Waits::Series const& series) {
        CHECK(series.distribution<"wait_us">().largest() == 1500);
        CHECK(series.distribution<"cost">().largest() == 2'000'000'000);
        CHECK(series.distribution<"bytes_out">().largest() == 3);
        CHECK(series.distribution<"bytes_out">().quantile(0.5) == 3);
        CHECK(series.sum<"duration_ms">() == 4);
    });
    CHECK(Waits::name == "waits");
    CHECK(Waits::dimensions == 0);
    auto const is = [](MeasureInfo const& info, std::string_view scope, std::string_view name, Unit unit) {
        return info.scope == scope && info.name == name && info.unit == unit;
    };
    CHECK(is(Waits::measure_info[0], "waits", "wait", Unit::microseconds));
    CHECK(is(Waits::measure_info[1], "", "bill", Unit::seconds));
    CHECK(is(Waits::measure_info[2], "waits", "bytes_out", Unit::bytes));
    CHECK(is(Waits::measure_info[3], "waits", "duration", Unit::milliseconds));
    CHECK_FALSE(Waits::measure_info[3].distribution);
}

TEST_CASE("a rollup without measures counts rows") {
    auto const rollup = std::make_unique<Rollup<Call, By<"tool">>>();
    rollup->add(call("a"));
    rollup->add(call("a"));
    rollup->add(call("b"), {1, 2});
    CHECK(counts(*rollup) == Counts{{"a", 2}, {"b", 1}});
}

TEST_CASE("texts are the same when every byte and the length are") {
    for (std::size_t length = 0; length < 40; ++length) {
        std::string const text(length, 'x');
        CHECK(detail::same_text(text, std::string(text)));
        CHECK_FALSE(detail::same_text(text, text + "x"));
        for (std::size_t at = 0; at < length; ++at) {
            auto other = text;
            other[at] = 'y';
            CHECK_FALSE(detail::same_text(text, other));
        }
    }
}

TEST_CASE("threads that make the same series at the same moment make it once, and lose no room") {
    constexpr std::size_t keys = 30000, room = keys + 50;
    using Table = detail::SeriesTable<1, room, 8>;
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < room; ++i) texts.push_back(std::to_string(i));
    for (int round = 0; round < 6; ++round) {
        std::unique_ptr<Table> const table{new Table{}};
        std::vector<std::vector<std::size_t>> numbers(4, std::vector<std::size_t>(keys));
        // Who is behind only has to look keys up, and so is soon where new ones are made.
        together(4, [&](std::size_t thread) {
            for (std::size_t i = 0; i < keys; ++i) numbers[thread][i] = table->find_or_make({{texts[i], {}}});
        });
        for (auto const& own : numbers) REQUIRE((own == numbers[0]));
        REQUIRE(table->size() == keys);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < keys; ++i) wrong += table->text(numbers[0][i], 0) == texts[i] ? 0 : 1;
        REQUIRE(wrong == 0);
        for (std::size_t i = keys; i < room; ++i) REQUIRE(table->find_or_make({{texts[i], {}}}) != Table::no_room);
        REQUIRE(table->find_or_make({{"one more", {}}}) == Table::no_room);
    }
}

TEST_CASE("threads that add to one sum at the same moment lose nothing") {
    static detail::SumCell sum;
    together(4, [](std::size_t) {
        for (int n = 0; n < 2'000'000; ++n) sum.add(2);
    });
    CHECK(sum.value() == 16'000'000);
}

TEST_CASE("threads that make more series than there is room lose no row and make none twice") {
    using Tools = RollupWithin<Eight, Call, By<"tool">>;
    for (int round = 0; round < 30; ++round) {
        auto const rollup = std::make_unique<Tools>();
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&rollup, i] {
                constexpr int steps[] = {1, 5, 7, 11};  // each thread in another order
                for (int n = 0; n < 24; ++n) rollup->add(call(std::to_string(n * steps[i] % 24)));
            });
        while (rollup->report().rows < 40) std::this_thread::yield();  // somebody reads meanwhile
        for (auto& thread : threads) thread.join();
        std::uint64_t rows = 0;
        for (auto const& [tool, count] : counts(*rollup)) {
            rows += count;
            if (tool != "(other)") CHECK(count <= 4);
        }
        CHECK(rows == 96);
        CHECK(rollup->report().rows == 96);
        CHECK(rollup->report().series == 8);
    }
}
