// Rows to ClickHouse: batches of NDJSON as INSERT … FORMAT JSONEachRow, any number of processes into one table.
//
// An insert whose answer got lost has to be sent again, and then half a million calls are there twice; one bad row
// makes the server refuse the thousands around it. Here a batch has a token that the server remembers, its error codes
// say what is worth another attempt, and the row that it complains of is taken out. Once it is made, it allocates
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/core/atomic.hpp>
#include <lastbyte/core/ids.hpp>
#include <lastbyte/core/text.hpp>
#include <lastbyte/encode/parts/buffer.hpp>
#include <lastbyte/encode/parts/clickhouse_errors.hpp>
#include <lastbyte/encode/parts/clickhouse_text.hpp>
#include <lastbyte/encode/parts/stamp.hpp>

namespace lastbyte {

struct ClickHouseOptions {
    std::string_view database = {};  ///< "": the connection's
    std::string_view table = {};     ///< "": the schema's name
    /// The server collects the inserts of many small processes before it writes a part, and answers when it has. Not in
    /// 2018's dialect.
    bool async_insert = false;
    ClickHouseDialect dialect = ClickHouseDialect::current;
};

/// What became of one batch: true, `worth_retrying()`, or never.
class [[nodiscard]] ClickHouseResult {
public:
    constexpr ClickHouseResult(ClickHouseCause cause, int code, std::uint64_t retry_after_ns = 0) noexcept
        : cause_(cause), code_(code), retry_after_ns_(retry_after_ns) {}
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return cause_ == ClickHouseCause::none; }
    [[nodiscard]] constexpr bool worth_retrying() const noexcept {
        return cause_ == ClickHouseCause::unreachable || cause_ == ClickHouseCause::busy ||
               cause_ == ClickHouseCause::unclear;
    }
    [[nodiscard]] constexpr std::uint64_t retry_after_ns() const noexcept { return retry_after_ns_; }
    [[nodiscard]] constexpr ClickHouseCause cause() const noexcept { return cause_; }
    /// The server's error code; 0 without one.
    [[nodiscard]] constexpr int code() const noexcept { return code_; }

private:
    ClickHouseCause cause_;
    int code_;
    std::uint64_t retry_after_ns_;
};

/// What an insert has done so far. A pipeline counts the records of a batch by its result: where single rows were
/// refused, its `delivered` has them too, and `rows_refused` says how many.
struct ClickHouseReport {
    std::uint64_t rows_stored = 0;
    std::uint64_t rows_refused = 0;  ///< the sum of the next five
    std::uint64_t refused_row = 0, refused_schema = 0, refused_access = 0, refused_unstamped = 0, refused_other = 0;
    std::uint64_t inserts = 0;                                               ///< requests that stored rows
    std::uint64_t later_unreachable = 0, later_busy = 0, later_unclear = 0;  ///< requests to be made again, by cause
    int last_code = 0;                                                       ///< of the last error that had one
    std::string_view last_name{};  ///< "UNKNOWN_TABLE"; "" where the code isn't a known one
    std::string_view last_help{};  ///< what to do about it: "create the table before …"; "" where waiting is all there is
};

/// The transport of a pipeline of stamped rows, over a transport of HTTP:
///
///     NdjsonSink<ToolCall, Stamped<Pipeline<>>> calls;
///     Worker<ClickHouseInsert<ToolCall, HttpTransport>> worker{calls.transport(), {.batch_bytes = 1 << 20},
///         ClickHouseOptions{.database = "telemetry"}, "http://127.0.0.1:8123/"};
///
/// What follows the options goes to `Http`, which has `post(target, body)` and, of its last answer, `response()` and
/// `header(name)`; with a `url()`, the path and query of that stay. One thread at a time; report() is for any.
///
/// A batch's token is a hash of it, so it is the same when the batch comes again, after a crash too, from the spool;
/// and no two batches are equal, for rows are stamped. In 2018's dialect there are no tokens: its table keeps one of
/// equal rows (see ClickHouseTable). Fields that the table lacks are refused, not left out.
template <class Schema, class Http>
class ClickHouseInsert {
public:
    template <class... Args>
    requires std::is_constructible_v<Http, Args...>
    explicit ClickHouseInsert(ClickHouseOptions const& options, Args&&... args)
        : http_(std::forward<Args>(args)...), dialect_(options.dialect) {
        write_target(options);
    }
    template <class... Args>
    requires std::is_constructible_v<Http, Args...>
    explicit ClickHouseInsert(Args&&... args) : ClickHouseInsert(ClickHouseOptions{}, std::forward<Args>(args)...) {}
    ClickHouseInsert(ClickHouseInsert const&) = delete;
    ClickHouseInsert& operator=(ClickHouseInsert const&) = delete;

