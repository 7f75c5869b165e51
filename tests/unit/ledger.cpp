// The ledger: it balances whatever happens, at exit, too.
#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include "seed.hpp"

using lastbyte::ledger;
using lastbyte::milliseconds;
using seed::Source;

TEST_CASE("a trace that is read is finished") {
    struct Policy : seed::Policy {};
    {
        lastbyte::Tracer<Policy> tracer;
        CHECK(ledger<Policy>().traces_live == 1);
        tracer.record<"index">(milliseconds(1));
        seed::read(tracer, [](lastbyte::Reading<Policy> const&) { CHECK(ledger<Policy>().traces_live == 0); });
    }
    auto const report = ledger<Policy>();
    CHECK(report.traces_finished == 1);
    CHECK(report.spans_recorded == 1);
    CHECK(report.balanced());
}

TEST_CASE("a trace that never gets a body is unbound, and its spans are counted") {
    struct Policy : seed::Policy {};
    { lastbyte::Tracer<Policy>{}.record<"index">(milliseconds(1)); }
    {
        lastbyte::Tracer<Policy> tracer;
        auto const bound = tracer.body(seed::Chunks{});  // never given to defer_until_consumed
    }
    auto const report = ledger<Policy>();
    CHECK(report.traces_unbound == 2);
    CHECK(report.spans_recorded == 1);
    CHECK(report.balanced());
}

TEST_CASE("an abandoned body finishes its trace") {
    struct Policy : seed::Policy {};
    {
        lastbyte::Tracer<Policy> tracer;
        auto const body = lastbyte::defer_until_consumed(
            tracer.body(seed::Chunks{{"a"}}), [](lastbyte::Reading<Policy> const& done) {
                CHECK(name(done.outcome().value()) == "abandoned");
                CHECK(done.tier<"cache_tier">().value().is_unresolved());
            });
    }
    CHECK(ledger<Policy>().traces_finished == 1);
    CHECK(ledger<Policy>().balanced());
}

TEST_CASE("a callback that throws is counted, and its trace is finished") {
    struct Policy : seed::Policy {};
    {
        lastbyte::Tracer<Policy> tracer;
        seed::read(tracer, [](lastbyte::Reading<Policy> const&) { throw std::runtime_error("telemetry is broken"); });
    }
    CHECK(ledger<Policy>().callbacks_threw == 1);
    CHECK(ledger<Policy>().traces_finished == 1);
    CHECK(ledger<Policy>().balanced());
}

TEST_CASE("two policies have two ledgers") {
    struct One : seed::Policy {};
    struct Two : seed::Policy {};
    { lastbyte::Tracer<One> tracer; }
    CHECK(ledger<One>().traces_started == 1);
    CHECK(ledger<Two>().traces_started == 0);
}

TEST_CASE("a forked process goes on with the traces it has, and its books balance") {
    struct Policy : seed::Policy {};
    lastbyte::Tracer<Policy> tracer;
    tracer.record<"index">(milliseconds(1), Source::r2);
    auto const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        bool read = false;
        seed::read(tracer, [&](lastbyte::Reading<Policy> const& done) {
            read = done.tier<"cache_tier">().value() == Source::r2;
        });
        for (int i = 0; i < 100; ++i) lastbyte::Tracer<Policy>{}.record<"index">(milliseconds(1));
        auto const report = ledger<Policy>();
        _exit(read && report.balanced() && report.traces_finished == 1 && report.traces_unbound == 100 ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(ledger<Policy>().traces_finished == 0);
}

namespace {

struct AtExit : seed::Policy {};
/// Lives in static storage and ends after main: the callback must run, and the books must balance then.
std::optional<lastbyte::Tracer<AtExit>> static_tracer;
int pipe_to_parent = -1;
struct Judge {
    ~Judge() {
        if (pipe_to_parent < 0) return;
        auto const report = ledger<AtExit>();
        bool const good = report.balanced() && report.traces_finished == 1 && report.traces_live == 0 &&
                          report.spans_recorded == 2;
        if (::write(pipe_to_parent, good ? "y" : "n", 1) != 1) _exit(3);
    }
};

}  // namespace

TEST_CASE("a body and a tracer that static destructors end are read and counted") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    auto const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        pipe_to_parent = ends[1];
        static Judge judge;  // destroyed after what is made below
        static_tracer.emplace();
        static auto tracer = std::move(*static_tracer);
        static auto body = lastbyte::defer_until_consumed(
            tracer.body([t = tracer]() -> std::optional<std::string> {
                t.record<"index">(milliseconds(1), Source::r2);
                return "x";
            }),
            [](lastbyte::Reading<AtExit> const& done) {
                if (name(done.outcome().value()) != "aborted") _exit(4);
            });
        (void)body();
        tracer.record<"index">(milliseconds(1));
        std::exit(0);
    }
    ::close(ends[1]);
    char verdict = '?';
    CHECK(::read(ends[0], &verdict, 1) == 1);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    ::close(ends[0]);
    CHECK(status == 0);
    CHECK(verdict == 'y');
}
