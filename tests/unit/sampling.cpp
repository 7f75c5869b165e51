// Sampling: which traces keep their spans, and that nothing else depends on it.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "seed.hpp"

using lastbyte::ledger;
using lastbyte::milliseconds;
using lastbyte::SampleOneIn;
using lastbyte::SampleRatio;
using lastbyte::TraceId;
using seed::Source;

namespace {

/// Samples what nobody decided about; both kinds of trace can be had by saying so.
struct Either : seed::Policy {
    using Sampler = SampleRatio<1, 1>;
};
/// Reads of this clock are counted.
struct CountedReads {
    static inline std::uint64_t reads = 0;
    static std::uint64_t now() noexcept { return ++reads; }
    static lastbyte::ClockRate rate() noexcept { return {}; }
    static void anchor() noexcept {}
};
/// Says what it is told to, and remembers what it was asked.
struct Told {
    static inline bool answer = false;
    static inline std::vector<TraceId> asked{};
    static bool samples(TraceId id) noexcept {
        asked.push_back(id);
        return answer;
    }
};

/// All that a Reading tells beside its spans.
struct Facts {
    std::string tier, outcome;
    std::uint64_t hits, misses, lookups, of_miss, bytes, chunks, ns, first_byte_ns, late;
    bool operator==(Facts const&) const = default;
};
template <class Reading>
Facts facts(Reading const& done) {
    auto const tally = done.tally();
    return {std::string{done.template tier<"cache_tier">().value().name()},
            std::string{name(done.outcome().value())},
            tally.hits(),
            tally.misses(),
            tally.lookups(),
            tally.of(Source::miss),
            done.bytes(),
            done.chunks(),
            done.duration_ns(),
            done.time_to_first_byte_ns(),
            done.late()};
}
template <class Trace>
std::size_t count_spans(Trace const& trace) {
    std::size_t count = 0;
    for (auto const span : trace.spans()) count += span.stem().empty() ? 0 : 1;
    return count;
}

using Clock = lastbyte::ManualClock<struct SamplingTest>;
struct Timed : Either {
    using Clock = ::Clock;
};
struct Small : Either {
    static constexpr std::size_t pooled_traces = 1;
    static constexpr std::size_t max_spans = 4;
};
struct OffAndSampled : Either {
    static constexpr bool enabled = false;
};

struct Seen {
    Facts facts;
    std::size_t kept;
    std::uint64_t left_out;
};
/// One request with everything in it, whose consumer pulls so often, and what its Reading said.
Seen request(lastbyte::Sampling decision, int pulls) {
    Seen seen{};
    lastbyte::Tracer<Timed> tracer{decision};
    auto const read = [&](lastbyte::Reading<Timed> const& done) {
        seen = {facts(done), count_spans(done), done.spans_unsampled()};
        CHECK(done.sampled() == (decision == lastbyte::sampled));
        CHECK(done.over_bound() == 0);
    };
    auto body = std::make_unique<decltype(lastbyte::defer_until_consumed(tracer.body(seed::Chunks{}), read))>(
        lastbyte::defer_until_consumed(tracer.body(seed::Chunks{{"four", "more"}}), read));
    Clock::advance_ns(1000);
    {
        auto outer = tracer.span<"request">();
        auto miss = outer.child<"file:*">("canon/a.md");
        miss.source(Source::miss).detail("not here").attribute<"rows">(3).attribute<"shard">("eu-1");
        Clock::advance_ns(500);
        auto const inner = outer.tracer();
        inner.span<"index">().source(Source::r2);
    }
    tracer.record<"index">(milliseconds(2), Source::memory, "later");
    tracer.record<"other">(milliseconds(2));
    auto job = tracer.async_span<"file:*">("b");
    auto moved = std::move(job);
    moved.source(Source::build);
    moved.end();
    CHECK(tracer.trace<"index">([] { return 7; }, Source::cache) == 7);
    for (int i = 0; i < pulls; ++i) {
        Clock::advance_ns(100);
        (void)(*body)();
    }
    body.reset();
    return seen;
}

}  // namespace

TEST_CASE("a request that is not sampled tells the same facts as one that is, and keeps no span") {
    for (int const pulls : {0, 1, 3}) {
        auto const sampled = request(lastbyte::sampled, pulls);
        auto const unsampled = request(lastbyte::unsampled, pulls);
        CHECK(sampled.facts == unsampled.facts);
        CHECK(sampled.kept == 7);
        CHECK(sampled.left_out == 0);
        CHECK(unsampled.kept == 0);
        CHECK(unsampled.left_out == 7);
    }
    auto const facts = request(lastbyte::unsampled, 3).facts;
    CHECK(facts.tier == "r2");
    CHECK(facts.outcome == "complete");
    CHECK(facts.hits == 3);
    CHECK(facts.lookups == 5);
    CHECK(facts.of_miss == 1);
    CHECK(facts.bytes == 8);
    CHECK(facts.ns == 1800);
    CHECK(facts.first_byte_ns == 1600);
}

