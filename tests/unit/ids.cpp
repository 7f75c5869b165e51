// Ids: unique across threads, forks and traces; countable for tests.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <lastbyte/core/ids.hpp>

using lastbyte::RandomIds;

namespace {

template <class T>
std::size_t repeated(std::vector<T>& all) {
    std::sort(all.begin(), all.end());
    return static_cast<std::size_t>(all.end() - std::unique(all.begin(), all.end()));
}

}  // namespace

TEST_CASE("a million span ids from eight threads are all different") {
    constexpr std::size_t threads = 8, each = 125'000;
    std::vector<std::uint64_t> all(threads * each);
    std::vector<std::thread> running;
    for (std::size_t t = 0; t < threads; ++t)
        running.emplace_back([&, t] {
            for (std::size_t i = 0; i < each; ++i) {
                if (i % 8 == 0) (void)RandomIds::next_trace(i);  // as a request does
                all[t * each + i] = RandomIds::next_span();
            }
        });
    for (auto& thread : running) thread.join();
    CHECK(std::count(all.begin(), all.end(), std::uint64_t{0}) == 0);
    CHECK(repeated(all) == 0);
}

TEST_CASE("a million trace ids from eight threads are all different, even when no time passes") {
    constexpr std::size_t threads = 8, each = 125'000;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> all(threads * each);
    std::vector<std::thread> running;
    for (std::size_t t = 0; t < threads; ++t)
        running.emplace_back([&, t] {
            for (std::size_t i = 0; i < each; ++i) {
                auto const id = RandomIds::next_trace(1000);
                all[t * each + i] = {id.high, id.low};
            }
        });
    for (auto& thread : running) thread.join();
    for (auto const& [high, low] : all)
        if (high == 0 || low == 0) FAIL_CHECK("half an id is zero");
    CHECK(repeated(all) == 0);
}

TEST_CASE("a forked process starts traces and spans with ids of its own") {
    constexpr std::size_t count = 64;
    (void)RandomIds::next_trace(1);  // seeded before the fork
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    auto const draw = [](std::uint64_t now) {
        std::array<std::uint64_t, 3 * count> ids{};
        for (std::size_t i = 0; i < count; ++i) {
            auto const trace = RandomIds::next_trace(now + i * 100);
            ids[3 * i] = trace.low;
            ids[3 * i + 1] = RandomIds::next_span();
            ids[3 * i + 2] = RandomIds::next_span();
        }
        return ids;
    };
    auto const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        auto const ids = draw(5000);
        _exit(::write(ends[1], ids.data(), sizeof ids) == static_cast<ssize_t>(sizeof ids) ? 0 : 1);
    }
    auto const own = draw(5001);  // the parent goes on a tick later
    std::array<std::uint64_t, 3 * count> others{};
    REQUIRE(::read(ends[0], others.data(), sizeof others) == static_cast<ssize_t>(sizeof others));
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    ::close(ends[0]);
    ::close(ends[1]);
    CHECK(status == 0);
    std::vector<std::uint64_t> all(own.begin(), own.end());
    all.insert(all.end(), others.begin(), others.end());
    CHECK(repeated(all) == 0);
}

TEST_CASE("two threads have two prefixes") {
    std::set<std::uint64_t> prefixes;
    for (int i = 0; i < 16; ++i)
        std::thread([&] { prefixes.insert(RandomIds::next_trace(1).high); }).join();
    CHECK(prefixes.size() == 16);
}

TEST_CASE("sequential ids count from one, each tag for itself") {
    using Ids = lastbyte::SequentialIds<struct Here>;
    CHECK(Ids::next_trace(99) == lastbyte::TraceId{0, 1});
    CHECK(Ids::next_trace(5) == lastbyte::TraceId{0, 2});
    CHECK(Ids::next_span() == 1);
    CHECK(Ids::next_span() == 2);
    CHECK(lastbyte::SequentialIds<struct There>::next_span() == 1);
    Ids::restart();
    CHECK(Ids::next_span() == 1);
    CHECK(Ids::next_trace(0) == lastbyte::TraceId{0, 1});
}

TEST_CASE("ids are written in lower-case hexadecimal digits of full width") {
    std::string out;
    lastbyte::TraceId{0x0123456789abcdef, 0xf}.write(out);
    CHECK(out == "0123456789abcdef000000000000000f");
    out.clear();
    lastbyte::SpanId{0xABC}.write(out);
    CHECK(out == "0000000000000abc");
}
