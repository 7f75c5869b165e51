// FileSink: whole lines under threads, processes, full disks, limits and kills; every loss counted, nobody harmed.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>

#include <lastbyte/transport/file.hpp>

using lastbyte::FileSink;

namespace {

/// A directory of its own, gone at the end.
struct Scratch {
    std::string directory = "/tmp/lastbyte-file-sink-XXXXXX";
    Scratch() { REQUIRE(::mkdtemp(directory.data()) != nullptr); }
    ~Scratch() {
        for (auto const& name : names) ::unlink((directory + "/" + name).c_str());
        ::rmdir(directory.c_str());
    }
    std::string path(std::string const& name = "points.ndjson") {
        names.insert(name);
        return directory + "/" + name;
    }
    std::set<std::string> names;
};

std::string contents(std::string const& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}
void fill(std::string const& path, std::string const& text) { std::ofstream{path, std::ios::binary} << text; }

/// The n-th line of a writer: its length varies, and any piece of it missing or doubled shows.
std::string line_of(int writer, int n, int longest = 300) {
    auto const length = static_cast<std::size_t>((n * 7919L + writer * 104729L) % longest);
    std::string line = std::to_string(writer) + ' ' + std::to_string(n) + ' ';
    for (std::size_t i = 0; i < length; ++i) line += static_cast<char>('a' + (i + static_cast<std::size_t>(n)) % 26);
    return line + " end";
}

struct Audit {
    int whole = 0, blank = 0, torn = 0, repeated = 0;
};
/// Judges a file that consists of lines of `line_of`.
Audit audit(std::string const& path, int longest = 300) {
    Audit found;
    std::set<std::pair<int, int>> seen;
    std::string const text = contents(path);
    if (!text.empty() && text.back() != '\n') ++found.torn;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        int writer = -1, n = -1;
        if (line.find_first_not_of(' ') == std::string::npos) {
            ++found.blank;
        } else if (std::istringstream{line} >> writer >> n && line == line_of(writer, n, longest)) {
            ++found.whole;
            if (!seen.emplace(writer, n).second) ++found.repeated;
        } else {
            ++found.torn;
        }
    }
    return found;
}

/// A child that must not touch doctest, and has none of its output to print a second time.
pid_t forked() {
    std::fflush(nullptr);
    pid_t const child = ::fork();
    if (child == 0) ::alarm(60);
    return child;
}
/// Runs `work` in a forked child: the child's answer, or 1000 + the signal that ended it.
template <class Work>
int in_a_child(Work work) {
    pid_t const child = forked();
    if (child == 0) ::_exit(work());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}
void limit_file_size(rlim_t bytes) {
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
}
rlim_t size_of(std::string const& path) {
    struct stat about {};
    ::stat(path.c_str(), &about);
    return static_cast<rlim_t>(about.st_size);
}
/// What a process was told by its sinks, for its parent.
struct Told {
    int written = 0, lost = 0, repaired = 0, left = 0;
    void line(bool was_written) { ++(was_written ? written : lost); }
    void torn(lastbyte::FileReport const& report) {
        repaired += static_cast<int>(report.torn_repaired);
        left += static_cast<int>(report.torn_left);
    }
};
int lowest_free_fd() {
    int const fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(fd);
    return fd;
}

}  // namespace

TEST_CASE("a line is written whole, with or without its newline, and the file is created") {
    Scratch scratch;
    FileSink file{scratch.path()};
    REQUIRE(file);
    CHECK(file.path() == scratch.path());
    CHECK(file.write("one"));
    CHECK(file.write("two\n"));
    CHECK(contents(scratch.path()) == "one\ntwo\n");  // nothing stays behind in the process
    CHECK(file.report().lines == 2);
    CHECK(file.report().bytes == 8);
    CHECK(file.report().lost() == 0);
    CHECK_FALSE(file.error());
    CHECK(file.flush());
}

TEST_CASE("a sink appends to what is there") {
    Scratch scratch;
    fill(scratch.path(), "old\n");
    CHECK(FileSink{scratch.path()}.write("new"));
    CHECK(contents(scratch.path()) == "old\nnew\n");
}

