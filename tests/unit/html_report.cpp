// The HTML report: its books against what happened, its bounds and their counts, its numbers, and text that stays text.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include <lastbyte/encode/html_report.hpp>
#include <lastbyte/lastbyte.hpp>

#include "counting_new.hpp"
#include "seed.hpp"

using lastbyte::Outcome;
using seed::Source;

namespace {

using Clock = lastbyte::ManualClock<struct Reported>;
struct Policy : seed::Policy {
    using Clock = ::Clock;
    using Ids = lastbyte::SequentialIds<struct Reported>;
};
using Tracer = lastbyte::Tracer<Policy>;
using Reading = lastbyte::Reading<Policy>;

constexpr std::uint64_t ms = 1'000'000;

/// 2024-02-29 23:59:58.5 UTC, and what the manual clock adds.
struct LeapDay {
    static inline std::uint64_t at_start = 0;
    static std::uint64_t unix_ns() noexcept { return 1'709'251'198'500'000'000u + Clock::now() - at_start; }
};
struct Few : lastbyte::HtmlReportLimits {
    static constexpr std::size_t max_tools = 3;
    static constexpr std::size_t max_tool_bytes = 8;
    static constexpr std::size_t max_series = 4;
    static constexpr std::size_t intervals = 4;
    static constexpr std::size_t slowest = 3;
    static constexpr std::size_t slowest_of_a_tool = 2;
    static constexpr std::size_t max_spans = 4;
    static constexpr std::size_t text_bytes = 64;
    static constexpr std::size_t max_text_bytes = 16;
    using WallClock = LeapDay;
};
using Report = lastbyte::HtmlReport<Policy, "cache_tier", Few>;
struct Sampled : Policy {
    using Sampler = lastbyte::SampleRatio<1, 1>;
};

/// Numbers of every kind as the page has them.
template <class... Parts>
std::string shown(Parts const&... parts) {
    std::string out;
    (lastbyte::detail::put(out, parts), ...);
    return out;
}
std::string elapsed(std::uint64_t ns) {
    std::string out = shown(lastbyte::detail::Elapsed{ns});
    if (auto const at = out.find("\u00a0"); at != std::string::npos) out.replace(at, 2, " ");
    return out;
}

/// A request that records an index span from this source and takes so long.
template <class AReport>
void call(AReport& report, std::string_view tool, Source source, std::uint64_t ns, std::string_view detail = {}) {
    Tracer tracer;
    auto const early = tracer.snapshot().tier<"cache_tier">();
    auto body = lastbyte::defer_until_consumed(tracer.body([&, step = 0]() mutable -> std::optional<std::string> {
        if (step++ != 0) return std::nullopt;
        auto span = tracer.span<"index">();
        span.source(source).detail(detail);
        Clock::advance_ns(ns);
        return "0123456789";
    }),
                                               [&](Reading const& done) { report.add(done, tool, early); });
    while (body()) {
    }
}

template <class AReport>
std::string page_of(AReport const& report, std::string_view title = "oddkit") {
    std::string out;
    lastbyte::write_html_report(out, report, title);
    return out;
}
bool has(std::string_view page, std::string_view part) { return page.find(part) != std::string_view::npos; }
std::size_t count(std::string_view page, std::string_view part) {
    std::size_t found = 0;
    for (std::size_t at = page.find(part); at != std::string_view::npos; at = page.find(part, at + 1)) ++found;
    return found;
}
/// The cells of the table row that this name begins, without markup.
std::vector<std::string> row(std::string_view page, std::string_view name, std::string_view after) {
    std::size_t at = page.find("<h2 id=\"" + std::string{after} + "\"");
    at = page.find(std::string{name} + "</", at);
    std::vector<std::string> cells;
    std::size_t const end = page.find("</tr>", at);
    for (at = page.find("<td", at); at < end; at = page.find("<td", at + 1)) {
        std::size_t const from = page.find('>', at) + 1;
        std::string cell{page.substr(from, page.find("</td>", from) - from)};
        if (cell.starts_with("<svg")) cell = "svg";
        for (std::size_t space; (space = cell.find("\u00a0")) != std::string::npos;) cell.replace(space, 2, " ");
        cells.push_back(cell);
    }
    return cells;
}

using Cells = std::vector<std::string>;

}  // namespace

