// The parts of the core benchmark that are no loop over cases. Each prints its figures as JSON lines.
#pragma once

namespace benchmarks {

/// Whole requests in two threads at once, over one thread.
void run_threads(int rounds);
/// How long each of `requests` whole requests took, one by one.
void run_tail(int requests);
/// The first request of a process, which must not have used the library yet.
void run_cold();
/// Bytes and allocations.
void run_memory();

}  // namespace benchmarks