TEST_CASE("what is no single line, or is over the bound, is refused and counted") {
    Scratch scratch;
    FileSink file{scratch.path(), {.max_line_bytes = 5}};
    CHECK_FALSE(file.write(""));
    CHECK_FALSE(file.write("\n"));
    CHECK_FALSE(file.write("a\nb"));
    CHECK_FALSE(file.write("a\n\n"));
    CHECK_FALSE(file.write("12345"));
    CHECK(file.write("1234\n"));
    CHECK(contents(scratch.path()) == "1234\n");
    auto const report = file.report();
    CHECK(report.not_a_line == 4);
    CHECK(report.too_long == 1);
    CHECK(report.lines == 1);
    CHECK(report.lost() == 5);
}

TEST_CASE("a file that can't be opened says which and why, and its lines are lost without harm") {
    Scratch scratch;
    auto const says = [](std::string const& path, int code) {
        FileSink file{path};
        CHECK_FALSE(file);
        CHECK_FALSE(file.write("lost"));
        CHECK_FALSE(file.flush());
        CHECK(file.report().open_failed == 1);
        CHECK(file.report().last_errno == code);
        CHECK(file.error().code == code);
        return std::string{file.error().text};
    };
    CHECK(says(scratch.directory + "/nowhere/x", ENOENT) ==
          scratch.directory + "/nowhere/x: No such file or directory");
    CHECK(says(scratch.directory, EISDIR) == scratch.directory + ": Is a directory");
    says("", ENOENT);
    says(std::string("a\0b", 3), EINVAL);
    CHECK(says(std::string(5000, 'x'), ENAMETOOLONG).find("File name too long") != std::string::npos);
}

TEST_CASE("after close(), lines are lost and counted") {
    Scratch scratch;
    FileSink file{scratch.path()};
    CHECK(file.write("in"));
    file.close();
    file.close();
    CHECK_FALSE(file);
    CHECK_FALSE(file.write("out"));
    CHECK_FALSE(file.flush());
    CHECK(file.report().closed == 1);
    CHECK(file.report().flush_failed == 1);
    CHECK(contents(scratch.path()) == "in\n");
}

TEST_CASE("a full device is counted, and the caller's errno is left alone") {
    FileSink file{"/dev/full"};
    REQUIRE(file);
    errno = 42;
    CHECK_FALSE(file.write("lost"));
    CHECK(errno == 42);
    CHECK(file.report().write_failed == 1);
    CHECK(file.report().last_errno == ENOSPC);
    CHECK(std::string{file.error().text} == "/dev/full: No space left on device");
}

TEST_CASE("a descriptor that somebody closed behind the sink's back is counted") {
    Scratch scratch;
    int const fd = lowest_free_fd();
    FileSink file{scratch.path()};
    ::close(fd);
    CHECK_FALSE(file.write("lost"));
    CHECK(file.report().write_failed == 1);
    CHECK(file.report().last_errno == EBADF);
}

TEST_CASE("half a line that a killed writer left gets its newline, and no byte of it is lost") {
    Scratch scratch;
    fill(scratch.path(), "whole\n{\"half");
    FileSink file{scratch.path()};
    CHECK(file.report().torn_found == 1);
    CHECK(file.write("next"));
    CHECK(contents(scratch.path()) == "whole\n{\"half\nnext\n");

    FileSink other{scratch.path()};  // while the first is open, too
    CHECK(other.report().torn_found == 0);
    { std::ofstream{scratch.path(), std::ios::app} << "half again"; }
    FileSink third{scratch.path()};
    CHECK(third.report().torn_found == 1);
    CHECK(third.write("last"));
    CHECK(contents(scratch.path()) == "whole\n{\"half\nnext\nhalf again\nlast\n");
}

TEST_CASE("a neighbour that is killed in the middle of a line doesn't spoil the next one") {
    Scratch scratch;
    FileSink file{scratch.path()};
    CHECK(file.write("first"));
    { std::ofstream{scratch.path(), std::ios::app} << "{\"half"; }  // what a killed process leaves
    CHECK(file.write("second"));
    CHECK(file.write("third"));
    CHECK(contents(scratch.path()) == "first\n{\"hal\nsecond\nthird\n");
    CHECK(file.report().torn_found == 1);
    CHECK(file.report().lines == 3);
    { std::ofstream{scratch.path(), std::ios::app} << "whole\n"; }
    CHECK(file.write("fourth"));
    CHECK(contents(scratch.path()) == "first\n{\"hal\nsecond\nthird\nwhole\nfourth\n");
}

