// Worker: one thread that delivers, retries, spools and ends in time, whatever its transport does. Run under
// ThreadSanitizer as well.
#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <lastbyte/pipeline/worker.hpp>

using lastbyte::Delivered, lastbyte::Delivery, lastbyte::milliseconds, lastbyte::Pipeline, lastbyte::Worker,
    lastbyte::WorkerOptions;
using namespace std::chrono_literals;

namespace {

/// A backend that is up, down, or hangs in the middle of a write until it is let go.
class Backend {
public:
    enum State { up, down, hanging };

    Delivery take(std::string_view record) {
        std::unique_lock lock{mutex_};
        ++attempts_;
        if (state_ == hanging) {
            in_write_ = true;
            changed_.notify_all();
            changed_.wait(lock, [&] { return state_ != hanging; });
            in_write_ = false;
        }
        if (record == "poison\n") return {Delivered::never, 0};
        if (state_ == down) return {Delivered::later, asks_ns_};
        got_ += record;
        return {Delivered::yes, 0};
    }
    void become(State state) {
        std::lock_guard const lock{mutex_};
        state_ = state;
        changed_.notify_all();
    }
    void ask_for(std::uint64_t ns) { asks_ns_ = ns; }
    void wait_until_it_hangs() {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return in_write_; });
    }
    [[nodiscard]] std::string got() {
        std::lock_guard const lock{mutex_};
        return got_;
    }
    [[nodiscard]] int attempts() {
        std::lock_guard const lock{mutex_};
        return attempts_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    State state_ = up;
    bool in_write_ = false;
    std::uint64_t asks_ns_ = 0;
    int attempts_ = 0;
    std::string got_;
};

/// What a worker owns: it may outlive the test while it hangs.
struct Connection {
    std::shared_ptr<Backend> backend = std::make_shared<Backend>();
    Delivery write(std::string_view record) { return backend->take(record); }
};

/// The path of a spool, which is gone at the end.
struct SpoolPath {
    std::string path = "/tmp/lastbyte-worker-XXXXXX";
    SpoolPath() {
        int const fd = ::mkstemp(path.data());
        REQUIRE(fd >= 0);
        ::close(fd);
    }
    SpoolPath(SpoolPath const&) = delete;
    SpoolPath& operator=(SpoolPath const&) = delete;
    ~SpoolPath() { ::unlink(path.c_str()); }
    [[nodiscard]] WorkerOptions options() const {
        return {.spool = path.c_str(),
                .linger = milliseconds(1),
                .first_pause = milliseconds(1),
                .longest_pause = milliseconds(20)};
    }
};

#if defined(__SANITIZE_THREAD__)
constexpr bool threads_after_fork = false;  // ThreadSanitizer ends a child that starts one
#elif defined(__has_feature)
constexpr bool threads_after_fork = !__has_feature(thread_sanitizer);
#else
constexpr bool threads_after_fork = true;
#endif

constexpr WorkerOptions quick{
    .linger = milliseconds(1), .first_pause = milliseconds(1), .longest_pause = milliseconds(20)};

std::string lines(int from, int to) {
    std::string all;
    for (int n = from; n < to; ++n) all += std::to_string(n) + '\n';
    return all;
}
template <class Policy>
void write_lines(Pipeline<Policy>& pipeline, int from, int to) {
    for (int n = from; n < to; ++n) pipeline.write(lines(n, n + 1));
}
template <class Reached>
bool eventually(Reached reached) {
    for (int tries = 0; tries < 5000; ++tries) {
        if (reached()) return true;
        std::this_thread::sleep_for(1ms);
    }
    return false;
}
template <class Fn>
std::chrono::nanoseconds time_of(Fn fn) {
    auto const start = std::chrono::steady_clock::now();
    fn();
    return std::chrono::steady_clock::now() - start;
}

}  // namespace

