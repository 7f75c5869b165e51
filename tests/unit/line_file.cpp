// LineFile, with system calls that do on purpose what they do once a year: short writes, interruptions, and a neighbour's
// line at the worst moment.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/syscall.h>

#include <lastbyte/transport/file.hpp>

using lastbyte::FileSink;

namespace {

/// What the next calls of writev do instead of writing all: take so many bytes, or fail with -errno. `then` follows.
struct Rare {
    long result;
    std::function<void()> then{};
};
std::vector<Rare> next_writes;
std::vector<std::function<void()>> next_pauses;

}  // namespace

extern "C" ssize_t writev(int fd, iovec const* parts, int count) {
    if (next_writes.empty()) return ::syscall(SYS_writev, fd, parts, count);
    Rare const rare = next_writes.front();
    next_writes.erase(next_writes.begin());
    if (rare.result < 0) errno = static_cast<int>(-rare.result);
    ssize_t written = rare.result < 0 ? -1 : 0;
    for (int i = 0; i < count && written < rare.result; ++i) {
        auto const left = static_cast<std::size_t>(rare.result - written);
        written += ::write(fd, parts[i].iov_base, parts[i].iov_len < left ? parts[i].iov_len : left);
    }
    int const error = errno;
    if (rare.then) rare.then();
    errno = error;
    return written;
}

extern "C" int nanosleep(timespec const* time, timespec* left) {
    if (next_pauses.empty()) return static_cast<int>(::syscall(SYS_nanosleep, time, left));
    next_pauses.front()();
    next_pauses.erase(next_pauses.begin());
    return 0;
}

namespace {

/// A file of its own, gone at the end.
struct Scratch {
    std::string path = "/tmp/lastbyte-line-file-XXXXXX";
    Scratch() {
        int const fd = ::mkstemp(path.data());
        REQUIRE(fd >= 0);
        ::close(fd);
    }
    ~Scratch() { ::unlink(path.c_str()); }

    [[nodiscard]] std::string contents() const {
        std::ifstream file{path, std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    void append(std::string const& text) const { std::ofstream{path, std::ios::app | std::ios::binary} << text; }
};

}  // namespace

TEST_CASE("a write that comes up short is continued, wherever it stopped") {
    for (long const first : {1, 4, 5}) {  // in the line, and before its newline
        Scratch scratch;
        FileSink file{scratch.path};
        next_writes = {{first}, {1}};
        CHECK(file.write("12345"));
        CHECK(next_writes.empty());
        CHECK(scratch.contents() == "12345\n");
        CHECK(file.report().lines == 1);
        CHECK(file.report().bytes == 6);
        CHECK(file.report().lost() == 0);
    }
}

TEST_CASE("an interruption before the first byte, and between two parts, costs nothing") {
    Scratch scratch;
    FileSink file{scratch.path};
    next_writes = {{-EINTR}, {-EINTR}, {3}, {-EINTR}};
    CHECK(file.write("12345"));
    CHECK(scratch.contents() == "12345\n");
    CHECK(file.report().lost() == 0);
}

TEST_CASE("a line whose rest the disk refuses is cut off, and so is one that makes no progress") {
    for (Rare const& rest : {Rare{-ENOSPC}, Rare{0}}) {
        Scratch scratch;
        FileSink file{scratch.path};
        CHECK(file.write("before"));
        next_writes = {{3}, rest};
        CHECK_FALSE(file.write("12345"));
        CHECK(scratch.contents() == "before\n");
        CHECK(file.report().write_failed == 1);
        CHECK(file.report().torn_repaired == 1);
        CHECK(file.report().last_errno == ENOSPC);
        CHECK(file.write("after"));
        CHECK(scratch.contents() == "before\nafter\n");
    }
}

TEST_CASE("when a neighbour's line comes between two parts of ours, both parts go and his line stays") {
    Scratch scratch;
    FileSink file{scratch.path}, neighbour{scratch.path};
    next_writes = {{3, [&] { CHECK(neighbour.write("theirs")); }}};
    CHECK_FALSE(file.write("12345"));
    CHECK(scratch.contents() == "  \ntheirs\n  \n");
    CHECK(file.report().write_failed == 1);
    CHECK(file.report().torn_repaired == 1);
    CHECK(file.report().last_errno == EIO);
    CHECK(neighbour.report().lines == 1);
}

TEST_CASE("what a neighbour appended after our part is not cut off with it") {
    Scratch scratch;
    FileSink file{scratch.path};
    next_writes = {{3, [&] { scratch.append("theirs\n"); }}, {-ENOSPC}};  // he is gone, so we are alone
    CHECK_FALSE(file.write("12345"));
    CHECK(scratch.contents() == "  \ntheirs\n");
}

TEST_CASE("half a line that its writer is about to finish is left to him") {
    Scratch scratch;
    FileSink writer{scratch.path};
    scratch.append("half of a long");
    next_pauses = {[&] { scratch.append(" line,"); }, [] {}, [] {}, [&] { scratch.append(" at last\n"); }};
    FileSink file{scratch.path};
    CHECK(next_pauses.empty());
    CHECK(file.report().torn_found == 0);
    CHECK(file.write("next"));
    CHECK(scratch.contents() == "half of a long line, at last\nnext\n");
}

TEST_CASE("a newline that found no room before is written before the next line") {
    Scratch scratch;
    scratch.append("half");
    rlimit before{}, none{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    none = before;
    none.rlim_cur = 4;
    ::setrlimit(RLIMIT_FSIZE, &none);
    FileSink file{scratch.path};
    bool const lost = !file.write("1");
    ::setrlimit(RLIMIT_FSIZE, &before);
    CHECK(lost);
    CHECK(file.report().torn_found == 1);
    CHECK(file.write("2"));
    CHECK(scratch.contents() == "half\n2\n");
}