TEST_CASE("while somebody holds the file's lock to cut it, lines are lost and counted, and not for longer") {
    Scratch scratch;
    fill(scratch.path(), "old\n");
    int const holder = ::open(scratch.path().c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(::flock(holder, LOCK_EX) == 0);
    FileSink file{scratch.path()};
    REQUIRE(file);
    CHECK_FALSE(file.write("would be cut, too"));
    CHECK(file.report().write_failed == 1);
    CHECK(file.report().last_errno == EWOULDBLOCK);
    ::close(holder);
    CHECK(file.write("new"));
    CHECK(contents(scratch.path()) == "old\nnew\n");
}

TEST_CASE("a line that meets the file-size limit is taken back, and no signal ends the process") {
    Scratch scratch;
    fill(scratch.path(), std::string(95, 'x') + "\n");
    int const answer = in_a_child([&] {
        FileSink file{scratch.path()};
        limit_file_size(100);
        if (file.write("0123456789")) return 1;  // 4 bytes of it fit
        if (file.write("0123456789")) return 2;
        auto const report = file.report();
        if (report.write_failed != 2 || report.torn_repaired != 2 || report.torn_left != 0) return 3;
        if (report.last_errno != EFBIG) return 4;
        if (!file.write("abc")) return 5;  // fits exactly
        if (file.write("d")) return 6;     // nothing fits
        limit_file_size(1000);
        return file.write("0123456789") ? 0 : 7;  // the disk has room again
    });
    CHECK(answer == 0);
    CHECK(contents(scratch.path()) == std::string(95, 'x') + "\nabc\n0123456789\n");
}

TEST_CASE("while others have the file open, half a line becomes a blank one") {
    Scratch scratch;
    fill(scratch.path(), std::string(95, 'x') + "\n");
    int const answer = in_a_child([&] {
        FileSink file{scratch.path()}, other{scratch.path()};
        limit_file_size(100);
        if (file.write("0123456789") || file.report().torn_repaired != 1) return 1;
        limit_file_size(104);  // the other one can't cut either: the first is still there
        if (other.write("0123456789") || other.report().torn_repaired != 1) return 2;
        limit_file_size(1000);
        return other.write("theirs") && file.write("ours") ? 0 : 3;
    });
    CHECK(answer == 0);
    CHECK(contents(scratch.path()) == std::string(95, 'x') + "\n   \n   \ntheirs\nours\n");
}

TEST_CASE("a limit's signal that the caller blocks is neither left behind nor taken from him") {
    Scratch scratch;
    fill(scratch.path(), "x\n");
    int const answer = in_a_child([&] {
        FileSink file{scratch.path()};
        sigset_t set, pending;
        sigemptyset(&set);
        sigaddset(&set, SIGXFSZ);
        pthread_sigmask(SIG_BLOCK, &set, nullptr);
        limit_file_size(2);
        if (file.write("lost")) return 1;
        sigpending(&pending);
        if (sigismember(&pending, SIGXFSZ) != 0) return 2;
        ::raise(SIGXFSZ);
        if (file.write("lost")) return 3;
        sigpending(&pending);
        return sigismember(&pending, SIGXFSZ) == 1 ? 0 : 4;
    });
    CHECK(answer == 0);
}

TEST_CASE("a pipe without a reader costs a line, not the process; one that is full doesn't block") {
    Scratch scratch;
    std::string const path = scratch.path("fifo");
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK_FALSE(static_cast<bool>(FileSink{path}));  // nobody reads: opening doesn't wait
    int const answer = in_a_child([&] {
        int const reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
        FileSink file{path};
        if (!file || !file.write("one")) return 1;
        char text[5]{};
        if (::read(reader, text, 4) != 4 || std::strcmp(text, "one\n") != 0) return 2;
        std::string const big(1000, 'x');
        int taken = 0;
        while (taken < 10000 && file.write(big)) ++taken;
        if (taken == 10000 || file.report().last_errno != EAGAIN) return 3;
        ::close(reader);
        if (file.write("nobody")) return 4;
        return file.report().last_errno == EPIPE ? 0 : 5;
    });
    CHECK(answer == 0);
}

TEST_CASE("a line that a pipe takes in part stands alone: the next begins on a new line") {
    Scratch scratch;
    std::string const path = scratch.path("fifo");
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    int const reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
    FileSink file{path};
    CHECK_FALSE(file.write(std::string(1u << 20u, 'x')));
    CHECK(file.report().torn_left == 1);
    std::string got, buffer(1u << 20u, '\0');
    auto const drain = [&] {
        for (ssize_t n; (n = ::read(reader, buffer.data(), buffer.size())) > 0;)
            got.append(buffer.data(), static_cast<std::size_t>(n));
    };
    drain();
    CHECK(file.write("next"));
    drain();
    CHECK(got.size() > 4096);
    CHECK(got.substr(got.find_first_not_of('x')) == "\nnext\n");
    ::close(reader);
}

TEST_CASE("threads share a sink: every line whole, none lost, none twice") {
    Scratch scratch;
    FileSink file{scratch.path()};
    constexpr int threads = 4, each = 1000;
    std::vector<std::thread> writers;
    for (int writer = 0; writer < threads; ++writer)
        writers.emplace_back([&file, writer] {
            for (int n = 0; n < each; ++n) file.write(line_of(writer, n));
        });
    for (auto& writer : writers) writer.join();
    Audit const found = audit(scratch.path());
    CHECK(found.whole == threads * each);
    CHECK(found.torn + found.blank + found.repeated == 0);
    CHECK(file.report().lines == threads * each);
}

TEST_CASE("forked processes share a file, through one sink or their own: every line whole, none lost") {
    Scratch scratch;
    FileSink shared{scratch.path()};
    constexpr int processes = 4, each = 500;
    std::vector<pid_t> children;
    for (int writer = 0; writer < processes; ++writer) {
        pid_t const child = forked();
        if (child == 0) {
            FileSink own{scratch.path()};
            FileSink& file = writer % 2 == 0 ? shared : own;
            for (int n = 0; n < each; ++n) file.write(line_of(writer, n));
            ::_exit(0);
        }
        children.push_back(child);
    }
    for (int n = 0; n < each; ++n) shared.write(line_of(processes, n));
    for (pid_t const child : children) ::waitpid(child, nullptr, 0);
    Audit const found = audit(scratch.path());
    CHECK(found.whole == (processes + 1) * each);
    CHECK(found.torn + found.blank + found.repeated == 0);
}

TEST_CASE("when the disk is full again and again under several processes, the file holds what they were told") {
    constexpr int longest = 2000, processes = 4, each = 400;
    Scratch scratch;
    FileSink shared{scratch.path()};
    int answers[2];
    REQUIRE(::pipe(answers) == 0);
    std::vector<pid_t> children;
    for (int writer = 0; writer < processes; ++writer) {
        pid_t const child = forked();
        if (child == 0) {
            FileSink own{scratch.path()};
            Told told;
            for (int n = 0; n < each; ++n) {
                limit_file_size(size_of(scratch.path()) + static_cast<rlim_t>(n * 37L % 1500));
                if (writer == 0) {
                    told.line(shared.write(line_of(writer, n, longest)));
                } else if (writer == 1) {
                    FileSink brief{scratch.path()};
                    told.line(brief.write(line_of(writer, n, longest)));
                    told.torn(brief.report());
                } else {
                    told.line(own.write(line_of(writer, n, longest)));
                }
            }
            told.torn(shared.report());
            told.torn(own.report());
            ::_exit(::write(answers[1], &told, sizeof told) == sizeof told ? 0 : 1);
        }
        children.push_back(child);
    }
    ::close(answers[1]);
    Told all;
    for (int writer = 0; writer < processes; ++writer) {
        Told one;
        REQUIRE(::read(answers[0], &one, sizeof one) == sizeof one);
        all.written += one.written;
        all.lost += one.lost;
        all.repaired += one.repaired;
        all.left += one.left;
    }
    ::close(answers[0]);
    for (pid_t const child : children) {
        int status = 0;
        ::waitpid(child, &status, 0);
        CHECK(status == 0);
    }
    CHECK(all.written + all.lost == processes * each);
    CHECK(all.repaired > 100);  // otherwise nothing was tried here
    CHECK(all.left == 0);
    Audit const found = audit(scratch.path(), longest);
    CHECK(found.whole == all.written);
    CHECK(found.torn == 0);
    CHECK(found.repeated == 0);
}

TEST_CASE("when the disk is full again and again under several threads, the file holds what they were told") {
    constexpr int longest = 2000, threads = 4, each = 400;
    Scratch scratch;
    int answers[2];
    REQUIRE(::pipe(answers) == 0);
    int const status = in_a_child([&] {
        FileSink file{scratch.path()};
        std::vector<std::thread> writers;
        for (int writer = 0; writer < threads; ++writer)
            writers.emplace_back([&, writer] {
                for (int n = 0; n < each; ++n) {
                    limit_file_size(size_of(scratch.path()) + static_cast<rlim_t>(n * 37L % 1500));
                    file.write(line_of(writer, n, longest));
                }
            });
        for (auto& writer : writers) writer.join();
        auto const report = file.report();
        Told told;
        told.written = static_cast<int>(report.lines);
        told.lost = static_cast<int>(report.write_failed);
        told.torn(report);
        return ::write(answers[1], &told, sizeof told) == sizeof told ? 0 : 1;
    });
    CHECK(status == 0);
    ::close(answers[1]);
    Told told;
    REQUIRE(::read(answers[0], &told, sizeof told) == sizeof told);
    ::close(answers[0]);
    CHECK(told.written + told.lost == threads * each);
    CHECK(told.repaired > 100);
    CHECK(told.left == 0);
    Audit const found = audit(scratch.path(), longest);
    CHECK(found.whole == told.written);
    CHECK(found.torn + found.blank + found.repeated == 0);
}

TEST_CASE("a child forked while another thread was writing can write") {
    Scratch scratch;
    FileSink file{scratch.path()};
    bool stop = false;
    std::thread busy{[&] {
        for (int n = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); ++n) file.write(line_of(0, n));
    }};
    int ended_well = 0;
    for (int child = 1; child <= 20; ++child)
        ended_well += in_a_child([&] { return file.write(line_of(child, 1)) ? 0 : 1; }) == 0 ? 1 : 0;
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    busy.join();
    CHECK(ended_well == 20);
    CHECK(audit(scratch.path()).torn == 0);
}

