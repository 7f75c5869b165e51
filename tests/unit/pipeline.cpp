// Pipeline: what many threads hand over arrives whole, once and in their order; what finds no room is lost by rule and
// counted; and nobody waits. Run under ThreadSanitizer as well.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <lastbyte/pipeline/pipeline.hpp>

using lastbyte::BlockUpTo, lastbyte::Delivered, lastbyte::Delivery, lastbyte::DropNewest, lastbyte::DropOldest,
    lastbyte::milliseconds, lastbyte::Pipeline, lastbyte::PipelineOptions;

namespace {

constexpr PipelineOptions small{.lane_bytes = 4096};

std::string record_of(int writer, int n) {
    auto const length = static_cast<std::size_t>((n * 7919L + writer * 104729L) % 300);
    return std::to_string(writer) + ' ' + std::to_string(n) + ' ' +
           std::string(length, static_cast<char>('a' + (n + writer) % 26)) + '\n';
}

/// Takes records of `record_of`, and judges each.
struct Audit {
    std::map<int, int> last;
    std::uint64_t records = 0, damaged = 0, out_of_order = 0;
    bool operator()(std::string_view record) {
        int const writer = std::atoi(record.data()), n = std::atoi(record.data() + record.find(' '));
        records += 1;
        damaged += record != record_of(writer, n) ? 1u : 0u;
        out_of_order += last.contains(writer) && last[writer] >= n ? 1u : 0u;
        last[writer] = n;
        return true;
    }
};

template <class Policy>
std::vector<std::string> drained(Pipeline<Policy>& pipeline) {
    std::vector<std::string> records;
    pipeline.drain([&](std::string_view record) { records.emplace_back(record); });
    return records;
}

}  // namespace

TEST_CASE("records are drained whole, once and in order") {
    Pipeline<> pipeline;
    for (int n = 0; n < 3; ++n) CHECK(pipeline.write("record " + std::to_string(n)));
    CHECK(pipeline.report().in_memory == 3);
    CHECK(drained(pipeline) == std::vector<std::string>{"record 0", "record 1", "record 2"});
    CHECK(drained(pipeline).empty());
    CHECK(pipeline.report().delivered == 3);
    CHECK(pipeline.report().balanced());
}

TEST_CASE("the ring goes round: records of every length survive its end") {
    Pipeline<> pipeline{small};
    Audit audit;
    for (int n = 0; n < 5000; ++n) {
        CHECK(pipeline.write(record_of(1, n)));
        if (n % 7 == 0) pipeline.drain(audit);
    }
    pipeline.drain(audit);
    CHECK(audit.records == 5000);
    CHECK(audit.damaged == 0);
    CHECK(audit.out_of_order == 0);
}

TEST_CASE("a record may be half of a lane, and one more byte is refused and counted") {
    Pipeline<> pipeline{small};
    CHECK(pipeline.max_record_bytes() == 2040);
    for (int n = 0; n < 10; ++n) {
        CHECK(pipeline.write(std::string(pipeline.max_record_bytes(), 'x')));
        CHECK(drained(pipeline).size() == 1);
    }
    CHECK_FALSE(pipeline.write(std::string(pipeline.max_record_bytes() + 1, 'x')));
    CHECK_FALSE(pipeline.write(""));
    CHECK(pipeline.report().too_large == 2);
    CHECK(pipeline.report().balanced());
}

TEST_CASE("drop-newest keeps what was there first") {
    Pipeline<DropNewest> pipeline{small};
    int n = 0;
    while (pipeline.write(record_of(1, n))) ++n;
    CHECK_FALSE(pipeline.write(record_of(1, n + 1)));
    auto const records = drained(pipeline);
    CHECK(records.size() == static_cast<std::size_t>(n));
    CHECK(records.front() == record_of(1, 0));
    CHECK(pipeline.report().full == 2);
    CHECK(pipeline.report().balanced());
}

TEST_CASE("drop-oldest keeps what came last, in order") {
    Pipeline<DropOldest> pipeline{small};
    for (int n = 0; n < 500; ++n) CHECK(pipeline.write(record_of(1, n)));
    CHECK(pipeline.report().balanced());
    Audit audit;
    pipeline.drain(audit);
    CHECK(audit.last[1] == 499);
    CHECK(audit.damaged + audit.out_of_order == 0);
    CHECK(audit.records >= 4096 / 320);
    CHECK(pipeline.report().evicted == 500 - audit.records);
    CHECK(pipeline.report().full == 0);
}

TEST_CASE("block-with-deadline gives up at its deadline, and counts") {
    Pipeline<BlockUpTo<milliseconds(30)>> pipeline{small};
    while (pipeline.report().full == 0) {
        auto const start = std::chrono::steady_clock::now();
        if (pipeline.write(std::string(100, 'x'))) continue;
        auto const took = std::chrono::steady_clock::now() - start;
        CHECK(took >= std::chrono::milliseconds(30));
        CHECK(took < std::chrono::milliseconds(2000));
    }
    CHECK(pipeline.report().balanced());
}

