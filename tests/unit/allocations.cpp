// Allocations: a warm request makes none. Not for ThreadSanitizer, which has an operator new of its own.
#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "counting_new.hpp"
#include "seed.hpp"

using lastbyte::milliseconds;
using seed::Source;

namespace {

/// Sixteen chunks of static text.
struct Sixteen {
    int left = 16;
    std::optional<std::string_view> operator()() {
        if (left-- == 0) return std::nullopt;
        return "a chunk of the body";
    }
};

/// Text that is written without allocating.
struct Fixed {
    char text[4096];
    std::size_t size = 0;
    void append(char const* more, std::size_t count) {
        for (std::size_t i = 0; i < count && size < sizeof text; ++i) text[size++] = more[i];
    }
};

template <class P>
std::uint64_t request(Fixed& out) {
    std::uint64_t bytes = 0;
    lastbyte::Tracer<P> tracer;
    auto body = lastbyte::defer_until_consumed(
        tracer.body([inner = Sixteen{}, tracer]() mutable {
            if (inner.left == 8) tracer.template trace<"index">([](auto& span) { span.source(Source::cache); });
            return inner();
        }),
        [&](lastbyte::Reading<P> const& done) {
            bytes += done.bytes();
            bool const right = done.template tier<"cache_tier">().value() == Source::cache && done.tally().hits() == 4u;
            if (right) done.write_json(out);
            done.write_header(out);
        });
    for (int i = 0; i < 3; ++i) {
        auto span = tracer.template span<"file:*">("canon/foo.md");
        span.source(Source::miss).detail("not here, and nowhere else");
        span.template attribute<"rows">(i).template attribute<"text">("short").template attribute<"share">(0.5);
        span.link({{1, 2}, {3}}).template event<"retry", "why">("429");
        auto child = span.template child<"step">();
    }
    tracer.template record<"other">(milliseconds(3), Source::kv, "timed elsewhere");
    auto job = tracer.template async_span<"job">();
    auto moved = std::move(job);
    moved.source(Source::r2);
    moved.end();
    tracer.template record<"more">(milliseconds(1), Source::memory);
    (void)tracer.snapshot().template tier<"cache_tier">();
    while (auto chunk = body()) bytes += chunk->size();
    return bytes;
}

struct Unsampled : seed::Policy {
    using Sampler = lastbyte::SampleRatio<0, 1>;
};

}  // namespace

TEST_CASE("a warm request whose trace is not sampled allocates nothing either") {
    static Fixed out;
    (void)request<Unsampled>(out);
    auto const before = allocations;
    for (int i = 0; i < 100; ++i) {
        out.size = 0;
        if (request<Unsampled>(out) != 2 * 16 * 19) std::abort();
    }
    auto const made = allocations - before;
    CHECK(made == 0);
    CHECK(std::string_view{out.text, out.size}.find("\"index_source\":\"cache\"}") != std::string_view::npos);
}

TEST_CASE("a warm request with its spans, body, tier and JSON allocates nothing") {
    static Fixed out;
    auto const cold = allocations;
    CHECK(request<seed::Policy>(out) == 2 * 16 * 19);
    CHECK(allocations - cold >= 1);
    out.size = 0;
    auto const before = allocations;
    for (int i = 0; i < 100; ++i) {
        out.size = 0;
        if (request<seed::Policy>(out) != 2 * 16 * 19) std::abort();
    }
    auto const made = allocations - before;
    CHECK(made == 0);
    CHECK(std::string_view{out.text, out.size}.find("\"index_source\":\"cache\"}") != std::string_view::npos);
}

TEST_CASE("requests in flight at once allocate one block each, once") {
    struct Policy : seed::Policy {};
    auto const flight = [] { lastbyte::Tracer<Policy> a, b, c; };
    auto const before = allocations;
    flight();
    auto const first = allocations - before;
    for (int i = 0; i < 50; ++i) flight();
    auto const later = allocations - before - first;
    CHECK(first == 3);
    CHECK(later == 0);
}

TEST_CASE("a body costs one allocation when it is shared, and none else") {
    struct Policy : seed::Policy {};
    { lastbyte::Tracer<Policy> warm; }
    lastbyte::Tracer<Policy> tracer;
    auto const before = allocations;
    {
        auto body = lastbyte::defer_until_consumed(tracer.body(Sixteen{}), [](lastbyte::Reading<Policy> const&) {});
        auto shared = std::move(body).shared();
        auto copy = shared;
        (void)copy();
    }
    auto const made = allocations - before;
    CHECK(made == 1);
}
