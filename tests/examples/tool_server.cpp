// A documentation server whose tools do their work while the response streams, and telemetry that is right nevertheless.
//
//     c++ -std=c++20 -O2 -pthread -Iinclude tests/examples/tool_server.cpp -o tool_server && ./tool_server
//
// Read it from top to bottom. The first three parts are the telemetry, and what a server of your own would copy:
//   1. the policy: where things are served from, and the question that is asked of every request
//   2. the data point: one row per request, and which of its fields exist only after the last byte
//   3. the backends: a trace viewer's file, OpenTelemetry, ClickHouse, metrics; none of them ever slows a request
//   4. the response: how a body is bound to its trace, and what happens when it is over
//   5. the work: an index and files that live in several tiers, with spans where they are fetched
//   6. the tools: coroutines that run while the client reads
//   7. the handler: finds the tool, and returns before it has begun
//   8. the program: drives itself through a real socket, or listens
//
// HTTP, MCP, JSON and the documents are in the headers beside this file and know nothing of telemetry.

#include <lastbyte/encode/chrome_trace.hpp>
#include <lastbyte/encode/clickhouse.hpp>
#include <lastbyte/encode/clickhouse_table.hpp>
#include <lastbyte/encode/html_report.hpp>
#include <lastbyte/encode/ndjson.hpp>
#include <lastbyte/encode/otlp.hpp>
#include <lastbyte/encode/prometheus.hpp>
#include <lastbyte/encode/stamped.hpp>
#include <lastbyte/lastbyte.hpp>
#include <lastbyte/pipeline/worker.hpp>
#include <lastbyte/telemetry/data_point.hpp>
#include <lastbyte/telemetry/rollup.hpp>
#include <lastbyte/transport/file.hpp>
#include <lastbyte/transport/http.hpp>

#include "deliveries.hpp"
#include "documents.hpp"
#include "drive.hpp"
#include "http_server.hpp"
#include "index.hpp"
#include "mcp.hpp"
#include "options.hpp"
#include "pieces.hpp"
#include "report.hpp"

#include <csignal>
#include <fstream>

namespace {

constexpr std::string_view server_version = "1.0.0";

// ---------------------------------------------------------------------------------------------------------------------
// 1. The policy

/// Where something was served from. Here: `memory` is this process; `cache` is what an earlier run left on disk under
/// --out; `r2`, in production an object store, is the directory of documents itself; `build` is made from scratch;
/// `miss` is a place that was looked into in vain. `kv` and `github` are other servers' tiers: one enum for the whole
/// fleet keeps one dashboard.
enum class Source { memory, cache, r2, kv, github, build, miss };

struct Telemetry : lastbyte::DefaultPolicy {
    /// "Which tier served this request?": the first of these spans that found something answers.
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier",  //
                                    lastbyte::On<"index", "index-build", "file:*">, lastbyte::Never<Source::miss>>>;
    using Hits = lastbyte::Hits<Source::memory, Source::cache, Source::r2, Source::kv>;
};
using Tracer = lastbyte::Tracer<Telemetry>;    // writes, can't read
using Reading = lastbyte::Reading<Telemetry>;  // reads, exists only after the last byte

// ---------------------------------------------------------------------------------------------------------------------
// 2. The data point

using lastbyte::after_body, lastbyte::Blob, lastbyte::Double, lastbyte::IndexOf;
using ToolCall = lastbyte::Schema<
    "tool_calls",  //
    Blob<1, "event_type">, Blob<2, "method">, Blob<3, "tool_name">, Blob<4, "consumer_label">,
    Blob<5, "consumer_source">, Blob<6, "knowledge_base_url">, Blob<7, "document_uri">, Blob<8, "worker_version">,
    Blob<9, "cache_tier", after_body>, Blob<10, "outcome", after_body>,  //
    Double<1, "count">, Double<2, "duration_ms", after_body>, Double<3, "bytes_in">, Double<4, "bytes_out", after_body>,
    Double<5, "tokens_in">, Double<6, "tokens_out", after_body>, Double<7, "cache_hits", after_body>,
    Double<8, "cache_lookups", after_body>, Double<9, "time_to_first_byte_ms", after_body>,  //
    IndexOf<1, "consumer_label">>;

/// What is known of a request when its handler returns.
struct Call {
    std::size_t number = 0;  // the self-drive's own, so that it can find the request again
    std::string_view event_type = "mcp_request";
    std::string method;
    std::string tool;
    std::string consumer;
    std::string_view consumer_source = "none";
    std::string document_uri;
    std::size_t bytes_in = 0;
    int status = 0;
    std::optional<lastbyte::Provisional<lastbyte::Tier<Source>>> early;  // what a read at the handler's end said
};

/// Tokens of a language model, as a rule of thumb.
constexpr auto tokens_of = [](std::uint64_t bytes) { return (bytes + 3) / 4; };

/// Adds up in the process, in memory of a fixed size: what Prometheus scrapes from /metrics.
using ByTool = lastbyte::Rollup<ToolCall, lastbyte::By<"tool_name", "cache_tier">, lastbyte::ErrorType<"outcome">,
                                lastbyte::Distribution<"duration_ms", "http.server.request.duration">,
                                lastbyte::Sum<"bytes_out", "http.server.response.body.size", lastbyte::Unit::bytes>>;
ByTool by_tool;

/// And what a browser shows at /report.
constinit lastbyte::HtmlReport<Telemetry, "cache_tier"> html;
std::mutex html_lock;

std::string html_page() {
    std::string page;
    std::lock_guard const lock{html_lock};
    return lastbyte::write_html_report(page, html, "lastbyte example server");
}

// ---------------------------------------------------------------------------------------------------------------------
// 3. The backends
//
// A request encodes its trace and copies it into bounded memory (a Pipeline): no lock that a backend holds, no socket, no
// disk. A thread for each backend (a Worker) carries it on, and what can't be delivered waits in a file (its spool) for
// the backend, or for the next run. What was lost all the same is counted by its cause.

/// `--chrome FILE`: a file for ui.perfetto.dev.
struct ChromeFile {
    explicit ChromeFile(std::string const& path) : worker{trace.transport(), {}, path} {
        if (!*worker.transport()) {
            throw std::runtime_error{worker.transport()->transport().error().text};
        }
    }
    void add(Call const& call, Reading const& done) {
        std::lock_guard const lock{mutex};  // its lanes are one thread's at a time
        trace.add(done, call.tool, {{"http.response.status_code", call.status}, {"consumer", call.consumer}});
    }
    void finish(lastbyte::Nanoseconds within) {
        worker.flush(within);
        trace.close();  // ends the JSON array
        worker.stop(within);
    }

