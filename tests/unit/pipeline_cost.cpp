// What handing over costs a request: no allocation, and a wake-up only for a worker that sleeps. Not for ThreadSanitizer,
// which has an operator new of its own.
#include <doctest/doctest.h>

#include <cstdarg>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>

#include <dlfcn.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <lastbyte/pipeline/worker.hpp>

using lastbyte::milliseconds, lastbyte::Pipeline, lastbyte::Worker;

namespace {
thread_local std::size_t allocations = 0, wakes = 0;
}

void* operator new(std::size_t size) {
    ++allocations;
    void* const memory = std::malloc(size);
    if (memory == nullptr) std::abort();
    return memory;
}
void* operator new(std::size_t size, std::nothrow_t const&) noexcept { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

/// The one way by which a Bell calls the system.
extern "C" long syscall(long number, ...) noexcept {
    va_list list;
    va_start(list, number);
    long six[6];
    for (long& one : six) one = va_arg(list, long);
    va_end(list);
    if (number == SYS_futex && (six[1] & FUTEX_CMD_MASK) == FUTEX_WAKE) ++wakes;
    static auto const real = reinterpret_cast<long (*)(long, ...)>(dlsym(RTLD_NEXT, "syscall"));
    return real(number, six[0], six[1], six[2], six[3], six[4], six[5]);
}

namespace {

std::string const record(300, 'x');

}  // namespace

TEST_CASE("handing over and draining allocate nothing") {
    Pipeline<> pipeline;
    std::size_t const before = allocations;
    for (int n = 0; n < 1000; ++n) pipeline.write(record);
    pipeline.drain([](std::string_view) {}, 4096);
    CHECK(allocations == before);
    CHECK(pipeline.report().delivered == 1000);
}

TEST_CASE("a thousand records wake a sleeping worker once or twice") {
    Pipeline<> pipeline{{.lane_bytes = std::size_t{1} << 20}};
    Worker worker{pipeline, {.linger = milliseconds(60'000)}, [](std::string_view) {}};
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    wakes = 0;
    for (int n = 0; n < 1000; ++n) pipeline.write(record);
    CHECK(wakes >= 1);
    CHECK(wakes <= 2);
    CHECK(worker.flush(milliseconds(5'000)));
    CHECK(pipeline.report().delivered == 1000);
}
