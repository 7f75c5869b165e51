// What is recorded after the end of a body is late, what is looked at before it is provisional, and a producer may seal.
#include <doctest/doctest.h>

#include "every_shape.hpp"

#include <atomic>
#include <thread>

using lastbyte::Outcome;
using namespace shapes;

namespace {

bool has(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// With a ledger of its own.
struct Counted : Docs {};

}  // namespace

TEST_CASE_TEMPLATE("a span that is closed after the end is late and changes nothing", S, EVERY_SHAPE) {
    auto const before = lastbyte::ledger<Counted>();
    Seen seen;
    {
        lastbyte::Tracer<Counted> tracer;
        auto open = tracer.span<"index">();
        open.source(Source::cache);
        {
            auto body = make<S>(seen, {.chunks = fours(2)}, tracer);
            (void)S::drive(body);
        }
        CHECK(seen.calls == 1);
        CHECK(seen.tier == "none");
        CHECK(seen.spans == 0);
    }
    CHECK(lastbyte::ledger<Counted>().spans_late == before.spans_late + 1);
    CHECK(lastbyte::ledger<Counted>().spans_recorded == before.spans_recorded);
}

TEST_CASE_TEMPLATE("the end of a body is the seal: at its end, or at the drop where the stream lives until then", S,
                   EVERY_SHAPE) {
    Seen seen;
    lastbyte::Tracer<Docs> tracer;
    {
        auto body = make<S>(seen, {.chunks = fours(2)}, tracer);
        (void)S::drive(body);
        tracer.span<"index">().source(Source::cache);
    }
    CHECK(seen.tier == (S::traits.at_drop ? "cache" : "none"));
}

namespace {

/// Enough for all that the racing thread records.
struct Racing : Docs {
    static constexpr std::size_t max_spans = 4096;
    static constexpr std::size_t text_bytes = 64 * 1024;
};

}  // namespace

TEST_CASE_TEMPLATE("what another thread records in a race with the seal is read or late, never both, and never half", S,
                   EVERY_SHAPE) {
    auto const recorded_before = lastbyte::ledger<Racing>().spans_recorded;
    auto const late_before = lastbyte::ledger<Racing>().spans_late;
    constexpr std::uint64_t rounds = 20, each = 2000;
    std::uint64_t read = 0;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        lastbyte::Tracer<Racing> tracer;
        std::atomic<bool> running = false;
        std::uint64_t first = 0, second = 0, tally = 0;
        std::thread other;
        {
            auto body = lastbyte::defer_until_consumed(
                tracer.body(S::stream(Producer{{.chunks = fours(2)}})), [&](lastbyte::Reading<Racing> const& done) {
                    for (auto const span : done.spans())
                        first += span.is("file:docs/a.md") && span.has_source() ? 1 : 1000000;
                    std::this_thread::yield();
                    for (auto const span : done.spans()) second += span.has_source() ? 1 : 0;
                    tally = done.tally().lookups();
                });
            other = std::thread{[tracer, &running] {
                for (std::uint64_t i = 0; i < each; ++i) {
                    tracer.span<"file:*">("docs/a.md").source(Source::cache);
                    running = true;
                }
            }};
            while (!running) std::this_thread::yield();
            (void)S::drive(body);
        }
        other.join();
        CHECK(first == second);
        CHECK(first == tally);
        CHECK(first <= each);
        read += first;
    }
    auto const recorded = lastbyte::ledger<Racing>().spans_recorded - recorded_before;
    auto const late = lastbyte::ledger<Racing>().spans_late - late_before;
    CHECK(read == recorded);
    CHECK(recorded + late == rounds * each);
}

