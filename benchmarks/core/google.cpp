// The same cases under Google Benchmark, for its own options (--benchmark_filter, --benchmark_perf_counters, …).
//
// A case with a bare twin stands here as two benchmarks; benchmarks/run takes the difference.
#include <benchmark/benchmark.h>

#include <string>

#include "cases.hpp"

namespace {

/// Large enough that asking for the next batch weighs nothing, small enough for a body of 10^5 chunks.
constexpr int batch = 16;

void add(std::string const& name, void (*run)(int), double units) {
    benchmark::RegisterBenchmark(name.c_str(), [run, units](benchmark::State& state) {
        while (state.KeepRunningBatch(batch)) run(batch);
        state.counters["per_unit"] = benchmark::Counter(static_cast<double>(state.iterations()) * units,
                                                        benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    });
}

}  // namespace

int main(int argc, char** argv) {
    for (auto const& one : benchmarks::all_cases()) {
        add(one.name, one.run, one.units);
        if (one.bare != nullptr) add(one.name + "/bare", one.bare, one.units);
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