TEST_CASE("killed writers leave whole lines and at most torn tails that the next one closes") {
    Scratch scratch;
    std::uint64_t torn = 0;
    for (int round = 0; round < 10; ++round) {
        pid_t const child = forked();
        if (child == 0) {
            FileSink file{scratch.path()};
            for (int n = 0;; ++n) file.write(line_of(round, n, 20000));
        }
        ::usleep(3000);
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        torn += FileSink{scratch.path()}.report().torn_found;
    }
    Audit const found = audit(scratch.path(), 20000);
    CHECK(found.whole > 0);
    CHECK(found.torn == static_cast<int>(torn));
    CHECK(found.repeated == 0);
}

TEST_CASE("the system's signals between two bytes don't cost a line") {
    Scratch scratch;
    FileSink file{scratch.path()};
    struct sigaction quiet {};
    struct sigaction before {};
    quiet.sa_handler = [](int) {};  // without SA_RESTART: calls return EINTR
    ::sigaction(SIGUSR1, &quiet, &before);
    pthread_t const writer = pthread_self();
    bool stop = false;
    std::thread nuisance{[&] {
        while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) pthread_kill(writer, SIGUSR1);
    }};
    for (int n = 0; n < 500; ++n) CHECK(file.write(line_of(0, n)));
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    nuisance.join();
    ::sigaction(SIGUSR1, &before, nullptr);
    CHECK(audit(scratch.path()).whole == 500);
}