TEST_CASE("block-with-deadline goes on when room comes in time") {
    Pipeline<BlockUpTo<milliseconds(10'000)>> pipeline{small};
    for (int n = 0; n < 36; ++n) CHECK(pipeline.write(std::string(100, 'x')));  // 112 bytes each: one more doesn't fit
    CHECK(pipeline.report().in_memory == 36);
    std::thread reader{[&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        drained(pipeline);
    }};
    for (int n = 0; n < 3; ++n) CHECK(pipeline.write(std::string(1000, 'x')));
    reader.join();
    CHECK(pipeline.report().full == 0);
}

TEST_CASE("what the transport can't take now stays and comes first the next time; what it refuses is counted") {
    Pipeline<> pipeline;
    for (auto const* record : {"a", "b", "c"}) pipeline.write(record);
    std::string got;
    CHECK(pipeline.drain([&](std::string_view record) { return got += record, record != "b"; }) == 1);
    CHECK(pipeline.report().failures == 1);
    CHECK(pipeline.report().in_memory == 2);
    CHECK(pipeline.drain([&](std::string_view record) -> Delivery {
        got += record;
        return {record == "b" ? Delivered::never : Delivered::yes, 0};
    }) == 1);
    CHECK(got == "abbc");
    CHECK(pipeline.report().refused == 1);
    CHECK(pipeline.report().delivered == 2);
    CHECK(pipeline.report().balanced());
}

TEST_CASE("a transport's own result is understood: true, worth_retrying") {
    struct Result {
        int status;
        explicit operator bool() const { return status < 300; }
        [[nodiscard]] bool worth_retrying() const { return status >= 500; }
    };
    Pipeline<> pipeline;
    for (auto const* record : {"200", "400", "200", "503", "200"}) pipeline.write(record);
    auto const server = [](std::string_view record) { return Result{std::atoi(record.data())}; };
    CHECK(pipeline.drain(server) == 2);
    CHECK(pipeline.report().refused == 1);
    CHECK(pipeline.report().in_memory == 2);
}

TEST_CASE("a transport that throws has not delivered") {
    Pipeline<> pipeline;
    pipeline.write("a");
    CHECK(pipeline.drain([](std::string_view) -> bool { throw 1; }) == 0);
    CHECK(pipeline.report().in_memory == 1);
    CHECK(drained(pipeline) == std::vector<std::string>{"a"});
}

TEST_CASE("records are joined up to batch_bytes") {
    Pipeline<> pipeline;
    for (int n = 0; n < 5; ++n) pipeline.write("1234\n");
    std::vector<std::string> texts;
    CHECK(pipeline.drain([&](std::string_view text) { texts.emplace_back(text); }, 10) == 5);
    CHECK(texts == std::vector<std::string>{"1234\n1234\n", "1234\n1234\n", "1234\n"});
}

TEST_CASE("one reader at a time: a second drains nothing") {
    Pipeline<> pipeline;
    pipeline.write("a");
    std::uint64_t inner = 1;
    pipeline.drain([&](std::string_view) { inner = pipeline.drain([](std::string_view) {}); });
    CHECK(inner == 0);
    CHECK(pipeline.report().delivered == 1);
}

TEST_CASE_TEMPLATE("of many threads' records each arrives whole and once, or is counted", Policy, DropNewest,
                   DropOldest, BlockUpTo<milliseconds(20)>) {
    constexpr int writers = 6, each = 4000;
    Pipeline<Policy> pipeline{{.lane_bytes = 16384}};
    Audit audit;
    std::atomic<int> running{writers};
    std::vector<std::thread> threads;
    for (int writer = 0; writer < writers; ++writer)
        threads.emplace_back([&, writer] {
            for (int n = 0; n < each; ++n) pipeline.write(record_of(writer, n));
            --running;
        });
    while (running != 0) pipeline.drain(audit);
    for (auto& thread : threads) thread.join();
    pipeline.drain(audit);
    auto const report = pipeline.report();
    CHECK(audit.damaged == 0);
    CHECK(audit.out_of_order == 0);
    CHECK(report.offered == writers * each);
    CHECK(report.delivered == audit.records);
    CHECK(report.pending() == 0);
    CHECK(report.balanced());
}

TEST_CASE("threads that share a lane don't damage each other's records") {
    Pipeline<> pipeline{{.lane_bytes = 65536}};
    Audit audit;
    std::atomic<int> running{24};
    std::vector<std::thread> threads;
    for (int writer = 0; writer < 24; ++writer)
        threads.emplace_back([&, writer] {
            for (int n = 0; n < 500; ++n) pipeline.write(record_of(writer, n));
            --running;
        });
    while (running != 0) pipeline.drain(audit);
    for (auto& thread : threads) thread.join();
    pipeline.drain(audit);
    CHECK(audit.damaged + audit.out_of_order == 0);
    CHECK(audit.records + pipeline.report().full == 24 * 500);
}

TEST_CASE("a pipeline without memory loses by count, and nothing else happens") {
    Pipeline<> pipeline{{.lane_bytes = std::size_t{1} << 60}};
    CHECK_FALSE(static_cast<bool>(pipeline));
    CHECK_FALSE(pipeline.write("a"));
    CHECK(drained(pipeline).empty());
    CHECK(pipeline.report().no_memory == 1);
    CHECK(pipeline.report().balanced());
}

TEST_CASE("a forked child begins empty, and its parent keeps what it had") {
    Pipeline<> pipeline;
    pipeline.write("parent's");
    pid_t const child = ::fork();
    if (child == 0) {
        pipeline.write("child's");
        bool const its_own = pipeline.report().offered == 1 && pipeline.report().balanced();
        ::_exit(its_own && drained(pipeline) == std::vector<std::string>{"child's"} ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    CHECK(drained(pipeline) == std::vector<std::string>{"parent's"});
}
