// The system calls of a file that several threads and processes append to, with their traps taken out.
//
// A write beyond the file-size limit kills the process by a signal, one that was interrupted looks like an error, and
// opening a FIFO waits for its reader for ever. A request must not meet any of the three on account of its telemetry.
#pragma once

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string_view>

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace lastbyte::detail::posix {

/// The caller's errno outlives a call of ours.
class KeptErrno {
public:
    KeptErrno() noexcept : kept_(errno) {}
    KeptErrno(KeptErrno const&) = delete;
    KeptErrno& operator=(KeptErrno const&) = delete;
    ~KeptErrno() { errno = kept_; }

private:
    int kept_;
};

/// While one lives, SIGXFSZ (file-size limit) and SIGPIPE (no reader) that this thread's writes raise stay pending.
class QuietSignals {
public:
    QuietSignals() noexcept {
        sigset_t both;
        sigemptyset(&both);
        for (int const signal : quiet) sigaddset(&both, signal);
        pthread_sigmask(SIG_BLOCK, &both, &before_);
        sigemptyset(&waiting_);
        for (int const signal : quiet)
            if (sigismember(&before_, signal) != 0) sigpending(&waiting_);
    }
    QuietSignals(QuietSignals const&) = delete;
    QuietSignals& operator=(QuietSignals const&) = delete;

    /// To be called when a write has failed: takes back the signals that came of it, and none that waited before.
    void take_back() noexcept {
        sigset_t pending;
        sigpending(&pending);
        for (int const signal : quiet) {
            if (sigismember(&pending, signal) == 0 || sigismember(&waiting_, signal) != 0) continue;
            sigset_t one;
            sigemptyset(&one);
            sigaddset(&one, signal);
            timespec const now{};
            sigtimedwait(&one, nullptr, &now);
        }
    }
    ~QuietSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    static constexpr int quiet[] = {SIGXFSZ, SIGPIPE};
    sigset_t before_, waiting_;
};

class MutexLock {
public:
    explicit MutexLock(pthread_mutex_t& mutex) noexcept : mutex_(mutex) { pthread_mutex_lock(&mutex_); }
    MutexLock(MutexLock const&) = delete;
    MutexLock& operator=(MutexLock const&) = delete;
    ~MutexLock() { pthread_mutex_unlock(&mutex_); }

private:
    pthread_mutex_t& mutex_;
};

/// A counter that threads read while others write.
class Count {
public:
    void add(std::uint64_t n) noexcept { __atomic_fetch_add(&value_, n, __ATOMIC_RELAXED); }
    [[nodiscard]] std::uint64_t read() const noexcept { return __atomic_load_n(&value_, __ATOMIC_RELAXED); }

private:
    alignas(8) std::uint64_t value_ = 0;  // i386 aligns it to 4 bytes, where an operation may straddle two cache lines
};

/// Writes what a line has behind its first `done` bytes, and its newline, in one call; again when a signal interrupted it
/// before the first byte. Less than asked for, or -1 and errno.
inline ssize_t write_line(int fd, std::string_view line, std::size_t done) noexcept {
    char newline = '\n';
    iovec const parts[] = {{const_cast<char*>(line.data()) + done, line.size() - done}, {&newline, 1}};
    for (;;) {
        ssize_t const written = ::writev(fd, parts, 2);
        if (written >= 0 || errno != EINTR) return written;
    }
}
inline bool write_newline(int fd) noexcept {
    for (;;) {
        ssize_t const written = ::write(fd, "\n", 1);
        if (written >= 0 || errno != EINTR) return written == 1;
    }
}

inline void pause_a_millisecond() noexcept {
    timespec const millisecond{0, 1'000'000};
    ::nanosleep(&millisecond, nullptr);
}

/// Tries for a lock that others hold for microseconds, a millisecond apart: a process that is stopped while it holds one
/// must not stop this one. 0, EWOULDBLOCK while somebody has it, or another errno where the file system has no locks.
inline int lock(int fd, int kind, int tries) noexcept {
    for (;;) {
        if (::flock(fd, kind | LOCK_NB) == 0) return 0;
        if (errno != EWOULDBLOCK && errno != EINTR) return errno;
        if (errno == EWOULDBLOCK && --tries <= 0) return EWOULDBLOCK;
        pause_a_millisecond();
    }
}

/// Opens for appending whole lines; never waits for anything.
inline int open_to_append(char const* path, unsigned mode) noexcept {
    for (;;) {
        int const fd =
            ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, static_cast<mode_t>(mode));
        if (fd >= 0 || errno != EINTR) return fd;
    }
}

/// Whether two descriptors lead to one file.
inline bool same_file(int one, int other) noexcept {
    struct stat a {
    }, b{};
    return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// strerror_r has two shapes, and the C library chooses.
inline char const* message_of(int result, char const* buffer) noexcept {
    return result == 0 ? buffer : "unknown error";
}
inline char const* message_of(char const* message, char const*) noexcept { return message; }

}  // namespace lastbyte::detail::posix
