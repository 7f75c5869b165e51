// What a whole request costs: its root, eight spans, a body of sixteen chunks, the reading and the data point.
//
// The sink keeps each row in a ring of its own, as a queue in front of a writer does, so that no row can be left
// unmade. The callback compares what it reads with what was done, and ends the program when they differ.
#include <cstdlib>
#include <optional>
#include <string_view>

#include "cases.hpp"
#include "policy.hpp"
#include "request.hpp"

namespace benchmarks {

namespace {

template <class Policy>
[[gnu::always_inline]] inline void eight_spans(lastbyte::Tracer<Policy> const& tracer) {
    for (int k = 0; k < 8; ++k) {
        auto span = tracer.template span<"index">();
        clobber();
        span.source(Source::cache);
    }
    clobber();
}

void root_and_eight(int n) {
    for (int i = 0; i < n; ++i) {
        lastbyte::Tracer<Telemetry> tracer;
        eight_spans(tracer);
    }
}

/// The root as a span of its own, for the label and the end that it then has.
void root_span_and_eight(int n) {
    for (int i = 0; i < n; ++i) {
        lastbyte::Tracer<Telemetry> tracer;
        auto root = tracer.span<"request">();
        for (int k = 0; k < 8; ++k) {
            auto span = root.child<"index">();
            clobber();
            span.source(Source::cache);
        }
        clobber();
    }
}

template <class Policy, class Fn>
[[gnu::always_inline]] inline void with_body(Fn fn) {
    lastbyte::Tracer<Policy> tracer;
    eight_spans(tracer);
    auto body = lastbyte::defer_until_consumed(tracer.body(SixteenChunks{}), std::move(fn));
    while (auto chunk = body()) keep(chunk->data());
}

void check(lastbyte::Reading<Telemetry> const& done) {
    if (done.tier<"cache_tier">().value() != Source::cache || done.bytes() != SixteenChunks::bytes ||
        done.outcome() != lastbyte::Outcome::complete)
        std::abort();
}

void with_reading(int n) {
    for (int i = 0; i < n; ++i) with_body<Telemetry>([](lastbyte::Reading<Telemetry> const& done) { check(done); });
}

void whole(int n) {
    for (int i = 0; i < n; ++i) whole_request();
}

/// The request's facts set before the body is made, and carried in the callback.
void whole_with_carried_point(int n) {
    for (int i = 0; i < n; ++i) {
        ToolCall::Point point;
        set_request_facts(point);
        with_body<Telemetry>([point](lastbyte::Reading<Telemetry> const& done) {
            check(done);
            KeepingSink::write(completed(point, done));
        });
    }
}

void with_reading_unsampled(int n) {
    for (int i = 0; i < n; ++i)
        with_body<Unsampled>([](lastbyte::Reading<Unsampled> const& done) {
            if (done.tier<"cache_tier">().value() != Source::cache || done.spans_unsampled() != 8u) std::abort();
        });
}

void without_lastbyte(int n) {
    for (int i = 0; i < n; ++i) {
        for (int k = 0; k < 8; ++k) clobber();
        clobber();
        SixteenChunks body;
        while (auto chunk = body()) keep(chunk->data());
    }
}
void with_disabled(int n) {
    for (int i = 0; i < n; ++i) with_body<Disabled>([](lastbyte::Reading<Disabled> const&) {});
}

}  // namespace

void add_request_cases(std::vector<Case>& cases) {
    cases.push_back(
        {.name = "request: root and 8 spans, ids included", .run = root_and_eight, .floors = 9, .budget = 1.35});
    cases.push_back({.name = "request: a root span and 8 children", .run = root_span_and_eight, .floors = 9});
    cases.push_back({.name = "request: root, 8 spans, body of 16 chunks, reading", .run = with_reading, .floors = 9});
    cases.push_back({.name = "request: the same, unsampled", .run = with_reading_unsampled, .floors = 9});
    cases.push_back(
        {.name = "request, whole: the same and its data point handed over", .run = whole, .floors = 9, .budget = 2});
    cases.push_back({.name = "request, whole, with the point carried in the callback",
                     .run = whole_with_carried_point,
                     .floors = 9});
    cases.push_back({.name = "request, disabled, over the same without lastbyte",
                     .run = with_disabled,
                     .bare = without_lastbyte,
                     .budget = 0.5});
}

}  // namespace benchmarks
