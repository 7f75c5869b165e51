// Measures one peer: what a request costs the thread that makes it, and what it costs the whole process when it has
// been exported.
//
//     peer_NAME ROUNDS SECONDS
//
// Both are processor time: a background thread that has the other processor, or has to share this one, changes neither.
// Each burst stands beside floors that were measured the moment before, and is exported before the next one begins, so
// that no queue is ever full and nothing that was paid for is lost. SECONDS is how long 10,000 spans a second are made,
// for the processor share that OpenTelemetry's specification asks for. Its throughput is taken last, over about a
// second each: of one thread, on the processor where the peer's own threads are, and of one thread on each processor,
// where those may go anywhere.
#include "peer.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "../core/measure.hpp"

namespace peers {

namespace {
std::atomic<std::uint64_t> dropped_bytes{0};
}

void drop(void const* bytes, std::size_t size) noexcept {
    benchmarks::keep(bytes);
    dropped_bytes.fetch_add(size, std::memory_order_relaxed);
}

std::uint64_t read_body(int& left) {
    std::uint64_t bytes = 0;
    for (; left > 0; --left) {
        benchmarks::clobber();
        bytes += chunk.size();
        benchmarks::keep(chunk.data());
    }
    return bytes;
}

namespace {

using benchmarks::percentile, benchmarks::process_cpu_ns, benchmarks::thread_cpu_ns;

constexpr int burst = 64;      // recorded between two floors
constexpr int exported = 256;  // recorded between two flushes, whose waking of threads is thus a small part
constexpr int flushes = 4;

struct Cost {
    double least = 1e18;
    std::vector<double> all{};
    void add(double ns) {
        least = std::min(least, ns);
        all.push_back(ns);
    }
};

/// `allocations` is what goes between a colon and a comma: a number, or null where they were not counted.
void print_cost(std::string const& what, Cost& cost, double ratio, std::string const& allocations) {
    std::printf("{\"name\":\"%s: %s\",\"peer\":\"%s\",\"what\":\"%s\",\"setup\":\"%s\",", peer.name, what.c_str(),
                peer.name, what.c_str(), peer.setup);
    std::printf("\"ns_min\":%.2f,\"ns_median\":%.2f,\"ratio\":%.4f,\"allocations\":%s}\n", cost.least,
                percentile(cost.all, 0.5), ratio, allocations.c_str());
}

/// What the calling thread pays for one `run`, in `floors` floors.
void recording(std::string const& what, void (*run)(), double floors, int rounds) {
    if (run == nullptr) return;
    for (int i = 0; i < 10 * burst; ++i) {
        run();
        if (i % burst == 0) peer.flush();
    }
    peer.flush();
    Cost cost;
    std::vector<double> ratios;
    for (int round = 0; round < rounds; ++round) {
        double const before = thread_cpu_ns();
        benchmarks::floors(1000);
        double const floor_ns = (thread_cpu_ns() - before) / 1000;
        double const start = thread_cpu_ns();
        for (int i = 0; i < burst; ++i) run();
        double const ns = (thread_cpu_ns() - start) / burst;
        peer.flush();
        cost.add(ns);
        ratios.push_back(ns / (floors * floor_ns));
    }
    print_cost(what, cost, percentile(ratios, 0.5), "null");
}

/// What the process pays for one `run` and its export, background threads and all.
void exporting(std::string const& what, void (*run)(), double floors, int rounds) {
    if (run == nullptr) return;
    Cost cost;
    std::vector<double> ratios;
    std::uint64_t allocated = 0;
    for (int round = 0; round < rounds; ++round) {
        double const before = thread_cpu_ns();
        benchmarks::floors(1000);
        double const floor_ns = (thread_cpu_ns() - before) / 1000;
        allocated = benchmarks::allocations();
        double const start = process_cpu_ns();
        for (int i = 0; i < flushes; ++i) {
            for (int k = 0; k < exported; ++k) run();
            peer.flush();
        }
        double const ns = (process_cpu_ns() - start) / (flushes * exported);
        cost.add(ns);
        ratios.push_back(ns / (floors * floor_ns));
        allocated = benchmarks::allocations() - allocated;
    }
    print_cost(what, cost, percentile(ratios, 0.5),
               std::to_string(static_cast<double>(allocated) / (flushes * exported)));
}

/// 10,000 spans a second for a while, exported once a second: the process's share of a processor, on average and in its
/// busiest second, and the most that it had on its heap.
void paced(int seconds) {
    auto* const run = peer.exported_event_span != nullptr ? peer.exported_event_span : peer.event_span;
    if (run == nullptr || seconds == 0) return;
    constexpr int per_tick = 100, ticks = 100;
    double total = 0, peak = 0, heap = 0;
    timespec next{};
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (int second = 0; second < seconds; ++second) {
        double const before = process_cpu_ns();
        for (int tick = 0; tick < ticks; ++tick) {
            for (int i = 0; i < per_tick; ++i) run();
            next.tv_nsec += 1'000'000'000 / ticks;
            if (next.tv_nsec >= 1'000'000'000) next.tv_sec += 1, next.tv_nsec -= 1'000'000'000;
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nullptr);
        }
        auto const held = mallinfo2();
        heap = std::max(heap, static_cast<double>(held.uordblks + held.hblkhd));
        peer.flush();
        double const share = (process_cpu_ns() - before) / 1e9;
        total += share;
        peak = std::max(peak, share);
    }
    std::printf("{\"name\":\"%s: 10,000 spans a second\",\"peer\":\"%s\",\"what\":\"paced\",\"setup\":\"%s\",",
                peer.name, peer.name, peer.setup);
    std::printf("\"cpu_average\":%.6f,\"cpu_peak\":%.6f,\"heap_bytes\":%.0f}\n", total / seconds, peak, heap);
}

/// The bytes that come of so many spans of ten attributes; 0 for a peer that counts none.
double bytes_of(int spans) {
    std::uint64_t const before = dropped_bytes.load();
    for (int i = 0; i < spans; ++i) peer.wide_span();
    peer.flush();
    return static_cast<double>(dropped_bytes.load() - before);
}

/// So many spans of ten attributes by each of some threads, until about a second is over, and then the rest of the
/// exports. Each burst is exported before the next one begins, as in all that is measured here.
struct Throughput {
    explicit Throughput(std::vector<int> const& processors)
        : burst(std::min(4096, 32768 / static_cast<int>(processors.size()))),
          spans(static_cast<double>(burst) * static_cast<double>(processors.size())) {
        pthread_barrier_init(&barrier, nullptr, static_cast<unsigned>(processors.size()));
        std::vector<std::thread> threads;
        for (int const processor : processors)
            threads.emplace_back([this, processor] {
                benchmarks::pin_to(processor);
                work();
            });
        for (auto& thread : threads) thread.join();
        pthread_barrier_destroy(&barrier);
    }

