// The tail of a million whole requests, and the first one.
//
// Each request is timed by itself, by two counter reads that are part of its figure. The same number of nine floors
// stand beside it: a tail that both have (a timer interrupt, a neighbour) is the machine's. Page faults are counted
// over all of them.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "programs.hpp"
#include "request.hpp"

namespace benchmarks {

namespace {

struct Usage {
    long faults, switches;
};
Usage usage() {
    rusage now{};
    getrusage(RUSAGE_SELF, &now);
    return {now.ru_minflt + now.ru_majflt, now.ru_nvcsw + now.ru_nivcsw};
}

/// The counter and the monotonic clock at one moment: the tightest of many readings, so that an interruption between
/// the two doesn't count.
struct Moment {
    double ns = 0;
    std::uint64_t ticks = 0;
};
Moment moment() {
    Moment best;
    std::uint64_t tightest = ~std::uint64_t{0};
    for (int i = 0; i < 100; ++i) {
        std::uint64_t const before = raw_counter();
        double const ns = now_ns();
        std::uint64_t const gap = raw_counter() - before;
        if (gap >= tightest) continue;
        tightest = gap;
        best = {ns, before + gap / 2};
    }
    return best;
}

void nine_floors() { floors(9); }

void tail_of(std::string const& name, int count, void (*run)()) {
    std::vector<double> ticks(static_cast<std::size_t>(count), 1.0);  // written to, so that its pages are there
    for (int i = 0; i < 1000; ++i) run();
    Usage const before = usage();
    Moment const start = moment();
    for (auto& one : ticks) {
        std::uint64_t const begin = raw_counter();
        run();
        one = static_cast<double>(raw_counter() - begin);
    }
    Moment const end = moment();
    double const ns_per_tick = (end.ns - start.ns) / static_cast<double>(end.ticks - start.ticks);
    Usage const after = usage();
    for (double const at : {0.5, 0.99, 0.999}) {
        char percent[16];
        std::snprintf(percent, sizeof percent, ", p%g", at * 100);
        print(name + percent, percentile(ticks, at) * ns_per_tick, "ns");
    }
    print(name + ", longest", *std::max_element(ticks.begin(), ticks.end()) * ns_per_tick, "ns");
    print(name + ", page faults", static_cast<double>(after.faults - before.faults), "faults");
    print(name + ", context switches", static_cast<double>(after.switches - before.switches), "switches");
}

}  // namespace

void run_tail(int requests) {
    std::string const of = "of " + std::to_string(requests);
    tail_of(of + " times nine floors", requests, nine_floors);
    tail_of(of + " whole requests", requests, whole_request);
}

void run_cold() {
    auto const measured = [](std::string const& name) {
        Usage const before = usage();
        auto const allocated = allocations();
        double const start = now_ns();
        whole_request();
        double const ns = now_ns() - start;
        auto const made = allocations() - allocated;
        Usage const after = usage();
        print(name + " request of a process", ns, "ns");
        print(name + " request of a process, page faults", static_cast<double>(after.faults - before.faults), "faults");
        print(name + " request of a process, allocations", static_cast<double>(made), "allocations");
    };
    measured("first");
    measured("second");
}

}  // namespace benchmarks