TEST_CASE_TEMPLATE("snapshots before, during and after the body are provisional and numbered", S, EVERY_SHAPE) {
    Seen seen;
    lastbyte::Tracer<Docs> tracer;
    std::string before, during, after;
    CHECK(tracer.snapshot().tier<"cache_tier">().value().name() == "none");
    tracer.snapshot().write_json(before);
    {
        auto body = make<S>(seen,
                            {.chunks = fours(3),
                             .at_pull =
                                 [&](std::size_t at) {
                                     if (at == 0) tracer.span<"index">().source(Source::cache);
                                     if (at != 1) return;
                                     CHECK(tracer.snapshot().tier<"cache_tier">().value().name() == "cache");
                                     tracer.snapshot().write_json(during);
                                 }},
                            tracer);
        (void)S::drive(body);
    }
    CHECK(seen.tier == "cache");
    CHECK(tracer.snapshot().tier<"cache_tier">().value().name() == "cache");
    tracer.span<"file:*">("late").source(Source::memory);
    tracer.snapshot().write_json(after);
    CHECK(before.starts_with("{\"spans\":[],"));
    CHECK(before.ends_with("\"index_source\":\"none\",\"provisional\":true,\"final\":false,\"sequence\":2}"));
    CHECK(during.starts_with("{\"spans\":[{\"label\":\"index\","));
    CHECK(during.ends_with("\"index_source\":\"cache\",\"provisional\":true,\"final\":false,\"sequence\":4}"));
    CHECK(after.ends_with("\"index_source\":\"cache\",\"provisional\":true,\"final\":false,\"sequence\":6}"));
    CHECK_FALSE(has(after, "late"));
}

TEST_CASE_TEMPLATE("what a producer records after its seal is late, and the Reading tells what the seal told", S,
                   EVERY_SHAPE) {
    if constexpr (S::traits.stepwise) {
        Seen seen;
        lastbyte::Tracer<Docs> tracer;
        std::string sealed_tier;
        std::uint64_t sealed_hits = 0;
        {
            auto body = make<S>(seen,
                                {.chunks = fours(3),
                                 .at_pull =
                                     [&](std::size_t at) {
                                         if (at == 1) tracer.span<"file:*">("a").source(Source::memory);
                                         if (at != 2) return;
                                         CHECK(tracer.seal([&](lastbyte::Sealed<Docs> const& sealed) {
                                             sealed_tier = sealed.tier<"cache_tier">().name();
                                             sealed_hits = sealed.tally().hits();
                                         }));
                                         tracer.span<"index">().source(Source::cache);
                                     }},
                                tracer);
            (void)S::drive(body);
        }
        CHECK(sealed_tier == "memory");
        CHECK(sealed_hits == 1);
        CHECK(seen.tier == "memory");
        CHECK(seen.spans == 1);
        CHECK(seen.late == 1);
        CHECK(seen.bytes == 12);
    }
}

TEST_CASE_TEMPLATE("a rule that nothing answered before the seal is none, also when the consumer then leaves", S,
                   EVERY_SHAPE) {
    if constexpr (S::traits.stepwise) {
        Seen seen;
        lastbyte::Tracer<Docs> tracer;
        {
            auto body = make<S>(seen,
                                {.chunks = fours(3),
                                 .at_pull =
                                     [&](std::size_t at) {
                                         if (at == 0) CHECK(tracer.seal([](lastbyte::Sealed<Docs> const&) {}));
                                     }},
                                tracer);
            (void)S::drive(body, 1);
        }
        CHECK(seen.outcome == Outcome::aborted);
        CHECK(seen.tier == "none");
    }
}

