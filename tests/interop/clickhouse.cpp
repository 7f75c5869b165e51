// What clickhouse.py and duckdb.py ask for:
//
//   interop_clickhouse ddl SCHEMA DIALECT [TABLE]              the table's DDL
//   interop_clickhouse points SCHEMA FILE COUNT                rows as stamped NDJSON, over a day and a half
//   interop_clickhouse load SCHEMA DIALECT URL FILE [TABLE]    a file's rows through a pipeline to a server
//   interop_clickhouse write DIALECT URL SPOOL COUNT WRITER    so many calls of one process, with a spool
//
// SCHEMA is calls or hostile; DIALECT is current, 2018, or async (current, and the server joins the inserts). The last
// two print what became of the rows as JSON.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <lastbyte/encode/clickhouse.hpp>
#include <lastbyte/encode/clickhouse_table.hpp>
#include <lastbyte/encode/ndjson.hpp>
#include <lastbyte/encode/stamped.hpp>
#include <lastbyte/lastbyte.hpp>
#include <lastbyte/pipeline/worker.hpp>
#include <lastbyte/transport/file.hpp>
#include <lastbyte/transport/http.hpp>

using lastbyte::after_body, lastbyte::Blob, lastbyte::Double, lastbyte::IndexOf;

namespace {

enum class Source { memory, cache, r2, build, miss };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "file:*">, lastbyte::Never<Source::miss>>>;
    using Hits = lastbyte::Hits<Source::memory, Source::cache, Source::r2>;
};

using Calls = lastbyte::Schema<"tool_calls", Blob<1, "tool_name">, Blob<2, "consumer_label">, Blob<3, "document_uri">,
                               Blob<4, "early_tier">, Blob<5, "cache_tier", after_body>, Blob<6, "outcome", after_body>,
                               Double<1, "count">, Double<2, "duration_ms", after_body>,
                               Double<3, "bytes_out", after_body>, Double<4, "cache_hits", after_body>,
                               Double<5, "cache_lookups", after_body>, IndexOf<1, "consumer_label">>;
using Hostile = lastbyte::Schema<"drop `table` \"x\\", Blob<1, "a \"quoted\\ `name`">, Blob<2, "é🙂\u2028">,
                                 Double<1, "x) --">, Double<2, "whole">>;

struct TestTime {
    static inline std::uint64_t now = 1'763'992'801'000'000'007;  // a Monday, 2025-11-24, 14:00:01
    static std::uint64_t unix_ns() noexcept { return now; }
};

std::string ddl(std::string_view schema, lastbyte::ClickHouseTable const& table) {
    std::string out;
    if (schema == "calls")
        lastbyte::write_clickhouse_table<Calls, lastbyte::OrderBy<"tool_name">, lastbyte::AsString<"document_uri">,
                                         lastbyte::AsInteger<"bytes_out">>(out, table);
    else
        lastbyte::write_clickhouse_table<Hostile, lastbyte::OrderBy<"a \"quoted\\ `name`">,
                                         lastbyte::AsInteger<"whole">>(out, table);
    return out;
}

/// Calls of a server whose index comes from where `draw` says. Each has a body, whose end completes its row.
class Caller {
public:
    template <class Sink>
    void call(Sink& sink, std::uint64_t number, std::string_view consumer) {
        std::uint64_t const draw = lastbyte::detail::mix(number + 1);
        static constexpr char const* tools[] = {"search", "orient", "catalog", "get"};
        static constexpr double usual_ms[] = {0.05, 1.25, 40, 2000};
        auto const tier = draw >> 8 & 3;
        bool const version = (draw & 15) == 0, aborted = (draw >> 20 & 31) == 0, early = (draw >> 25 & 7) == 0;
        double const ms = version ? 0.01 : usual_ms[tier] * (1 + static_cast<double>(draw >> 40 & 1023) / 256);

        lastbyte::Tracer<Telemetry> tracer;
        auto const read_index = [tracer, version, tier] {
            if (!version) tracer.record<"index">(lastbyte::milliseconds(1), static_cast<Source>(tier));
        };
        if (early) read_index();
        Calls::Point point;
        point.set<"tool_name">(version ? "version" : tools[draw >> 4 & 3]);
        point.set<"consumer_label">(consumer);
        point.set<"document_uri">("canon/" + std::to_string(draw >> 32 & 4095) + ".md");
        point.set<"count">(1);
        point.set<"early_tier">(tracer.snapshot().tier<"cache_tier">().value());
        auto body = lastbyte::defer_until_consumed(
            tracer.body([read_index, early, left = 2]() mutable -> std::optional<std::string_view> {
                if (left-- == 0) return std::nullopt;
                if (left == 1 && !early) read_index();
                return "bytes";
            }),
            [&](lastbyte::Reading<Telemetry> const& done) {
                using lastbyte::set;
                sink.write(point.complete(
                    set<"cache_tier">(done.tier<"cache_tier">()), set<"outcome">(done.outcome()),
                    set<"duration_ms">(done.final_value(ms)), set<"bytes_out">(done.final_value(number)),
                    set<"cache_hits">(done.tally().hits()), set<"cache_lookups">(done.tally().lookups())));
            });
        (void)body();
        while (!aborted && body()) {
        }
    }
};

