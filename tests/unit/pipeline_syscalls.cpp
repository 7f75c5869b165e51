// Handing a record over makes no system call: the kernel ends a child that makes one. Not for sanitizers, which call the
// system on their own.
#include <doctest/doctest.h>

#include <string>

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lastbyte/pipeline/pipeline.hpp>

using lastbyte::DropOldest, lastbyte::Pipeline;

namespace {

std::string const record(300, 'x');

/// The one exit that seccomp's strict mode allows.
void end(long status) {
    for (;;) ::syscall(SYS_exit, status);
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

TEST_CASE("handing over makes no system call, also where it fills its memory and loses") {
    int const lost = without_the_system([](auto begin) {
        Pipeline<> pipeline{{.lane_bytes = 65536}};
        Pipeline<DropOldest> newest{{.lane_bytes = 65536}};
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
