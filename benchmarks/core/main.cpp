// The core benchmark: figures as JSON lines, one a line, for benchmarks/run to put into a table.
//
//     c++ -std=c++20 -O2 -pthread -Iinclude $(ls benchmarks/core/*.cpp | grep -v google) -o cost
//     ./cost cases 300
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cases.hpp"
#include "programs.hpp"

namespace {

#if defined(__clang__)
constexpr char const* compiler = "clang " __clang_version__;
#else
constexpr char const* compiler = "g++ " __VERSION__;
#endif

int usage(char const* program) {
    std::fprintf(stderr,
                 "usage: %s cases|threads ROUNDS | tail REQUESTS | cold | memory | compiler\n"
                 "  cases    every case beside the floor, ROUNDS times\n"
                 "  threads  two threads over one, ROUNDS times\n"
                 "  tail     each of REQUESTS whole requests by itself\n"
                 "  cold     the first request of this process\n"
                 "  memory   bytes and allocations\n"
                 "  compiler what made this program\n",
                 program);
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    auto const is = [&](char const* what) { return argc > 1 && std::strcmp(argv[1], what) == 0; };
    if (is("cold") && argc == 2) return benchmarks::run_cold(), 0;
    if (is("memory") && argc == 2) return benchmarks::run_memory(), 0;
    if (is("compiler") && argc == 2) return std::puts(compiler), 0;
    int const count = argc == 3 ? std::atoi(argv[2]) : 0;
    if (count < 1 || count > 100'000'000) return usage(argv[0]);
    if (is("threads")) return benchmarks::run_threads(count), 0;
    if (is("tail")) {
        benchmarks::pin_to_quietest();
        benchmarks::run_tail(count);
        return 0;
    }
    if (!is("cases")) return usage(argv[0]);
    std::fprintf(stderr, "bound to processor %d\n", benchmarks::pin_to_quietest());
    auto const cases = benchmarks::all_cases();
    benchmarks::print(cases, benchmarks::measure(cases, count));
}
