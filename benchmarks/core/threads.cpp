// Two threads with their own requests, over one thread: what they share shows as a rate below twice the one's.
//
// Each thread is bound to a processor of its own and counts its own processor time, so that neighbours who take the
// processor away don't count as contention, while a cache line that travels does. The floor in two threads stands
// beside it: what it lacks to 2 is the machine's, not the library's.
#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

#include "measure.hpp"
#include "programs.hpp"
#include "request.hpp"

namespace benchmarks {

namespace {

void requests(int n) {
    for (int i = 0; i < n; ++i) whole_request();
}

/// A thread that works when it is told, so that its start and its cold pages are nobody's figure.
class Worker {
public:
    explicit Worker(int processor) : thread_([this, processor] { serve(processor); }) {}
    ~Worker() {
        __atomic_store_n(&order_, -1, __ATOMIC_RELEASE);
        thread_.join();
    }
    void start(void (*run)(int), int repetitions) {
        run_ = run;
        __atomic_store_n(&order_, repetitions, __ATOMIC_RELEASE);
    }
    /// Nanoseconds of the thread's processor time for one repetition.
    double wait() {
        while (__atomic_load_n(&order_, __ATOMIC_ACQUIRE) != 0) {
        }
        return ns_;
    }

private:
    void serve(int processor) {
        pin_to(processor);
        for (;;) {
            int const repetitions = __atomic_load_n(&order_, __ATOMIC_ACQUIRE);
            if (repetitions < 0) return;
            if (repetitions == 0) {
                std::this_thread::yield();
                continue;
            }
            double const start = thread_cpu_ns();
            run_(repetitions);
            ns_ = (thread_cpu_ns() - start) / repetitions;
            __atomic_store_n(&order_, 0, __ATOMIC_RELEASE);
        }
    }
    int order_ = 0;  // repetitions to do; 0 when done, negative to go home
    void (*run_)(int) = nullptr;
    double ns_ = 0;
    std::thread thread_;
};

/// The rate of both together over the rate of one alone: the median over the rounds.
double scaling(Worker& first, Worker& second, void (*run)(int), int repetitions, int rounds) {
    std::vector<double> rates;
    for (int round = 0; round <= rounds; ++round) {
        first.start(run, repetitions);
        double const alone = first.wait();
        second.start(run, repetitions);
        double const other = second.wait();
        first.start(run, repetitions);
        second.start(run, repetitions);
        double const one = first.wait(), two = second.wait();
        if (round != 0) rates.push_back(alone / one + other / two);  // the first round warms both up
    }
    return percentile(rates, 0.5);
}

}  // namespace

void run_threads(int rounds) {
    auto const processors = allowed_processors();
    if (processors.size() < 2) {
        std::fputs("skipped: two threads need two processors\n", stderr);
        return;
    }
    Worker first{processors[0]}, second{processors[1]};
    print("two threads over one: floors", scaling(first, second, floors, 20'000, rounds), "times");
    print("two threads over one: whole requests", scaling(first, second, requests, 1'000, rounds), "times", 1.9, true);
}

}  // namespace benchmarks