    std::mutex mutex;
    lastbyte::ChromeTrace<lastbyte::Pipeline<>> trace{"lastbyte-example"};
    lastbyte::Worker<lastbyte::ChromeLines<lastbyte::FileSink>> worker;
};

/// `--otlp URL`: spans for every collector that speaks OTLP/HTTP.
struct OtlpCollector {
    OtlpCollector(std::string const& url, docs::fs::path const& spool)
        : worker{traces, spooling(spool), url, lastbyte::HttpOptions{.content_type = "application/x-protobuf"}} {
        refuse_bad_url(*worker.transport());
        warn_without_spool(worker.status(), spool);
    }
    void add(Call const& call, Reading const& done) {
        static constexpr lastbyte::Resource self{"lastbyte-example", {{"service.version", server_version}}};
        thread_local lastbyte::OtlpBatch batch{self};  // of one trace: requests of a collector may be joined as they are
        batch.clear();
        batch.add(done, call.tool, {{"http.response.status_code", call.status}, {"consumer", call.consumer}});
        traces.write(batch.request());
    }

    lastbyte::Pipeline<> traces;
    lastbyte::Worker<lastbyte::HttpTransport> worker;
};

/// `--clickhouse URL`: a row a request. Creates their table before the first ones, whenever the server is there.
class RowsAndTable {
public:
    explicit RowsAndTable(std::string const& url) : insert_{url} {
        lastbyte::write_clickhouse_table<ToolCall, lastbyte::OrderBy<"tool_name">, lastbyte::AsString<"document_uri">>(
            table_);
    }
    lastbyte::ClickHouseResult write(std::string_view rows) noexcept {
        if (!table_.empty()) {
            auto const answer = insert_.transport().post("/", table_);
            if (answer.worth_retrying()) {
                return {lastbyte::ClickHouseCause::unreachable, 0, answer.retry_after_ns()};
            }
            table_.clear();  // if it was refused, the table may be there nevertheless
        }
        return insert_.write(rows);
    }
    lastbyte::ClickHouseInsert<ToolCall, lastbyte::HttpTransport> const& insert() const { return insert_; }

private:
    lastbyte::ClickHouseInsert<ToolCall, lastbyte::HttpTransport> insert_;
    std::string table_;
};

struct ClickHouse {
    ClickHouse(std::string const& url, docs::fs::path const& spool) : worker{rows.transport(), spooling(spool), url} {
        refuse_bad_url(worker.transport()->insert().transport());
        warn_without_spool(worker.status(), spool);
    }

    // Each row has its time and an identity, so that one that is sent twice is stored once.
    lastbyte::NdjsonSink<ToolCall, lastbyte::Stamped<lastbyte::Pipeline<>>> rows;
    lastbyte::Worker<RowsAndTable> worker;
};

/// Those that were asked for.
class Backends {
public:
    explicit Backends(Options const& options)
        : options_{options}, otlp_spool_{options.out / "otlp.spool"}, rows_spool_{options.out / "clickhouse.spool"} {
        if (!options.otlp.empty()) {
            otlp_.emplace(options.otlp, otlp_spool_);
        }
        if (!options.clickhouse.empty()) {
            rows_.emplace(options.clickhouse, rows_spool_);
        }
        if (!options.chrome.empty()) {
            docs::fs::remove(options.chrome);  // an array ends once
            chrome_.emplace(options.chrome);
        }
    }

    void add(Call const& call, Reading const& done, ToolCall::Row const& row) {
        if (chrome_) {
            chrome_->add(call, done);
        }
        if (otlp_) {
            otlp_->add(call, done);
        }
        if (rows_) {
            rows_->rows.write(row);
        }
        by_tool.add(row, done.trace_id());
    }

