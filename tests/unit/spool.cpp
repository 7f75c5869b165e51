// Spool: what was appended comes out in its order, in this process or the next, however this one ended.
#include <doctest/doctest.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <lastbyte/pipeline/spool.hpp>

using lastbyte::Spool;

namespace {

constexpr std::uint64_t roomy = 1u << 30u;
constexpr std::size_t file_head = 24, head = 16;  // bytes before the first record, and before each text

/// A file of its own, gone at the end.
struct Scratch {
    std::string path = "/tmp/lastbyte-spool-XXXXXX";
    Scratch() {
        int const fd = ::mkstemp(path.data());
        REQUIRE(fd >= 0);
        ::close(fd);
    }
    Scratch(Scratch const&) = delete;
    Scratch& operator=(Scratch const&) = delete;
    ~Scratch() { ::unlink(path.c_str()); }
    [[nodiscard]] std::string contents() const {
        std::ifstream file{path, std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    void fill(std::string const& text) const { std::ofstream{path, std::ios::binary | std::ios::trunc} << text; }
    [[nodiscard]] long blocks() const {
        struct stat file {};
        ::stat(path.c_str(), &file);
        return file.st_blocks * 512L;
    }
};

std::vector<std::string> all(Spool& spool) {
    std::vector<std::string> texts;
    for (; !spool.empty(); spool.pop()) texts.emplace_back(spool.front());
    return texts;
}
std::string record(int n) { return "record " + std::to_string(n) + std::string(static_cast<std::size_t>(n % 50), '.'); }

/// Three records: "one", "two", "three".
std::string three(Scratch& scratch) {
    Spool spool;
    REQUIRE(spool.open(scratch.path.c_str(), roomy) == 0);
    for (auto const* text : {"one", "two", "three"}) REQUIRE(spool.push(text, 1));
    spool.close();
    return scratch.contents();
}

}  // namespace

TEST_CASE("records come out in the order in which they went in, with their counts") {
    Scratch scratch;
    Spool spool;
    CHECK(spool.open(scratch.path.c_str(), roomy) == 0);
    CHECK(spool.empty());
    CHECK(spool.push("a", 2));
    CHECK_FALSE(spool.push("", 1));
    CHECK(spool.push(std::string(100'000, 'b'), 3));
    CHECK(spool.records() == 5);
    CHECK(spool.front() == "a");
    CHECK(spool.front_records() == 2);
    CHECK(all(spool) == std::vector<std::string>{"a", std::string(100'000, 'b')});
    CHECK(spool.records() == 0);
    CHECK(spool.push("again", 1));
    CHECK(all(spool) == std::vector<std::string>{"again"});
}

TEST_CASE("the next process goes on where the last one stopped") {
    Scratch scratch;
    three(scratch);
    for (auto const* expected : {"one", "two", "three"}) {
        Spool spool;
        CHECK(spool.open(scratch.path.c_str(), roomy) == 0);
        CHECK(spool.torn_bytes() == 0);
        CHECK(spool.front() == expected);
        spool.pop();
    }
    Spool spool;
    CHECK(spool.open(scratch.path.c_str(), roomy) == 0);
    CHECK(spool.empty());
}

TEST_CASE("a file that ends at any byte loses its torn record and none before it, and takes new ones") {
    Scratch scratch;
    std::string const whole = three(scratch);
    std::size_t const ends[] = {file_head, file_head + head + 3, file_head + 2 * (head + 3), whole.size()};
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        CAPTURE(size);
        scratch.fill(whole.substr(0, size));
        std::size_t left = 0;
        while (left < 3 && ends[left + 1] <= size) ++left;
        Spool spool;
        REQUIRE(spool.open(scratch.path.c_str(), roomy) == 0);
        CHECK(spool.records() == left);
        CHECK(spool.torn_bytes() == (size < file_head ? 0 : size - ends[left]));
        CHECK(spool.push("new", 1));
        auto const texts = all(spool);
        REQUIRE(texts.size() == left + 1);
        for (std::size_t i = 0; i < left; ++i) CHECK(texts[i] == std::vector{"one", "two", "three"}[i]);
        CHECK(texts.back() == "new");
    }
}

TEST_CASE("a byte that was damaged is noticed, wherever it is") {
    Scratch scratch;
    std::string const whole = three(scratch);
    for (std::size_t at = file_head; at < whole.size(); ++at) {
        CAPTURE(at);
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
        scratch.fill(damaged);
        Spool spool;
        REQUIRE(spool.open(scratch.path.c_str(), roomy) == 0);
        CHECK(spool.records() == (at < file_head + 19 ? 0 : at < file_head + 38 ? 1 : 2));
        CHECK(spool.torn_bytes() > 0);
    }
}

TEST_CASE("a begin that points anywhere loses nothing that is whole from the start on, or gives nothing false") {
    Scratch scratch;
    std::string whole = three(scratch);
    for (std::uint64_t begin : {std::uint64_t{0}, std::uint64_t{15}, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
        std::memcpy(whole.data() + 8, &begin, sizeof begin);
        scratch.fill(whole);
        Spool spool;
        REQUIRE(spool.open(scratch.path.c_str(), roomy) == 0);
        CHECK(all(spool) == std::vector<std::string>{"one", "two", "three"});
    }
}

TEST_CASE("records that were never tried are joined up to a size, and are counted together") {
    Scratch scratch;
    Spool spool;
    REQUIRE(spool.open(scratch.path.c_str(), roomy) == 0);
    for (auto const* text : {"one,", "two,", "three,", "four,"}) REQUIRE(spool.push(text, 2));
    CHECK(spool.front(14) == "one,two,three,");
    CHECK(spool.front_records() == 6);
    spool.pop();
    CHECK(spool.records() == 2);
    CHECK(spool.front(1) == "four,");
    spool.pop();
    CHECK(spool.empty());
}

TEST_CASE("what was tried together comes again together, whatever came behind it, and in the next process too") {
    Scratch scratch;
    three(scratch);
    for (int process = 0; process < 3; ++process) {
        Spool spool;
        REQUIRE(spool.open(scratch.path.c_str(), roomy) == 0);
        CHECK(spool.front(process == 0 ? 6 : 1000) == "onetwo");
        CHECK(spool.front_records() == 2);
        CHECK(spool.push("!", 1));
        CHECK(spool.front(1000) == "onetwo");
    }
    Spool spool;
    REQUIRE(spool.open(scratch.path.c_str(), roomy) == 0);
    CHECK(spool.front(0) == "onetwo");
    spool.pop();
    CHECK(spool.front(1000) == "three!!!");
    CHECK(spool.records() == 4);
}

TEST_CASE("what was tried before it came into the spool is joined with nothing") {
    Scratch scratch;
    Spool spool;
    REQUIRE(spool.open(scratch.path.c_str(), roomy) == 0);
    for (auto const* text : {"one", "two", "TRIED", "three", "four"})
        REQUIRE(spool.push(text, 1, std::string{"TRIED"} == text));
    std::vector<std::string> texts;
    for (; !spool.empty(); spool.pop()) texts.emplace_back(spool.front(1000));
    CHECK(texts == std::vector<std::string>{"onetwo", "TRIED", "threefour"});
}

TEST_CASE("a record that can't be read takes nothing along that stands before it") {
    Scratch scratch;
    std::string damaged = three(scratch);
    Spool spool;
    REQUIRE(spool.open(scratch.path.c_str(), roomy) == 0);
    damaged.back() = 'X';
    std::ofstream{scratch.path, std::ios::binary | std::ios::in} << damaged;  // the same file, which is open
    CHECK(spool.front(1000) == "onetwo");
    CHECK(spool.front_records() == 2);
    spool.pop();
    CHECK(spool.front(1000).empty());
    CHECK(spool.give_up() == 1);
}

TEST_CASE("an end of what was tried that points anywhere joins nothing") {
    Scratch scratch;
    std::string whole = three(scratch);
    for (std::uint64_t end : {std::uint64_t{1}, std::uint64_t{file_head}, std::uint64_t{50}, ~std::uint64_t{0}}) {
        std::memcpy(whole.data() + 16, &end, sizeof end);
        scratch.fill(whole);
        Spool spool;
        REQUIRE(spool.open(scratch.path.c_str(), roomy) == 0);
        CHECK(all(spool) == std::vector<std::string>{"one", "two", "three"});
    }
}

TEST_CASE("a file that is no spool, and what is no file, are refused and left as they are") {
    Scratch scratch;
    scratch.fill("somebody's letters, longer than a head");
    Spool spool;
    CHECK(spool.open(scratch.path.c_str(), roomy) == EBADMSG);
    CHECK(scratch.contents() == "somebody's letters, longer than a head");
    scratch.fill("short");
    CHECK(spool.open(scratch.path.c_str(), roomy) == EBADMSG);
    CHECK(scratch.contents() == "short");
    CHECK(spool.open("/tmp", roomy) == EISDIR);
    CHECK(spool.open("/nowhere/spool", roomy) == ENOENT);
    CHECK_FALSE(static_cast<bool>(spool));
    CHECK_FALSE(spool.push("a", 1));
}

TEST_CASE("a spool is bounded, and has room again when records have gone") {
    Scratch scratch;
    Spool spool;
    REQUIRE(spool.open(scratch.path.c_str(), 8u << 20u) == 0);
    std::string const large(1u << 20u, 'x');
    int pushed = 0;
    while (spool.push(large, 1)) ++pushed;
    CHECK(pushed == 7);
    CHECK(spool.last_errno() == ENOSPC);
    for (int round = 0; round < 40; ++round) {  // never empty, and five times its bound goes through it
        CHECK(spool.front() == large);
        spool.pop();
        CHECK(spool.push(large, 1));
    }
    CHECK(scratch.blocks() <= (9 << 20));
    CHECK(all(spool).size() == 7);
    CHECK(scratch.contents().size() == file_head);
}

TEST_CASE("a disk that refuses half a record leaves none of it") {
    Scratch scratch;
    pid_t const child = ::fork();
    if (child == 0) {
        Spool spool;
        if (spool.open(scratch.path.c_str(), roomy) != 0 || !spool.push("before", 1)) ::_exit(1);
        rlimit const limit{100, 100};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        bool const refused = !spool.push(std::string(200, 'x'), 1) && spool.last_errno() == EFBIG;
        bool const goes_on = spool.push("after", 1) && all(spool) == std::vector<std::string>{"before", "after"};
        ::_exit(refused && goes_on ? 0 : 2);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
}

TEST_CASE("another process can't have a spool that is in use, and can when its owner was killed") {
    Scratch scratch;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    pid_t const child = ::fork();
    if (child == 0) {
        Spool spool;
        char const opened = spool.open(scratch.path.c_str(), roomy) == 0 && spool.push("a", 1) ? 'y' : 'n';
        (void)!::write(ready[1], &opened, 1);
        for (;;) ::pause();
    }
    char opened = 0;
    REQUIRE(::read(ready[0], &opened, 1) == 1);
    CHECK(opened == 'y');
    Spool spool;
    CHECK(spool.open(scratch.path.c_str(), roomy) == EAGAIN);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    CHECK(spool.open(scratch.path.c_str(), roomy) == 0);
    CHECK(all(spool) == std::vector<std::string>{"a"});
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_CASE("kill -9 at any moment: all that was appended is there, in order, once, and at most the last was torn") {
    for (int round = 0; round < 12; ++round) {
        CAPTURE(round);
        Scratch scratch;
        int told[2];
        REQUIRE(::pipe(told) == 0);
        pid_t const child = ::fork();
        if (child == 0) {
            Spool spool;
            spool.open(scratch.path.c_str(), roomy);
            for (int n = 0;; ++n)
                if (!spool.push(record(n), 1) || ::write(told[1], &n, sizeof n) != sizeof n) ::_exit(1);
        }
        ::close(told[1]);
        int n = -1, last = -1;
        for (int until = 10 + round * 97; last < until && ::read(told[0], &n, sizeof n) == sizeof n;) last = n;
        ::kill(child, SIGKILL);
        while (::read(told[0], &n, sizeof n) == sizeof n) last = n;
        ::close(told[0]);
        int status = 0;
        ::waitpid(child, &status, 0);
        CHECK(WIFSIGNALED(status));
        Spool spool;
        REQUIRE(spool.open(scratch.path.c_str(), roomy) == 0);
        auto const texts = all(spool);
        CHECK(static_cast<int>(texts.size()) >= last + 1);
        CHECK(static_cast<int>(texts.size()) <= last + 2);
        int wrong = 0;
        for (int i = 0; i < static_cast<int>(texts.size()); ++i)
            wrong += texts[static_cast<std::size_t>(i)] != record(i) ? 1 : 0;
        CHECK(wrong == 0);
    }
}

TEST_CASE("kill -9 while it replays: nothing is skipped, and one record at most comes twice") {
    Scratch scratch;
    {
        Spool spool;
        REQUIRE(spool.open(scratch.path.c_str(), roomy) == 0);
        for (int n = 0; n < 2000; ++n) REQUIRE(spool.push(record(n), 1));
    }
    int told[2];
    REQUIRE(::pipe(told) == 0);
    pid_t const child = ::fork();
    if (child == 0) {
        Spool spool;
        spool.open(scratch.path.c_str(), roomy);
        for (int n = 0; !spool.empty(); ++n, spool.pop())
            if (spool.front() != record(n) || ::write(told[1], &n, sizeof n) != sizeof n) ::_exit(1);
        for (;;) ::pause();
    }
    ::close(told[1]);
    int n = -1, last = -1;
    while (last < 777 && ::read(told[0], &n, sizeof n) == sizeof n) last = n;
    ::kill(child, SIGKILL);
    while (::read(told[0], &n, sizeof n) == sizeof n) last = n;
    ::close(told[0]);
    ::waitpid(child, nullptr, 0);
    Spool spool;
    REQUIRE(spool.open(scratch.path.c_str(), roomy) == 0);
    if (last < 1999) {
        bool const repeats = spool.front() == record(last), goes_on = spool.front() == record(last + 1);
        CHECK((repeats || goes_on));
        CHECK(spool.records() <= 2000u - static_cast<unsigned>(last));
    }
}
