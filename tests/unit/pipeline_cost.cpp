// What handing over costs a request: no allocation, no system call, and a wake-up only for a worker that sleeps. Not
// for ThreadSanitizer, which calls the system on its own.
#include <doctest/doctest.h>

#include <cstdarg>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>

#include <dlfcn.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lastbyte/pipeline/worker.hpp>

using lastbyte::DropOldest, lastbyte::milliseconds, lastbyte::Pipeline, lastbyte::Worker;

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

#if defined(__SANITIZE_ADDRESS__)
constexpr bool only_ours = false;  // AddressSanitizer calls the system on its own
#elif defined(__has_feature)
constexpr bool only_ours = !__has_feature(address_sanitizer);
#else
constexpr bool only_ours = true;
#endif

std::string const record(300, 'x');

/// The one exit that seccomp's strict mode allows.
void end(long status) {
    for (;;) syscall(SYS_exit, status, 0L, 0L, 0L, 0L, 0L);
}

/// Runs `fn(begin)` in a child that the kernel kills at its first system call after `begin()`, but `end()`. Its status.
template <class Fn>
int without_the_system(Fn fn) {
    pid_t const child = ::fork();
    if (child == 0) {
        fn([] {
            if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) ::_exit(77);
        });
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
}

}  // namespace

TEST_CASE("handing over makes no system call, also where it fills its memory and loses" * doctest::skip(!only_ours)) {
    int const lost = without_the_system([](auto begin) {
        Pipeline<> pipeline{{.lane_bytes = 65536}};
        Pipeline<DropOldest> newest{{.lane_bytes = 65536}};
        syscall(-1, 0L, 0L, 0L, 0L, 0L, 0L);  // finds the real one
        begin();
        for (int n = 0; n < 1000; ++n) {
            pipeline.write(record);
            newest.write(record);
        }
        end(pipeline.report().full != 0 && newest.report().evicted != 0 ? 0 : 1);
    });
    if (WIFEXITED(lost) && WEXITSTATUS(lost) == 77) {
        MESSAGE("this kernel has no seccomp");
        return;
    }
    CHECK(lost == 0);
    CHECK(without_the_system([](auto begin) {
              begin();
              (void)::getppid();
              end(0);
          }) != 0);
}

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
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    wakes = 0;
    for (int n = 0; n < 1000; ++n) pipeline.write(record);
    CHECK(wakes >= 1);
    CHECK(wakes <= 2);
    CHECK(worker.flush(milliseconds(5'000)));
    CHECK(pipeline.report().delivered == 1000);
}
