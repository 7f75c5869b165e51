// OTLP metrics: rollups and counts as protobuf, read back by a parser that is not ours, and as JSON.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <lastbyte/encode/otlp_metrics.hpp>
#include <lastbyte/encode/otlp_metrics_json.hpp>
#include <lastbyte/encode/prometheus.hpp>
#include <lastbyte/lastbyte.hpp>

#include "counting_new.hpp"
#include "wire.hpp"

using lastbyte::Blob, lastbyte::By, lastbyte::CounterMetric, lastbyte::Distribution, lastbyte::Double,
    lastbyte::ExponentialBuckets, lastbyte::Named, lastbyte::Resource, lastbyte::Sum, lastbyte::Unit;
using wire::Message;

namespace {

struct WallClock {
    static inline std::uint64_t now = 1'000;
    static std::uint64_t unix_ns() noexcept { return now; }
};
using Metrics = lastbyte::BasicOtlpMetrics<WallClock>;
using JsonMetrics = lastbyte::BasicOtlpJsonMetrics<WallClock>;

using Call = lastbyte::Schema<"calls", Blob<1, "tool.name">, Blob<2, "tier">, Double<1, "took_ns">, Double<2, "size_bytes">>;
struct Two : lastbyte::RollupLimits {
    static constexpr std::size_t max_series = 2;
};
struct Coarse : lastbyte::RollupLimits {
    using Times = ExponentialBuckets<3, 9, 42>;
};

Call::Row row(std::string const& tool, double took_ns, double bytes = 0, std::string const& tier = "") {
    Call::Point point;
    point.set<"tool.name">(tool);
    point.set<"tier">(tier);
    point.set<"took_ns">(took_ns);
    point.set<"size_bytes">(bytes);
    return point.complete();
}

/// The metric of this name in a request: what is known to be there.
Message metric(std::string_view request, std::string const& name) {
    Message const scope = Message{request}.message(1).message(2);
    for (std::size_t i = 0; i < scope.count(2); ++i)
        if (scope.message(2, i).text(1) == name) return scope.message(2, i);
    FAIL("there is no metric " << name);
    return Message{""};
}
bool has(std::string_view request, std::string const& name) {
    Message const scope = Message{request}.message(1).message(2);
    for (std::size_t i = 0; i < scope.count(2); ++i)
        if (scope.message(2, i).text(1) == name) return true;
    return false;
}
std::int32_t zigzag(std::uint64_t value) {
    return static_cast<std::int32_t>(value >> 1) ^ -static_cast<std::int32_t>(value & 1);
}
double number(Message const& point, std::uint32_t field) { return std::bit_cast<double>(point.at(field).value); }

/// The buckets of a histogram's point, from `offset` on.
struct Buckets {
    std::int32_t offset = 0;
    std::vector<std::uint64_t> counts{};
    bool operator==(Buckets const&) const = default;
};
Buckets buckets(Message const& point) {
    Message const positive = point.message(8);
    Buckets found;
    if (positive.count(1) != 0) found.offset = zigzag(positive.at(1).value);
    if (positive.count(2) == 0) return found;
    std::string const packed = positive.text(2);
    for (std::string_view rest = packed; !rest.empty();) found.counts.push_back(wire::take_varint(rest).value());
    return found;
}

}  // namespace