TEST_CASE("an unsampled span reads no clock") {
    struct Policy : Either {
        using Clock = CountedReads;
    };
    lastbyte::Tracer<Policy> tracer{lastbyte::unsampled};
    auto const before = CountedReads::reads;
    {
        auto outer = tracer.span<"request">();
        auto child = outer.child<"file:*">("a");
        child.source(Source::r2).detail("d");
        tracer.record<"index">(milliseconds(1), Source::r2);
        auto job = tracer.async_span<"job">();
        auto phase = std::move(job).then<"phase">();
    }
    CHECK(CountedReads::reads == before);
    CHECK(tracer.snapshot().spans_unsampled().value() == 5);
    { lastbyte::Tracer<Policy>{lastbyte::sampled}.record<"index">(milliseconds(1)); }
    CHECK(CountedReads::reads > before);
}

TEST_CASE("a policy without a sampler keeps every trace") {
    lastbyte::Tracer<seed::Policy> tracer;
    CHECK(tracer.sampled());
    tracer.record<"index">(milliseconds(1));
    seed::read(tracer, [](lastbyte::Reading<seed::Policy> const& done) {
        CHECK(done.sampled());
        CHECK(done.spans_unsampled() == 0);
        CHECK(count_spans(done) == 1);
    });
}

TEST_CASE("the sampler is asked once, when the trace starts, by its id; who decides in its place goes before it") {
    struct Policy : seed::Policy {
        using Sampler = Told;
    };
    Told::asked.clear();
    for (bool const answer : {false, true}) {
        Told::answer = answer;
        lastbyte::Tracer<Policy> tracer;
        auto const copy = tracer;
        Told::answer = !answer;
        CHECK(copy.sampled() == answer);
        auto span = copy.span<"index">();
        CHECK(span.tracer().sampled() == answer);
        REQUIRE(Told::asked.size() == 1);
        CHECK(Told::asked[0] == tracer.trace_id());
        Told::asked.clear();
    }
    CHECK_FALSE(lastbyte::Tracer<Policy>{lastbyte::unsampled}.sampled());
    CHECK(lastbyte::Tracer<Policy>{lastbyte::sampled}.sampled());
    CHECK(lastbyte::Tracer<Policy>{lastbyte::Sampling{true}}.sampled());
    CHECK(Told::asked.empty());
}

TEST_CASE("a ratio keeps what lies at or above its threshold in the last 56 bits, and nothing else counts") {
    constexpr std::uint64_t all = std::uint64_t{1} << 56;
    static_assert(SampleOneIn<1>::threshold == 0);
    static_assert(SampleOneIn<2>::threshold == all / 2);
    static_assert(SampleOneIn<16>::threshold == 0xf0000000000000u);  // th:f
    static_assert(SampleRatio<3, 4>::threshold == all / 4);          // th:4
    static_assert(SampleRatio<0, 1>::threshold == all);
    static_assert(SampleOneIn<100>::threshold == all - all / 100);
    static_assert(SampleRatio<4294967295, 4294967296>::threshold == all >> 32);
    static_assert(SampleOneIn<16>::samples({0, 0xf0000000000000u}));
    static_assert(!SampleOneIn<16>::samples({~std::uint64_t{0}, 0xefffffffffffffu}));
    static_assert(!SampleOneIn<16>::samples({0, 0xffefffffffffffffu}));
    static_assert(SampleOneIn<1>::samples({0, 1}));
    static_assert(!SampleRatio<0, 1>::samples({~std::uint64_t{0}, ~std::uint64_t{0}}));
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        TraceId const id{0, i * 0x9e3779b97f4a7c15u};
        if (SampleOneIn<100>::samples(id)) CHECK(SampleOneIn<10>::samples(id));
    }
}

