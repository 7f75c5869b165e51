// The rounds, their statistics, and the processor that they run on.
#include "measure.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <sched.h>
#include <time.h>

namespace {

std::uint64_t allocation_count, allocation_bytes;

void* counted(std::size_t size, std::size_t alignment) noexcept {
    __atomic_fetch_add(&allocation_count, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&allocation_bytes, size, __ATOMIC_RELAXED);
    return alignment <= alignof(std::max_align_t)
               ? std::malloc(size)
               : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
void* counted_or_abort(std::size_t size, std::size_t alignment) {
    void* memory = counted(size, alignment);
    if (memory == nullptr) std::abort();
    return memory;
}

}  // namespace

void* operator new(std::size_t size) { return counted_or_abort(size, 1); }
void* operator new(std::size_t size, std::nothrow_t const&) noexcept { return counted(size, 1); }
void* operator new(std::size_t size, std::align_val_t align) {
    return counted_or_abort(size, static_cast<std::size_t>(align));
}
void* operator new(std::size_t size, std::align_val_t align, std::nothrow_t const&) noexcept {
    return counted(size, static_cast<std::size_t>(align));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::nothrow_t const&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, std::nothrow_t const&) noexcept { std::free(memory); }

namespace benchmarks {

namespace {

struct alignas(32) Stored {
    std::uint64_t start, end, label, source;
};
Stored stored[128];

/// Long enough for the clock that takes it to weigh nothing, short enough to fit between two interruptions.
constexpr double sample_ns = 50'000;

double ns_of(timespec const& at) { return static_cast<double>(at.tv_sec) * 1e9 + static_cast<double>(at.tv_nsec); }

double read(clockid_t clock) {
    timespec at{};
    clock_gettime(clock, &at);
    return ns_of(at);
}

/// Warm: what ran before has taken the caches and the predictors, and gives them back outside the time.
double sample(void (*run)(int), int repetitions) {
    run(1 + repetitions / 4);
    double const start = now_ns();
    run(repetitions);
    return (now_ns() - start) / repetitions;
}

/// Also the warm-up: what is run is run until it has taken a few samples' time.
int repetitions_for(void (*run)(int)) {
    for (int repetitions = 1;; repetitions *= 2) {
        double least = sample(run, repetitions);
        for (int i = 0; i < 2; ++i) least = std::min(least, sample(run, repetitions));
        if (least * repetitions >= sample_ns / 2) return repetitions;
    }
}

/// A case, its bare twin, and their samples.
struct Measured {
    Case const& of;
    int repetitions = repetitions_for(of.run);
    int bare_repetitions = of.bare == nullptr ? 0 : repetitions_for(of.bare);
    double least = 1e18, least_bare = 1e18;
    std::vector<double> ns{}, compared{};

