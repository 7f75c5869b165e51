// What it costs to add a number to a histogram and a row to a rollup.
//
// The numbers and rows are drawn once, from a log-normal latency and six tools by six tiers, so that the branches are
// as hard to foresee as a service's.
#include <lastbyte/telemetry/rollup.hpp>

#include <cstdint>
#include <random>
#include <vector>

#include "cases.hpp"
#include "policy.hpp"

namespace benchmarks {

namespace {

using lastbyte::By, lastbyte::Distribution, lastbyte::Sum;

/// Rows of 16 KB at equal distances would fall into the same few sets of the cache, which a row just made does not.
struct Small : lastbyte::StoreLimits {
    static constexpr std::size_t blob_bytes = 200;
};
using Call = lastbyte::SchemaWithin<Small, "tool_calls", Blob<1, "tool_name">, Blob<2, "cache_tier">,
                                    Blob<3, "outcome">, Double<1, "duration_ms">, Double<2, "bytes_out">>;
using ByTool = lastbyte::Rollup<Call, By<"tool_name", "cache_tier">, Distribution<"duration_ms">, Sum<"bytes_out">>;
using ByOutcome = lastbyte::Rollup<Call, By<"tool_name", "cache_tier">, lastbyte::ErrorType<"outcome">,
                                   Distribution<"duration_ms">, Sum<"bytes_out">>;

struct Drawn {
    std::vector<std::uint64_t> numbers;
    std::vector<Call::Row> rows;
    Drawn() {
        std::mt19937_64 random{7};
        std::lognormal_distribution<double> latency{1.0, 1.5};
        for (int i = 0; i < 4096; ++i) numbers.push_back(static_cast<std::uint64_t>(latency(random) * 1e6));
        char const* const tools[] = {"search", "orient", "catalog", "get", "version", "time"};
        char const* const tiers[] = {"memory", "cache", "r2", "kv", "build", "none"};
        for (int i = 0; i < 64; ++i) {
            Call::Point point;
            point.set<"tool_name">(tools[random() % 6]);
            point.set<"cache_tier">(tiers[random() % 6]);
            point.set<"outcome">(random() % 10 == 0 ? "aborted" : "complete");
            point.set<"duration_ms">(latency(random));
            point.set<"bytes_out">(random() % 100000);
            rows.push_back(point.complete());
        }
    }
};
Drawn const& drawn() {
    static Drawn const once;
    return once;
}
std::uint64_t number(int i) { return drawn().numbers[static_cast<std::size_t>(i) & 4095]; }

template <class Target>
Target& target() {
    static Target once;
    return once;
}

void read_numbers(int n) {
    for (int i = 0; i < n; ++i) {
        keep(number(i));
        clobber();
    }
}
template <class Histogram>
void record(int n) {
    auto& histogram = target<Histogram>();
    for (int i = 0; i < n; ++i) {
        histogram.record(number(i));
        clobber();
    }
}
void record_with_trace(int n) {
    auto& histogram = target<lastbyte::SharedHistogram<>>();
    for (int i = 0; i < n; ++i) {
        histogram.record(number(i), {1, static_cast<std::uint64_t>(i)});
        clobber();
    }
}
template <class Rollup>
void add(int n) {
    auto& rollup = target<Rollup>();
    for (int i = 0; i < n; ++i) {
        rollup.add(drawn().rows[static_cast<std::size_t>(i) & 63]);
        clobber();
    }
}

}  // namespace

void add_rollup_cases(std::vector<Case>& cases) {
    constexpr double most_ns = 20, in_floors = 20 / 19.0;
    cases.push_back({.name = "number recorded in a histogram",
                     .run = record<lastbyte::Histogram<>>,
                     .bare = read_numbers,
                     .budget = most_ns});
    cases.push_back({.name = "number recorded in a shared histogram",
                     .run = record<lastbyte::SharedHistogram<>>,
                     .bare = read_numbers,
                     .budget = most_ns});
    cases.push_back({.name = "number recorded in a shared histogram, with its trace",
                     .run = record_with_trace,
                     .bare = read_numbers,
                     .budget = most_ns});
    cases.push_back({.name = "row added to a rollup by two fields", .run = add<ByTool>, .budget = in_floors});
    cases.push_back({.name = "row added to a rollup by three, one an ErrorType", .run = add<ByOutcome>});
}

}  // namespace benchmarks
