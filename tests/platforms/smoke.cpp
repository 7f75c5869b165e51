// What must hold wherever lastbyte compiles: a streamed body gives its tier, its bytes and its time once, in its Reading; a
// data point takes them; the clock agrees with the system's; and where there is POSIX, a worker delivers what threads write.
// Without a test framework, exceptions or streams, so that nothing else can be missing.
#include <lastbyte/lastbyte.hpp>
#include <lastbyte/telemetry/data_point.hpp>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#ifndef _WIN32
#include <lastbyte/pipeline/worker.hpp>
#include <pthread.h>
#endif

namespace {

enum class Source { memory, cache, miss };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "file:*">, lastbyte::Never<Source::miss>>>;
    using Hits = lastbyte::Hits<Source::memory, Source::cache>;
};

int passed = 0, failed = 0;

void check(bool right, char const* claim) {
    ++(right ? passed : failed);
    if (!right) std::printf("FAIL %s\n", claim);
}

void wait_ns(std::uint64_t ns) {
    std::uint64_t const start = lastbyte::SteadyClock::now();
    while (lastbyte::SteadyClock::now() - start < ns) {
    }
}

void the_body_is_read_at_its_end() {
    lastbyte::Tracer<Telemetry> const tracer;
    int calls = 0;
    auto body = lastbyte::defer_until_consumed(
        tracer.body([tracer, step = 0]() mutable -> std::optional<std::string_view> {
            if (step++ == 2) return std::nullopt;
            auto span = tracer.span<"file:*">(step == 1 ? "a" : "b");
            span.source(step == 1 ? Source::miss : Source::cache).attribute<"rows">(std::int64_t{1} << 40);
            wait_ns(2'000'000);
            return "chunk";
        }),
        [&calls](lastbyte::Reading<Telemetry> const& done) {
            ++calls;
            check(done.tier<"cache_tier">().value().name() == "cache", "the first span that is no miss gives the tier");
            check(done.bytes().value() == 10 && done.chunks().value() == 2, "bytes and chunks are counted");
            check(done.tally().hits().value() == 1 && done.tally().lookups().value() == 2, "hits and lookups are counted");
            check(done.outcome().value() == lastbyte::Outcome::complete, "the body is complete");
            check(done.duration_ns().value() >= 4'000'000, "the body took as long as its producer");
            int spans = 0;
            for (auto const& span : done.spans()) {
                ++spans;
                check(span.duration_ns() >= 1'900'000 && span.duration_ns() < 60'000'000'000,
                      "a span of 2 ms has about 2 ms");
            }
            check(spans == 2, "both spans are there");
        });
    check(calls == 0, "nothing is read before the body");
    while (body()) {
    }
    check(calls == 1, "the body is read once");
}

/// Both clocks over the same 20 ms. An emulator may stop for long between two reads, so one good try of several is enough.
void the_clock_has_the_right_rate() {
    using Clock = lastbyte::DefaultPolicy::Clock;
    Clock::anchor();
    bool right = false;
    for (int attempt = 0; attempt < 20 && !right; ++attempt) {
        std::uint64_t const steady = lastbyte::SteadyClock::now();
        std::uint64_t const ticks = Clock::now();
        wait_ns(20'000'000);
        std::uint64_t const ticked = Clock::now() - ticks;
        std::uint64_t const passed_ns = lastbyte::SteadyClock::now() - steady;
        std::uint64_t const ns = Clock::rate().ns(ticked);
        right = ns > passed_ns - passed_ns / 20 && ns < passed_ns + passed_ns / 20;
    }
    check(right, "the clock agrees with the system's within 5 %");
    std::uint64_t before = Clock::now();
    bool forward = true;
    for (int reads = 0; reads < 10'000; ++reads) {
        std::uint64_t const now = Clock::now();
        forward = forward && now >= before;
        before = now;
    }
    check(forward, "the clock does not run backwards");
#ifdef __aarch64__
    std::uint64_t own = 0;
    before = Clock::now();
    __asm__ volatile("isb\n mrs %0, cntvct_el0\n isb" : "=r"(own));
    check(own != 0 && before <= own && own <= Clock::now(), "the clock is the virtual counter");
#endif
}

