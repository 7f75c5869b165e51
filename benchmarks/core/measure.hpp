// How a figure is taken: what keeps the optimiser off, what a case is, and what a run of many rounds says.
//
// A time alone says as much about the machine's neighbours as about the code. Here each sample of a case stands beside
// a sample of the floor, taken the moment before on the same processor, and the ratio is the median over these pairs: a
// neighbour, a change of clock speed or an interrupt disturbs some pairs and not the median.
//
// That nothing measured is removed: `clobber` and `keep` below stand where a program would have its work, the cases
// compare what was recorded with what they did, and the floor is to be seen in `objdump -d cost`: floors() has two
// rdtsc and 32 bytes of stores.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace benchmarks {

/// The compiler believes that any memory is read and written here: what was stored before is stored, and what is needed
/// afterwards is loaded again. Costs no instruction.
inline void clobber() noexcept { asm volatile("" ::: "memory"); }

/// The compiler believes that this value is used here.
template <class T>
void keep(T const& value) noexcept {
    asm volatile("" : : "r,m"(value) : "memory");
}

/// Something to measure. `run(n)` does it `n` times.
struct Case {
    std::string name;
    void (*run)(int);
    /// The same without lastbyte; the figure is then what comes on top of it, and not a ratio to the floor.
    void (*bare)(int) = nullptr;
    double units = 1;   ///< spans, chunks or requests in one repetition; the figure is for one of them
    double floors = 1;  ///< floors in the same
    double budget = 0;  ///< the most that it may be: a ratio to its floors, or nanoseconds over the bare; 0 for none
};

/// Monotonic time, and the processor time of the calling thread and of the whole process, in nanoseconds.
double now_ns();
double thread_cpu_ns();
double process_cpu_ns();

/// The counter as the processor gives it; where there is none, what comes nearest.
inline std::uint64_t raw_counter() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    std::uint64_t ticks;
    asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return static_cast<std::uint64_t>(now_ns());
#endif
}

/// What no tracer can go below: two raw reads of the counter and a store of 32 bytes, `n` times.
void floors(int n);

struct Figure {
    double least = 0, median = 0;  ///< nanoseconds; of a case with a bare one, over it
    double ratio = 0;              ///< the median over the pairs; 0 for a case with a bare one
    double lower = 0, upper = 0;   ///< the 10th and 90th percentile of what the median is of
    double allocations = 0;        ///< calls of operator new, per unit, when warm
};

/// The median and its like; `at` from 0 to 1. Sorts the values.
double percentile(std::vector<double>& values, double at);

/// Takes all cases in turn, `rounds` times, and gives their figures in the same order.
std::vector<Figure> measure(std::vector<Case> const& cases, int rounds);

/// Binds the process to the allowed processor on which the floor runs fastest just now, and says which that was.
int pin_to_quietest();
/// Processors that this process may run on.
std::vector<int> allowed_processors();
void pin_to(int processor);

/// Calls of operator new so far, and the bytes that they asked for. Any thread.
std::uint64_t allocations() noexcept;
std::uint64_t allocated_bytes() noexcept;

/// One line of JSON on standard output for each case.
void print(std::vector<Case> const& cases, std::vector<Figure> const& figures);
/// One line for a figure that is no time per unit: faults, bytes, a percentile. No budget: 0.
void print(std::string const& name, double value, char const* unit, double budget = 0, bool at_least = false);

}  // namespace benchmarks
