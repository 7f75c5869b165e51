// Three requests with every kind of fact, as OTLP or as Chrome trace events, on standard output.
//
//     traces otlp | otlp_json | otlp_logs | otlp_logs_json | chrome
//
// Clock, ids and time of day are counted, so that what reads the output knows each number of it.
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <lastbyte/encode/chrome_trace.hpp>
#include <lastbyte/encode/otlp.hpp>
#include <lastbyte/encode/otlp_json.hpp>
#include <lastbyte/encode/otlp_logs.hpp>
#include <lastbyte/encode/otlp_logs_json.hpp>
#include <lastbyte/lastbyte.hpp>

#include "../unit/seed.hpp"

namespace {

enum class Source { memory, cache, r2, build, miss };

using Clock = lastbyte::ManualClock<struct Counted>;
struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "file:*">, lastbyte::Never<Source::miss>>>;
    using Hits = lastbyte::Hits<Source::memory, Source::cache>;
    using Clock = ::Clock;
    using Ids = lastbyte::SequentialIds<struct Counted>;
    static constexpr std::size_t max_spans = 8;
};

/// 2023-11-15, 00:00:00 UTC, and what the clock has counted since.
struct WallClock {
    static std::uint64_t unix_ns() noexcept { return 1'700'006'400'000'000'000 + Clock::now(); }
};
lastbyte::Resource const resource{"oddkit", {{"service.version", "1.4.0"}, {"process.pid", 4711}}};
lastbyte::Scope const scope{"tool \"server\"", "0.1"};

template <class Write>
void requests(Write write) {
    std::string const hostile = "a \"quote\", a \\, a\nnewline, \x01, \xff no UTF-8, \xf0\x9f\x98\x80";
    lastbyte::Tracer<Telemetry> search;
    auto body = lastbyte::defer_until_consumed(
        search.body([search, hostile, n = 0]() mutable -> std::optional<std::string> {
            if (n++ == 1) return std::nullopt;
            Clock::advance_ns(1'001);
            auto span = search.span<"file:*">(hostile);
            span.source(Source::r2).detail("zip-extract").attribute<"rows">(-12);
            span.attribute<"ratio">(0.1);
            span.attribute<"fresh">(true);
            span.attribute<"hash">(~std::uint64_t{0});
            span.attribute<"text">(hostile);
            span.link({{0x0102'0304'0506'0708, 9}, {~std::uint64_t{1}}, 1}).link({{0, 3}, {15}});
            Clock::advance_ns(2'000'000);
            span.event<"retry">();
            span.event<"over the bound">();
            auto decode = span.child<"decode">();
            decode.event<"retry", "attempt", "why", "ratio", "again", "hash">(-2, hostile, 0.1, true, ~std::uint64_t{0});
            Clock::advance_ns(30'000);
            decode.event<"done">();
            return "0123456789";
        }),
        [&](lastbyte::Reading<Telemetry> const& done) {
            write(done, "POST /mcp",
                  {{"http.request.method", "POST"}, {"http.route", "/mcp"}, {"http.response.status_code", 200}});
        });

    // Overlaps the first, runs two things at once, fails, and its reader leaves.
    lastbyte::Tracer<Telemetry> build;
    {
        auto aborted = lastbyte::defer_until_consumed(build.body(seed::Chunks{{"abc", "def"}}), [&](auto const& done) {
            write(done, "GET /build", {{"http.request.method", "GET"}, {"http.response.status_code", 503}});
        });
        Clock::advance_ns(10);
        auto left = build.async_span<"index">();
        Clock::advance_ns(10);
        auto right = build.async_span<"index">();
        Clock::advance_ns(500);
        left.source(Source::miss);
        left.end();
        try {
            build.trace<"compile">([&](auto& span) {
                span.template event<"tried">().link({{0, 1}, {14}});
                Clock::advance_ns(7);
                throw std::runtime_error{hostile};
            });
        } catch (std::runtime_error const&) {
        }
        right.source(Source::build).link({});  // to no span
        right.end();
        for (int i = 0; i < 7; ++i) build.record<"over">(lastbyte::Nanoseconds{5}, Source::memory);
        (void)aborted();
    }
    while (body()) {
    }

    Clock::advance_ns(1'000'000);
    lastbyte::Tracer<Telemetry> head;
    auto none = lastbyte::defer_until_consumed(head.body(std::string{}, lastbyte::no_body),
                                               [&](auto const& done) { write(done, "HEAD /docs", {}); });
}

struct StandardOutput {
    bool write(std::string_view line) noexcept {
        std::cout << line << '\n';
        return true;
    }
};

using Given = std::initializer_list<lastbyte::Attribute>;

template <class Format>
int write_batch() {
    lastbyte::Batch<Format, WallClock> batch{resource, scope};
    requests([&](auto const& done, std::string_view name, Given given) { batch.add(done, name, given); });
    std::cout << batch.request();
    return batch.report().taken == 3 ? 0 : 1;
}

using ToolCall =
    lastbyte::Schema<"tool_calls", lastbyte::Blob<1, "tool_name">,
                     lastbyte::Blob<2, "cache_tier", lastbyte::after_body>, lastbyte::Double<1, "count">,
                     lastbyte::Double<2, "bytes_out", lastbyte::after_body>, lastbyte::IndexOf<1, "tool_name">>;

template <class Format>
int write_logs() {
    lastbyte::Batch<Format, WallClock> batch{resource, scope};
    requests([&](auto const& done, std::string_view name, Given) {
        ToolCall::Point point;
        point.set<"tool_name">(name);
        point.set<"count">(1);
        batch.add(point.complete(lastbyte::set<"cache_tier">(done.template tier<"cache_tier">()),
                                 lastbyte::set<"bytes_out">(done.bytes())),
                  done);
    });
    std::cout << batch.request();
    return batch.report().taken == 3 ? 0 : 1;
}

int write_chrome() {
    lastbyte::ChromeTrace<StandardOutput, WallClock> chrome{"oddkit"};
    requests([&](auto const& done, std::string_view name, Given given) { chrome.add(done, name, given); });
    return chrome.report().traces == 3 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::string_view const what = argc == 2 ? argv[1] : "";
    if (what == "otlp") return write_batch<lastbyte::OtlpProtobuf>();
    if (what == "otlp_json") return write_batch<lastbyte::OtlpJson>();
    if (what == "otlp_logs") return write_logs<lastbyte::OtlpLogs>();
    if (what == "otlp_logs_json") return write_logs<lastbyte::OtlpJsonLogs>();
    if (what == "chrome") return write_chrome();
    std::cerr << "traces: give one of: otlp, otlp_json, otlp_logs, otlp_logs_json, chrome\n";
    return 2;
}