    /// Inserts whole lines. True when the server has stored them, without those that it named as bad: these are taken
    /// out, each for two more requests, up to 100 of a batch, or 8 while they are the greater part of it.
    ClickHouseResult write(std::string_view rows) noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(http_); }
    [[nodiscard]] Http& transport() noexcept { return http_; }
    [[nodiscard]] Http const& transport() const noexcept { return http_; }
    [[nodiscard]] ClickHouseReport report() const noexcept;

private:
    /// A batch of a table that doesn't fit has nothing but bad rows, and each costs a request.
    static constexpr bool worth_another(std::uint64_t bad, std::uint64_t stored) noexcept {
        return bad < 8 || (bad < 100 && bad <= stored);
    }
    static constexpr std::size_t causes = 9;

    void write_target(ClickHouseOptions const& options) noexcept;
    ClickHouseResult insert(std::string_view rows, std::size_t& bad_row) noexcept;
    ClickHouseResult end(std::uint64_t stored, std::uint64_t bad, std::string_view left, ClickHouseResult why) noexcept;

    Http http_;
    ClickHouseDialect dialect_;
    detail::BoundedBuffer target_{std::size_t{1} << 16};
    detail::Atomic<std::uint64_t> rows_stored_{}, inserts_{};
    detail::Atomic<std::uint64_t> by_cause_[causes]{};  // requests to be made again, rows refused
    detail::Atomic<int> last_code_{};
};

namespace detail {

constexpr std::uint64_t count_lines(std::string_view rows) noexcept {
    std::uint64_t lines = rows.empty() || rows.ends_with('\n') ? 0 : 1;
    for (char const c : rows) lines += c == '\n' ? 1 : 0;
    return lines;
}

/// Where the line with this number, from 1, begins; the size where there is no such line.
constexpr std::size_t line_begin(std::string_view rows, std::size_t number) noexcept {
    std::size_t at = 0;
    for (; number > 1 && at < rows.size(); --number) {
        std::size_t const end = rows.find('\n', at);
        at = end == std::string_view::npos ? rows.size() : end + 1;
    }
    return at;
}

/// 128 bits of a batch. Its rows differ in their stamps, so that this need only not lose the difference.
inline TraceId fingerprint(std::string_view bytes) noexcept {
    TraceId state{mix(bytes.size() + 1), mix(~bytes.size())};
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
        std::uint64_t word = 0;
        std::size_t const left = bytes.size() - at;
        __builtin_memcpy(&word, bytes.data() + at, left < 8 ? left : 8);
        state.high = (state.high ^ mix(word)) * 0x9e3779b97f4a7c15u;
        state.low = mix(state.low + word);
    }
    return {mix(state.high), state.low};
}

/// The path and query of a URL, "/" where it has no path. A fragment is not for servers.
constexpr std::string_view path_of_url(std::string_view url) noexcept {
    url = url.substr(0, url.find('#'));
    std::size_t const host = url.find("://");
    if (host == std::string_view::npos) return "/";
    std::size_t const path = url.find('/', host + 3);
    return path == std::string_view::npos ? std::string_view{"/"} : url.substr(path);
}

