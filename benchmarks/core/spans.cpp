// What a span costs, by what is recorded in it and by how many the request has.
//
// A case opens a trace, records a hundred spans in a loop, and drops the trace; the trace's own cost is a hundredth of
// one span's figure. Nothing can be removed: the counter is read by a volatile builtin, the compiler believes that
// memory is read inside each scope and behind it, so that the record must have been stored, and `check` compares what
// the ledger counted with what the loops did.
#include <lastbyte/lastbyte.hpp>

#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <utility>

#include "cases.hpp"
#include "policy.hpp"

namespace benchmarks {

namespace {

constexpr int per_trace = 100;

template <class Tracer>
[[gnu::always_inline]] inline void plain(Tracer const& tracer) {
    auto span = tracer.template span<"index">();
    clobber();
}
template <class Tracer>
[[gnu::always_inline]] inline void with_source(Tracer const& tracer) {
    auto span = tracer.template span<"index">();
    clobber();
    span.source(Source::cache);
}
template <class Tracer>
[[gnu::always_inline]] inline void with_attributes(Tracer const& tracer) {
    auto span = tracer.template span<"index">();
    clobber();
    span.source(Source::cache);
    span.template attribute<"rows">(12);
    span.template attribute<"shard">("eu-1");
}
template <class Tracer>
[[gnu::always_inline]] inline void of_family(Tracer const& tracer) {
    auto span = tracer.template span<"file:*">("docs/guide.md");
    clobber();
    span.source(Source::r2);
}

/// A hundred phases, each an async span: of its own, or handed on at the tick where the one before ends.
template <bool HandedOn>
void phases(int n) {
    for (int i = 0; i < n; ++i) {
        lastbyte::Tracer<Telemetry> const tracer;
        auto phase = tracer.async_span<"index">();
        for (int k = 1; k < per_trace; ++k) {
            clobber();
            if constexpr (HandedOn) {
                phase = std::move(phase).then<"index">();
            } else {
                phase.end();
                phase = tracer.async_span<"index">();
            }
        }
    }
}

/// The trace's end as a request has it, with its tier read.
template <class Policy>
void resolve(lastbyte::Tracer<Policy> const& tracer) {
    auto body = lastbyte::defer_until_consumed(tracer.body(std::string_view{}, lastbyte::no_body),
                                               [](lastbyte::Reading<Policy> const& done) {
                                                   if (done.template tier<"cache_tier">().value() != Source::cache)
                                                       std::abort();
                                               });
    keep(&body);
}

template <void (*Record)(lastbyte::Tracer<Telemetry> const&), bool Resolve = false>
void spans(int n) {
    auto const before = lastbyte::ledger<Telemetry>().spans_recorded;
    for (int i = 0; i < n; ++i) {
        lastbyte::Tracer<Telemetry> tracer;
        for (int k = 0; k < per_trace; ++k) {
            Record(tracer);
            clobber();
        }
        if constexpr (Resolve) resolve(tracer);
    }
    if (lastbyte::ledger<Telemetry>().spans_recorded - before != static_cast<std::uint64_t>(n) * per_trace)
        std::abort();
}

/// A request of `Spans` spans, read at its end.
template <int Spans>
void request_of(int n) {
    for (int i = 0; i < n; ++i) {
        lastbyte::Tracer<Long> tracer;
        for (int k = 0; k < Spans; ++k) {
            with_source(tracer);
            clobber();
        }
        resolve(tracer);
    }
}

/// Children of a span that is open anyway. Where they are not kept, they are counted.
template <class Policy, bool Sourced = false>
void children(int n) {
    auto const before = lastbyte::ledger<Policy>().spans_unsampled;
    for (int i = 0; i < n; ++i) {
        lastbyte::Tracer<Policy> tracer;
        auto parent = tracer.template span<"request">();
        for (int k = 0; k < per_trace; ++k) {
            auto child = parent.template child<"index">();
            clobber();
            if constexpr (Sourced) child.source(Source::cache);
        }
    }
    auto const unsampled = std::is_same_v<Policy, Unsampled> ? static_cast<std::uint64_t>(n) * (per_trace + 1) : 0;
    if (lastbyte::ledger<Policy>().spans_unsampled - before != unsampled) std::abort();
}
/// The same trace without them.
void unsampled_parents(int n) {
    for (int i = 0; i < n; ++i) {
        lastbyte::Tracer<Unsampled> tracer;
        auto parent = tracer.span<"request">();
        for (int k = 0; k < per_trace; ++k) clobber();
    }
}
void no_children(int n) {
    for (int i = 0; i < n; ++i)
        for (int k = 0; k < per_trace; ++k) clobber();
}

}  // namespace

void add_span_cases(std::vector<Case>& cases) {
    constexpr double many = per_trace;
    cases.push_back({.name = "span", .run = spans<plain>, .units = many, .floors = many});
    cases.push_back({.name = "span with a source", .run = spans<with_source>, .units = many, .floors = many});
    cases.push_back({.name = "span with a source, and the tier read at the end of the trace",
                     .run = spans<with_source, true>,
                     .units = many,
                     .floors = many,
                     .budget = 1.15});
    cases.push_back({.name = "span with a source, an integer and a short text",
                     .run = spans<with_attributes>,
                     .units = many,
                     .floors = many,
                     .budget = 1.5});
    cases.push_back(
        {.name = "span of a family, with its tail", .run = spans<of_family>, .units = many, .floors = many});
    cases.push_back({.name = "child span", .run = children<Telemetry>, .units = many, .floors = many});
    cases.push_back({.name = "async span", .run = phases<false>, .units = many, .floors = many});
    cases.push_back(
        {.name = "async span, begun where the last one ends", .run = phases<true>, .units = many, .floors = many});
    cases.push_back({.name = "child span, unsampled",
                     .run = children<Unsampled>,
                     .bare = unsampled_parents,
                     .units = many,
                     .budget = 1});
    cases.push_back({.name = "child span with a source, unsampled",
                     .run = children<Unsampled, true>,
                     .bare = unsampled_parents,
                     .units = many});
    cases.push_back(
        {.name = "child span, disabled", .run = children<Disabled>, .bare = no_children, .units = many, .budget = 0.1});
    cases.push_back({.name = "span, of a request of 1", .run = request_of<1>, .units = 1, .floors = 1});
    cases.push_back({.name = "span, of a request of 8", .run = request_of<8>, .units = 8, .floors = 8});
    cases.push_back({.name = "span, of a request of 64", .run = request_of<64>, .units = 64, .floors = 64});
    cases.push_back({.name = "span, of a request of 512", .run = request_of<512>, .units = 512, .floors = 512});
}

}  // namespace benchmarks
