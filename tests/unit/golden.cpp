// Golden: with a manual clock and counted ids, the whole of a trace compared as text.
#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "seed.hpp"

using lastbyte::milliseconds;
using seed::Source;

namespace {

using Clock = lastbyte::ManualClock<struct Golden>;
struct Policy : seed::Policy {
    using Clock = ::Clock;
    using Ids = lastbyte::SequentialIds<struct Golden>;
    using IndexTier = lastbyte::FirstWins<"index_tier", lastbyte::On<"index">, lastbyte::Never<Source::miss>>;
    using Tiers = lastbyte::TierRules<Source, seed::CacheTier, IndexTier>;
    static constexpr std::size_t max_spans = 5;
};

struct Texts {
    std::string seed, full, header, ids;
};

/// The same request each time: an index from the cache, a file from r2, a miss, a failure, and two spans too many.
Texts request() {
    Policy::Ids::restart();
    Texts out;
    lastbyte::Tracer<Policy> tracer;
    auto body = lastbyte::defer_until_consumed(
        tracer.body([tracer, n = 0]() mutable -> std::optional<std::string> {
            if (n == 0) {
                auto span = tracer.span<"file:*">("canon/\"foo\"\n.md");
                Clock::advance_ns(2'000'000);
                span.source(Source::r2).detail("zip-extract");
                Clock::advance_ns(500);
                auto child = span.child<"decode">();
                Clock::advance_ns(1);
            }
            if (n == 1) tracer.record<"index">(milliseconds(33), Source::cache);
            if (n == 2) {
                try {
                    tracer.trace<"sha:*">("x", [] { throw std::string{"thrown"}; });
                } catch (std::string const&) {
                }
                tracer.record<"file:*">("missing", milliseconds(0.25), Source::miss);
                for (int i = 0; i < 2; ++i) tracer.record<"over">(milliseconds(1), Source::memory);
            }
            Clock::advance_ns(1'000'000);
            if (n++ == 2) return std::nullopt;
            return "0123456789";
        }),
        [&](lastbyte::Reading<Policy> const& done) {
            done.write_json(out.seed);
            done.write_json(out.full, lastbyte::JsonDetail::full);
            done.write_header(out.header);
            for (auto const span : done.spans()) {
                span.id().write(out.ids);
                out.ids += '<';
                span.parent_id().write(out.ids);
                out.ids += ' ';
            }
        });
    Clock::advance_ns(1'000'000);
    (void)seed::drain(body);
    return out;
}

}  // namespace

TEST_CASE("the seed's JSON of a whole trace") {
    CHECK(request().seed ==
          R"({"spans":[{"label":"decode","duration_ms":0.000001},)"
          R"({"label":"file:canon/\"foo\"\n.md","duration_ms":2.000501,"source":"r2","detail":"zip-extract"},)"
          R"({"label":"index","duration_ms":33,"source":"cache"},)"
          R"({"label":"sha:x","duration_ms":0,"detail":"error: unknown exception"},)"
          R"({"label":"file:missing","duration_ms":0.25,"source":"miss"}],)"
          R"("total_ms":6.000501,"index_source":"r2"})");
}

TEST_CASE("the full JSON adds what a body knows") {
    auto const out = request();
    CHECK(out.full.starts_with(out.seed.substr(0, out.seed.size() - 1)));
    CHECK(out.full.substr(out.seed.size() - 1) ==
          R"(,"outcome":"complete","bytes":20,"chunks":2,"time_to_first_byte_ms":4.000501,"late":0,"over_bound":2,)"
          R"("tiers":{"cache_tier":"r2","index_tier":"cache"},"hits":4,"misses":1,"lookups":5,)"
          R"("trace_id":"00000000000000000000000000000001","final":true,"sequence":1})");
}

TEST_CASE("the header line of a whole trace") {
    CHECK(request().header ==
          "decode=0.000001ms, file:canon/\"foo\" .md=2.000501ms(r2)[zip-extract], index=33ms(cache), "
          "sha:x=0ms[error: unknown exception], file:missing=0.25ms(miss), total=6.000501ms");
}

TEST_CASE("ids and parents of a whole trace") {
    CHECK(request().ids ==
          "0000000000000003<0000000000000002 0000000000000002<0000000000000001 0000000000000004<0000000000000001 "
          "0000000000000005<0000000000000001 0000000000000006<0000000000000001 ");
}

TEST_CASE("the same request twice is the same text") {
    auto const first = request(), second = request();
    CHECK(first.full == second.full);
    CHECK(first.header == second.header);
}

TEST_CASE("links and events stand beside the seed's keys of their span, in a reading and in a snapshot") {
    lastbyte::Tracer<Policy> tracer;
    Clock::advance_ns(1'000'000);
    {
        auto span = tracer.span<"index">();
        span.link({{0xa, 0xb}, {0xc}, 1}).link({{1, 2}, {3}}).source(Source::cache).event<"miss \"1\"">();
        Clock::advance_ns(500'000);
        span.event<"hit", "key">("not in this JSON");
    }
    { tracer.span<"plain">().event<"e">(); }
    std::string const spans =
        R"({"spans":[{"label":"index","duration_ms":0.5,"source":"cache",)"
        R"("links":[{"trace_id":"000000000000000a000000000000000b","span_id":"000000000000000c"},)"
        R"({"trace_id":"00000000000000010000000000000002","span_id":"0000000000000003"}],)"
        R"("events":[{"name":"miss \"1\"","at_ms":1},{"name":"hit","at_ms":1.5}]},)"
        R"({"label":"plain","duration_ms":0,"events":[{"name":"e","at_ms":1.5}]}],"total_ms":1.5,"index_source":"cache")";
    std::string provisional, final;
    tracer.snapshot().write_json(provisional);
    seed::read(tracer, [&](lastbyte::Reading<Policy> const& done) { done.write_json(final); });
    CHECK(provisional == spans + R"(,"provisional":true,"final":false,"sequence":1})");
    CHECK(final == spans + "}");
}

TEST_CASE("a snapshot of the same trace says that it is provisional") {
    lastbyte::Tracer<Policy> tracer;
    tracer.record<"index">(milliseconds(33), Source::cache);
    Clock::advance_ns(40'000'000);
    std::string json, header;
    (void)tracer.snapshot();
    tracer.snapshot().write_json(json);
    tracer.snapshot().write_header(header);
    CHECK(json == R"({"spans":[{"label":"index","duration_ms":33,"source":"cache"}],"total_ms":40,"index_source":"cache",)"
                  R"("provisional":true,"final":false,"sequence":2})");
    CHECK(header == "index=33ms(cache), total=40ms, provisional");
}
