// Threads that begin at once, for tests of what several of them do to one thing.
#pragma once

#include <cstddef>
#include <thread>
#include <vector>

#include <lastbyte/core/atomic.hpp>

/// Runs `work(i)` in threads that begin when all are there.
template <class Work>
void together(std::size_t threads, Work work) {
    lastbyte::detail::Atomic<std::size_t> missing{threads};
    std::vector<std::thread> running;
    for (std::size_t i = 0; i < threads; ++i)
        running.emplace_back([&, i] {
            missing.sub_acq_rel(1);
            while (missing.load_acquire() != 0) std::this_thread::yield();
            work(i);
        });
    for (auto& thread : running) thread.join();
}