TEST_CASE_TEMPLATE("a handler can't seal, before or after it has a body, and neither can anybody after the end", S,
                   EVERY_SHAPE) {
    auto const refused = [] { return lastbyte::ledger<Counted>().seals_refused; };
    auto const before = refused();
    Seen seen;
    lastbyte::Tracer<Counted> tracer;
    bool told = false;
    auto const tell = [&](lastbyte::Sealed<Counted> const&) { told = true; };
    CHECK_FALSE(tracer.seal(tell));
    {
        auto body = make<S>(seen, {.chunks = fours(2)}, tracer);
        CHECK_FALSE(tracer.seal(tell));
        (void)S::drive(body);
    }
    CHECK_FALSE(tracer.seal(tell));
    CHECK_FALSE(told);
    CHECK(refused() == before + 3);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE_TEMPLATE("a producer seals once; a second seal is refused and counted", S, EVERY_SHAPE) {
    if constexpr (S::traits.stepwise) {
        auto const before = lastbyte::ledger<Counted>().seals_refused;
        Seen seen;
        int sealed = 0;
        lastbyte::Tracer<Counted> tracer;
        {
            auto body = make<S>(
                seen,
                {.chunks = fours(2),
                 .at_pull =
                     [&](std::size_t) { (void)tracer.seal([&](lastbyte::Sealed<Counted> const&) { ++sealed; }); }},
                tracer);
            (void)S::drive(body);
        }
        CHECK(sealed == 1);
        CHECK(lastbyte::ledger<Counted>().seals_refused == before + 2);
    }
}

namespace {

/// The records of a server-sent event stream: two interim ones and a final one.
struct Events {
    lastbyte::Tracer<Docs> tracer;
    int step = 0;
    std::optional<std::string> next() {
        std::string event = "data: ";
        switch (step++) {
            case 0:
                tracer.snapshot().write_json(event);
                break;
            case 1:
                tracer.record<"index">(lastbyte::milliseconds(33), Source::cache);
                tracer.snapshot().write_json(event);
                break;
            case 2:
                tracer.seal([&](lastbyte::Sealed<Docs> const& sealed) { sealed.write_json(event); });
                break;
            default:
                return std::nullopt;
        }
        return event + "\n\n";
    }
};

Generator event_generator(Events events) {
    while (auto event = events.next()) co_yield *event;
}
AsyncGenerator async_events(Events events) {
    while (auto event = events.next()) co_yield std::move(*event);
}

template <class S>
auto event_stream(Events events) {
    if constexpr (std::is_same_v<S, SyncGenerator>)
        return event_generator(std::move(events));
    else if constexpr (std::is_same_v<S, Async>)
        return async_events(std::move(events));
    else if constexpr (std::is_same_v<S, Push>)
        return [events = std::move(events)](auto& sink) mutable {
            while (auto event = events.next()) sink.write(event->data(), event->size());
        };
    else
        return [events = std::move(events)]() mutable { return events.next(); };
}

}  // namespace

TEST_CASE_TEMPLATE("an event stream has numbered interim records and one final one, which the Reading confirms", S,
                   Pull, Push, SyncGenerator, Async) {
    lastbyte::Tracer<Docs> tracer;
    std::string text, full;
    {
        auto body = lastbyte::defer_until_consumed(
            tracer.body(event_stream<S>(Events{tracer})),
            [&](lastbyte::Reading<Docs> const& done) { done.write_json(full, lastbyte::JsonDetail::full); });
        text = S::drive(body).text;
    }
    std::vector<std::string> records;
    for (std::size_t at = 0, end; (end = text.find("\n\n", at)) != std::string::npos; at = end + 2)
        records.push_back(text.substr(at, end - at));
    REQUIRE(records.size() == 3);
    CHECK(records[0].starts_with("data: {\"spans\":[],"));
    CHECK(records[0].ends_with("\"index_source\":\"none\",\"provisional\":true,\"final\":false,\"sequence\":1}"));
    CHECK(records[1].starts_with("data: {\"spans\":[{\"label\":\"index\",\"duration_ms\":33,\"source\":\"cache\"}],"));
    CHECK(records[1].ends_with("\"index_source\":\"cache\",\"provisional\":true,\"final\":false,\"sequence\":2}"));
    CHECK(records[2].ends_with("\"index_source\":\"cache\",\"final\":true,\"sequence\":3}"));
    CHECK_FALSE(has(records[2], "provisional"));
    CHECK(has(full, "\"spans\":[{\"label\":\"index\",\"duration_ms\":33,\"source\":\"cache\"}]"));
    CHECK(full.ends_with("\"final\":true,\"sequence\":3}"));
}