void the_ledger_balances() {
    lastbyte::LedgerReport const report = lastbyte::ledger<Telemetry>();
    check(report.traces_started == 1 && report.traces_finished == 1 && report.balanced(), "the books balance");
}

using ToolCall = lastbyte::Schema<"tool_calls", lastbyte::Blob<1, "tool_name">,
                                  lastbyte::Blob<2, "cache_tier", lastbyte::after_body>,
                                  lastbyte::Double<1, "bytes_out", lastbyte::after_body>, lastbyte::IndexOf<1, "tool_name">>;

void a_point_is_completed_by_the_reading() {
    lastbyte::Tracer<Telemetry> const tracer;
    ToolCall::Point point;
    point.set<"tool_name">("search");
    auto body = lastbyte::defer_until_consumed(
        tracer.body(std::string_view("text")), [&point](lastbyte::Reading<Telemetry> const& done) {
            auto const row = point.complete(lastbyte::set<"cache_tier">(done.tier<"cache_tier">()),
                                            lastbyte::set<"bytes_out">(done.bytes()));
            check(row.get<"tool_name">() == "search" && row.get<"cache_tier">() == "none", "the point has its texts");
            check(row.get<"bytes_out">() > 3.5 && row.get<"bytes_out">() < 4.5, "the point has its number");
        });
    tracer.record<"other">(lastbyte::milliseconds(1));
    static_cast<void>(body.data());
}

#ifndef _WIN32
using Blocking = lastbyte::Pipeline<lastbyte::BlockUpTo<lastbyte::milliseconds(60'000)>>;

void a_worker_delivers_what_threads_write() {
    constexpr unsigned each = 3000, threads = 2;
    std::uint64_t sum = 0;
    Blocking pipeline{{.lane_bytes = 4096}};
    lastbyte::Worker worker{pipeline, {}, [&sum](std::string_view records) {
                                for (char const byte : records) sum += static_cast<unsigned char>(byte);
                                return true;
                            }};
    pthread_t writers[threads];
    for (auto& writer : writers) {
        auto const write = [](void* taken) -> void* {
            std::string_view const record = "0123456789";
            for (unsigned n = 0; n < each; ++n)
                static_cast<Blocking*>(taken)->write(record.substr(n % 10));
            return nullptr;
        };
        check(pthread_create(&writer, nullptr, write, &pipeline) == 0, "there is a thread");
    }
    for (pthread_t const writer : writers) pthread_join(writer, nullptr);
    check(worker.stop(lastbyte::milliseconds(60'000)), "the worker ends in time, and nothing is left");
    lastbyte::PipelineReport const report = pipeline.report();
    check(report.delivered == each * threads && report.lost() == 0 && report.balanced(), "every record is delivered");
    check(sum == std::uint64_t{each / 10 * threads} * (55 * '0' + 330), "as it was written");

    lastbyte::Pipeline<> const none{{.lane_bytes = ~std::size_t{0} / 8}};
    check(!none, "a lane that no memory has room for is refused");
}

/// A wait may end early for no reason, so one of several is enough.
void a_wait_takes_its_time() {
    lastbyte::detail::Bell bell;
    std::uint64_t longest = 0;
    for (int attempt = 0; attempt < 20 && longest < 5'000'000; ++attempt) {
        std::uint64_t const start = lastbyte::SteadyClock::now();
        bell.wait(bell.look(), start + 5'000'000);
        std::uint64_t const waited = lastbyte::SteadyClock::now() - start;
        if (waited > longest) longest = waited;
    }
    check(longest >= 5'000'000, "a worker that waits does not spin");
}
#endif

}  // namespace

int main() {
    the_body_is_read_at_its_end();
    the_clock_has_the_right_rate();
    the_ledger_balances();
    a_point_is_completed_by_the_reading();
#ifndef _WIN32
    a_worker_delivers_what_threads_write();
    a_wait_takes_its_time();
#endif
    std::printf("%d passed, %d failed, 0 skipped\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
