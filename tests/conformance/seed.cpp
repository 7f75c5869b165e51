// The seed's behaviour: its table row by row, and its two text formats letter by letter.
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "../unit/seed.hpp"

using lastbyte::milliseconds;
using seed::Source;

namespace {

using Clock = lastbyte::ManualClock<struct SeedTable>;
struct Policy : seed::Policy {
    using Clock = ::Clock;
};

struct Recorded {
    std::string label;
    double ms = 1;
    int source = -1;  // none
    std::string detail = {};
};
constexpr int memory = 0, cache = 1, r2 = 2, build = 5, miss = 6;

struct Row {
    std::vector<Recorded> spans;
    std::string cache_tier;
};

std::vector<Row> const table = {
    {{}, "none"},
    {{{"index", 1, memory}}, "memory"},
    {{{"index-build", 1, build}}, "build"},
    {{{"action:version"}, {"sha:klappy.dev/", 1, memory}}, "none"},
    {{{"file:canon/foo.md", 1, memory}}, "memory"},
    {{{"file:canon/bar.md", 1, r2}}, "r2"},
    {{{"file:canon/baz.md", 1, build, "zip-extract"}}, "build"},
    {{{"index", 1, cache}, {"file:a", 1, r2}, {"file:b", 1, build}}, "cache"},
    {{{"file-r2:canon/foo.md", 1, miss}}, "none"},
    {{{"file-r2:canon/foo.md", 1, miss}, {"file:canon/foo.md", 1, build}}, "build"},
    {{{"index"}, {"file:a", 1, r2}}, "r2"},
    {{{"index-r2", 1, miss}, {"index-build", 1, build}, {"file:a", 1, memory}}, "build"},
};

/// Labels known at run time only.
void record(lastbyte::Tracer<Policy> const& tracer, Recorded const& span) {
    if (span.source < 0)
        tracer.record<"*">(span.label, milliseconds(span.ms));
    else
        tracer.record<"*">(span.label, milliseconds(span.ms), static_cast<Source>(span.source), span.detail);
}
/// The same labels as template arguments.
void record_static(lastbyte::Tracer<Policy> const& tracer, Recorded const& span) {
    auto const put = [&]<lastbyte::FixedString Label>() {
        if (span.source < 0)
            tracer.record<Label>(milliseconds(span.ms));
        else
            tracer.record<Label>(milliseconds(span.ms), static_cast<Source>(span.source), span.detail);
    };
    auto const put_tail = [&]<lastbyte::FixedString Label>(std::size_t stem) {
        auto const tail = span.label.substr(stem);
        if (span.source < 0)
            tracer.record<Label>(tail, milliseconds(span.ms));
        else
            tracer.record<Label>(tail, milliseconds(span.ms), static_cast<Source>(span.source), span.detail);
    };
    if (span.label == "index") return put.operator()<"index">();
    if (span.label == "index-build") return put.operator()<"index-build">();
    if (span.label == "index-r2") return put.operator()<"index-r2">();
    if (span.label == "action:version") return put.operator()<"action:version">();
    if (span.label.starts_with("file:")) return put_tail.operator()<"file:*">(5);
    if (span.label.starts_with("file-r2:")) return put_tail.operator()<"file-r2:*">(8);
    if (span.label.starts_with("sha:")) return put_tail.operator()<"sha:*">(4);
    FAIL("no static label for " << span.label);
}

struct Result {
    std::string tier, json, header;
};
template <class Record>
Result result_of(std::vector<Recorded> const& spans, std::uint64_t total_ns, Record put) {
    Result out;
    lastbyte::Tracer<Policy> tracer;
    auto body = lastbyte::defer_until_consumed(
        tracer.body(seed::Chunks{{"data"}}), [&](lastbyte::Reading<Policy> const& done) {
            out.tier = done.tier<"cache_tier">().value().name();
            done.write_json(out.json);
            done.write_header(out.header);
        });
    for (auto const& span : spans) put(tracer, span);
    Clock::advance_ns(total_ns);
    (void)seed::drain(body);
    return out;
}

}  // namespace

TEST_CASE("the seed's table, row by row") {
    REQUIRE(table.size() == 12);
    for (auto const& row : table) {
        CAPTURE(row.spans.empty() ? std::string{"(nothing)"} : row.spans[0].label);
        CHECK(result_of(row.spans, 0, record).tier == row.cache_tier);
        CHECK(result_of(row.spans, 0, record_static).tier == row.cache_tier);
    }
}

TEST_CASE("a label means the same at compile time and at run time") {
    for (auto const& row : table) {
        auto const at_run_time = result_of(row.spans, 5, record), compiled = result_of(row.spans, 5, record_static);
        CHECK(at_run_time.json == compiled.json);
        CHECK(at_run_time.header == compiled.header);
    }
}

TEST_CASE("the trace as JSON, letter by letter") {
    std::vector<Recorded> const spans = {{"index", 33, cache}, {"file:a", 2, r2, "zip-extract"}, {"action:version", 0.125}};
    CHECK(result_of(spans, 40'000'000, record).json ==
          R"({"spans":[{"label":"index","duration_ms":33,"source":"cache"},)"
          R"({"label":"file:a","duration_ms":2,"source":"r2","detail":"zip-extract"},)"
          R"({"label":"action:version","duration_ms":0.125}],"total_ms":40,"index_source":"cache"})");
    CHECK(result_of({}, 1'500'000, record).json == R"({"spans":[],"total_ms":1.5,"index_source":"none"})");
}

TEST_CASE("the trace as one header line, letter by letter") {
    CHECK(result_of({{"index", 33, cache}, {"file:a", 2, r2, "zip-extract"}}, 40'000'000, record).header ==
          "index=33ms(cache), file:a=2ms(r2)[zip-extract], total=40ms");
    CHECK(result_of({}, 0, record).header == "total=0ms");
}

TEST_CASE("trace times a call, records its source, and returns its result") {
    lastbyte::Tracer<Policy> tracer;
    CHECK(tracer.trace<"index">([] {
        Clock::advance_ns(7'000'000);
        return 42;
    }, Source::cache) == 42);
    std::string header;
    tracer.snapshot().write_header(header);
    CHECK(header == "index=7ms(cache), total=7ms, provisional");
}

TEST_CASE("trace records a call that throws, with its message, and rethrows") {
    lastbyte::Tracer<Policy> tracer;
    auto const fails = [] { throw std::runtime_error("no such index"); };
    CHECK_THROWS_WITH_AS(tracer.trace<"index">(fails, Source::r2), "no such index", std::runtime_error);
    std::string header;
    tracer.snapshot().write_header(header);
    CHECK(header == "index=0ms(r2)[error: no such index], total=0ms, provisional");
}

TEST_CASE("hits are memory, cache, r2 and kv; every other source is a miss") {
    lastbyte::Tracer<Policy> tracer;
    for (int source = 0; source < 7; ++source) record(tracer, {"file:a", 1, source});
    auto const tally = tracer.snapshot().tally().value();
    CHECK(tally.hits() == 4);
    CHECK(tally.misses() == 3);
    CHECK(tally.lookups() == 7);
}
