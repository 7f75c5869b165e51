// OTLP traces: what a Reading becomes, read back field by field, and batches that refuse instead of breaking.
#include <doctest/doctest.h>

#include <iterator>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <lastbyte/encode/otlp.hpp>
#include <lastbyte/encode/otlp_json.hpp>
#include <lastbyte/encode/otlp_logs.hpp>
#include <lastbyte/encode/otlp_logs_json.hpp>

#include "counting_new.hpp"
#include "point.hpp"
#include "wire.hpp"

using lastbyte::OtlpBatch;
using lastbyte::OtlpJsonBatch;
using lastbyte::Outcome;
using lastbyte::Resource;
using seed::Source;

namespace {

using Clock = lastbyte::ManualClock<struct Otlp>;
struct Policy : seed::Policy {
    using Clock = ::Clock;
    using Ids = lastbyte::SequentialIds<struct Otlp>;
    using Tiers =
        lastbyte::TierRules<Source, seed::CacheTier,
                            lastbyte::FirstWins<"file_tier", lastbyte::On<"file:*">, lastbyte::Never<Source::miss>>,
                            lastbyte::FirstWins<"cache_tier", lastbyte::On<"sha:*">>>;
    static constexpr std::size_t max_spans = 4;
    static constexpr std::size_t max_attributes = 5;
};
using Tracer = lastbyte::Tracer<Policy>;
using Reading = lastbyte::Reading<Policy>;

constexpr std::uint64_t epoch = 1'700'000'000'000'000'000;
/// The manual clock, counted from a moment in 2023.
struct Noon {
    static std::uint64_t unix_ns() noexcept { return epoch + Clock::now(); }
};
using Batch = lastbyte::Batch<lastbyte::OtlpProtobuf, Noon>;
using JsonBatch = lastbyte::Batch<lastbyte::OtlpJson, Noon>;

/// One trace as it arrives: its resource, its scope and its spans, the root first.
struct Request {
    explicit Request(std::string_view bytes)
        : all(bytes), resource_spans(all.message(1)), scope_spans(resource_spans.message(2)) {
        for (std::size_t i = 0; i < scope_spans.count(2); ++i) spans.push_back(scope_spans.message(2, i));
    }
    wire::Message all, resource_spans, scope_spans;
    std::vector<wire::Message> spans;
};

/// Attributes with their type in front: "s:cache", "i:12", "b:1", "d:3fe0000000000000".
std::map<std::string, std::string> attributes(wire::Message const& message, std::uint32_t field) {
    std::map<std::string, std::string> found;
    for (std::size_t i = 0; i < message.count(field); ++i) {
        auto const pair = message.message(field, i);
        auto const value = pair.message(2);
        std::string text;
        if (value.count(1) == 1) text = "s:" + value.text(1);
        if (value.count(2) == 1) text = "b:" + std::to_string(value.at(2).value);
        if (value.count(3) == 1) text = "i:" + std::to_string(static_cast<std::int64_t>(value.at(3).value));
        if (value.count(4) == 1) {
            text = "d:";
            lastbyte::SpanId{value.at(4).value}.write(text);
        }
        bool const first = found.emplace(pair.text(1), text).second;
        REQUIRE_MESSAGE(first, pair.text(1), " stands there twice");
    }
    return found;
}
std::map<std::string, std::string> attributes(wire::Message const& span) { return attributes(span, 9); }

std::string id(std::uint64_t value) {
    std::string bytes;
    for (int i = 56; i >= 0; i -= 8) bytes += static_cast<char>(value >> i & 0xff);
    return bytes;
}

/// The request that `encode(reading)` makes of a trace in which `record(tracer)` was called while the body was
/// produced.
template <class Record, class Encode>
std::string encoded(Record record, Encode encode) {
    Policy::Ids::restart();
    std::string bytes;
    Tracer tracer;
    auto body =
        lastbyte::defer_until_consumed(tracer.body([tracer, record, n = 0]() mutable -> std::optional<std::string> {
            if (n++ != 0) return std::nullopt;
            record(tracer);
            return "hello";
        }),
                                       [&](Reading const& done) { bytes = encode(done); });
    (void)seed::drain(body);
    return bytes;
}
template <class Record>
std::string encoded(Record record) {
    return encoded(record, [](Reading const& done) {
        std::string out;
        CHECK(lastbyte::write_otlp<Noon>(out, done, Resource{"oddkit"}, "POST /mcp"));
        return out;
    });
}

/// How a body ends, and the root span that comes of it.
template <class Consume>
wire::Message root_of(Consume consume, std::initializer_list<lastbyte::Attribute> given = {}) {
    std::string bytes;
    {
        Tracer tracer;
        consume(tracer,
                [&](Reading const& done) { lastbyte::write_otlp<Noon>(bytes, done, Resource{"x"}, "r", given); });
    }
    return Request{bytes}.spans[0];
}
wire::Message complete_root(std::initializer_list<lastbyte::Attribute> given = {}) {
    return root_of([](Tracer& tracer, auto fn) { seed::read(tracer, fn); }, given);
}

}  // namespace