    /// For Prometheus, or as OpenMetrics with exemplars for whoever accepts that.
    std::string metrics(lastbyte::MetricsFormat format) const {
        std::string page;
        lastbyte::write_metrics(page, format, by_tool, lastbyte::ledger<Telemetry>(), reports());
        return page;
    }

    /// When every body is over: delivers what is left, each within its time, and says what became of it all.
    void finish(lastbyte::Nanoseconds within) {
        if (chrome_) {
            chrome_->finish(within);
            tell({"chrome", "lines", options_.chrome, chrome_->trace.transport().report(), {},
                  chrome_->worker.transport()->transport().error().text});
        }
        if (otlp_) {
            otlp_->worker.stop(within);
            tell({"otlp", "traces", options_.otlp, otlp_->traces.report(), otlp_spool_,
                  otlp_->worker.transport()->error().text});
        }
        if (rows_) {
            rows_->worker.stop(within);
            auto const& insert = rows_->worker.transport()->insert();
            auto const said = insert.report();
            auto const report = rows_->rows.transport().report();
            std::string problem{insert.transport().error().text};
            for (auto const words : {said.last_name, said.last_help})
                if (!words.empty()) problem.append(" ").append(words);
            tell({"clickhouse", "rows", options_.clickhouse, report, rows_spool_, std::move(problem),
                  said.rows_refused - report.refused});
        }
    }

private:
    std::vector<lastbyte::NamedPipeline<lastbyte::PipelineReport>> reports() const {
        std::vector<lastbyte::NamedPipeline<lastbyte::PipelineReport>> all;
        if (chrome_) {
            all.push_back({"chrome", chrome_->trace.transport().report()});
        }
        if (otlp_) {
            all.push_back({"otlp", otlp_->traces.report()});
        }
        if (rows_) {
            all.push_back({"clickhouse", rows_->rows.transport().report()});
        }
        return all;
    }

    Options const& options_;
    docs::fs::path otlp_spool_, rows_spool_;
    std::optional<ChromeFile> chrome_;
    std::optional<OtlpCollector> otlp_;
    std::optional<ClickHouse> rows_;
};

/// Where points, traces and the report's entries go. Shared by all threads and by every server of this run.
struct Books {
    Books(Options const& options, std::string documents_url)
        : points{(options.out / "points.ndjson").c_str()}, traces{(options.out / "traces.ndjson").c_str()},
          backends{options}, knowledge_base_url{std::move(documents_url)} {}

    /// Called once for each request, when its body is over. There is no way to get here earlier: the point can't be
    /// completed without values that only a Reading gives.
    void close(Call const& call, Reading const& done) {
        ToolCall::Point point;
        point.set<"event_type">(call.event_type);
        point.set<"method">(call.method);
        point.set<"tool_name">(call.tool);
        point.set<"consumer_label">(call.consumer);
        point.set<"consumer_source">(call.consumer_source);
        point.set<"knowledge_base_url">(knowledge_base_url);
        point.set<"document_uri">(call.document_uri);
        point.set<"worker_version">(server_version);
        point.set<"count">(1);
        point.set<"bytes_in">(call.bytes_in);
        point.set<"tokens_in">(tokens_of(call.bytes_in));
        auto const row = point.complete(lastbyte::set<"cache_tier">(done.tier<"cache_tier">()),
                                        lastbyte::set<"outcome">(done.outcome()),
                                        lastbyte::set<"duration_ms">(done.duration_ms()),
                                        lastbyte::set<"time_to_first_byte_ms">(done.time_to_first_byte_ms()),
                                        lastbyte::set<"bytes_out">(done.bytes()),
                                        lastbyte::set<"tokens_out">(done.bytes().map(tokens_of)),
                                        lastbyte::set<"cache_hits">(done.tally().hits()),
                                        lastbyte::set<"cache_lookups">(done.tally().lookups()));
        points.write(row);
        backends.add(call, done, row);
        std::string trace;
        done.write_json(trace, lastbyte::JsonDetail::full);
        traces.write(trace);

        {
            std::lock_guard const lock{html_lock};
            html.add(done, call.tool, *call.early);
        }
        report.add({call.number, call.tool, done.tier<"cache_tier">().value().name(), call.early->value().name(),
                    name(done.outcome().value()), done.bytes(), done.duration_ms(), done.time_to_first_byte_ms(),
                    done.tally().hits(), done.tally().lookups()});
    }