TEST_CASE("of the ids that are drawn a ratio keeps its part") {
    int kept = 0;
    for (std::uint64_t now = 0; now < 100'000; ++now)
        kept += SampleOneIn<10>::samples(lastbyte::RandomIds::next_trace(now)) ? 1 : 0;
    CHECK(kept > 9'500);
    CHECK(kept < 10'500);
}

TEST_CASE("spans of unsampled traces have a count of their own in the ledger, and it balances") {
    struct Policy : Either {};
    {
        lastbyte::Tracer<Policy> read{lastbyte::unsampled}, dropped{lastbyte::unsampled}, sampled;
        for (auto const* tracer : {&read, &dropped, &sampled}) {
            tracer->record<"index">(milliseconds(1), Source::r2, "a detail that nobody keeps");
            auto span = tracer->span<"index">();
            for (int i = 0; i < 20; ++i) span.attribute<"n">(i);
            span.detail(std::string(5000, 'x'));
        }
        seed::read(read, [](lastbyte::Reading<Policy> const& done) { CHECK(done.spans_unsampled() == 2); });
    }
    auto const report = ledger<Policy>();
    CHECK(report.spans_unsampled == 4);
    CHECK(report.spans_recorded == 2);
    CHECK(report.spans_over_bound == 0);
    CHECK(report.spans_late == 0);
    CHECK(report.attributes_dropped == 12);  // of the sampled one
    CHECK(report.texts_cut == 1);
    CHECK(report.traces_finished == 1);
    CHECK(report.traces_unbound == 2);
    CHECK(report.balanced());
}

TEST_CASE("what an unsampled trace hears after its end is late, with a source or without, and changes nothing") {
    struct Policy : Either {};
    {
        lastbyte::Tracer<Policy> tracer{lastbyte::unsampled};
        tracer.record<"other">(milliseconds(1), Source::r2);
        auto late = tracer.async_span<"index">();
        seed::read(tracer, [&](lastbyte::Reading<Policy> const& done) {
            CHECK(done.late() == 0);
            late.source(Source::memory);
            late.end();
            tracer.record<"other">(milliseconds(1));
            std::thread{[&] { tracer.record<"other">(milliseconds(1)); }}.join();
            CHECK(done.spans_unsampled() == 1);
            CHECK(done.tally().lookups() == 1);
            CHECK(done.tier<"cache_tier">().value().is_none());
        });
        CHECK(tracer.snapshot().spans_unsampled().value() == 1);
    }
    CHECK(ledger<Policy>().spans_unsampled == 1);
    CHECK(ledger<Policy>().spans_late == 3);
    CHECK(ledger<Policy>().balanced());
}

TEST_CASE("a snapshot of an unsampled trace has the answers, and says that it has no spans") {
    lastbyte::Tracer<Either> tracer{lastbyte::unsampled};
    tracer.record<"file:*">("a", milliseconds(1), Source::kv);
    tracer.span<"step">().detail("d");
    auto const snapshot = tracer.snapshot();
    tracer.record<"index">(milliseconds(1));
    CHECK_FALSE(snapshot.sampled());
    CHECK(snapshot.spans_unsampled().value() == 2);
    CHECK(count_spans(snapshot) == 0);
    CHECK(snapshot.tier<"cache_tier">().value() == Source::kv);
    CHECK(snapshot.tally().value().lookups() == 1);
    std::string json;
    snapshot.write_json(json);
    CHECK(json.find(R"("index_source":"kv","sampled":false,"spans_unsampled":2,"provisional":true)") != std::string::npos);
}

TEST_CASE("a Reading's full JSON says that the trace was not sampled; the seed's JSON stays the seed's") {
    lastbyte::Tracer<Either> tracer{lastbyte::unsampled};
    tracer.record<"index">(milliseconds(1), Source::kv);
    seed::read(tracer, [](lastbyte::Reading<Either> const& done) {
        std::string full, plain;
        done.write_json(full, lastbyte::JsonDetail::full);
        done.write_json(plain);
        CHECK(full.find(R"("over_bound":0,"sampled":false,"spans_unsampled":1,"tiers":{"cache_tier":"kv"})") !=
              std::string::npos);
        CHECK(plain.find("sampled") == std::string::npos);
        CHECK(plain.find(R"({"spans":[],)") == 0);
    });
}

TEST_CASE("a producer that seals an unsampled trace sends the same facts") {
    lastbyte::Tracer<Either> tracer{lastbyte::unsampled};
    std::string sent;
    auto body = lastbyte::defer_until_consumed(
        tracer.body([&, tracer, step = 0]() mutable -> std::optional<std::string> {
            if (step++ != 0) return std::nullopt;
            tracer.span<"index">().source(Source::cache);
            tracer.seal([&](lastbyte::Sealed<Either> const& sealed) {
                CHECK_FALSE(sealed.sampled());
                CHECK(sealed.spans_unsampled() == 1);
                CHECK(sealed.tier<"cache_tier">() == Source::cache);
                sealed.write_json(sent);
            });
            tracer.span<"index">().source(Source::r2);
            return "event";
        }),
        [](lastbyte::Reading<Either> const& done) {
            CHECK(done.tally().lookups() == 1);
            CHECK(done.late() == 1);
        });
    (void)seed::drain(body);
    CHECK(sent.find(R"("sampled":false,"spans_unsampled":1,"final":true)") != std::string::npos);
}

TEST_CASE("the first source that answers wins in an unsampled trace, by tail and Never as in any other") {
    struct Policy : Either {
        using Tiers = lastbyte::TierRules<Source, seed::CacheTier,
                                          lastbyte::FirstWins<"canon", lastbyte::On<"file:canon/*">>>;
    };
    lastbyte::Tracer<Policy> tracer{lastbyte::unsampled};
    tracer.span<"file:*">("tmp/a").source(Source::miss);
    tracer.span<"file:*">("tmp/a").source(Source::build);
    tracer.span<"file:*">("canon/a").source(Source::r2);
    tracer.span<"index">().source(Source::memory);
    seed::read(tracer, [](lastbyte::Reading<Policy> const& done) {
        CHECK(done.tier<"cache_tier">().value() == Source::build);
        CHECK(done.tier<"canon">().value() == Source::r2);
        CHECK(done.spans_unsampled() == 4);
    });
}

TEST_CASE("a call that throws inside an unsampled span still throws, and still counts") {
    lastbyte::Tracer<Either> tracer{lastbyte::unsampled};
    auto const fails = [](auto& span) {
        span.source(Source::miss);
        throw std::runtime_error("gone");
    };
    CHECK_THROWS_WITH((tracer.trace<"index">(fails)), "gone");
    seed::read(tracer, [](lastbyte::Reading<Either> const& done) {
        CHECK(done.spans_unsampled() == 1);
        CHECK(done.tally().misses() == 1);
    });
}

TEST_CASE("a block serves sampled and unsampled traces in turn, and each starts clean") {
    using Policy = Small;
    for (int round = 0; round < 60; ++round) {
        auto const decision = lastbyte::Sampling{round % 3 != 0};
        lastbyte::Tracer<Policy> tracer{decision};
        auto const spans = static_cast<std::uint64_t>(round % 7);
        for (std::uint64_t i = 0; i < spans; ++i) tracer.record<"index">(milliseconds(1), Source::r2);
        tracer.span<"step">().detail("d");
        bool const sampled = decision == lastbyte::sampled;
        seed::read(tracer, [&](lastbyte::Reading<Policy> const& done) {
            CHECK(done.sampled() == sampled);
            CHECK(done.tally().lookups() == spans);
            CHECK(count_spans(done) == (sampled ? std::min<std::uint64_t>(spans + 1, 4) : 0));
            CHECK(done.over_bound() == (sampled && spans > 3 ? spans - 3 : 0));
            CHECK(done.spans_unsampled() == (sampled ? 0 : spans + 1));
            CHECK(done.tier<"cache_tier">().value().is_none() == (spans == 0));
            CHECK(done.late() == 0);
        });
    }
    CHECK(ledger<Policy>().balanced());
}

TEST_CASE("spans that many threads record into an unsampled trace are counted, each once, in a race with its end") {
    struct Policy : Either {};
    constexpr int writers = 3, each = 2000, rounds = 30;
    std::uint64_t opened = std::uint64_t{writers} * each * 2 * rounds;
    for (int round = 0; round < rounds; ++round) {
        lastbyte::Tracer<Policy> tracer{lastbyte::unsampled};
        std::atomic<int> written{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < writers; ++t)
            threads.emplace_back([&written, copy = tracer] {
                for (int i = 0; i < each; ++i) {
                    copy.span<"index">().source(Source::kv);
                    auto const silent = copy.span<"step">();
                    ++written;
                }
            });
        auto body = lastbyte::defer_until_consumed(tracer.body(seed::Chunks{}), [](lastbyte::Reading<Policy> const& done) {
            auto const lookups = done.tally().lookups().value();
            if (done.tier<"cache_tier">().value().has_source() != (lookups != 0)) FAIL_CHECK("tier and tally disagree");
            if (done.spans_unsampled() < lookups + 1 || done.tally().lookups() != lookups) FAIL_CHECK("a count moved");
        });
        auto const own = tracer.span<"step">();
        do {
            tracer.span<"step">().detail("by the thread that started the trace");
            ++opened;
        } while (written < round * writers * each / rounds);
        ++opened;
        (void)body();
        for (auto& thread : threads) thread.join();
    }
    auto const report = ledger<Policy>();
    CHECK(report.spans_recorded + report.spans_over_bound == 0);
    CHECK(report.spans_unsampled + report.spans_late == opened);
    CHECK(report.balanced());
}

TEST_CASE("under a policy that is off a decision is taken and means nothing") {
    using Policy = OffAndSampled;
    lastbyte::Tracer<Policy> const tracer{lastbyte::sampled};
    CHECK_FALSE(tracer.sampled());
    static_assert(std::is_empty_v<lastbyte::Tracer<Policy>>);
}