TEST_CASE("a trace becomes a server span and its children, with ids, parents and times to the nanosecond") {
    std::uint64_t began = 0;
    Request const request{encoded([&](Tracer const& tracer) {
        began = epoch + Clock::now();
        Clock::advance_ns(1'000);
        auto outer = tracer.span<"file:*">("canon/a.md");
        Clock::advance_ns(20);
        {
            auto inner = outer.child<"decode">();
            Clock::advance_ns(3);
        }
        Clock::advance_ns(4);
    })};
    REQUIRE(request.spans.size() == 3);
    auto const& root = request.spans[0];
    auto const& inner = request.spans[1];
    auto const& outer = request.spans[2];
    for (auto const& span : request.spans) CHECK(span.text(1) == id(0) + id(1));

    CHECK(root.text(2) == id(1));
    CHECK(root.count(4) == 0);
    CHECK(root.text(5) == "POST /mcp");
    CHECK(root.at(6).value == 2);
    CHECK(root.at(7).value == began);
    CHECK(root.at(8).value == began + 1'027);

    CHECK(outer.text(4) == id(1));
    CHECK(outer.text(5) == "file:canon/a.md");
    CHECK(outer.at(6).value == 1);
    CHECK(outer.at(7).value == began + 1'000);
    CHECK(outer.at(8).value == began + 1'027);

    CHECK(inner.text(4) == outer.text(2));
    CHECK(inner.text(5) == "decode");
    CHECK(inner.at(7).value == began + 1'020);
    CHECK(inner.at(8).value == began + 1'023);
}

TEST_CASE("what was timed elsewhere ends when it was recorded") {
    Request const request{encoded([](Tracer const& tracer) {
        Clock::advance_ns(10'000);
        tracer.record<"index">(lastbyte::Nanoseconds{4'000}, Source::cache);
    })};
    CHECK(request.spans[1].at(7).value == request.spans[0].at(7).value + 6'000);
    CHECK(request.spans[1].at(8).value == request.spans[0].at(7).value + 10'000);
}

TEST_CASE("a body that ended long before its callback has its true times") {
    Policy::Ids::restart();
    std::string bytes;
    std::uint64_t const began = Noon::unix_ns();
    {
        Tracer tracer;
        auto body = lastbyte::defer_until_consumed(
            tracer.body(seed::Chunks{{"12345"}}, lastbyte::content_length(5)),
            [&](Reading const& done) { lastbyte::write_otlp<Noon>(bytes, done, Resource{"x"}); });
        Clock::advance_ns(500);
        (void)body();
        Clock::advance_ns(60'000'000'000);
    }
    Request const request{bytes};
    CHECK(request.spans[0].at(7).value == began);
    CHECK(request.spans[0].at(8).value == began + 500);
}

TEST_CASE("with the real clocks a trace begins between two looks at the wall clock") {
    constexpr std::uint64_t slack_ns = 100'000;
    bool between = false;
    for (int attempt = 0; attempt < 20 && !between; ++attempt) {
        lastbyte::Tracer<seed::Policy> warm;
        std::uint64_t const before = lastbyte::SystemWallClock::unix_ns();
        lastbyte::Tracer<seed::Policy> tracer;
        std::uint64_t const after = lastbyte::SystemWallClock::unix_ns();
        std::uint64_t start = 0;
        seed::read(tracer, [&](auto const& done) { start = lastbyte::start_unix_ns(done); });
        between = start + slack_ns >= before && start <= after + slack_ns;
    }
    CHECK(between);
}

TEST_CASE("attributes keep their types, and sources and details their names") {
    Request const request{encoded([](Tracer const& tracer) {
        auto span = tracer.span<"index">();
        span.source(Source::cache).detail("warm").attribute<"rows">(-12);
        span.attribute<"ratio">(0.5);
        span.attribute<"fresh">(true);
        span.attribute<"shard">("eu-1");
        span.attribute<"bytes">(std::uint64_t{9'223'372'036'854'775'807u});
    })};
    CHECK(attributes(request.spans[1]) == std::map<std::string, std::string>{{"lastbyte.source", "s:cache"},
                                                                             {"lastbyte.detail", "s:warm"},
                                                                             {"rows", "i:-12"},
                                                                             {"ratio", "d:3fe0000000000000"},
                                                                             {"fresh", "b:1"},
                                                                             {"shard", "s:eu-1"},
                                                                             {"bytes", "i:9223372036854775807"}});
    CHECK(request.spans[1].count(15) == 0);
}

TEST_CASE("an integer that has no sign bit to spare is given as its digits") {
    Request const request{
        encoded([](Tracer const& tracer) { tracer.span<"index">().attribute<"hash">(~std::uint64_t{0}); })};
    CHECK(attributes(request.spans[1])["hash"] == "s:18446744073709551615");
}

TEST_CASE("an attribute that was set twice is there once, with its last value, and the other is counted") {
    Request const request{encoded([](Tracer const& tracer) {
        auto span = tracer.span<"index">();
        span.source(Source::cache);
        for (int i = 0; i < 3; ++i) span.attribute<"try">(i);
        span.attribute<"try">("four");
        span.attribute<"lastbyte.source">("my own");
    })};
    CHECK(attributes(request.spans[1]) ==
          std::map<std::string, std::string>{{"try", "s:four"}, {"lastbyte.source", "s:my own"}});
    CHECK(request.spans[1].at(10).value == 3);
}

TEST_CASE("the root tells what the body and the rules say") {
    Request const request{encoded([](Tracer const& tracer) {
        Clock::advance_ns(70);
        tracer.span<"sha:*">("x").source(Source::miss);
        tracer.span<"file:*">("a").source(Source::r2);
    })};
    CHECK(attributes(request.spans[0]) == std::map<std::string, std::string>{{"http.response.body.size", "i:5"},
                                                                             {"lastbyte.chunks", "i:1"},
                                                                             {"lastbyte.outcome", "s:complete"},
                                                                             {"lastbyte.time_to_first_byte_ns", "i:70"},
                                                                             {"lastbyte.tier.cache_tier", "s:miss"},
                                                                             {"lastbyte.tier.file_tier", "s:r2"},
                                                                             {"lastbyte.hits", "i:1"},
                                                                             {"lastbyte.lookups", "i:2"}});
    CHECK(request.spans[0].count(15) == 0);
}

TEST_CASE("spans over the bound and late ones are counted at the root") {
    Request const request{encoded([](Tracer const& tracer) {
        for (int i = 0; i < 7; ++i) tracer.record<"index">(lastbyte::Nanoseconds{1});
        tracer.seal([](auto const&) {});
        for (int i = 0; i < 2; ++i) tracer.record<"late">(lastbyte::Nanoseconds{1});
    })};
    CHECK(request.spans.size() == 1 + 4);
    CHECK(attributes(request.spans[0])["lastbyte.spans_over_bound"] == "i:3");
    CHECK(attributes(request.spans[0])["lastbyte.spans_late"] == "i:2");
}

TEST_CASE("attributes over the bound are counted at the root") {
    Request const request{encoded([](Tracer const& tracer) {
        auto span = tracer.span<"index">();
        for (int i = 0; i < 8; ++i) span.attribute<"n">(i);
    })};
    CHECK(request.spans[0].at(10).value == 3);
    CHECK(attributes(request.spans[1])["n"] == "i:4");
    CHECK(request.spans[1].at(10).value == 4);
}

TEST_CASE("a span's events come in order and before its failure's, with their times and what was told of them") {
    std::uint64_t const began = Noon::unix_ns();
    Request const request{encoded([](Tracer const& tracer) {
        Clock::advance_ns(100);
        auto span = tracer.span<"index">();
        Clock::advance_ns(5);
        span.event<"retry", "attempt", "hash", "why">(-2, ~std::uint64_t{0}, "429 \xff");
        Clock::advance_ns(7);
        span.event<"done">().error("disk full");
        Clock::advance_ns(1);
    })};
    auto const& span = request.spans[1];
    CHECK(span.ascending());
    REQUIRE(span.count(11) == 3);
    auto const retry = span.message(11, 0), done = span.message(11, 1), failure = span.message(11, 2);
    CHECK(retry.at(1).value == began + 105);
    CHECK(retry.text(2) == "retry");
    CHECK(attributes(retry, 3) == std::map<std::string, std::string>{{"attempt", "i:-2"},
                                                                     {"hash", "s:18446744073709551615"},
                                                                     {"why", "s:429 \xef\xbf\xbd"}});
    CHECK(done.at(1).value == began + 112);
    CHECK(done.text(2) == "done");
    CHECK(done.count(3) == 0);
    CHECK(failure.at(1).value == began + 113);
    CHECK(failure.text(2) == "exception");
    CHECK(span.count(9) == 1);  // error.type: an event is no attribute
}

TEST_CASE("a span's links have both ids, and flags where there are any") {
    Request const request{encoded([](Tracer const& tracer) {
        tracer.span<"index">().link({{1, 2}, {3}, 1}).link({{4, 5}, {~std::uint64_t{0}}}).attribute<"rows">(1);
        tracer.span<"index">().link({{1, 2}, {3}, 1});
        tracer.span<"index">().event<"e">();
    })};
    CHECK(request.spans[2].text(13) == request.spans[1].text(13));
    CHECK(request.spans[3].count(11) == 1);
    CHECK(request.spans[2].count(9) + request.spans[3].count(9) == 0);
    auto const& span = request.spans[1];
    CHECK(span.ascending());
    REQUIRE(span.count(13) == 2);
    CHECK(span.message(13, 0).text(1) == id(1) + id(2));
    CHECK(span.message(13, 0).text(2) == id(3));
    CHECK(span.message(13, 0).at(6).value == 1);
    CHECK(span.message(13, 0).at(6).type == 5);
    CHECK(span.text(13, 1) == "\x0a\x10" + id(4) + id(5) + "\x12\x08" + id(~std::uint64_t{0}));
    CHECK(attributes(span) == std::map<std::string, std::string>{{"rows", "i:1"}});
}

TEST_CASE("links and events over the bound are counted at the root") {
    Request const request{encoded([](Tracer const& tracer) {
        auto span = tracer.span<"index">();
        for (int i = 0; i < 3; ++i) span.link({{1, 2}, {3}}).event<"e">();  // five have room
        span.link({{1, 2}, {3}});
    })};
    CHECK(request.spans[0].at(12).value == 1);
    CHECK(request.spans[0].at(14).value == 1);
    CHECK(request.spans[0].ascending());
    CHECK(request.spans[1].count(11) == 2);
    CHECK(request.spans[1].count(13) == 3);
}

TEST_CASE("links, events and their losses in JSON") {
    std::uint64_t began = 0;
    std::string const json = encoded(
        [&](Tracer const& tracer) {
            began = Noon::unix_ns();
            auto span = tracer.span<"index">();
            span.link({{0xa, 0xb}, {0xc}, 1}).link({{1, 2}, {3}});
            span.event<"retry", "attempt", "\"why\"">(2, "429\n").event<"done">();
            span.link({}).event<"e">().event<"e">().event<"e">();
        },
        [](Reading const& done) {
            std::string out;
            lastbyte::write_otlp_json_spans<Noon>(out, done);
            return out;
        });
    std::string const at = "{\"timeUnixNano\":\"" + std::to_string(began) + "\",";
    CHECK(json.find(R"("value":{"intValue":"0"}}],"droppedEventsCount":2,"droppedLinksCount":1},{)") != std::string::npos);
    CHECK(json.ends_with("\"endTimeUnixNano\":\"" + std::to_string(began) + "\",\"events\":[" + at +
                         R"("name":"retry","attributes":[{"key":"attempt","value":{"intValue":"2"}},)"
                         R"({"key":"\"why\"","value":{"stringValue":"429\n"}}]},)" +
                         at + "\"name\":\"done\"}," + at +
                         R"("name":"e"}],)"
                         R"("links":[{"traceId":"000000000000000a000000000000000b","spanId":"000000000000000c","flags":1},)"
                         R"({"traceId":"00000000000000010000000000000002","spanId":"0000000000000003"}]})"));
}

TEST_CASE("a failed span has an error status and an exception event") {
    std::uint64_t const before = Noon::unix_ns();
    Request const request{encoded([](Tracer const& tracer) {
        try {
            tracer.trace<"index">([] {
                Clock::advance_ns(9);
                throw std::runtime_error{"disk full"};
            });
        } catch (std::runtime_error const&) {
        }
    })};
    auto const& span = request.spans[1];
    CHECK(span.message(15).at(3).value == 2);
    CHECK(span.message(15).text(2) == "disk full");
    CHECK(attributes(span) == std::map<std::string, std::string>{{"error.type", "s:_OTHER"}});
    REQUIRE(span.count(11) == 1);
    CHECK(span.message(11).at(1).value == before + 9);
    CHECK(span.message(11).text(2) == "exception");
    CHECK(attributes(span.message(11), 3) == std::map<std::string, std::string>{{"exception.message", "s:disk full"}});
    CHECK(request.spans[0].count(15) == 0);  // somebody handled it: the request was answered
}

TEST_CASE("a body that was not sent whole is an error, of the type that its outcome says") {
    auto const check = [](wire::Message const& root, std::string const& outcome) {
        CAPTURE(outcome);
        CHECK(attributes(root)["lastbyte.outcome"] == "s:" + outcome);
        CHECK(attributes(root)["error.type"] == "s:" + outcome);
        REQUIRE(root.count(15) == 1);
        CHECK(root.message(15).at(3).value == 2);
        CHECK(root.message(15).count(2) == 0);
    };
    check(root_of([](Tracer& tracer, auto fn) {
              auto body = lastbyte::defer_until_consumed(tracer.body(seed::Chunks{}), fn);
          }),
          "abandoned");
    check(root_of([](Tracer& tracer, auto fn) {
              auto body = lastbyte::defer_until_consumed(tracer.body(seed::Chunks{{"a", "b"}}), fn);
              (void)body();
          }),
          "aborted");
    check(root_of([](Tracer& tracer, auto fn) {
              auto body =
                  lastbyte::defer_until_consumed(tracer.body(seed::Chunks{{"a"}}, lastbyte::content_length(2)), fn);
              (void)seed::drain(body);
          }),
          "truncated");
    for (auto const told : {Outcome::cancelled, Outcome::timed_out, Outcome::shutdown, Outcome::producer_error})
        check(root_of([told](Tracer& tracer, auto fn) {
                  auto body = lastbyte::defer_until_consumed(tracer.body(seed::Chunks{{"a", "b"}}), fn);
                  (void)body();
                  tracer.note_end(told);
              }),
              std::string{name(told)});
}

TEST_CASE("a body that was sent whole, or was not to be sent, is no error") {
    CHECK(complete_root().count(15) == 0);
    auto const head = root_of([](Tracer& tracer, auto fn) {
        auto body = lastbyte::defer_until_consumed(tracer.body(std::string{}, lastbyte::no_body), fn);
    });
    CHECK(head.count(15) == 0);
    CHECK(attributes(head)["lastbyte.outcome"] == "s:no_body");
    CHECK(attributes(head).count("lastbyte.time_to_first_byte_ns") == 0);
}

TEST_CASE("a 5xx is an error and a 4xx is none, as the conventions have it for servers") {
    CHECK(complete_root({{"http.response.status_code", 404}}).count(15) == 0);
    auto const failed = complete_root({{"http.response.status_code", 503}});
    CHECK(failed.message(15).at(3).value == 2);
    CHECK(attributes(failed)["error.type"] == "s:503");
    CHECK(attributes(failed)["http.response.status_code"] == "i:503");
    CHECK(complete_root({{"http.response.status_code", 600}}).count(15) == 0);
    CHECK(complete_root({{"http.response.status_code", "503"}}).count(15) == 0);
    CHECK(complete_root({{"http.response.status_code", 503}, {"http.response.status_code", 200}}).count(15) == 0);
}

TEST_CASE("what the handler gives goes before what is known, and the last of two counts") {
    auto const root = complete_root({{"http.route", "/a"},
                                     {"lastbyte.outcome", "my own"},
                                     {"http.route", "/b"},
                                     {"cold", true},
                                     {"lastbyte.tier.cache_tier", "mine"}});
    auto found = attributes(root);
    CHECK(found["http.route"] == "s:/b");
    CHECK(found["lastbyte.tier.cache_tier"] == "s:mine");
    CHECK(found["lastbyte.outcome"] == "s:my own");
    CHECK(found["cold"] == "b:1");
    CHECK(root.at(10).value == 1);
}

TEST_CASE("a span without a name is called request") {
    CHECK(Request{encoded([](Tracer const&) {},
                          [](Reading const& done) {
                              std::string out;
                              lastbyte::write_otlp<Noon>(out, done, Resource{"x"}, "");
                              return out;
                          })}
              .spans[0]
              .text(5) == "request");
}

TEST_CASE("the resource has a service name, whatever else is said of it, and counts what it leaves out") {
    Request const request{
        encoded([](Tracer const&) {},
                [](Reading const& done) {
                    std::string out;
                    lastbyte::write_otlp<Noon>(
                        out, done,
                        Resource{"", {{"process.pid", 12}, {"service.name", "again"}, {"telemetry.sdk.name", "mine"}}},
                        {}, {}, {"scope \xff", "1.4"});
                    return out;
                })};
    auto const resource = request.resource_spans.message(1);
    CHECK(attributes(resource, 1) == std::map<std::string, std::string>{{"service.name", "s:unknown_service"},
                                                                        {"process.pid", "i:12"},
                                                                        {"telemetry.sdk.name", "s:mine"},
                                                                        {"telemetry.sdk.language", "s:cpp"}});
    CHECK(resource.at(2).value == 1);
    CHECK(request.scope_spans.message(1).text(1) == "scope \xef\xbf\xbd");
    CHECK(request.scope_spans.message(1).text(2) == "1.4");
}

TEST_CASE("a resource holds 32 attributes and counts the rest") {
    std::string names[40];
    for (int i = 0; i < 40; ++i) names[i] = std::to_string(i);
    auto const n = [&](int i) { return lastbyte::Attribute{names[i], i}; };
    Resource const resource{"x", {n(0),  n(1),  n(2),  n(3),  n(4),  n(5),  n(6),  n(7),  n(8),  n(9),  n(10), n(11),
                                  n(12), n(13), n(14), n(15), n(16), n(17), n(18), n(19), n(20), n(21), n(22), n(23),
                                  n(24), n(25), n(26), n(27), n(28), n(29), n(30), n(31), n(32), n(33)}};
    CHECK(resource.end() - resource.begin() == 32);
    CHECK(resource.dropped() == 3 + 2);  // and the two that say which SDK it is
}

TEST_CASE("hostile text arrives as valid UTF-8, in protobuf and in JSON") {
    std::string const hostile = "\"\\\n\x01\xff\xc3(\xed\xa0\x80</script>";
    auto const record = [&](Tracer const& tracer) {
        auto span = tracer.span<"file:*">(hostile);
        span.attribute<"evil">(hostile);
        span.error(hostile);
    };
    Request const request{encoded(record)};
    std::string const repaired = "\"\\\n\x01\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd</script>";
    CHECK(request.spans[1].text(5) == "file:" + repaired);
    CHECK(request.spans[1].message(15).text(2) == repaired);
    CHECK(attributes(request.spans[1])["evil"] == "s:" + repaired);
    std::string const json = encoded(record, [&](Reading const& done) {
        std::string out;
        lastbyte::write_otlp_json<Noon>(out, done, Resource{hostile}, hostile, {{hostile, hostile}});
        return out;
    });
    CHECK(wire::is_utf8(json));
    for (char const c : json) CHECK(static_cast<unsigned char>(c) >= 0x20);
    CHECK(json.find("\"name\":\"file:\\\"\\\\\\n\\u0001\xef\xbf\xbd\xef\xbf\xbd(") != std::string::npos);
}

TEST_CASE("the JSON of a whole trace") {
    std::uint64_t began = 0;
    std::string const json = encoded(
        [&](Tracer const& tracer) {
            began = Noon::unix_ns();
            auto span = tracer.span<"index">();
            span.source(Source::cache).attribute<"rows">(-12);
            span.attribute<"ratio">(0.5);
            span.attribute<"none">(0.0 / (Clock::now() == 0 ? 1.0 : 0.0));
            span.error("bad");
            Clock::advance_ns(5);
        },
        [](Reading const& done) {
            std::string out;
            lastbyte::write_otlp_json<Noon>(out, done, Resource{"oddkit"}, "POST /mcp",
                                            {{"ok", true}, {"low", -1.0 / 0.0}}, {"lib", "2"});
            return out;
        });
    std::string const start = std::to_string(began), end = std::to_string(began + 5);
    CHECK(
        json ==
        R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"oddkit"}},)"
        R"({"key":"telemetry.sdk.name","value":{"stringValue":"lastbyte"}},)"
        R"({"key":"telemetry.sdk.language","value":{"stringValue":"cpp"}}]},)"
        R"("scopeSpans":[{"scope":{"name":"lib","version":"2"},"spans":[)"
        R"({"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"POST /mcp","kind":2,)"
        R"("startTimeUnixNano":")" +
            start + R"(","endTimeUnixNano":")" + end +
            R"(","attributes":[)"
            R"({"key":"ok","value":{"boolValue":true}},{"key":"low","value":{"doubleValue":"-Infinity"}},)"
            R"({"key":"http.response.body.size","value":{"intValue":"5"}},)"
            R"({"key":"lastbyte.chunks","value":{"intValue":"1"}},)"
            R"({"key":"lastbyte.outcome","value":{"stringValue":"complete"}},)"
            R"({"key":"lastbyte.time_to_first_byte_ns","value":{"intValue":"5"}},)"
            R"({"key":"lastbyte.tier.cache_tier","value":{"stringValue":"cache"}},)"
            R"({"key":"lastbyte.tier.file_tier","value":{"stringValue":"none"}},)"
            R"({"key":"lastbyte.hits","value":{"intValue":"1"}},{"key":"lastbyte.lookups","value":{"intValue":"1"}}]},)"
            R"({"traceId":"00000000000000000000000000000001","spanId":"0000000000000002",)"
            R"("parentSpanId":"0000000000000001","name":"index","kind":1,)"
            R"("startTimeUnixNano":")" +
            start + R"(","endTimeUnixNano":")" + end +
            R"(","attributes":[)"
            R"({"key":"lastbyte.source","value":{"stringValue":"cache"}},)"
            R"({"key":"error.type","value":{"stringValue":"_OTHER"}},)"
            R"({"key":"rows","value":{"intValue":"-12"}},{"key":"ratio","value":{"doubleValue":0.5}},)"
            R"({"key":"none","value":{"doubleValue":"NaN"}}],)"
            R"("events":[{"timeUnixNano":")" +
            end +
            R"(","name":"exception","attributes":[)"
            R"({"key":"exception.message","value":{"stringValue":"bad"}}]}],"status":{"message":"bad","code":2}}]}]}]})");
}

TEST_CASE("a batch is one resource with the spans of all its traces") {
    Batch batch{Resource{"oddkit"}};
    std::string spans;
    for (int i = 0; i < 3; ++i)
        (void)encoded([](Tracer const& tracer) { tracer.span<"index">().source(Source::cache); },
                      [&](Reading const& done) {
                          CHECK(batch.add(done, "r"));
                          CHECK(lastbyte::write_otlp_spans<Noon>(spans, done, "r"));
                          return std::string{};
                      });
    CHECK(batch.report().taken == 3);
    Request const request{batch.request()};
    CHECK(request.all.count(1) == 1);
    CHECK(request.resource_spans.count(2) == 1);
    CHECK(request.spans.size() == 6);
    CHECK(batch.size_bytes() == spans.size());
    for (auto const& span : request.spans) CHECK(span.ascending());

    Batch elsewhere{Resource{"oddkit"}};  // spans that another thread has encoded
    CHECK(elsewhere.add_encoded(spans));
    CHECK(elsewhere.request() == batch.request());
}

TEST_CASE("a span has the same bytes whether it is stored in one go or appended field by field") {
    constexpr char long_key[] =
        "a-key-of-more-than-127-bytes-that-nobody-would-write-but-somebody-may-generate-from-a-path-of-names-"
        "and-so-its-length-takes-two-bytes-";
    std::mt19937_64 random{11};
    auto const text = [&] {
        constexpr std::size_t sizes[] = {0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 40, 100, 121, 127, 128, 129, 300};
        std::string made(sizes[random() % std::size(sizes)], 'x');
        for (char& c : made) c = static_cast<char>('a' + random() % 26);
        if (random() % 8 == 0 && !made.empty()) made[random() % made.size()] = static_cast<char>(0x80 + random() % 128);
        if (random() % 8 == 0) made += "\xc3\xa9t\xc3\xa9";
        return made;
    };
    auto const record = [&](Tracer const& tracer) {
        for (int i = 0; i < 4; ++i) {
            auto span = tracer.span<"file:*">(text());
            Clock::advance_ns(random() % 3'000'000'000);
            if (random() % 2 == 0) span.source(Source::cache);
            if (random() % 3 == 0) span.detail(text());
            if (random() % 4 == 0) span.attribute<"rows">(static_cast<std::int64_t>(random() >> random() % 64));
            if (random() % 4 == 0) span.attribute<"rank">(-1);
            if (random() % 4 == 0) span.attribute<"hash">(random() >> random() % 64);
            if (random() % 4 == 0) span.attribute<"ratio">(0.1 * static_cast<double>(random() % 100));
            if (random() % 4 == 0) span.attribute<"fresh">(random() % 2 == 0);
            if (random() % 4 == 0) span.attribute<"text">(text());
            if (random() % 8 == 0) span.attribute<"text">(text());
            if (random() % 8 == 0) span.attribute<long_key>(text());
            if (random() % 16 == 0) span.attribute<"lastbyte.source">(text());
            if (random() % 16 == 0) span.error(text());
            if (random() % 16 == 0) span.link({{random(), random()}, {random()}, 1});
            if (random() % 16 == 0) span.event<"e", "t">(text());
        }
    };
    for (int round = 0; round < 2'000; ++round) {
        std::string appended;
        Batch batch{Resource{"oddkit"}};
        (void)encoded(record, [&](Reading const& done) {
            CHECK(lastbyte::write_otlp_spans<Noon>(appended, done));
            CHECK(batch.add(done));
            return std::string{};
        });
        std::string_view const stored = batch.request();
        REQUIRE(stored.substr(stored.size() - batch.size_bytes()) == appended);
        for (auto const& span : Request{stored}.spans) REQUIRE(span.ascending());
    }
}

TEST_CASE("a batch of one is what write_otlp writes") {
    for (std::size_t const name_size : {0u, 10u, 100u, 120u, 130u, 16'300u, 16'400u}) {
        std::string const name(name_size, 'n');
        std::string one;
        std::string const many = encoded([](Tracer const&) {},
                                         [&](Reading const& done) {
                                             Batch batch{Resource{"oddkit"}};
                                             CHECK(batch.add(done, name));
                                             lastbyte::write_otlp<Noon>(one, done, Resource{"oddkit"}, name);
                                             return std::string{batch.request()};
                                         });
        CHECK(many == one);
        CHECK(Request{many}.spans.size() == 1);
    }
}

TEST_CASE("asking for the request changes nothing, and more can be added") {
    Batch batch{Resource{"oddkit"}};
    CHECK(batch.request().empty());
    (void)encoded([](Tracer const&) {},
                  [&](Reading const& done) {
                      batch.add(done);
                      std::string const first{batch.request()};
                      CHECK(batch.request() == first);
                      batch.add(done);
                      CHECK(Request{batch.request()}.spans.size() == 2);
                      batch.clear();
                      CHECK(batch.empty());
                      CHECK(batch.request().empty());
                      batch.add(done);
                      CHECK(batch.request() == first);
                      return std::string{};
                  });
}

TEST_CASE("a JSON batch has commas between its traces and an end behind them") {
    JsonBatch batch{Resource{"x"}};
    std::string spans;
    CHECK(batch.request().empty());
    (void)encoded([](Tracer const&) {},
                  [&](Reading const& done) {
                      batch.add(done);
                      lastbyte::write_otlp_json_spans<Noon>(spans, done);
                      batch.add_encoded(spans);
                      return std::string{};
                  });
    std::string const request{batch.request()};
    CHECK(request.starts_with(R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name")"));
    CHECK(request.ends_with(R"("spans":[)" + spans + "," + spans + "]}]}]}"));
    CHECK(batch.request() == request);
}

TEST_CASE("a batch that is full refuses a trace, keeps what it has and takes it after clear()") {
    for (std::size_t bound = 0; bound < 3'000; bound += 7) {
        Batch batch{Resource{"oddkit"}, {}, bound};
        JsonBatch json{Resource{"oddkit"}, {}, bound};
        (void)encoded([](Tracer const& tracer) { tracer.span<"index">().source(Source::cache); },
                      [&](Reading const& done) {
                          auto const fill = [&](auto& one) {
                              std::size_t taken = 0;
                              while (one.add(done, "r") && taken < 100) ++taken;
                              std::string const before{one.request()};
                              auto const report = one.report();
                              REQUIRE(report.taken == taken);
                              REQUIRE(report.full + report.too_large == 1);
                              REQUIRE((report.too_large == 1) == (taken == 0));
                              REQUIRE(before.size() <= bound);
                              REQUIRE_FALSE(one.add(done, "r"));
                              REQUIRE(one.request() == before);
                              one.clear();
                              REQUIRE(one.add(done, "r") == (taken != 0));
                              return before;
                          };
                          if (auto const request = fill(batch); !request.empty())
                              REQUIRE(Request{request}.spans.size() == 2 * batch.report().taken - 2);
                          (void)fill(json);
                          return std::string{};
                      });
    }
}

TEST_CASE("a trace without memory is counted and not written") {
    Tracer gone;
    Tracer const kept = std::move(gone);
    Batch batch{Resource{"x"}};
    std::string out;
    seed::read(gone, [&](Reading const& done) {
        CHECK_FALSE(batch.add(done));
        CHECK_FALSE(lastbyte::write_otlp<Noon>(out, done, Resource{"x"}));
        CHECK_FALSE(lastbyte::write_otlp_spans<Noon>(out, done));
    });
    CHECK(batch.report().unstored == 1);
    CHECK(batch.empty());
    CHECK(out.empty());
}

TEST_CASE("a warm batch allocates nothing") {
    Batch batch{Resource{"oddkit"}};
    JsonBatch json{Resource{"oddkit"}};
    (void)encoded([](Tracer const& tracer) { tracer.span<"index">().source(Source::cache).attribute<"rows">(12); },
                  [&](Reading const& done) {
                      auto const fill = [&] {
                          for (int i = 0; i < 100; ++i) batch.add(done, "r", {{"http.route", "/mcp"}});
                          for (int i = 0; i < 100; ++i) json.add(done, "r", {{"http.route", "/mcp"}});
                      };
                      fill();
                      auto const* const memory = batch.request().data();
                      batch.clear();
                      json.clear();
                      std::size_t const before = allocations;
                      fill();
                      CHECK(batch.request().data() == memory);
                      CHECK(allocations == before);
                      return std::string{};
                  });
}

TEST_CASE("a data point becomes an event of its trace, with every field by name") {
    using seed::ToolCall;
    lastbyte::OtlpLogBatch batch{Resource{"oddkit"}};
    std::uint64_t before = lastbyte::SystemWallClock::unix_ns();
    lastbyte::TraceId trace;
    lastbyte::SpanId root;
    ToolCall::Point point;
    point.set<"tool_name">("search \xff");
    point.set<"consumer_label">("acme");
    point.set<"count">(1);
    point.set<"bytes_in">(0.0 / (point.get<"count">() - 1));
    seed::after_a_body([&](auto const& done) {
        trace = done.trace_id();
        root = done.root_id();
        CHECK(batch.add(seed::completed(point, done), done));
        CHECK(batch.add(seed::completed(point, done), done));
    });
    Request const request{batch.request()};
    CHECK(request.all.count(1) == 1);
    REQUIRE(request.spans.size() == 2);
    auto const& event = request.spans[0];
    CHECK(event.ascending());
    CHECK(event.text(12) == "tool_calls");
    CHECK(event.at(2).value == 9);
    CHECK(event.text(9) == id(trace.high) + id(trace.low));
    CHECK(event.text(10) == id(root.value));
    CHECK(event.at(7).value == 1);  // the bytes_in that is no number
    constexpr std::uint64_t minute = 60'000'000'000;
    CHECK(event.at(1).value > before - minute);
    CHECK(event.at(1).value < before + minute);
    auto const found = attributes(event, 6);
    CHECK(found.size() == 9 + 8);
    CHECK(found.at("tool_name") == "s:search \xef\xbf\xbd");
    CHECK(found.at("cache_tier") == "s:cache");
    CHECK(found.at("method") == "s:");
    CHECK(found.at("count") == "d:3ff0000000000000");
    CHECK(found.at("bytes_in") == "d:0000000000000000");
}

TEST_CASE("the JSON of events: numbers are doubles, times and ids are texts, and commas stand between them") {
    lastbyte::Batch<lastbyte::OtlpJsonLogs, Noon> batch{Resource{"x"}, {"lib", "2"}};
    CHECK(batch.request().empty());
    Policy::Ids::restart();
    std::uint64_t ended = 0;
    auto const add = [&](Reading const& done) {
        seed::Plain::Point point;
        point.set<"text">("a \"quote\" \xff");
        point.set<"number">(0.25);
        point.set<"number">(0.0 / (Clock::now() == 0 ? 1.0 : 0.0));  // refused, and counted
        CHECK(batch.add(point.complete(), done));
        ended = Noon::unix_ns();
    };
    {
        Tracer tracer;
        seed::read(tracer, [&](Reading const& done) { add(done), add(done); });
    }
    std::string const record =
        R"({"timeUnixNano":")" + std::to_string(ended) +
        R"(","severityNumber":9,"attributes":[{"key":"text","value":{"stringValue":"a \"quote\" )"
        "\xef\xbf\xbd"
        R"("}},{"key":"more","value":{"stringValue":""}},{"key":"number","value":{"doubleValue":0.25}}],)"
        R"("droppedAttributesCount":1,"traceId":"00000000000000000000000000000001","spanId":"0000000000000001",)"
        R"("eventName":"plain"})";
    CHECK(batch.request() ==
          R"({"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"x"}},)"
          R"({"key":"telemetry.sdk.name","value":{"stringValue":"lastbyte"}},)"
          R"({"key":"telemetry.sdk.language","value":{"stringValue":"cpp"}}]},)"
          R"("scopeLogs":[{"scope":{"name":"lib","version":"2"},"logRecords":[)" +
              record + "," + record + "]}]}]}");
}

TEST_CASE("an event ends with its body, not when it is written") {
    lastbyte::Batch<lastbyte::OtlpLogs, Noon> batch{Resource{"x"}};
    std::uint64_t const began = Noon::unix_ns();
    {
        Tracer tracer;
        auto body = lastbyte::defer_until_consumed(
            tracer.body(seed::Chunks{{"12345"}}, lastbyte::content_length(5)),
            [&](Reading const& done) { batch.add(seed::Plain::Point{}.complete(), done); });
        Clock::advance_ns(500);
        (void)body();
        Clock::advance_ns(1'000'000);
    }
    CHECK(Request{batch.request()}.spans[0].at(1).value == began + 500);
}

TEST_CASE("an event of a trace without memory has the present time, and no ids") {
    lastbyte::Batch<lastbyte::OtlpLogs, Noon> batch{Resource{"x"}};
    Tracer gone;
    Tracer const kept = std::move(gone);
    seed::read(gone, [&](Reading const& done) { CHECK(batch.add(seed::Plain::Point{}.complete(), done)); });
    Request const request{batch.request()};
    CHECK(request.spans[0].at(1).value == Noon::unix_ns());
    CHECK(request.spans[0].count(9) == 0);
    CHECK(request.spans[0].count(10) == 0);
}