    lastbyte::NdjsonSink<ToolCall, lastbyte::FileSink> points;
    lastbyte::FileSink traces;
    Backends backends;
    std::string knowledge_base_url;
    Report report;
};

// ---------------------------------------------------------------------------------------------------------------------
// 4. The response

/// What a request is answered with, before it is bound to its trace.
struct Answer {
    int status = 200;
    std::string_view content_type = "text/plain; charset=utf-8";
    std::optional<std::size_t> length{};  // known: a sized body; unknown: chunked
    Pieces body;                          // not begun
    http::Fields headers{};
    std::shared_ptr<std::stop_source> running{};  // of a call that a later message can take back
};

/// The server knows why it gave up on a body, and the body doesn't.
lastbyte::Outcome outcome_of(http::EarlyEnd why) {
    switch (why) {
        case http::EarlyEnd::client_stuck: return lastbyte::Outcome::timed_out;
        case http::EarlyEnd::server_stopped: return lastbyte::Outcome::shutdown;
        case http::EarlyEnd::client_left: break;
    }
    return lastbyte::Outcome::aborted;
}

/// The end of every handler. The body that goes to the server looks like the one that came from the tool; when it is
/// over, however it ends and on whatever thread, the callback gets the Reading, once.
http::Response respond(Answer answer, Call call, Tracer const& tracer, bool head_only, Books& books) {
    // Here most instrumentations read, and nothing has happened yet. A Snapshot shows what they would have seen.
    call.early = tracer.snapshot().tier<"cache_tier">();
    call.status = answer.status;

    auto const cancelled = answer.running ? answer.running->get_token() : std::stop_token{};
    http::Response response{answer.status, std::move(answer.headers), answer.length, {}, cancelled};
    if (!answer.content_type.empty()) {
        response.headers.emplace_back("Content-Type", answer.content_type);
    }
    auto const send = [&](auto option) {
        auto body = lastbyte::defer_until_consumed(
            tracer.body(std::move(answer.body), option),
            [&books, call = std::move(call), running = std::move(answer.running)](Reading const& done) {
                books.close(call, done);
            });
        response.body = {std::move(body), [tracer](http::EarlyEnd why) { tracer.note_end(outcome_of(why)); }};
    };
    if (head_only || answer.length == std::size_t{0}) {
        send(lastbyte::no_body);
    } else if (answer.length) {
        send(lastbyte::content_length(*answer.length));
    } else {
        send(lastbyte::cancelled_by(cancelled));
    }
    return response;
}

// ---------------------------------------------------------------------------------------------------------------------
// 5. The work, and where it is traced

/// The index, from the nearest tier that has it. A label says what was fetched, a source from where. A tier without it
/// records a `miss`, which the rule passes over: it says where the index was not.
std::shared_ptr<docs::Index const> index_of(docs::IndexShelf& shelf, Tracer const& tracer) {
    std::unique_lock<std::mutex> filling;
    {
        auto span = tracer.span<"index">();
        if (auto index = shelf.in_memory()) {
            span.source(Source::memory);
            return index;
        }
        filling = shelf.one_at_a_time();
        if (auto index = shelf.in_memory()) {
            span.source(Source::memory).detail("waited for another request");
            return index;
        }
        if (auto index = shelf.load()) {
            span.source(Source::cache);
            return index;
        }
        span.source(Source::miss);
    }
    // A call is traced, result and exception passed on.
    return tracer.trace<"index-build">(
        [&](auto& span) {
            auto index = shelf.build();
            span.template attribute<"documents">(index->documents().size());
            return index;
        },
        Source::build);
}

/// The text of a document that fits into memory, nothing for a larger one. `"file:*"` is a family of labels: the path
/// is given at run time, and the rule knows them all.
std::shared_ptr<std::string const> text_of(docs::Folder& folder, std::string const& path, Tracer const& tracer) {
    return tracer.trace<"file:*">(path, [&](auto& span) -> std::shared_ptr<std::string const> {
        if (auto text = folder.in_memory(path)) {
            span.source(Source::memory);
            return text;
        }
        auto file = folder.open(path);
        if (file.entry().bytes > docs::Folder::whole_bytes) {
            return nullptr;
        }
        span.source(Source::r2);
        std::string text;
        while (text.size() <= docs::Folder::whole_bytes && file.read(text, docs::Folder::whole_bytes)) {
        }
        return folder.keep(file.entry(), std::move(text));
    });
}

// ---------------------------------------------------------------------------------------------------------------------
// 6. The tools: each is a coroutine, so that nothing of it runs before the body is pulled

struct Workplace {
    docs::Folder& folder;
    docs::IndexShelf& shelf;
};

Pieces search(Workplace at, mcp::Arguments arguments, Tracer tracer) {
    auto action = tracer.span<"action:*">("search");
    auto const inside = action.tracer();  // its spans have `action` as their parent
    auto const index = index_of(at.shelf, inside);
    auto const query = arguments.text("q");
    auto const hits = index->find(query, static_cast<std::size_t>(arguments.number("limit", 1, 1000, 10)));
    action.attribute<"hits">(hits.size());
    co_yield std::to_string(hits.size()) + " of " + std::to_string(index->documents().size()) + " documents\n";
    for (auto const& [document, score] : hits) {
        std::string out = document->path + ": " + document->title + '\n';
        try {
            if (auto const text = text_of(at.folder, document->path, inside)) {
                out += docs::lines_with(*text, query, 3);
            }
        } catch (docs::NoDocument const&) {
            out += "    (gone since it was indexed)\n";
        }
        co_yield out;
    }
}

Pieces orient(Workplace at, mcp::Arguments, Tracer tracer) {
    auto action = tracer.span<"action:*">("orient");
    auto const index = index_of(at.shelf, action.tracer());
    std::map<std::string_view, std::pair<std::size_t, std::uint64_t>> folders;
    for (auto const& document : index->documents()) {
        std::string_view const path = document.path;
        auto const slash = path.find('/');
        auto& [count, bytes] = folders[slash == std::string_view::npos ? "." : path.substr(0, slash)];
        ++count;
        bytes += document.bytes;
    }
    co_yield std::to_string(index->documents().size()) + " documents, " + std::to_string(index->words()) + " words\n";
    for (auto const& [name, sum] : folders) {
        auto const& [count, bytes] = sum;
        co_yield std::string{name} + ": " + std::to_string(count) + " documents, " + std::to_string(bytes) + " bytes\n";
    }
    co_yield std::string_view{"Begin with:\n"};
    for (auto const& [document, score] : index->find("readme overview introduction start", 5)) {
        co_yield "  " + document->path + ": " + document->title + '\n';
    }
}

Pieces catalog(Workplace at, mcp::Arguments arguments, Tracer tracer) {
    auto action = tracer.span<"action:*">("catalog");
    auto const index = index_of(at.shelf, action.tracer());
    auto const prefix = arguments.text("prefix");
    std::string out;
    for (auto const& document : index->documents()) {
        if (document.path.starts_with(prefix)) {
            out += document.path + '\t' + std::to_string(document.bytes) + '\t' + document.title + '\n';
        }
        if (out.size() >= 4096) {
            co_yield out;
            out.clear();
        }
    }
    co_yield out;
}

/// `file:PATH` is the fast path, which never loads the index; a name is looked up in it. The rule has both in it, so
/// both report a tier.
Pieces get(Workplace at, mcp::Arguments arguments, Tracer tracer) {
    auto action = tracer.span<"action:*">("get");
    auto const inside = action.tracer();
    std::string path = arguments.text("uri");
    if (path.starts_with("file:")) {
        path.erase(0, 5);
    } else {
        auto const index = index_of(at.shelf, inside);
        auto const* const document = index->named(path);
        if (document == nullptr) {
            throw docs::NoDocument{"no document is called " + path};
        }
        path = document->path;
    }
    if (auto const text = text_of(at.folder, path, inside)) {
        co_yield *text;
        co_return;
    }
    // Too large to be kept: a span may stay open across pieces. Its time is then the client's, too.
    auto span = inside.span<"file:*">(path);
    span.source(Source::r2).detail("streamed");
    auto file = at.folder.open(path);
    for (std::string piece; file.read(piece, 64 << 10); piece.clear()) {
        co_yield piece;
    }
}

/// Knows its answer by heart. It records a source too, but under a label that the rule doesn't ask about.
Pieces version(Workplace at, mcp::Arguments, Tracer tracer) {
    auto action = tracer.span<"action:*">("version");
    std::string out = "lastbyte example server " + std::string{server_version} + '\n';
    {
        auto span = action.child<"revision:*">("documents");
        auto const index = at.shelf.in_memory();
        span.source(index ? Source::memory : Source::miss);
        out += "documents: " + (index ? std::to_string(index->fingerprint()) : std::string{"not read yet"}) + '\n';
    }
    co_yield out;
}

Pieces time_of_day(Workplace, mcp::Arguments arguments, Tracer tracer) {
    auto action = tracer.span<"action:*">("time");
    auto const ticks = arguments.number("ticks", 1, 1000, 1);
    std::chrono::milliseconds const every{arguments.number("every_ms", 0, 1000, 100)};
    for (long i = 0; i < ticks; ++i) {
        if (i > 0) {
            std::this_thread::sleep_for(every);
        }
        std::time_t const now = std::time(nullptr);
        std::tm utc{};
        ::gmtime_r(&now, &utc);
        std::array<char, 32> text{};
        std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ\n", &utc);
        co_yield std::string_view{text.data()};
    }
}

struct Tool {
    std::string_view name;
    std::string_view description;
    std::vector<mcp::Parameter> parameters;
    Pieces (*run)(Workplace, mcp::Arguments, Tracer);
};

std::vector<Tool> const& tools() {
    static std::vector<Tool> const all{
        {"search", "Finds documents by words.",
         {{"q", "string", true, "the words"}, {"limit", "integer", false, "how many documents at most (10)"}}, search},
        {"orient", "Says what is here and where to begin.", {}, orient},
        {"catalog", "Lists the documents: path, bytes, title.",
         {{"prefix", "string", false, "only paths that begin so"}}, catalog},
        {"get", "Gives one document.", {{"uri", "string", true, "file:PATH, or a title or file name"}}, get},
        {"version", "Says what runs here.", {}, version},
        {"time", "Says what time it is, as often as asked.",
         {{"ticks", "integer", false, "how often (1)"}, {"every_ms", "integer", false, "pause between two (100)"}},
         time_of_day},
    };
    return all;
}

Tool const* tool_called(std::string_view name) {
    for (Tool const& tool : tools()) {
        if (tool.name == name) {
            return &tool;
        }
    }
    return nullptr;
}

/// A text that is there already, as a body.
Pieces once(std::string text) { co_yield text; }

/// A tool's text as it comes. With `with_trace` the body ends with its own trace: the producer knows that its work is
/// over, and `seal` takes its word. A handler that tried the same would be refused: nothing has been produced yet.
Pieces as_text(Pieces work, Tracer tracer, bool with_trace) {
    std::string last;
    try {
        while (auto const piece = work()) {
            co_yield *piece;
        }
    } catch (docs::NoDocument const& error) {
        // The status is on its way since before the work began: the text has to say it.
        last = "error: " + std::string{error.what()} + '\n';
    }
    if (with_trace) {
        tracer.seal([&](lastbyte::Sealed<Telemetry> const& sealed) { sealed.write_json(last); });
        last += '\n';
    }
    co_yield last;
}

/// The same as a JSON-RPC answer, in one server-sent event that is written while the work goes on; a client that asked
/// for progress gets an event for each piece instead, and then the answer. What stands in its debug envelope comes from
/// a Snapshot, and says in its JSON that it is provisional.
Pieces as_result(Pieces work, Tracer tracer, std::string id, bool event_stream, std::string progress_token) {
    std::string out = event_stream ? "event: message\ndata: " : "";
    out += R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{"content":[{"type":"text","text":")";
    json::StringWriter text;
    bool is_error = false;
    std::size_t pieces = 0;
    try {
        while (auto const piece = work()) {
            text.append(out, *piece);
            if (event_stream && !progress_token.empty()) {
                co_yield mcp::progress(progress_token, ++pieces);
                continue;
            }
            co_yield out;
            out.clear();
        }
    } catch (docs::NoDocument const& error) {
        text.append(out, error.what());
        is_error = true;
    }
    text.finish(out);
    out += R"("}],"isError":)" + std::string{is_error ? "true" : "false"} + R"(,"_meta":{"trace":)";
    tracer.snapshot().write_json(out);
    out += event_stream ? "}}}\n\n" : "}}}";
    co_yield out;
}

// ---------------------------------------------------------------------------------------------------------------------
// 7. The handler

Answer text_answer(int status, std::string text, std::string_view content_type = "text/plain; charset=utf-8") {
    auto const length = text.size();
    return {.status = status, .content_type = content_type, .length = length, .body = once(std::move(text))};
}

class ToolServer {
public:
    ToolServer(docs::Folder& folder, docs::IndexShelf& shelf, Books& books) : at_{folder, shelf}, books_{books} {}

    http::Response handle(http::Request const& request) {
        ++handled_;
        Tracer tracer;
        Call call = described(request);
        Answer answer = answered(request, call, tracer);  // the tool has not begun
        return respond(std::move(answer), std::move(call), tracer, request.method == "HEAD", books_);
    }

    std::size_t handled() const { return handled_.load(); }

private:
    /// Who asks: what they say themselves, what their session said, or what their software is called.
    Call described(http::Request const& request) const {
        Call call;
        std::string_view const number = request.header("X-Request-Number");
        std::from_chars(number.data(), number.data() + number.size(), call.number);
        call.method = request.method;
        call.bytes_in = request.method == "POST" ? request.body.size() : request.target.size();
        auto const session = sessions_.client_of(request.header("Mcp-Session-Id"));
        std::string_view const agent = request.header("User-Agent");
        if (auto const label = request.header("X-Consumer"); !label.empty()) {
            call.consumer = label;
            call.consumer_source = "header";
        } else if (session) {
            call.consumer = *session;
            call.consumer_source = "client_info";
        } else if (!agent.empty()) {
            call.consumer = agent.substr(0, agent.find('/'));
            call.consumer_source = "user_agent";
        }
        return call;
    }

    Answer answered(http::Request const& request, Call& call, Tracer const& tracer) {
        // A page in a browser may post to loopback too: only pages from here may.
        if (auto const origin = request.header("Origin"); !origin.empty() && !http::is_local(origin)) {
            return refused(403, "requests from other sites' pages are refused\n", call);
        }
        if (request.path == "/mcp") {
            if (request.method == "POST") {
                return protocol(request, call, tracer);
            }
            if (request.method == "DELETE") {
                sessions_.end(request.header("Mcp-Session-Id"));
                call.tool = "(end of session)";
                return text_answer(204, "", "");
            }
            return refused(405, "POST JSON-RPC messages here\n", call, "POST, DELETE");
        }
        bool const reads = request.method == "GET" || request.method == "HEAD";
        if (request.path == "/" && reads) {
            call.tool = "(page)";
            return text_answer(200, page());
        }
        if (request.path == "/report" && reads) {
            call.tool = "(report)";
            return text_answer(200, html_page(), "text/html; charset=utf-8");
        }
        if (request.path == "/metrics" && reads) {
            call.tool = "(metrics)";
            auto const format = lastbyte::metrics_format_for(request.header("Accept"));
            return text_answer(200, books_.backends.metrics(format), lastbyte::content_type(format));
        }
        if (!request.path.starts_with("/tools/")) {
            return refused(404, "there is nothing here; try /\n", call);
        }
        Tool const* const tool = tool_called(std::string_view{request.path}.substr(7));
        if (tool == nullptr) {
            return refused(404, "no such tool; / lists them\n", call);
        }
        if (!reads) {
            return refused(405, "GET a tool here, or POST to /mcp\n", call, "GET, HEAD");
        }
        mcp::Arguments const arguments{request.query};
        if (auto const problem = mcp::problem_with(arguments, tool->parameters); !problem.empty()) {
            return refused(400, problem + '\n', call);
        }
        return {.body = as_text(begun(*tool, arguments, call, tracer), tracer, !arguments.text("trace").empty())};
    }

    /// The tool's coroutine. Calling it runs nothing of it.
    Pieces begun(Tool const& tool, mcp::Arguments const& arguments, Call& call, Tracer const& tracer) {
        call.event_type = "tool_call";
        call.tool = tool.name;
        call.document_uri = tool.name == "get" ? arguments.text("uri") : "";
        return tool.run(at_, arguments, tracer);
    }

    static Answer refused(int status, std::string text, Call& call, std::string_view allow = {}) {
        call.tool = "(" + std::to_string(status) + ")";
        auto answer = text_answer(status, std::move(text));
        if (!allow.empty()) {
            answer.headers.emplace_back("Allow", allow);
        }
        return answer;
    }

    /// POST /mcp
    Answer protocol(http::Request const& request, Call& call, Tracer const& tracer) {
        auto const received = mcp::receive(request, sessions_);
        if (auto const* const refusal = std::get_if<mcp::Refusal>(&received)) {
            call.tool = "(JSON-RPC error)";
            return text_answer(refusal->status, mcp::error(refusal->problem), "application/json");
        }
        auto const& [message, session, event_stream] = std::get<mcp::Received>(received);
        call.method = message.method;
        auto const reply = [&, stream = event_stream](std::string text, std::string_view tool) {
            call.tool = tool;
            return stream ? text_answer(200, "event: message\ndata: " + text + "\n\n", "text/event-stream")
                          : text_answer(200, std::move(text), "application/json");
        };
        auto const failure = [&, &id = message.id](int code, std::string const& what) {
            return reply(mcp::error({code, what, id}), "(JSON-RPC error)");
        };
        if (message.kind != mcp::Message::Kind::request) {
            if (message.method == "notifications/cancelled") {
                calls_.cancel(session, mcp::id_text(message.params.find("requestId")));
            }
            call.tool = "(notification)";
            return text_answer(202, "", "");
        }
        if (message.method == "initialize") {
            json::Value const* const client = message.params.find("clientInfo");
            call.consumer = client == nullptr ? "unnamed" : client->string_at("name").value_or("unnamed");
            call.consumer_source = "client_info";
            auto const welcome = mcp::welcome("lastbyte-example", server_version);
            auto answer = reply(mcp::result(message.id, welcome), "(initialize)");
            answer.headers.emplace_back("Mcp-Session-Id", sessions_.begin(call.consumer));
            return answer;
        }
        if (message.method == "tools/list") {
            std::string list;
            for (Tool const& tool : tools()) {
                list += (list.empty() ? "" : ",") + mcp::describe(tool.name, tool.description, tool.parameters);
            }
            return reply(mcp::result(message.id, R"({"tools":[)" + list + "]}"), "(tools/list)");
        }
        if (message.method == "ping") {
            return reply(mcp::result(message.id, "{}"), "(ping)");
        }
        if (message.method != "tools/call") {
            return failure(mcp::Problem::no_method, "no such method: " + message.method);
        }
        json::Value const* const given = message.params.find("arguments");
        if (given != nullptr && given->kind != json::Kind::object) {
            return failure(mcp::Problem::bad_params, "`arguments` is an object");
        }
        mcp::Arguments const arguments = given == nullptr ? mcp::Arguments{} : mcp::Arguments{*given};
        std::string const name{message.params.string_at("name").value_or("")};
        Tool const* const tool = tool_called(name);
        if (tool == nullptr) {
            return failure(mcp::Problem::bad_params, "no such tool: " + name);
        }
        if (auto const problem = mcp::problem_with(arguments, tool->parameters); !problem.empty()) {
            return failure(mcp::Problem::bad_params, problem);
        }
        return {.content_type = event_stream ? "text/event-stream" : "application/json",
                .body = as_result(begun(*tool, arguments, call, tracer), tracer, message.id, event_stream,
                                  mcp::progress_token_of(message)),
                .running = calls_.begin(session, message.id)};
    }

    static std::string page() {
        std::string text =
            "A documentation server. POST JSON-RPC to /mcp (MCP, Streamable HTTP), or GET /tools/NAME?argument=value\n";
        for (Tool const& tool : tools()) {
            text += "\n" + std::string{tool.name} + ": " + std::string{tool.description} + '\n';
            for (auto const& parameter : tool.parameters) {
                text += "    " + std::string{parameter.name} + (parameter.required ? " (required): " : ": ") +
                        std::string{parameter.description} + '\n';
            }
        }
        return text + "\nEach takes trace=1 as well: the body then ends with its own trace.\n"
                      "\n/report shows in a browser what was served from where, and how long it took.\n"
                      "/metrics tells it to Prometheus.\n";
    }

    Workplace at_;
    Books& books_;
    mcp::Sessions sessions_;
    mcp::Calls calls_;
    std::atomic<std::size_t> handled_{0};
};

// ---------------------------------------------------------------------------------------------------------------------
// 8. The program

/// One server with nothing in memory, as after a start of the process.
struct Site {
    Site(Options const& options, Books& books, Start const& start, http::ServerOptions server_options)
        : folder{options.documents, options.out}, shelf{folder, options.out}, tools{folder, shelf, books},
          server{prepared(start), server_options} {}

    http::Server::Handler prepared(Start const& start) {
        if (!start.index_on_disk) {
            shelf.forget_disk();
        }
        folder.fail_half_way(start.failing_document);
        return [this](http::Request const& request) { return tools.handle(request); };
    }

    docs::Folder folder;
    docs::IndexShelf shelf;
    ToolServer tools;
    http::Server server;  // last, so that it stops first
};

// Raised by the first and the second signal. Never freed: a signal may come until the very end.
net::Flag* interrupted = nullptr;
net::Flag* hurried = nullptr;

extern "C" void on_signal(int) { (interrupted->is_up() ? hurried : interrupted)->raise(); }

/// Compares what was asked, what the Readings said, what the files took and what the library counted; prints what
/// differs. Zero when the books balance.
std::size_t differences(Books const& books, std::size_t requests, std::vector<std::string> found = {}) {
    auto const expect = [&](char const* what, std::uint64_t is) {
        if (is != requests) {
            found.push_back(std::to_string(requests) + " requests, but " + std::to_string(is) + ' ' + what);
        }
    };
    auto const ledger = lastbyte::ledger<Telemetry>();
    expect("requests in the table", books.report.size());
    expect("points written", books.points.report().rows_written);
    expect("traces written", books.traces.report().lines);
    expect("traces started", ledger.traces_started);
    expect("traces finished", ledger.traces_finished);
    print_differences(found);
    return found.size();
}

int drive(Options const& options, Books& books) {
    docs::Folder const folder{options.documents, options.out};
    auto const entries = folder.walk();
    std::printf("%zu files in %s%s, %zu requests\n", entries.size(), folder.root().c_str(),
                entries.size() == docs::Folder::most_documents ? " (more are left out)" : "", options.requests);
    std::fflush(stdout);

    std::unique_ptr<Site> site;
    auto const restart = [&](Start const& start) {
        http::ServerOptions server_options;
        server_options.send_buffer_bytes = start.send_buffer_bytes;
        if (site) {
            site->server.stop(std::chrono::seconds{2});  // it may not have seen yet that a client has left
        }
        site.reset();
        site = std::make_unique<Site>(options, books, start, server_options);
        return site->server.port();
    };
    books.report.keep_entries();
    auto const sent = Drive{restart, folder, entries, options.requests, *interrupted}.run();
    site.reset();  // joins every thread: all bodies are over, all callbacks have run

    books.report.print(stdout);
    if (differences(books, sent.size(), books.report.differences(sent)) != 0) {
        return 1;
    }
    print_balance(sent);
    return interrupted->is_up() ? 130 : 0;
}

int listen(Options const& options, Books& books) {
    http::ServerOptions server_options;
    server_options.port = *options.listen;
    Site site{options, books, {}, server_options};
    print_curl_lines(site.server.port());
    while (!interrupted->wait_for(net::Clock::now() + std::chrono::hours{1})) {
    }
    std::printf("\nstopping\n");
    std::fflush(stdout);
    site.server.stop(std::chrono::seconds{3}, hurried);
    books.report.print(stdout);
    std::printf("%zu malformed requests were refused before they reached the handler\n", site.server.refused());
    return differences(books, site.tools.handled()) != 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) try {
    Options const options = read_options(argc, argv);
    interrupted = new net::Flag;
    hurried = new net::Flag;
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    docs::Folder const folder{options.documents, options.out};  // an unreadable one is found out here
    docs::fs::create_directories(options.out);
    auto const points_path = options.out / "points.ndjson";
    auto const traces_path = options.out / "traces.ndjson";
    if (!options.listen) {
        docs::fs::remove(points_path);
        docs::fs::remove(traces_path);
    }
    Books books{options, "file://" + folder.root().string()};
    for (lastbyte::FileSink* const file : {&books.points.transport(), &books.traces}) {
        if (!*file) {
            std::fprintf(stderr, "tool_server: %s\n", file->error().text);
            return 2;
        }
    }
    int status = options.listen ? listen(options, books) : drive(options, books);
    std::printf("points: %s\ntraces: %s\n", points_path.c_str(), traces_path.c_str());
    auto const report_path = options.out / "report.html";
    if (std::ofstream{report_path, std::ios::binary} << html_page() << std::flush) {
        std::printf("report: %s\n", report_path.c_str());
    } else {
        std::fprintf(stderr, "tool_server: %s can't be written\n", report_path.c_str());
        status = status == 0 ? 1 : status;
    }
    books.backends.finish(lastbyte::milliseconds(hurried->is_up() ? 300 : 4'000));
    return status;
} catch (docs::fs::filesystem_error const& error) {
    std::fprintf(stderr, "tool_server: %s: %s\n", error.path1().c_str(), error.code().message().c_str());
    return 2;
} catch (std::exception const& error) {
    std::fprintf(stderr, "tool_server: %s\n", error.what());
    return 2;
}