    int burst;     ///< as many as fit into every queue together
    double spans;  ///< of all threads, in one burst
    double a_second = 0, at_best = 0;
    double lost = 0;  ///< by what has become of few spans; 0 for a peer that counts no bytes

private:
    static constexpr int warm_up = 3;

    void work() {
        while (!over) {
            for (int i = 0; i < burst; ++i) peer.wide_span();
            if (peer.hand_over != nullptr) peer.hand_over();
            if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) end_burst();
            pthread_barrier_wait(&barrier);
        }
    }
    /// By one thread, while the others wait.
    void end_burst() {
        peer.flush();
        double const now = benchmarks::now_ns();
        auto const bytes = static_cast<double>(dropped_bytes.load());
        if (++bursts <= warm_up) {
            start = now;
            bytes_at_start = bytes;
        } else {
            double const made = spans * (bursts - warm_up);
            at_best = std::max(at_best, 1e9 * spans / (now - before));
            a_second = 1e9 * made / (now - start);
            if (span_bytes > 0) lost = std::max(0.0, 1 - (bytes - bytes_at_start) / (made * span_bytes));
            over = now - start >= 1e9;
        }
        before = now;
    }

    pthread_barrier_t barrier;
    bool over = false;  // written while all wait
    int bursts = 0;
    double start = 0, before = 0, bytes_at_start = 0;
    double const span_bytes = (bytes_of(512) - bytes_of(256)) / 256;
};

/// Where every thread of the process may run, those too that a peer started before main() or will start.
void keep_to(std::vector<int> const& processors) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int const processor : processors) CPU_SET(processor, &set);
    for (auto const& thread : std::filesystem::directory_iterator("/proc/self/task"))
        sched_setaffinity(std::atoi(thread.path().filename().c_str()), sizeof set, &set);
}

void throughput(char const* what, std::vector<int> const& processors) {
    if (peer.wide_span == nullptr) return;
    Throughput const made{processors};
    std::printf("{\"name\":\"%s: %s\",\"peer\":\"%s\",\"what\":\"%s\",\"setup\":\"%s\",", peer.name, what, peer.name,
                what, peer.setup);
    std::printf("\"threads\":%zu,\"spans_per_second\":%.0f,\"spans_per_second_at_best\":%.0f,\"lost\":%.4f}\n",
                processors.size(), made.a_second, made.at_best, made.lost);
}

}  // namespace
}  // namespace peers

int main(int argc, char** argv) {
    using namespace peers;
    int const rounds = argc == 3 ? std::atoi(argv[1]) : 0;
    if (rounds < 1) {
        std::fprintf(stderr, "usage: %s ROUNDS SECONDS\n", argv[0]);
        return 2;
    }
    auto const processors = benchmarks::allowed_processors();
    int const quietest = benchmarks::pin_to_quietest();
    char const* const reservation = peer.begin();
    keep_to({quietest});  // between two processors, a neighbour decides what handing over costs
    std::string const but = reservation == nullptr ? std::string{} : std::string{" ("} + reservation + ")";
    recording("request recorded" + but, peer.request, spans_per_request, rounds);
    exporting("request recorded and exported" + but,
              peer.exported_request != nullptr ? peer.exported_request : peer.request, spans_per_request,
              std::max(3, rounds / 10));
    recording("span with an integer and an event recorded" + but, peer.event_span, 1, rounds);
    exporting("span with ten attributes recorded and exported" + but, peer.wide_span, 1, std::max(3, rounds / 10));
    if (int const seconds = std::atoi(argv[2]); reservation == nullptr && seconds > 0) {
        paced(seconds);
        throughput("throughput on one processor", {quietest});
        keep_to(processors);
        throughput("throughput on all processors", processors);
    }
    peer.end();
}