TEST_CASE("a worker delivers by itself, in order") {
    Pipeline<> pipeline;
    Connection connection;
    Worker worker{pipeline, quick, connection};
    CHECK(static_cast<bool>(worker));
    write_lines(pipeline, 0, 100);
    CHECK(eventually([&] { return connection.backend->got() == lines(0, 100); }));
}

TEST_CASE("a worker that sleeps is woken by the first record, however long it would have slept") {
    Pipeline<> pipeline;
    Connection connection;
    Worker worker{pipeline, {}, connection};
    for (int round = 0; round < 3; ++round) {
        std::this_thread::sleep_for(150ms);  // longer than it lingers
        write_lines(pipeline, round, round + 1);
        CHECK(eventually([&] { return connection.backend->got() == lines(0, round + 1); }));
    }
}

TEST_CASE("a lane that is half full wakes the worker before it has lingered") {
    Pipeline<> pipeline{{.lane_bytes = 65536}};
    Connection connection;
    Worker worker{pipeline, {.linger = milliseconds(3'600'000), .stop_within = milliseconds(100)}, connection};
    write_lines(pipeline, 0, 1);
    CHECK(eventually([&] { return connection.backend->attempts() == 1; }));
    std::this_thread::sleep_for(20ms);
    for (int n = 0; n < 40; ++n) CHECK(pipeline.write(std::string(1000, 'x')));
    CHECK(eventually([&] { return connection.backend->attempts() > 30; }));
}