int points(std::string_view schema, char const* path, std::uint64_t count) {
    bool written = true;
    if (schema == "calls") {
        lastbyte::NdjsonSink<Calls, lastbyte::Stamped<lastbyte::FileSink, TestTime>> sink{path};
        Caller caller;
        for (std::uint64_t n = 0; n < count; ++n) {
            caller.call(sink, n, n % 3 == 0 ? "oddkit" : "somebody \"else\"");
            TestTime::now += 129'600'000'000'000 / count;
        }
        written = sink.report().rows_lost == 0;
    } else {
        lastbyte::NdjsonSink<Hostile, lastbyte::Stamped<lastbyte::FileSink, TestTime>> sink{path};
        for (std::string_view const text :
             {"", "plain", "a \"quote\", a \\, a\nnewline,\ttab, \x01, \x7f", "é🙂\u2028`'", "{\"row_id\":1}", "\\N",
              "'; DROP TABLE tool_calls; --"}) {
            Hostile::Point point;
            point.set<"a \"quoted\\ `name`">(text);
            point.set<"é🙂\u2028">(std::string(5000, 'x') + std::string(text));
            point.set<"x) --">(text.size() % 2 == 0 ? -0.1 * static_cast<double>(text.size()) : 5e-324);
            point.set<"whole">(-9'007'199'254'740'992);
            sink.write(point.complete());
            TestTime::now += 1;
        }
        written = sink.report().rows_lost == 0;
    }
    return written ? 0 : 1;
}

lastbyte::ClickHouseDialect dialect_of(std::string_view text) {
    return text == "2018" ? lastbyte::ClickHouseDialect::of_2018 : lastbyte::ClickHouseDialect::current;
}

/// Waits until nothing is left to deliver, and prints what became of all.
template <class Pipeline, class Worker>
int finish(Pipeline& pipeline, Worker& worker) {
    auto const begin = std::chrono::steady_clock::now();
    while (pipeline.report().pending() != 0 && std::chrono::steady_clock::now() - begin < std::chrono::seconds(100))
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    worker.stop(lastbyte::milliseconds(5'000));
    auto const queue = pipeline.report();
    auto const insert = worker.transport()->report();
    char const* separator = "{";
    auto const say = [&](char const* name, std::uint64_t number) {
        std::cout << separator << '"' << name << "\":" << number;
        separator = ",";
    };
    say("offered", queue.offered);
    say("delivered", queue.delivered);
    say("lost", queue.lost());
    say("pending", queue.pending());
    say("balanced", queue.balanced() ? 1 : 0);
    say("failures", queue.failures);
    say("stored", insert.rows_stored);
    say("inserts", insert.inserts);
    say("refused", insert.rows_refused);
    say("refused_row", insert.refused_row);
    say("refused_schema", insert.refused_schema);
    say("refused_access", insert.refused_access);
    say("refused_unstamped", insert.refused_unstamped);
    say("refused_other", insert.refused_other);
    say("later_unreachable", insert.later_unreachable);
    say("later_busy", insert.later_busy);
    say("later_unclear", insert.later_unclear);
    say("last_code", static_cast<std::uint64_t>(insert.last_code));
    std::cout << ",\"last_name\":\"" << insert.last_name << "\",\"http\":\""
              << worker.transport()->transport().error().text << "\"}\n";
    return 0;
}

template <class Schema>
int load(lastbyte::ClickHouseOptions const& options, char const* url, char const* path) {
    using namespace lastbyte;
    using Patient = Pipeline<BlockUpTo<milliseconds(20'000)>>;
    Patient pipeline;
    WorkerOptions const often{
        .batch_bytes = 64 << 10, .first_pause = milliseconds(5), .longest_pause = milliseconds(50)};
    Worker<ClickHouseInsert<Schema, HttpTransport>> worker{pipeline, often, options, url};
    if (!worker) return 3;
    std::ifstream file{path};
    for (std::string line; std::getline(file, line);) pipeline.write(line + "\n");
    return finish(pipeline, worker);
}

int write(lastbyte::ClickHouseOptions const& options, char const* url, char const* spool, std::uint64_t count,
          char const* writer) {
    using namespace lastbyte;
    NdjsonSink<Calls, Stamped<Pipeline<BlockUpTo<milliseconds(60'000)>>>> calls{PipelineOptions{.lane_bytes = 1 << 20}};
    Worker<ClickHouseInsert<Calls, HttpTransport>> worker{
        calls.transport(),
        {.spool = spool, .batch_bytes = 1 << 20, .first_pause = milliseconds(50), .longest_pause = milliseconds(300)},
        options,
        url};
    if (!worker) return 3;
    Caller caller;
    for (std::uint64_t n = 0; n < count; ++n) caller.call(calls, n, writer);
    return finish(calls.transport(), worker);
}

}  // namespace

int main(int count, char** arguments) {
    auto const argument = [&](int i) { return i < count ? arguments[i] : ""; };
    std::string_view const what = argument(1), schema = argument(2);
    if (what == "ddl" && count >= 4) {
        std::cout << ddl(schema, {.table = argument(4), .ttl_days = 20'000, .dialect = dialect_of(argument(3))})
                  << '\n';
        return 0;
    }
    if (what == "points" && count == 5) return points(schema, argument(3), std::strtoull(argument(4), nullptr, 10));
    if (what == "load" && count >= 6) {
        lastbyte::ClickHouseOptions const options{.table = argument(6),
                                                  .async_insert = std::string_view{argument(3)} == "async",
                                                  .dialect = dialect_of(argument(3))};
        return schema == "calls" ? load<Calls>(options, argument(4), argument(5))
                                 : load<Hostile>(options, argument(4), argument(5));
    }
    if (what == "write" && count == 7)
        return write({.dialect = dialect_of(argument(2))}, argument(3), argument(4),
                     std::strtoull(argument(5), nullptr, 10), argument(6));
    std::cerr << "the head of clickhouse.cpp says what can be asked for\n";
    return 2;
}