TEST_CASE("a request has its resource, its scope, and the time since when it counts") {
    using Plain = lastbyte::Rollup<Call, Sum<"size_bytes">>;
    auto const rollup = std::make_unique<Plain>();
    rollup->add(row("a", 1, 7));
    WallClock::now = 1'000;
    Metrics metrics{Resource{"oddkit"}, {"tools", "2"}};
    WallClock::now = 5'000;
    std::string const request{metrics.request(*rollup)};
    Message const whole{request};
    REQUIRE(whole.count(1) == 1);
    CHECK(whole.message(1).message(1).message(1).text(1) == "service.name");
    CHECK(whole.message(1).message(1).message(1).message(2).text(1) == "oddkit");
    CHECK(whole.message(1).message(2).message(1).text(1) == "tools");
    Message const bytes = metric(request, "calls.size");
    CHECK(bytes.text(2) == "Of the rows' field size_bytes");
    CHECK(bytes.text(3) == "By");
    Message const sum = bytes.message(7);
    CHECK(sum.at(2).value == 2);  // cumulative
    CHECK(sum.at(3).value == 1);  // monotonic
    CHECK(sum.message(1).at(2).value == 1'000);
    CHECK(sum.message(1).at(3).value == 5'000);
    CHECK(number(sum.message(1), 4) == 7);
    CHECK(sum.message(1).count(7) == 0);
    CHECK(metric(request, "calls.rows").message(7).message(1).at(6).value == 1);
    CHECK(metrics.report().requests == 1);
}

TEST_CASE("a clock that was set back makes no point that ends before it begins") {
    WallClock::now = 9'000;
    Metrics metrics{Resource{"oddkit"}};
    WallClock::now = 4'000;
    auto const point = metric(metrics.request(CounterMetric{"lost", "Lost.", 3}), "lost").message(7).message(1);
    CHECK(point.at(2).value == 9'000);
    CHECK(point.at(3).value == 9'000);
    CHECK(point.at(6).value == 3);
}

TEST_CASE("the smallest, the largest and the numbers between are where OpenTelemetry's buckets have them") {
    using Took = lastbyte::Rollup<Call, Distribution<"took_ns", "took">, Distribution<"size_bytes">>;
    auto const rollup = std::make_unique<Took>();
    // Amounts: 0; 1, which is (2^(-1/64), 1]; 2^3 and 2^3 + 1, on both sides of a bound; and what is above the buckets.
    // Times: 0 and 512 ns, which are not told apart; 513 ns; and an hour and a half.
    double const took[] = {0, 512, 513, 5.4e12}, bytes[] = {0, 1, 8, 9};
    for (int i = 0; i < 4; ++i) rollup->add(row("a", took[i], bytes[i]));
    rollup->add(row("a", 513, 1e12));
    Metrics metrics{Resource{"oddkit"}};
    std::string const request{metrics.request(*rollup)};

    Message const sizes = metric(request, "calls.size").message(10);
    CHECK(sizes.at(2).value == 2);
    Message const size = sizes.message(1);
    CHECK(size.at(4).value == 5);
    CHECK(number(size, 5) == 18 + 1e12);
    CHECK(zigzag(size.at(6).value) == 6);
    CHECK(size.at(7).value == 1);
    CHECK(number(size, 12) == 0);
    CHECK(number(size, 13) == 1e12);
    CHECK(size.count(14) == 0);
    Buckets wanted{-1, std::vector<std::uint64_t>(36 * 64 + 2)};
    wanted.counts[0] = 1;                // 1
    wanted.counts[3 * 64] = 1;           // 8 is the last of its bucket
    wanted.counts[3 * 64 + 11] = 1;      // 64 log2(9/8) is 10.9
    wanted.counts[36 * 64 + 1] = 1;
    CHECK(buckets(size) == wanted);

    Message const time = metric(request, "took").message(10).message(1);
    CHECK(metric(request, "took").text(3) == "s");
    CHECK(time.at(4).value == 5);
    CHECK(number(time, 5) == doctest::Approx(5400.000001538));
    CHECK(time.at(7).value == 2);
    CHECK(number(time, 14) == 512e-9);
    CHECK(number(time, 13) == 5'400);
    wanted = {9 * 64 - 1'913, std::vector<std::uint64_t>(33 * 64 + 1)};
    wanted.counts[0] = 2;
    wanted.counts[33 * 64] = 1;
    CHECK(buckets(time) == wanted);
}

TEST_CASE("buckets of seconds are less than half a bucket from those of nanoseconds, at a coarser scale too") {
    using Took = lastbyte::RollupWithin<Coarse, Call, Distribution<"took_ns", "took">>;
    auto const rollup = std::make_unique<Took>();
    rollup->add(row("a", 1e9));
    Metrics metrics{Resource{"oddkit"}};
    Message const time = metric(metrics.request(*rollup), "took").message(10).message(1);
    CHECK(zigzag(time.at(6).value) == 3);
    Buckets const found = buckets(time);
    CHECK(found.counts == std::vector<std::uint64_t>{1});
    // A second is 2^0, at the upper end of bucket -1; half a bucket lower is still bucket -1 or 0.
    CHECK(found.offset >= -1);
    CHECK(found.offset <= 0);
}

TEST_CASE("a dimension is an attribute unless it is empty, and what found no room is marked as such") {
    using ByTool = lastbyte::RollupWithin<Two, Call, By<"tool.name", "tier">, Sum<"size_bytes">>;
    auto const rollup = std::make_unique<ByTool>();
    rollup->add(row("search", 0, 1, "memory"));
    rollup->add(row("\xff", 0, 2));
    rollup->add(row("third", 0, 4));
    Metrics metrics{Resource{"oddkit"}};
    std::string const request{metrics.request(*rollup)};
    Message const sum = metric(request, "calls.size").message(7);
    REQUIRE(sum.count(1) == 3);
    CHECK(sum.message(1, 0).count(7) == 2);
    CHECK(sum.message(1, 0).message(7, 0).text(1) == "tool.name");
    CHECK(sum.message(1, 0).message(7, 0).message(2).text(1) == "search");
    CHECK(sum.message(1, 0).message(7, 1).text(1) == "tier");
    CHECK(sum.message(1, 1).count(7) == 1);
    CHECK(wire::is_utf8(sum.message(1, 1).message(7).message(2).text(1)));
    CHECK(sum.message(1, 2).count(7) == 1);
    CHECK(sum.message(1, 2).message(7).text(1) == "otel.metric.overflow");
    CHECK(sum.message(1, 2).message(7).message(2).at(2).value == 1);
    CHECK(metric(request, "calls.rollup_overflow_rows").message(7).message(1).at(6).value == 1);
    CHECK(metric(request, "calls.rollup_series").message(5).message(1).at(6).value == 2);
    CHECK(metric(request, "calls.rollup_series").message(5).message(1).count(2) == 0);  // a gauge has no beginning
}

TEST_CASE("a rollup without rows has no measures, and says that it has none") {
    using ByTool = lastbyte::Rollup<Call, By<"tool.name">, Distribution<"took_ns", "took">, Sum<"size_bytes">>;
    auto const rollup = std::make_unique<ByTool>();
    Metrics metrics{Resource{"oddkit"}};
    std::string const request{metrics.request(*rollup)};
    CHECK_FALSE(has(request, "took"));
    CHECK_FALSE(has(request, "calls.size"));
    CHECK(metric(request, "calls.rollup_series").message(5).message(1).at(6).value == 0);
    CHECK(metrics.request() == "");  // of nothing there is nothing to send
}

TEST_CASE("each of the ledger's causes has its own count") {
    Metrics metrics{Resource{"oddkit"}};
    std::string const request{metrics.request(lastbyte::LedgerReport{.traces_unbound = 2,
                                                                     .traces_unstored = 3,
                                                                     .spans_over_bound = 4,
                                                                     .spans_late = 5,
                                                                     .spans_unstored = 6,
                                                                     .links_dropped = 7,
                                                                     .events_dropped = 8})};
    auto const count = [&](std::string const& name, std::string_view cause) {
        Message const sum = metric(request, name).message(7);
        for (std::size_t i = 0; i < sum.count(1); ++i)
            if (sum.message(1, i).message(7).message(2).text(1) == cause) return sum.message(1, i).at(6).value;
        return ~std::uint64_t{0};
    };
    CHECK(count("lastbyte.traces_lost", "unbound") == 2);
    CHECK(count("lastbyte.traces_lost", "unstored") == 3);
    CHECK(count("lastbyte.spans_lost", "over_bound") == 4);
    CHECK(count("lastbyte.spans_lost", "late") == 5);
    CHECK(count("lastbyte.spans_lost", "unstored") == 6);
    CHECK(metric(request, "lastbyte.links_lost").message(7).message(1).at(6).value == 7);
    CHECK(metric(request, "lastbyte.events_lost").message(7).message(1).at(6).value == 8);
}

TEST_CASE("an exemplar leads from a number to its trace") {
    using Took = lastbyte::Rollup<Call, Distribution<"took_ns", "took">>;
    auto const rollup = std::make_unique<Took>();
    rollup->add(row("a", 1'000), {1, 2});
    rollup->add(row("a", 1'020), {3, 4});
    rollup->add(row("a", 1e9), {5, 6});
    WallClock::now = 77;
    Metrics metrics{Resource{"oddkit"}};
    Message const point = metric(metrics.request(*rollup), "took").message(10).message(1);
    REQUIRE(point.count(11) == 2);
    CHECK(point.message(11, 0).at(2).value == 77);
    CHECK(number(point.message(11, 0), 3) == 1'020e-9);
    CHECK(point.message(11, 0).text(5) == std::string("\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\4", 16));
    CHECK(number(point.message(11, 1), 3) == 1);
}

TEST_CASE("the JSON of a whole request") {
    using Took = lastbyte::RollupWithin<Coarse, Call, By<"tool.name">, Named<"t">, Distribution<"took_ns", "took">>;
    auto const rollup = std::make_unique<Took>();
    rollup->add(row("a \"b\"", 100), {1, 2});
    rollup->add(row("a \"b\"", 5e8), {3, 4});
    rollup->add(row("a \"b\"", 6e8));
    WallClock::now = 1'000;
    JsonMetrics metrics{Resource{"oddkit"}, {"tools", "2"}};
    WallClock::now = 5'000;
    std::string const request{metrics.request(*rollup, CounterMetric{"lost", "Lost.", 3})};
    CHECK(request.starts_with(
        R"({"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"oddkit"}},)"
        R"({"key":"telemetry.sdk.name","value":{"stringValue":"lastbyte"}},)"
        R"({"key":"telemetry.sdk.language","value":{"stringValue":"cpp"}}]},)"
        R"("scopeMetrics":[{"scope":{"name":"tools","version":"2"},"metrics":[)"
        R"({"name":"took","description":"Of the rows' field took_ns","unit":"s","exponentialHistogram":{"dataPoints":[)"
        R"({"attributes":[{"key":"tool.name","value":{"stringValue":"a \"b\""}}],)"
        R"("startTimeUnixNano":"1000","timeUnixNano":"5000","count":"3","sum":1.1000001,"scale":3,"zeroCount":"1",)"
        R"("positive":{"offset":-8,"bucketCounts":["1","0","1"]},)"
        R"("exemplars":[{"timeUnixNano":"5000","asDouble":1e-07,"traceId":"00000000000000010000000000000002"},)"
        R"({"timeUnixNano":"5000","asDouble":0.5,"traceId":"00000000000000030000000000000004"}],)"
        R"("min":1e-07,"max":0.6,"zeroThreshold":5.12e-07}],"aggregationTemporality":2}},)"
        R"({"name":"t.rollup_series","description":"Combinations of values that have a series.",)"
        R"("gauge":{"dataPoints":[{"timeUnixNano":"5000","asInt":"1"}]}},)"));
    CHECK(request.ends_with(R"({"name":"lost","description":"Lost.","sum":{"dataPoints":[)"
                            R"({"startTimeUnixNano":"1000","timeUnixNano":"5000","asInt":"3"}],)"
                            R"("aggregationTemporality":2,"isMonotonic":true}}]}]}]})"));
    CHECK(metrics.report().requests == 1);
}

TEST_CASE("JSON that is longer than the bound is refused whole, and counted") {
    JsonMetrics metrics{Resource{"oddkit"}, {}, 2'000};
    CHECK(metrics.request(CounterMetric{"lost", "Lost.", 3}) != "");
    CHECK(metrics.request(lastbyte::LedgerReport{}) == "");
    CHECK(metrics.report().too_large == 1);
    CHECK(metrics.request(CounterMetric{"lost", "Lost.", 3}).ends_with("\"isMonotonic\":true}}]}]}]}"));
    CHECK(metrics.report().requests == 2);
    CHECK(metrics.request() == "");
}

TEST_CASE("what is longer than the bound is refused whole, and counted") {
    using ByTool = lastbyte::Rollup<Call, By<"tool.name">, Sum<"size_bytes">>;
    auto const rollup = std::make_unique<ByTool>();
    Metrics metrics{Resource{"oddkit"}, {}, 2'000};
    CHECK(metrics.request(*rollup) != "");
    for (int i = 0; i < 60; ++i) rollup->add(row("tool " + std::to_string(i), 1, 1));
    CHECK(metrics.request(*rollup) == "");
    CHECK(metrics.report().too_large == 1);
    CHECK(metrics.report().requests == 1);
    CHECK(metrics.request(CounterMetric{"lost", "Lost.", 3}) != "");
    CHECK(metrics.report().requests == 2);
}

TEST_CASE("the names are those of the Prometheus page, but for its alphabet") {
    using Plain = lastbyte::Rollup<Call, Sum<"size_bytes">>;
    auto const rollup = std::make_unique<Plain>();
    rollup->add(row("a", 1, 7));
    lastbyte::LedgerReport const ledger{.traces_started = 3, .spans_late = 2};
    lastbyte::NamedLedger const own{"own", ledger};
    CounterMetric const lost{"lost_total", "Lost.", 3};
    std::string page;
    lastbyte::write_openmetrics(page, *rollup, own, lost);
    Metrics metrics{Resource{"oddkit"}};
    Message const scope = Message{metrics.request(*rollup, own, lost)}.message(1).message(2);
    std::size_t families = 0;
    for (std::size_t at = 0; (at = page.find("# TYPE ", at)) != std::string::npos; ++at) ++families;
    CHECK(scope.count(2) == families);
    for (std::size_t i = 0; i < scope.count(2); ++i) {
        std::string name = scope.message(2, i).text(1);
        for (char& c : name) c = c == '.' ? '_' : c;
        if (name == "calls_size") name += "_bytes";
        CAPTURE(name);
        bool const rises = scope.message(2, i).count(7) != 0;
        CHECK(page.find("# TYPE " + name + (rises ? " counter\n" : " gauge\n")) != std::string::npos);
        CHECK(scope.message(2, i).ascending());
    }
}

TEST_CASE("a warm request allocates nothing") {
    using ByTool = lastbyte::Rollup<Call, By<"tool.name">, Distribution<"took_ns", "took">, Sum<"size_bytes">>;
    auto const rollup = std::make_unique<ByTool>();
    for (int i = 0; i < 60; ++i) rollup->add(row("tool " + std::to_string(i), 1e3 * i, 1), {1, 2});
    Metrics metrics{Resource{"oddkit"}};
    JsonMetrics json{Resource{"oddkit"}};
    CHECK(metrics.request(*rollup, lastbyte::LedgerReport{}) != "");
    CHECK(json.request(*rollup, lastbyte::LedgerReport{}) != "");
    auto const before = allocations;
    bool const made = !metrics.request(*rollup, lastbyte::LedgerReport{}).empty() &&
                      !json.request(*rollup, lastbyte::LedgerReport{}).empty();
    auto const after = allocations;
    CHECK(made);
    CHECK(after == before);
}