TEST_CASE("flush returns when everything before it has been delivered") {
    Pipeline<> pipeline;
    Connection connection;
    Worker worker{pipeline, {.linger = milliseconds(3'600'000)}, connection};
    for (int round = 0; round < 20; ++round) {
        write_lines(pipeline, round * 10, round * 10 + 10);
        CHECK(worker.flush(milliseconds(5'000)));
        CHECK(connection.backend->got() == lines(0, round * 10 + 10));
    }
}

TEST_CASE("flush tries a backend that was down at once, however long the pause would be") {
    Pipeline<> pipeline;
    Connection connection;
    connection.backend->become(Backend::down);
    Worker worker{pipeline, {.first_pause = milliseconds(60'000), .longest_pause = milliseconds(60'000)}, connection};
    pipeline.write("a");
    CHECK(eventually([&] { return connection.backend->attempts() == 1; }));
    std::this_thread::sleep_for(10ms);
    connection.backend->become(Backend::up);
    CHECK(worker.flush(milliseconds(10'000)));
    CHECK(connection.backend->got() == "a");
}

TEST_CASE("stop delivers what is there, and the destructor is a stop") {
    Pipeline<> pipeline;
    Connection connection;
    {
        Worker worker{pipeline, {.linger = milliseconds(3'600'000)}, connection};
        write_lines(pipeline, 0, 50);
        CHECK(worker.stop(milliseconds(5'000)));
        CHECK_FALSE(worker.flush(milliseconds(5'000)));
    }
    {
        Worker worker{pipeline, {.linger = milliseconds(3'600'000)}, connection};
        write_lines(pipeline, 50, 100);
    }
    CHECK(connection.backend->got() == lines(0, 100));
    CHECK(pipeline.report().delivered == 100);
    CHECK(pipeline.report().balanced());
}

TEST_CASE("a backend that is down and comes back gets everything, in order and once") {
    Pipeline<> pipeline;
    Connection connection;
    connection.backend->become(Backend::down);
    Worker worker{pipeline, quick, connection};
    write_lines(pipeline, 0, 20);
    CHECK(eventually([&] { return connection.backend->attempts() > 3; }));
    CHECK(pipeline.report().in_memory == 20);
    connection.backend->become(Backend::up);
    CHECK(eventually([&] { return connection.backend->got() == lines(0, 20); }));
    CHECK(worker.flush(milliseconds(1'000)));
    CHECK(pipeline.report().failures >= 3);
    CHECK(pipeline.report().balanced());
}

TEST_CASE("attempts at a backend that is down become rare, and a longer pause that it asks for is kept") {
    for (std::uint64_t const asked : {std::uint64_t{0}, std::uint64_t{60'000'000'000}}) {
        Pipeline<> pipeline;
        Connection connection;
        connection.backend->become(Backend::down);
        connection.backend->ask_for(asked);
        Worker worker{
            pipeline,
            {.first_pause = milliseconds(10), .longest_pause = milliseconds(60'000), .stop_within = milliseconds(1)},
            connection};
        write_lines(pipeline, 0, 20);
        std::this_thread::sleep_for(400ms);
        CHECK(connection.backend->attempts() <= (asked == 0 ? 8 : 1));
        CHECK(connection.backend->attempts() >= 1);
    }
}

TEST_CASE("a pause of no length is a millisecond, and the record goes out after it") {
    Pipeline<> pipeline;
    Connection connection;
    connection.backend->become(Backend::down);
    Worker worker{pipeline, {.first_pause = milliseconds(0), .longest_pause = milliseconds(0)}, connection};
    pipeline.write("a");
    std::this_thread::sleep_for(100ms);
    CHECK(connection.backend->attempts() <= 1000);
    connection.backend->become(Backend::up);
    CHECK(eventually([&] { return connection.backend->got() == "a"; }));
}

TEST_CASE("what the backend refuses is counted, and the next record goes on") {
    Pipeline<> pipeline;
    Connection connection;
    Worker worker{pipeline, quick, connection};
    write_lines(pipeline, 0, 1);
    pipeline.write("poison\n");
    write_lines(pipeline, 1, 2);
    CHECK(worker.flush(milliseconds(5'000)));
    CHECK(connection.backend->got() == lines(0, 2));
    CHECK(pipeline.report().refused == 1);
}

TEST_CASE("max_attempts gives up a record that fails for ever") {
    Pipeline<> pipeline;
    std::atomic<int> delivered{0};
    WorkerOptions options = quick;
    options.max_attempts = 3;
    Worker worker{pipeline, options, [&](std::string_view record) { return record != "bad" && (delivered += 1) != 0; }};
    for (auto const* record : {"good", "bad", "good"}) pipeline.write(record);
    CHECK(eventually([&] { return delivered == 2; }));
    CHECK(pipeline.report().refused == 1);
    CHECK(pipeline.report().failures == 3);
}

TEST_CASE("writing never waits for a backend that hangs, and what finds no room is counted") {
    Pipeline<> pipeline{{.lane_bytes = 8192}};
    Connection connection;
    connection.backend->become(Backend::hanging);
    {
        Worker worker{pipeline, {.stop_within = milliseconds(50)}, connection};
        pipeline.write("first\n");
        connection.backend->wait_until_it_hangs();
        auto const took = time_of([&] { write_lines(pipeline, 0, 10'000); });
        CHECK(took < 2s);
        CHECK(pipeline.report().full > 9'000);
        CHECK(pipeline.report().balanced());
        CHECK(time_of([&] { CHECK_FALSE(worker.flush(milliseconds(50))); }) < 1s);
        CHECK(time_of([&] { CHECK_FALSE(worker.stop(milliseconds(50))); }) < 1s);
    }
    connection.backend->become(Backend::up);  // the thread ends on its own, with the memory that it still uses
    CHECK(eventually([&] { return connection.backend.use_count() == 1; }));
}

TEST_CASE("a thread that hangs survives its worker and its pipeline") {
    Connection connection;
    connection.backend->become(Backend::hanging);
    {
        Pipeline<> pipeline;
        Worker worker{pipeline, {.stop_within = milliseconds(1)}, connection};
        pipeline.write("first\n");
        connection.backend->wait_until_it_hangs();
    }
    connection.backend->become(Backend::up);
    CHECK(eventually([&] { return connection.backend.use_count() == 1; }));
    CHECK(connection.backend->got() == "first\n");
}

TEST_CASE("while the backend is down records go to the spool, and it gets them in order when it comes back") {
    Pipeline<> pipeline{{.lane_bytes = 8192}};
    Connection connection;
    SpoolPath spool;
    connection.backend->become(Backend::down);
    Worker worker{pipeline, spool.options(), connection};
    for (int n = 0; n < 5'000; n += 100) {
        write_lines(pipeline, n, n + 100);
        CHECK(worker.flush(milliseconds(5'000)));  // the lanes hold 200: to the disk
    }
    CHECK(pipeline.report().in_spool == 5'000);
    CHECK(pipeline.report().balanced());
    connection.backend->become(Backend::up);
    write_lines(pipeline, 5'000, 5'100);
    CHECK(eventually([&] { return pipeline.report().delivered == 5'100; }));
    CHECK(connection.backend->got() == lines(0, 5'100));
    CHECK(pipeline.report().pending() == 0);
    CHECK(pipeline.report().balanced());
}

TEST_CASE("what a stopped worker left in the spool, the next one delivers first") {
    SpoolPath spool;
    {
        Pipeline<> pipeline;
        Connection connection;
        connection.backend->become(Backend::down);
        Worker worker{pipeline, spool.options(), connection};
        write_lines(pipeline, 0, 30);
        CHECK(worker.stop(milliseconds(2'000)));
        CHECK(pipeline.report().in_spool == 30);
    }
    Pipeline<> pipeline;
    Connection connection;
    write_lines(pipeline, 30, 40);
    Worker worker{pipeline, spool.options(), connection};
    CHECK(eventually([&] { return pipeline.report().delivered == 40; }));
    CHECK(connection.backend->got() == lines(0, 40));
    CHECK(pipeline.report().recovered == 30);
    CHECK(pipeline.report().balanced());
}

TEST_CASE("small records are joined when they leave the spool, in their order") {
    Pipeline<> pipeline;
    Connection connection;
    SpoolPath spool;
    WorkerOptions options = spool.options();
    options.batch_bytes = 4096;
    connection.backend->become(Backend::down);
    Worker worker{pipeline, options, connection};
    for (int n = 0; n < 300; ++n) {
        write_lines(pipeline, n, n + 1);
        REQUIRE(worker.flush(milliseconds(5'000)));  // each goes to the disk by itself
    }
    int const failed = connection.backend->attempts();
    connection.backend->become(Backend::up);
    CHECK(eventually([&] { return pipeline.report().delivered == 300; }));
    CHECK(connection.backend->got() == lines(0, 300));
    CHECK(connection.backend->attempts() - failed <= 5);  // the first, which was tried, and 1,090 bytes
    CHECK(pipeline.report().balanced());
}

TEST_CASE("what a backend didn't take comes again as it was, joined with nothing: it may know it by a hash") {
    Pipeline<> pipeline;
    SpoolPath spool;
    WorkerOptions options = spool.options();
    options.batch_bytes = 4096;
    options.first_pause = options.longest_pause = milliseconds(600'000);
    std::mutex mutex;
    std::vector<std::string> texts;
    std::atomic<bool> up{false};
    Worker worker{pipeline, options, [&](std::string_view text) {
                      std::lock_guard const lock{mutex};
                      texts.emplace_back(text);
                      return up.load();
                  }};
    for (int n = 0; n < 3; ++n) {
        write_lines(pipeline, n, n + 1);
        REQUIRE(eventually([&] { return pipeline.report().in_spool == static_cast<unsigned>(n) + 1; }));
    }
    CHECK(worker.flush(milliseconds(20'000)));  // ends the pause
    up = true;
    CHECK(worker.flush(milliseconds(20'000)));
    CHECK(eventually([&] { return pipeline.report().delivered == 3; }));
    std::lock_guard const lock{mutex};
    CHECK(texts == std::vector<std::string>{"0\n", "0\n", "0\n", "1\n2\n"});
}

TEST_CASE("stop delivers what is in the spool when the backend is back") {
    Pipeline<> pipeline;
    Connection connection;
    SpoolPath spool;
    WorkerOptions options = spool.options();
    options.first_pause = options.longest_pause = milliseconds(600'000);  // by itself it would not be tried again
    connection.backend->become(Backend::down);
    Worker worker{pipeline, options, connection};
    write_lines(pipeline, 0, 100);
    CHECK(eventually([&] { return pipeline.report().in_spool == 100; }));
    connection.backend->become(Backend::up);
    CHECK(worker.stop(milliseconds(20'000)));
    CHECK(connection.backend->got() == lines(0, 100));
    CHECK(pipeline.report().pending() == 0);
}

TEST_CASE("stop doesn't wait for a backend that is still down") {
    Pipeline<> pipeline;
    Connection connection;
    SpoolPath spool;
    connection.backend->become(Backend::down);
    Worker worker{pipeline, spool.options(), connection};
    write_lines(pipeline, 0, 100);
    CHECK(worker.flush(milliseconds(5'000)));
    CHECK(time_of([&] { worker.stop(milliseconds(60'000)); }) < 20s);
    CHECK(pipeline.report().in_spool == 100);
}

TEST_CASE("stop puts what a hanging backend keeps from being delivered on the disk, within its time") {
    SpoolPath spool;
    Connection hanging;
    hanging.backend->become(Backend::hanging);
    {
        Pipeline<> pipeline;
        Worker worker{pipeline, spool.options(), hanging};
        write_lines(pipeline, 0, 1);
        hanging.backend->wait_until_it_hangs();
        write_lines(pipeline, 1, 500);
        bool stopped = false;
        auto const took = time_of([&] { stopped = worker.stop(milliseconds(400)); });
        CHECK(stopped);
        CHECK(took < 2s);
        CHECK(pipeline.report().in_spool == 500);
        CHECK(pipeline.report().balanced());
    }
    hanging.backend->become(Backend::down);
    CHECK(eventually([&] { return hanging.backend.use_count() == 1; }));
    Pipeline<> pipeline;
    Connection connection;
    Worker worker{pipeline, spool.options(), connection};
    CHECK(eventually([&] { return pipeline.report().delivered == 500; }));
    CHECK(connection.backend->got() == lines(0, 500));
}

TEST_CASE("a full spool loses nothing by itself: records wait in memory") {
    Pipeline<> pipeline;
    Connection connection;
    SpoolPath spool;
    connection.backend->become(Backend::down);
    WorkerOptions options = spool.options();
    options.spool_bytes = 200;
    Worker worker{pipeline, options, connection};
    write_lines(pipeline, 0, 100);
    CHECK_FALSE(worker.flush(milliseconds(50)));
    CHECK(pipeline.report().in_spool > 0);
    CHECK(pipeline.report().in_memory > 0);
    CHECK(pipeline.report().spool_failures > 0);
    connection.backend->become(Backend::up);
    CHECK(eventually([&] { return pipeline.report().delivered == 100; }));
    CHECK(connection.backend->got() == lines(0, 100));
}

TEST_CASE("a spool that can't be opened is told, and the worker works without") {
    Pipeline<> pipeline;
    Connection connection;
    Worker worker{pipeline, {.spool = "/nowhere/spool"}, connection};
    CHECK_FALSE(static_cast<bool>(worker));
    CHECK(worker.status().running);
    CHECK(worker.status().spool_errno == ENOENT);
    pipeline.write("a");
    CHECK(worker.flush(milliseconds(5'000)));
    CHECK(connection.backend->got() == "a");
}

TEST_CASE("a pipeline has one worker at a time") {
    Pipeline<> pipeline;
    Connection connection;
    {
        Worker worker{pipeline, {}, connection};
        Worker second{pipeline, {}, connection};
        CHECK_FALSE(static_cast<bool>(second));
        CHECK(second.status().thread_errno == EBUSY);
        CHECK_FALSE(second.flush(milliseconds(1)));
        CHECK(pipeline.drain(connection) == 0);
    }
    pipeline.write("a");
    CHECK(pipeline.drain(connection) == 1);
}

TEST_CASE("a forked child has no worker, waits for none, and can make its own") {
    Pipeline<> pipeline;
    Connection connection;
    {
        Worker worker{pipeline, {.linger = milliseconds(3'600'000)}, connection};
        write_lines(pipeline, 0, 10);
        pid_t const child = ::fork();
        if (child == 0) {
            bool right = !worker.flush(milliseconds(60'000)) && !worker.stop(milliseconds(60'000));
            pipeline.write("child's\n");
            right = right && !worker.flush(milliseconds(60'000)) && pipeline.report().in_memory == 1;
            Connection own;
            if (threads_after_fork) {
                Worker another{pipeline, {}, own};
                right = right && another.flush(milliseconds(5'000));
            } else {
                pipeline.drain(own);
            }
            worker.~Worker();
            ::_exit(right && own.backend->got() == "child's\n" ? 0 : 1);
        }
        int status = -1;
        ::waitpid(child, &status, 0);
        CHECK(status == 0);
        CHECK(worker.flush(milliseconds(5'000)));
    }
    CHECK(connection.backend->got() == lines(0, 10));
}

TEST_CASE("many threads, a backend that comes and goes, a spool: each record is delivered once or counted") {
    constexpr int writers = 4, each = 3000;
    Pipeline<> pipeline{{.lane_bytes = 16384}};
    Connection connection;
    SpoolPath spool;
    WorkerOptions options = spool.options();
    options.batch_bytes = 2000;
    Worker worker{pipeline, options, connection};
    std::vector<std::thread> threads;
    for (int writer = 0; writer < writers; ++writer)
        threads.emplace_back([&, writer] {
            for (int n = 0; n < each; ++n) {
                pipeline.write(lines(writer * each + n, writer * each + n + 1));
                if (n % 500 == 0) connection.backend->become(n % 1000 == 0 ? Backend::down : Backend::up);
                if (n % 50 == 0) std::this_thread::sleep_for(1ms);
            }
        });
    for (auto& thread : threads) thread.join();
    connection.backend->become(Backend::up);
    CHECK(eventually([&] { return pipeline.report().pending() == 0; }));
    auto const report = pipeline.report();
    CHECK(report.balanced());
    std::vector<int> seen(writers * each), last(writers, -1);
    std::string const got = connection.backend->got();
    bool in_order = true;
    for (std::size_t at = 0; at < got.size(); at = got.find('\n', at) + 1) {
        int const n = std::atoi(got.c_str() + at);
        seen.at(static_cast<std::size_t>(n)) += 1;
        int& before = last[static_cast<std::size_t>(n / each)];
        in_order = in_order && before < n;
        before = n;
    }
    std::uint64_t once = 0;
    for (int const times : seen) once += times == 1 ? 1u : 0u;
    CHECK(in_order);
    CHECK(once == report.delivered);
    CHECK(report.delivered + report.full == writers * each);
}

TEST_CASE("kill -9 while the backend is down: the next process delivers what had left memory, in order") {
    SpoolPath spool;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    pid_t const child = ::fork();
    if (child == 0) {
        Pipeline<> pipeline;
        Connection connection;
        connection.backend->become(Backend::down);
        Worker worker{pipeline, spool.options(), connection};
        write_lines(pipeline, 0, 1000);
        char const flushed = worker.flush(milliseconds(10'000)) ? 'y' : 'n';
        (void)!::write(ready[1], &flushed, 1);
        for (int n = 1000;; ++n) write_lines(pipeline, n, n + 1);
    }
    char flushed = 0;
    REQUIRE(::read(ready[0], &flushed, 1) == 1);
    CHECK(flushed == 'y');
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    Pipeline<> pipeline;
    Connection connection;
    Worker worker{pipeline, spool.options(), connection};
    CHECK(eventually([&] { return pipeline.report().in_spool == 0; }));
    auto const report = pipeline.report();
    CHECK(report.recovered >= 1000);
    CHECK(report.delivered == report.recovered);
    CHECK(connection.backend->got().substr(0, lines(0, 1000).size()) == lines(0, 1000));
    ::close(ready[0]);
    ::close(ready[1]);
}