constexpr bool is_blank(std::string_view text) noexcept {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace detail

template <class Schema, class Http>
void ClickHouseInsert<Schema, Http>::write_target(ClickHouseOptions const& options) noexcept {
    std::string_view path = "/";
    if constexpr (requires { std::string_view{http_.url()}; }) path = detail::path_of_url(http_.url());
    detail::append(target_, path);
    detail::append(target_, path.find('?') == std::string_view::npos ? "?query=" : "&query=");
    detail::PercentEncoded<detail::BoundedBuffer> query{target_};
    detail::append(query, "INSERT INTO ");
    detail::append_table(query, options.database, options.table.empty() ? Schema::name : options.table);
    detail::append(query, " ");
    detail::append_inserted_columns<Schema>(query);
    detail::append(query, " FORMAT JSONEachRow");
    detail::append(target_, "&input_format_skip_unknown_fields=0");
    if (dialect_ != ClickHouseDialect::current) return;
    if (options.async_insert)
        detail::append(target_, "&async_insert=1&wait_for_async_insert=1&async_insert_deduplicate=1");
    detail::append(target_, "&insert_deduplication_token=");
}

/// One request. `bad_row` is the row that the server complains of, from 1, or 0.
template <class Schema, class Http>
ClickHouseResult ClickHouseInsert<Schema, Http>::insert(std::string_view rows, std::size_t& bad_row) noexcept {
    static_assert(noexcept(http_.post(std::string_view{}, std::string_view{})),
                  "lastbyte: this HTTP transport's post(target, body) is not noexcept. It runs on a thread that nobody "
                  "watches: catch and count inside it, and declare it noexcept.");
    std::size_t const size = target_.size();
    if (dialect_ == ClickHouseDialect::current) detail::fingerprint(rows).write(target_);
    if (target_.overflowed()) return {ClickHouseCause::refused, 0};  // for good: what didn't fit is not tried again
    auto const answer = http_.post(target_.view(), rows);
    target_.cut(size);

    std::string_view const text = http_.response();
    int const code = detail::clickhouse_code(http_.header("X-ClickHouse-Exception-Code"), text);
    bad_row = detail::clickhouse_row(text);
    if (code != 0) {
        last_code_.store_relaxed(code);
        return {detail::clickhouse_error(code).cause, code, answer.retry_after_ns()};
    }
    if (static_cast<bool>(answer))
        return {detail::is_blank(text) ? ClickHouseCause::none : ClickHouseCause::unclear, 0};
    bool const later = answer.worth_retrying();
    return {later ? ClickHouseCause::unreachable : ClickHouseCause::refused, 0, answer.retry_after_ns()};
}

template <class Schema, class Http>
ClickHouseResult ClickHouseInsert<Schema, Http>::write(std::string_view rows) noexcept {
    if (!rows.starts_with(detail::stamp_begin)) return end(0, 0, rows, {ClickHouseCause::unstamped, 0});
    std::uint64_t stored = 0, bad = 0;  // of this batch, and counted once it has ended: it may come again
    int bad_code = 0;
    for (std::string_view trying = rows;;) {
        std::size_t bad_row = 0;
        ClickHouseResult const result = insert(trying, bad_row);
        if (result) {
            inserts_.add_relaxed(1);
            stored += detail::count_lines(trying);
            rows.remove_prefix(trying.size());
            if (rows.empty()) return end(stored, bad, rows, result);
            trying = rows;
            bad_row = 1;  // what was tried ended before it
        } else if (result.cause() != ClickHouseCause::row || bad_row == 0) {
            return end(stored, bad, rows, result);
        } else {
            bad_code = result.code();
        }
        std::size_t const begin = detail::line_begin(trying, bad_row);
        if (begin == trying.size() || !worth_another(bad, stored))
            return end(stored, bad, rows, {ClickHouseCause::row, bad_code});
        if (begin != 0) {
            trying = trying.substr(0, begin);  // what stands before the bad row goes alone
            continue;
        }
        ++bad;
        rows.remove_prefix(detail::line_begin(rows, 2));
        trying = rows;
        if (rows.empty()) return end(stored, bad, rows, {ClickHouseCause::row, bad_code});
    }
}

/// Counts a batch that is over, or the attempt at one that isn't. `left`: what is neither stored nor a bad row.
template <class Schema, class Http>
ClickHouseResult ClickHouseInsert<Schema, Http>::end(std::uint64_t stored, std::uint64_t bad, std::string_view left,
                                                     ClickHouseResult why) noexcept {
    auto& cause = by_cause_[static_cast<std::size_t>(why.cause())];
    if (why.worth_retrying()) {
        cause.add_relaxed(1);
        return why;
    }
    rows_stored_.add_relaxed(stored);
    by_cause_[static_cast<std::size_t>(ClickHouseCause::row)].add_relaxed(bad);
    cause.add_relaxed(detail::count_lines(left));
    return stored != 0 ? ClickHouseResult{ClickHouseCause::none, why.code()} : why;
}

template <class Schema, class Http>
ClickHouseReport ClickHouseInsert<Schema, Http>::report() const noexcept {
    auto const of = [&](ClickHouseCause cause) { return by_cause_[static_cast<std::size_t>(cause)].load_relaxed(); };
    ClickHouseReport report;
    report.rows_stored = rows_stored_.load_relaxed();
    report.inserts = inserts_.load_relaxed();
    report.refused_row = of(ClickHouseCause::row);
    report.refused_schema = of(ClickHouseCause::schema);
    report.refused_access = of(ClickHouseCause::access);
    report.refused_unstamped = of(ClickHouseCause::unstamped);
    report.refused_other = of(ClickHouseCause::refused);
    report.rows_refused = report.refused_row + report.refused_schema + report.refused_access +
                          report.refused_unstamped + report.refused_other;
    report.later_unreachable = of(ClickHouseCause::unreachable);
    report.later_busy = of(ClickHouseCause::busy);
    report.later_unclear = of(ClickHouseCause::unclear);
    report.last_code = last_code_.load_relaxed();
    auto const last = detail::clickhouse_error(report.last_code);
    report.last_name = last.name;
    report.last_help = detail::clickhouse_help(last);
    return report;
}

}  // namespace lastbyte
