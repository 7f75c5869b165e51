#include <doctest/doctest.h>

#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lastbyte/encode/clickhouse.hpp>
#include <lastbyte/encode/clickhouse_table.hpp>
#include <lastbyte/encode/ndjson.hpp>
#include <lastbyte/encode/stamped.hpp>

#include "point.hpp"

namespace {

using lastbyte::AsInteger, lastbyte::AsString, lastbyte::Blob, lastbyte::Double, lastbyte::IndexOf, lastbyte::OrderBy;
using lastbyte::ClickHouseCause, lastbyte::ClickHouseDialect, lastbyte::ClickHouseOptions, lastbyte::ClickHouseTable;

using Calls = lastbyte::Schema<"tool_calls", Blob<1, "tool">, Blob<2, "uri">, Double<1, "count">, Double<2, "ms">,
                               IndexOf<1, "tool">>;
using Hostile = lastbyte::Schema<"drop `table`", Blob<1, "a \"quoted\\ `name`">, Double<1, "é, x) --">>;

template <class Schema, class... Traits>
std::string table(ClickHouseTable const& options = {}) {
    std::string out;
    lastbyte::write_clickhouse_table<Schema, Traits...>(out, options);
    return out;
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

struct Answer {
    int status = 200;
    std::string body{};
    std::string header{};
};

/// Answers as it was told, and keeps what it was asked.
struct ToldHttp {
    struct Result {
        int status_code;
        explicit operator bool() const noexcept { return status_code == 200; }
        [[nodiscard]] int status() const noexcept { return status_code; }
        [[nodiscard]] bool worth_retrying() const noexcept { return status_code == 0 || status_code == 503; }
        [[nodiscard]] std::uint64_t retry_after_ns() const noexcept { return status_code == 503 ? 5 : 0; }
    };
    Result post(std::string_view target, std::string_view body) noexcept {
        targets.emplace_back(target);
        bodies.emplace_back(body);
        last = {};
        if (!answers.empty()) {
            last = answers.front();
            answers.pop_front();
        }
        return {last.status};
    }
    [[nodiscard]] std::string_view response() const noexcept { return last.body; }
    [[nodiscard]] std::string_view header(std::string_view name) const noexcept {
        return name == "X-ClickHouse-Exception-Code" ? std::string_view{last.header} : std::string_view{};
    }
    explicit operator bool() const noexcept { return true; }

    std::deque<Answer> answers;
    std::vector<std::string> targets, bodies;
    Answer last;
};
using Insert = lastbyte::ClickHouseInsert<Calls, ToldHttp>;

std::string row(int number) {
    return "{\"written_at_ns\":1700006400000000000,\"row_id\":" + std::to_string(number) + ",\"tool\":\"x\"}\n";
}
std::string rows(int first, int last) {
    std::string text;
    for (int n = first; n <= last; ++n) text += row(n);
    return text;
}
std::string bad_row(int number) {
    return "Code: 27, e.displayText() = DB::Exception: Cannot parse input: (at row " + std::to_string(number) + ")\n";
}

/// An HTTP server in front of a table that refuses the rows with these ids.
struct PickyHttp : ToldHttp {
    Result post(std::string_view target, std::string_view body) noexcept {
        int at = 0;
        answers.clear();
        for (std::size_t begin = 0; begin < body.size(); begin = body.find('\n', begin) + 1) {
            ++at;
            std::size_t const id = body.find("\"row_id\":", begin) + 9;
            if (bad.contains(std::stoi(std::string{body.substr(id, 9)}))) {
                answers.push_back({500, bad_row(at)});
                return ToldHttp::post(target, body);
            }
        }
        stored += body;
        return ToldHttp::post(target, body);
    }
    std::set<int> bad;
    std::string stored;
};

struct Lines {
    bool write(std::string_view line) noexcept {
        text += line;
        return open;
    }
    explicit operator bool() const noexcept { return open; }
    std::string text;
    bool open = true;
};
struct FixedTime {
    static std::uint64_t unix_ns() noexcept { return 1'700'006'400'123'456'789; }
};
template <class Tag>
using InOrder = lastbyte::Stamped<Lines, FixedTime, lastbyte::SequentialIds<Tag>>;

std::string hostile_part(std::string_view name) {
    std::string out;
    lastbyte::detail::append_identifier(out, name);
    return out;
}

}  // namespace

TEST_CASE("the table has a column for every field, sorted by the index's text and the row's identity") {
    CHECK(table<Calls>() ==
          "CREATE TABLE IF NOT EXISTS `tool_calls` (\n"
          "    `written_at_ns` Int64 EPHEMERAL 0,\n"
          "    `written_at` DateTime64(9, 'UTC') DEFAULT if(written_at_ns = 0, now64(9), "
          "fromUnixTimestamp64Nano(written_at_ns, 'UTC')),\n"
          "    `row_id` UInt64 DEFAULT rand64(),\n"
          "    `tool` LowCardinality(String),\n"
          "    `uri` LowCardinality(String),\n"
          "    `count` Float64,\n"
          "    `ms` Float64\n"
          ") ENGINE = MergeTree\n"
          "PARTITION BY toDate(`written_at`)\n"
          "ORDER BY (`tool`, `written_at`, `row_id`)\n"
          "SETTINGS non_replicated_deduplication_window = 10000");
}

TEST_CASE("traits choose types and the sort key by the fields' names") {
    std::string const ddl =
        table<Calls, OrderBy<"uri", "count">, AsString<"uri">, AsInteger<"count">>({.ttl_days = 90});
    CHECK(has(ddl, "`tool` LowCardinality(String),\n"));
    CHECK(has(ddl, "`uri` String,\n"));
    CHECK(has(ddl, "`count` Int64,\n"));
    CHECK(has(ddl, "`ms` Float64\n"));
    CHECK(has(ddl, "ORDER BY (`uri`, `count`, `written_at`, `row_id`)\n"));
    CHECK(has(ddl, "TTL toDateTime(`written_at`) + INTERVAL 90 DAY\n"));
}

TEST_CASE("a time to live that the server can't count to is none, for it would delete all at once") {
    CHECK(has(table<Calls>({.ttl_days = 20'000}), "INTERVAL 20000 DAY"));
    CHECK(!has(table<Calls>({.ttl_days = 20'001}), "TTL"));
    CHECK(!has(table<Calls>({.ttl_days = 0}), "TTL"));
}

TEST_CASE("a table's database, name and engine can be given") {
    std::string const ddl =
        table<Calls>({.database = "a.b", .table = "calls", .engine = "ReplicatedMergeTree('/t', 'r')"});
    CHECK(ddl.starts_with("CREATE TABLE IF NOT EXISTS `a.b`.`calls` (\n"));
    CHECK(has(ddl, ") ENGINE = ReplicatedMergeTree('/t', 'r')\nPARTITION BY"));
}

TEST_CASE("the dialect of 2018 has nothing that such a server doesn't know, and keeps one of equal rows") {
    std::string const ddl = table<Calls>({.ttl_days = 90, .dialect = ClickHouseDialect::of_2018});
    CHECK(has(ddl, "`written_at_ns` Int64 DEFAULT "));
    CHECK(has(ddl, "`written_at` DateTime('UTC') DEFAULT toDateTime(intDiv(written_at_ns, 1000000000))"));
    CHECK(has(ddl, ") ENGINE = ReplacingMergeTree\n"));
    CHECK(ddl.ends_with("ORDER BY (`tool`, `written_at_ns`, `row_id`)"));
    for (char const* word : {"TTL", "SETTINGS", "LowCardinality", "DateTime64", "EPHEMERAL"}) CHECK(!has(ddl, word));
}

TEST_CASE("a hostile name stays a name") {
    CHECK(hostile_part("a \"quoted\\ `name`") == "`a \"quoted\\x5C \\x60name\\x60`");
    CHECK(hostile_part("a\nb\x01") == "`a\\x0Ab\\x01`");
    CHECK(hostile_part("é") == "`é`");
    CHECK(table<Hostile>().starts_with("CREATE TABLE IF NOT EXISTS `drop \\x60table\\x60` (\n"));
    CHECK(has(table<Hostile>(),
              "    `a \"quoted\\x5C \\x60name\\x60` LowCardinality(String),\n    `é, x) --` Float64\n)"));
}

TEST_CASE("an insert names its table and columns, with every byte of meaning escaped in the URL") {
    lastbyte::ClickHouseInsert<Hostile, ToldHttp> insert{
        ClickHouseOptions{.database = "d&1", .dialect = ClickHouseDialect::of_2018}};
    CHECK(static_cast<bool>(insert.write(rows(1, 2))));
    REQUIRE(insert.transport().targets.size() == 1);
    CHECK(insert.transport().targets[0] ==
          "/?query=INSERT%20INTO%20%60d%261%60.%60drop%20%5Cx60table%5Cx60%60%20%28%60written_at_ns%60%2C%20%60row_id%"
          "60%2C"
          "%20%60a%20%22quoted%5Cx5C%20%5Cx60name%5Cx60%60%2C%20%60%C3%A9%2C%20x%29%20--%60%29%20FORMAT%20JSONEachRow"
          "&input_format_skip_unknown_fields=0");
    CHECK(insert.transport().bodies[0] == rows(1, 2));
}

TEST_CASE("a path and a query of the URL stay") {
    struct At : ToldHttp {
        explicit At(std::string_view url) : url_(url) {}
        [[nodiscard]] std::string_view url() const noexcept { return url_; }
        std::string_view url_;
    };
    for (auto const& [url, target] :
         {std::pair{"http://a:8123", "/?query=INSERT"}, std::pair{"http://a:8123/", "/?query=INSERT"},
          std::pair{"http://a/click/house", "/click/house?query=INSERT"},
          std::pair{"http://a/?database=b#c", "/?database=b&query=INSERT"}, std::pair{"nonsense", "/?query=INSERT"}}) {
        lastbyte::ClickHouseInsert<Calls, At> insert{url};
        (void)insert.write(rows(1, 1));
        CHECK(insert.transport().targets.at(0).starts_with(target));
    }
}

TEST_CASE("a batch's token is the same when it comes again, and another one's differs") {
    Insert insert, another;
    (void)insert.write(rows(1, 3));
    (void)insert.write(rows(1, 4));
    (void)insert.write(rows(1, 3));
    (void)another.write(rows(1, 3));
    auto const& sent = insert.transport().targets;
    CHECK(sent[0] != sent[1]);
    CHECK(sent[0] == sent[2]);
    CHECK(sent[0] == another.transport().targets[0]);
    CHECK(sent[0].substr(0, sent[0].size() - 32).ends_with("&insert_deduplication_token="));
}

TEST_CASE("fingerprints of near texts differ, whatever their length") {
    std::set<std::string> seen;
    int expected = 0;
    for (std::size_t size = 0; size < 40; ++size)
        for (std::size_t at = 0; at <= size; ++at) {
            std::string text(size, 'a');
            if (at < size) text[at] = 'b';
            std::string hex;
            lastbyte::detail::fingerprint(text).write(hex);
            seen.insert(hex);
            ++expected;
        }
    for (char const* text : {"aaaaaaaabbbbbbbb", "bbbbbbbbaaaaaaaa"}) {
        std::string hex;
        lastbyte::detail::fingerprint(text).write(hex);
        seen.insert(hex);
        ++expected;
    }
    CHECK(static_cast<int>(seen.size()) == expected);
}

TEST_CASE("async inserts are waited for") {
    Insert insert{ClickHouseOptions{.async_insert = true}};
    (void)insert.write(rows(1, 1));
    CHECK(has(insert.transport().targets[0], "&async_insert=1&wait_for_async_insert=1&async_insert_deduplicate=1&"));
}

TEST_CASE(
    "an error code says whether another attempt helps, whatever the status and in both of the server's spellings") {
    struct Case {
        int code;
        bool later;
        ClickHouseCause cause;
        char const* name;
    };
    using enum ClickHouseCause;
    for (auto const& [code, later, cause, name] : {Case{252, true, busy, "TOO_MANY_PARTS"},
                                                   {241, true, busy, "MEMORY_LIMIT_EXCEEDED"},
                                                   {159, true, busy, "TIMEOUT_EXCEEDED"},
                                                   {209, true, busy, "SOCKET_TIMEOUT"},
                                                   {210, true, busy, "NETWORK_ERROR"},
                                                   {242, true, busy, "TABLE_IS_READ_ONLY"},
                                                   {243, true, busy, "NOT_ENOUGH_SPACE"},
                                                   {777, true, busy, ""},
                                                   {62, false, schema, "SYNTAX_ERROR"},
                                                   {60, false, schema, "UNKNOWN_TABLE"},
                                                   {16, false, schema, "NO_SUCH_COLUMN_IN_TABLE"},
                                                   {47, false, schema, "UNKNOWN_IDENTIFIER"},
                                                   {115, false, schema, "UNKNOWN_SETTING"},
                                                   {27, false, row, "CANNOT_PARSE_INPUT_ASSERTION_FAILED"},
                                                   {53, false, row, "TYPE_MISMATCH"},
                                                   {193, false, access, "WRONG_PASSWORD"},
                                                   {516, false, access, "AUTHENTICATION_FAILED"}})
        for (int const status : {200, 400, 404, 500, 503})
            for (int spelling = 0; spelling < 3; ++spelling) {
                Insert insert;
                std::string const number = std::to_string(code);
                insert.transport().answers = {{status,
                                               spelling == 0 ? "Code: " + number + ". DB::Exception: x"
                                               : spelling == 1
                                                   ? "Code: " + number + ", e.displayText() = DB::Exception: x"
                                                   : "x",
                                               spelling == 2 ? number : ""}};
                auto const result = insert.write(rows(1, 2));
                INFO(number << ", HTTP " << status);
                CHECK(!result);
                CHECK(result.worth_retrying() == later);
                CHECK(result.cause() == cause);
                CHECK(result.code() == code);
                CHECK(insert.report().last_code == code);
                CHECK(insert.report().last_name == name);
                CHECK(insert.report().last_help.empty() == later);
                CHECK(insert.report().rows_refused == (later ? 0 : 2));
                CHECK(insert.report().later_busy == (later ? 1 : 0));
            }
}

TEST_CASE("the report of a refusal says what to do about it") {
    auto const help = [](int code) {
        Insert insert;
        CHECK(insert.report().last_help.empty());
        insert.transport().answers = {{404, "", std::to_string(code)}};
        (void)insert.write(rows(1, 2));
        return std::string{insert.report().last_help};
    };
    CHECK(help(60) == "create the table before the first row, with what write_clickhouse_table() writes");
    CHECK(help(81).starts_with("create the database"));
    CHECK(help(16).starts_with("add the column to the table"));
    CHECK(help(53).starts_with("give the column the type"));
    CHECK(help(516).starts_with("give user and password"));
    CHECK(help(62).starts_with("is the dialect the server's?"));
    CHECK(help(252).empty());
}

TEST_CASE("a token that the server has seen is a success") {
    Insert insert;
    insert.transport().answers = {{500, "Code: 389. DB::Exception: deduplicated", ""}};
    CHECK(static_cast<bool>(insert.write(rows(1, 2))));
}

TEST_CASE("a failure in the middle of a success is one") {
    Insert insert;
    insert.transport().answers = {{200, "\r\n__exception__\r\nabc\r\nCode: 241. DB::Exception: Memory limit\r\n", ""}};
    auto const result = insert.write(rows(1, 2));
    CHECK(!result);
    CHECK(result.worth_retrying());
    CHECK(insert.report().rows_stored == 0);
}

TEST_CASE("a success of somebody who is no ClickHouse stores nothing, and is tried again") {
    Insert insert;
    insert.transport().answers = {{200, "<html>Welcome to the hotel</html>", ""}};
    auto const result = insert.write(rows(1, 2));
    CHECK(result.cause() == ClickHouseCause::unclear);
    CHECK(result.worth_retrying());
    CHECK(insert.report().later_unclear == 1);
    CHECK(insert.report().rows_stored == 0);
}

TEST_CASE("without a code, the HTTP transport's word counts") {
    Insert insert;
    insert.transport().answers = {{0}, {503, "busy"}, {403, "<html>"}, {200, "\n"}};
    CHECK(insert.write(rows(1, 2)).cause() == ClickHouseCause::unreachable);
    CHECK(insert.write(rows(1, 2)).retry_after_ns() == 5);
    auto const refused = insert.write(rows(1, 2));
    CHECK(refused.cause() == ClickHouseCause::refused);
    CHECK(!refused.worth_retrying());
    CHECK(static_cast<bool>(insert.write(rows(1, 2))));
    auto const report = insert.report();
    CHECK(report.later_unreachable == 2);
    CHECK(report.refused_other == 2);
    CHECK(report.rows_stored == 2);
    CHECK(report.inserts == 1);
}

TEST_CASE("the row that the server complains of is taken out, and the others are stored") {
    for (std::set<int> const& bad : {std::set<int>{1}, {5}, {10}, {1, 2}, {9, 10}, {1, 4, 7, 10}, {3, 4, 5, 6}}) {
        lastbyte::ClickHouseInsert<Calls, PickyHttp> insert;
        insert.transport().bad = bad;
        CHECK(static_cast<bool>(insert.write(rows(1, 10))));
        std::string good;
        for (int n = 1; n <= 10; ++n)
            if (!bad.contains(n)) good += row(n);
        CHECK(insert.transport().stored == good);
        CHECK(insert.report().rows_stored == 10 - bad.size());
        CHECK(insert.report().refused_row == bad.size());
        CHECK(insert.report().rows_refused == bad.size());
        CHECK(insert.transport().bodies.size() <= 1 + 2 * bad.size());
    }
}

TEST_CASE("a batch of nothing but bad rows is refused after a bounded number of requests") {
    lastbyte::ClickHouseInsert<Calls, PickyHttp> insert;
    for (int n = 1; n <= 100; ++n) insert.transport().bad.insert(n);
    auto const result = insert.write(rows(1, 100));
    CHECK(!result);
    CHECK(!result.worth_retrying());
    CHECK(result.code() == 27);
    CHECK(insert.report().refused_row == 100);
    CHECK(insert.transport().bodies.size() == 9);
}

TEST_CASE("as long as most rows are good, many bad ones are taken out") {
    lastbyte::ClickHouseInsert<Calls, PickyHttp> insert;
    for (int n = 2; n <= 60; n += 2) insert.transport().bad.insert(n);
    CHECK(static_cast<bool>(insert.write(rows(1, 60))));
    CHECK(insert.report().rows_stored == 30);
    CHECK(insert.report().refused_row == 30);
}

TEST_CASE("a lone bad row is refused") {
    lastbyte::ClickHouseInsert<Calls, PickyHttp> insert;
    insert.transport().bad = {1};
    auto const result = insert.write(row(1));
    CHECK(result.cause() == ClickHouseCause::row);
    CHECK(insert.report().refused_row == 1);
}

TEST_CASE("an error that names no row, or one that isn't there, refuses the batch") {
    for (char const* where : {"", "(at row 0)", "(at row 4)", "(at row 99999999999999)"}) {
        Insert insert;
        insert.transport().answers = {{500, std::string{"Code: 27. DB::Exception: x "} + where, ""}};
        CHECK(!insert.write(rows(1, 3)));
        CHECK(insert.report().refused_row == 3);
        CHECK(insert.transport().bodies.size() == 1);
    }
}

TEST_CASE("a server that goes away while bad rows are taken out gets the whole batch again, with the same tokens") {
    Insert insert;
    insert.transport().answers = {{500, bad_row(3)}, {200}, {0}};
    CHECK(insert.write(rows(1, 5)).worth_retrying());
    insert.transport().answers = {{500, bad_row(3)}, {200}, {200}};
    CHECK(static_cast<bool>(insert.write(rows(1, 5))));
    auto const& sent = insert.transport();
    REQUIRE(sent.bodies.size() == 6);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(sent.bodies[i] == sent.bodies[i + 3]);
        CHECK(sent.targets[i] == sent.targets[i + 3]);
    }
    CHECK(sent.bodies[5] == rows(4, 5));
    CHECK(insert.report().refused_row == 1);
}

TEST_CASE("rows without a stamp are refused, for their token would be that of other rows") {
    Insert insert;
    auto const result = insert.write("{\"tool\":\"x\"}\n{\"tool\":\"x\"}\n");
    CHECK(result.cause() == ClickHouseCause::unstamped);
    CHECK(!result.worth_retrying());
    CHECK(insert.report().refused_unstamped == 2);
    CHECK(insert.transport().bodies.empty());
}

TEST_CASE("a name that is too long for a request sends nothing and refuses") {
    std::string const name(100'000, 'x');
    Insert insert{ClickHouseOptions{.table = name}};
    CHECK(!insert.write(rows(1, 2)));
    CHECK(insert.transport().bodies.empty());
    CHECK(!insert.write(rows(1, 2)));
}

TEST_CASE("a stamped row begins with its time and its identity") {
    struct One;
    InOrder<One> lines;
    CHECK(lines.write("{\"tool\":\"x\"}\n"));
    CHECK(lines.write("{}\n"));
    CHECK(lines.text ==
          "{\"written_at_ns\":1700006400123456789,\"row_id\":1,\"tool\":\"x\"}\n"
          "{\"written_at_ns\":1700006400123456789,\"row_id\":2}\n");
}

TEST_CASE("a stamp is in the way of no line, however long") {
    for (std::size_t size = 4096 - 90; size < 4096 + 10; ++size) {
        struct Two;
        InOrder<Two> lines;
        std::string const rest = "\"t\":\"" + std::string(size, 'x') + "\"}\n";
        CHECK(lines.write("{" + rest));
        CHECK(lines.text.starts_with("{\"written_at_ns\":1700006400123456789,\"row_id\":"));
        CHECK(lines.text.ends_with("," + rest));
    }
}

TEST_CASE("what is no object is not stamped") {
    lastbyte::Stamped<Lines> lines;
    CHECK(!lines.write(""));
    CHECK(!lines.write("{"));
    CHECK(!lines.write("[1]\n"));
    CHECK(lines.text.empty());
}

TEST_CASE("a stamped transport is the transport: what it says of itself, and of a line") {
    lastbyte::Stamped<Lines> lines;
    lines.open = false;
    CHECK(!static_cast<bool>(lines));
    CHECK(!lines.write("{}\n"));
}

TEST_CASE("stamps differ between rows of the same moment") {
    lastbyte::Stamped<Lines, FixedTime> lines;
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        lines.text.clear();
        lines.write("{}\n");
        seen.insert(lines.text);
    }
    CHECK(seen.size() == 1000);
}

TEST_CASE("a schema's rows are stamped on their way through a sink, and an insert takes them") {
    lastbyte::NdjsonSink<seed::Plain, lastbyte::Stamped<Lines>> points;
    seed::Plain::Point point;
    point.set<"text">("a");
    CHECK(points.write(point.complete()));
    lastbyte::ClickHouseInsert<seed::Plain, ToldHttp> insert;
    CHECK(static_cast<bool>(insert.write(points.transport().text)));
    CHECK(insert.report().rows_stored == 1);
}