    void take(int floor_repetitions, bool bare_first) {
        double const floor_ns = sample(floors, floor_repetitions);
        double bare_ns = of.bare != nullptr && bare_first ? sample(of.bare, bare_repetitions) : 0;
        double const taken = sample(of.run, repetitions);
        if (of.bare != nullptr && !bare_first) bare_ns = sample(of.bare, bare_repetitions);
        least = std::min(least, taken);
        if (of.bare == nullptr) {
            ns.push_back(taken);
            compared.push_back(taken / (of.floors * floor_ns));
        } else {
            least_bare = std::min(least_bare, bare_ns);
            ns.push_back(taken - bare_ns);
        }
    }
    Figure figure() {
        Figure figure;
        auto const before = allocations();
        of.run(repetitions);
        auto const allocated = static_cast<double>(allocations() - before) / repetitions;
        bool const over_bare = of.bare != nullptr;
        figure.least = (over_bare ? least - least_bare : least) / of.units;
        figure.median = percentile(ns, 0.5) / of.units;
        figure.ratio = over_bare ? 0 : percentile(compared, 0.5);
        figure.lower = over_bare ? percentile(ns, 0.1) / of.units : percentile(compared, 0.1);
        figure.upper = over_bare ? percentile(ns, 0.9) / of.units : percentile(compared, 0.9);
        figure.allocations = allocated / of.units;
        return figure;
    }
};

/// A name as a JSON string; names have no character that needs an escape.
std::string quoted(std::string const& text) { return '"' + text + '"'; }

}  // namespace

void floors(int n) {
    for (int i = 0; i < n; ++i) {
        auto const start = raw_counter();
        clobber();
        stored[i & 127] = {start, raw_counter(), 1, 2};
        asm volatile("" : : "r"(stored) : "memory");  // or the store goes: nobody else knows where it is
    }
}

double percentile(std::vector<double>& values, double at) {
    if (values.empty()) return 0;
    auto const nth = values.begin() + static_cast<std::ptrdiff_t>(at * static_cast<double>(values.size() - 1) + 0.5);
    std::nth_element(values.begin(), nth, values.end());
    return *nth;
}

std::vector<Figure> measure(std::vector<Case> const& cases, int rounds) {
    int const floor_repetitions = repetitions_for(floors);
    std::vector<Measured> all;
    all.reserve(cases.size());
    for (auto const& one : cases) all.push_back(Measured{one});
    for (auto& one : all) {
        one.ns.reserve(static_cast<std::size_t>(rounds));
        one.compared.reserve(static_cast<std::size_t>(rounds));
    }
    for (int round = 0; round < rounds; ++round)
        for (auto& one : all) one.take(floor_repetitions, round % 2 == 0);
    std::vector<Figure> figures;
    figures.reserve(all.size());
    for (auto& one : all) figures.push_back(one.figure());
    return figures;
}

std::vector<int> allowed_processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<int> allowed;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return allowed;
    for (int processor = 0; processor < CPU_SETSIZE; ++processor)
        if (CPU_ISSET(processor, &set)) allowed.push_back(processor);
    return allowed;
}

void pin_to(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    // Where this is refused, the figures are what they are, and their spread says so.
    if (sched_setaffinity(0, sizeof set, &set) != 0) std::perror("sched_setaffinity");
}

int pin_to_quietest() {
    int quietest = -1;
    double least = 1e18;
    for (int const processor : allowed_processors()) {
        pin_to(processor);
        std::vector<double> ns;
        for (int i = 0; i < 200; ++i) ns.push_back(sample(floors, 1000));
        if (double const median = percentile(ns, 0.5); median < least) {
            least = median;
            quietest = processor;
        }
    }
    if (quietest >= 0) pin_to(quietest);
    return quietest;
}

double now_ns() { return read(CLOCK_MONOTONIC); }
double thread_cpu_ns() { return read(CLOCK_THREAD_CPUTIME_ID); }
double process_cpu_ns() { return read(CLOCK_PROCESS_CPUTIME_ID); }

std::uint64_t allocations() noexcept { return __atomic_load_n(&allocation_count, __ATOMIC_RELAXED); }
std::uint64_t allocated_bytes() noexcept { return __atomic_load_n(&allocation_bytes, __ATOMIC_RELAXED); }

void print(std::vector<Case> const& cases, std::vector<Figure> const& figures) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
        auto const& figure = figures[i];
        bool const over_bare = cases[i].bare != nullptr;
        std::printf(
            "{\"name\":%s,\"kind\":\"%s\",\"ns_min\":%.3f,\"ns_median\":%.3f,\"ratio\":%.4f,\"spread\":[%.4f,%.4f],"
            "\"budget\":%.4f,\"allocations\":%.4f}\n",
            quoted(cases[i].name).c_str(), over_bare ? "over bare" : "floors", figure.least, figure.median,
            figure.ratio, figure.lower, figure.upper, cases[i].budget, figure.allocations);
    }
    std::fflush(stdout);
}

void print(std::string const& name, double value, char const* unit, double budget, bool at_least) {
    std::printf("{\"name\":%s,\"kind\":\"value\",\"value\":%.4f,\"unit\":\"%s\",\"budget\":%.4f,\"at_least\":%s}\n",
                quoted(name).c_str(), value, unit, budget, at_least ? "true" : "false");
    std::fflush(stdout);
}

}  // namespace benchmarks