TEST_CASE("a duration has three digits and the unit in which they are readable") {
    CHECK(elapsed(0) == "0 ns");
    CHECK(elapsed(999) == "999 ns");
    CHECK(elapsed(1000) == "1.00 µs");
    CHECK(elapsed(9'994) == "9.99 µs");
    CHECK(elapsed(9'995) == "10.0 µs");
    CHECK(elapsed(99'949) == "99.9 µs");
    CHECK(elapsed(99'950) == "100 µs");
    CHECK(elapsed(999'499) == "999 µs");
    CHECK(elapsed(999'500) == "1.00 ms");
    CHECK(elapsed(33 * ms) == "33.0 ms");
    CHECK(elapsed(999'500'000) == "1.00 s");
    CHECK(elapsed(599'000 * ms) == "599 s");
    CHECK(elapsed(600'000 * ms) == "10.0 min");
    CHECK(elapsed(36'000'000 * ms) == "10.0 h");
    CHECK(elapsed(~std::uint64_t{0}) == "5124096 h");
}

TEST_CASE("a share is rounded to none or all only when it is none or all") {
    using lastbyte::detail::Share;
    CHECK(shown(Share{0, 0}) == "–");
    CHECK(shown(Share{0, 5}) == "0\u00a0%");
    CHECK(shown(Share{1, 1'000'000}) == "&lt;\u00a00.1\u00a0%");
    CHECK(shown(Share{1, 3}) == "33.3\u00a0%");
    CHECK(shown(Share{999'999, 1'000'000}) == "99.9\u00a0%");
    CHECK(shown(Share{7, 7}) == "100\u00a0%");
}

TEST_CASE("counts are grouped by threes, bytes have a unit, coordinates two decimals") {
    using namespace lastbyte::detail;
    CHECK(shown(Grouped{0}, " ", Grouped{999}, " ", Grouped{1000}) == "0 999 1,000");
    CHECK(shown(Grouped{~std::uint64_t{0}}) == "18,446,744,073,709,551,615");
    CHECK(shown(ByteCount{999}, " ", ByteCount{12'345}, " ", ByteCount{999'500}) ==
          "999\u00a0B 12.3\u00a0kB 1.00\u00a0MB");
    CHECK(shown(Decade{1}, " ", Decade{100'000}, " ", Decade{1'000'000}, " ", Decade{10'000'000'000}) ==
          "1\u00a0ns 100\u00a0µs 1\u00a0ms 10\u00a0s");
    CHECK(shown(Place{0}, " ", Place{99.999}, " ", Place{-1}, " ", Place{3.14159}) == "0.00 100.00 0.00 3.14");
}

TEST_CASE("a time of day is right on a leap day and at the end of a year") {
    using lastbyte::detail::Utc;
    CHECK(shown(Utc{0, true, false}) == "1970-01-01 00:00:00");
    CHECK(shown(Utc{1'709'251'199'007'000'000u, true, true}) == "2024-02-29 23:59:59.007");
    CHECK(shown(Utc{1'709'251'200'000'000'000u, true, false}) == "2024-03-01 00:00:00");
    CHECK(shown(Utc{4'102'444'799'000'000'000u, true, false}) == "2099-12-31 23:59:59");
}

TEST_CASE("text that came from outside can't become markup, and what is no character is seen to be none") {
    using lastbyte::detail::Escaped;
    CHECK(shown(Escaped{"<a href=\"x\">'&amp;'</a>"}) == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;&#39;&lt;/a&gt;");
    CHECK(shown(Escaped{std::string_view{"a\0b\x1f\x7f\n", 6}}) == "a\ufffdb\ufffd\ufffd\n");
    CHECK(shown(Escaped{"\xff\xc3\x28 \xc2\x85 é🙂"}) == "\ufffd\ufffd( \ufffd é🙂");
    CHECK(shown(Escaped{"\xc3"}) == "\ufffd");
}

TEST_CASE("every call is in the row of its tool and tier, with its latency, hits and bytes") {
    Report report;
    for (int i = 0; i < 3; ++i) call(report, "search", Source::memory, 2 * ms);
    call(report, "search", Source::build, 800 * ms);
    call(report, "get", Source::r2, 40 * ms);
    std::string const page = page_of(report);
    CHECK(report.calls() == 5);
    CHECK(row(page, "search</bdi>", "calls") ==
          Cells{"4", "80.0 %", "2.00 ms", "800 ms", "800 ms", "svg", "75.0 %", "40 B"});
    CHECK(row(page, "memory", "calls") ==
          Cells{"3", "75.0 %", "2.00 ms", "2.00 ms", "2.00 ms", "svg", "100 %", "30 B"});
    CHECK(row(page, "r2", "calls") == Cells{"1", "100 %", "40.0 ms", "40.0 ms", "40.0 ms", "svg", "100 %", "10 B"});
    CHECK(row(page, "get</bdi>", "first") == Cells{"1", "40.0 ms", "40.0 ms", "40.0 ms", "svg"});
}

TEST_CASE("a body without bytes is in no time to first byte") {
    Report report;
    call(report, "search", Source::memory, ms);
    Tracer tracer;
    seed::read(tracer, [&](Reading const& done) { report.add(done, "search"); });
    CHECK(row(page_of(report), "search</bdi>", "first").at(0) == "1");
}

TEST_CASE("an early read that said another tier than the last byte is counted as wrong") {
    Report report;
    call(report, "search", Source::memory, ms);
    call(report, "search", Source::memory, ms);
    call(report, "search", Source::miss, ms);  // none, early and late
    std::string const page = page_of(report);
    CHECK(has(page, "66.7\u00a0% of the early answers were wrong: 2 of 3"));
    CHECK(row(page, "none", "early") == Cells{"memory", "2", "66.7 %"});
}

TEST_CASE("a report that was told of no early read has no section on it") {
    Report report;
    Tracer tracer;
    seed::read(tracer, [&](Reading const& done) { report.add(done, "search"); });
    CHECK_FALSE(has(page_of(report), "id=\"early\""));
}

TEST_CASE("every outcome has its column, and those that never happened have none") {
    Report report;
    call(report, "search", Source::memory, ms);
    {
        Tracer tracer;
        auto body = lastbyte::defer_until_consumed(tracer.body(seed::Chunks{{"a", "b"}}),
                                                   [&](Reading const& done) { report.add(done, "search"); });
        CHECK(body());
    }
    call(report, "get", Source::memory, ms);
    std::string const page = page_of(report);
    CHECK(row(page, "search</bdi>", "outcomes") == Cells{"1", "1"});
    CHECK(row(page, "get</bdi>", "outcomes") == Cells{"1", "0"});
    CHECK(row(page, "All", "outcomes") == Cells{"2", "1"});
    CHECK(has(page, ">aborted</th>"));
    CHECK_FALSE(has(page, ">truncated</th>"));
}

TEST_CASE("calls of tools beyond the bound are under other tools, and counted") {
    Report report;
    for (std::string_view const tool : {"a", "b", "c", "d", "e"}) call(report, tool, Source::memory, ms);
    std::string const page = page_of(report);
    CHECK(row(page, "other tools", "calls").at(0) == "2");
    CHECK(has(page, "names beyond 3</dt><dd>2</dd>"));
    CHECK(page.find("<bdi>c</bdi>") < page.find("other tools</em>"));
}

TEST_CASE("calls of a tool and tier beyond the bound are under other tools, and counted") {
    Report report;
    for (Source const source : {Source::memory, Source::cache, Source::r2, Source::kv, Source::github, Source::github})
        call(report, "a", source, ms);
    std::string const page = page_of(report);
    CHECK(row(page, "a</bdi>", "calls").at(0) == "4");
    CHECK(row(page, "other tools", "calls").at(0) == "2");
    CHECK(has(page, "pairs of tool and tier beyond 4</dt><dd>2</dd>"));
}

TEST_CASE("a tool's name is cut at a character, and counted") {
    Report report;
    call(report, "1234567é", Source::memory, ms);
    std::string const page = page_of(report);
    CHECK(has(page, "<bdi>1234567</bdi>"));
    CHECK(has(page, "cut at 8 bytes</dt><dd>1</dd>"));
}

TEST_CASE("intervals double when time outgrows them, and no call is lost") {
    Report report;
    for (int i = 0; i < 40; ++i) call(report, "search", i % 2 == 0 ? Source::memory : Source::r2, 7 * ms);
    std::string const page = page_of(report);  // 39 * 7 ms in four intervals: 128 ms each
    CHECK(has(page, "ended in each 128\u00a0ms"));
    std::size_t const table = page.find("<details class=\"more\">"), end = page.find("</table>", table);
    std::string_view const rows = std::string_view{page}.substr(table, end - table);
    CHECK(count(rows, "<th scope=\"row\">") == 3);
    CHECK(has(rows, "<td>19</td>"));
    CHECK(has(rows, "<td>18</td>"));
    CHECK(has(rows, "<td>3</td>"));
    CHECK(count(rows, "<td>100\u00a0%</td></tr>") == 3);  // the hit rate
}

TEST_CASE("the slowest traces are kept, no tool with more than its share, the slowest first") {
    Report report;
    for (std::uint64_t const n : {5u, 9u, 7u, 1u, 8u}) call(report, "slow", Source::build, n * 100 * ms);
    call(report, "quick", Source::memory, 2 * ms);
    call(report, "quick", Source::memory, ms);
    std::string const page = page_of(report);
    std::size_t const section = page.find("id=\"slow\"");
    auto const first = page.find("900\u00a0ms</span> <span class=\"cut\"><bdi>slow", section);
    auto const second = page.find("800\u00a0ms</span> <span class=\"cut\"><bdi>slow", section);
    auto const third = page.find("2.00\u00a0ms</span> <span class=\"cut\"><bdi>quick", section);
    CHECK(first != std::string::npos);
    CHECK(first < second);
    CHECK(second < third);
    CHECK(third != std::string::npos);
    CHECK(count(page, "<details class=\"trace\"") == 3);
    CHECK(has(page, "Traces that are not among the slowest</dt><dd>4</dd>"));
}

TEST_CASE("a trace that is not sampled is in every number, and takes no waterfall's place") {
    lastbyte::HtmlReport<Sampled, "cache_tier", Few> report;
    auto const add = [&](lastbyte::Sampling decision, std::uint64_t ns) {
        lastbyte::Tracer<Sampled> tracer{decision};
        { tracer.span<"index">().source(Source::r2); }
        Clock::advance_ns(ns);
        seed::read(tracer, [&](lastbyte::Reading<Sampled> const& done) { report.add(done, "search"); });
    };
    add(lastbyte::unsampled, 900 * ms);
    std::string page = page_of(report);
    CHECK_FALSE(has(page, "id=\"slow\""));
    CHECK(has(page, "no spans to draw</dt><dd>1</dd>"));
    add(lastbyte::sampled, 3 * ms);
    for (int i = 0; i < 5; ++i) add(lastbyte::unsampled, 500 * ms);
    page = page_of(report);
    CHECK(count(page, "<details class=\"trace\"") == 1);
    CHECK(has(page, "<span class=\"took\">3.00\u00a0ms</span> <span class=\"cut\"><bdi>search"));
    CHECK(has(page, "no spans to draw</dt><dd>6</dd>"));
    CHECK(has(page, "not among the slowest</dt><dd>0</dd>"));
    CHECK(has(page, "<p>7 calls that ended"));
    CHECK(has(page, "<dt>Hit rate</dt><dd>100"));
    CHECK(has(page, "<dt>95th percentile</dt><dd>9"));
}

TEST_CASE("a trace of a tool may take the place of another's when that is faster") {
    Report report;
    for (std::string_view const tool : {"a", "a", "b"}) call(report, tool, Source::memory, ms);
    call(report, "b", Source::memory, 5 * ms);
    std::string const page = page_of(report);
    std::string_view const slow = std::string_view{page}.substr(page.find("id=\"slow\""));
    CHECK(count(slow, "<span class=\"cut\"><bdi>b</bdi>") == 2);
    CHECK(count(slow, "<span class=\"cut\"><bdi>a</bdi>") == 1);
}

TEST_CASE("a waterfall has each parent before its children, in the order of their starts") {
    Report report;
    Tracer tracer;
    {
        auto parent = tracer.span<"parent">();
        for (int i = 0; i < 2; ++i) {
            auto child = parent.child<"child:*">(i == 0 ? "x" : "y");
            Clock::advance_ns(ms);
        }
    }
    auto last = tracer.async_span<"last">();
    last.end();
    seed::read(tracer, [&](Reading const& done) { report.add(done, "search"); });
    std::string const page = page_of(report);
    std::size_t at = page.find("class=\"fall\"");
    for (std::string_view const line :
         {"cut\"><bdi>parent", "cut d1\"><bdi>child:x", "cut d1\"><bdi>child:y", "cut\"><bdi>last"}) {
        CAPTURE(line);
        std::size_t const found = page.find(line, at);
        CHECK(found != std::string::npos);
        at = found;
    }
    CHECK(has(page, "x=\"50.00\" y=\"3\" width=\"50.00\""));
}

TEST_CASE("spans and texts beyond a trace's bounds are left out, and the trace says so") {
    Report report;
    Tracer tracer;
    for (int i = 0; i < 7; ++i)
        tracer.record<"file:*">("a-name-that-is-too-long", lastbyte::milliseconds(1), Source::r2);
    seed::read(tracer, [&](Reading const& done) { report.add(done, "search"); });
    std::string const page = page_of(report);
    CHECK(has(page, "spans not shown</dt><dd>3</dd>"));
    CHECK(has(page, "texts cut</dt><dd>5</dd>"));  // four tails, and the last stem, for which no room was left
    CHECK(has(page, "<bdi>file:a-name-that-is-t"));
}

TEST_CASE("spans beyond the policy's bound and after the end are counted") {
    Report report;
    Tracer tracer;
    auto body = lastbyte::defer_until_consumed(tracer.body([&, step = 0]() mutable -> std::optional<std::string> {
        if (step++ != 0) return std::nullopt;
        for (std::size_t i = 0; i < Policy::max_spans + 3; ++i) tracer.record<"step">(lastbyte::milliseconds(1));
        tracer.seal([](auto const&) {});
        for (int i = 0; i < 2; ++i) tracer.record<"late">(lastbyte::milliseconds(1));
        return "body";
    }),
                                               [&](Reading const& done) { report.add(done, "search"); });
    while (body()) {
    }
    std::string const page = page_of(report);
    CHECK(has(page, "max_spans</dt><dd>3</dd>"));
    CHECK(has(page, "after the end</dt><dd>2</dd>"));
}

TEST_CASE("a hostile title, tool, span and detail are text on the page") {
    Report report;
    call(report, "<b>\"'&", Source::r2, ms, "</bdi><script>");
    Tracer tracer;
    tracer.record<"file:*">("<i>&amp;", lastbyte::milliseconds(1), Source::r2);
    seed::read(tracer, [&](Reading const& done) { report.add(done, "get"); });
    std::string const page = page_of(report, "</title><script>");
    CHECK(has(page, "<title>&lt;/title&gt;&lt;script&gt;: report</title>"));
    CHECK(has(page, "&lt;b&gt;&quot;&#39;&amp;"));
    CHECK(has(page, "&lt;/bdi&gt;&lt;script&gt;"));
    CHECK(has(page, "<bdi>file:&lt;i&gt;&amp;amp;</bdi>"));
    CHECK_FALSE(has(page, "<script"));
    CHECK_FALSE(has(page, "<b>&"));
}

TEST_CASE("the page says when the first and the last call ended") {
    LeapDay::at_start = Clock::now();
    Report report;
    call(report, "search", Source::memory, 500 * ms);
    call(report, "search", Source::memory, 2000 * ms);
    CHECK(has(page_of(report), "2 calls that ended from 2024-02-29 23:59:59.000 to 00:00:01.000 UTC"));
}

TEST_CASE("a report without a call says so") {
    Report const report;
    std::string const page = page_of(report);
    CHECK(has(page, "No call has ended yet"));
    CHECK_FALSE(has(page, "<table"));
    CHECK(page.ends_with("</html>\n"));
}

TEST_CASE("nothing on the page asks the network for anything") {
    Report report;
    call(report, "search", Source::memory, ms);
    std::string const page = page_of(report);
    for (std::string_view const word : {"http:", "https:", "src=", "url(", "@import", "<script", "<iframe"}) {
        CAPTURE(word);
        CHECK_FALSE(has(page, word));
    }
    CHECK(count(page, "href=") == count(page, "href=\"data:,\""));
    CHECK(has(page, "default-src 'none'"));
}

TEST_CASE("adding allocates nothing, not even what it has no room for") {
    static lastbyte::HtmlReport<Policy, "cache_tier", Few> report;
    Tracer tracer;
    tracer.record<"index">(lastbyte::milliseconds(3), Source::memory);
    std::size_t during = 1;
    seed::read(tracer, [&](Reading const& done) {
        constexpr char const* names[] = {"a", "b", "c", "d", "a name that is too long"};
        std::size_t const before = allocations;
        for (char const* const name : names) report.add(done, name);
        during = allocations - before;
    });
    CHECK(during == 0);
    CHECK(report.calls() == 5);
    static_assert(sizeof report == decltype(report)::max_bytes);
}
