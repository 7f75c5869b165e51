// An HTML report: calls, latency, tiers, outcomes and the slowest traces of a process, as one file.
//
// A dashboard needs a store, and an incident often has neither. Here the callback that gets the Reading adds it to a
// report of fixed size, and one call writes it as a page that opens offline, in any browser, without a script. Adding
// costs around 60 ns (a slow trace: its copy more) and allocates nothing; what has no place is counted, and shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/body/reading.hpp>
#include <lastbyte/encode/parts/report_books.hpp>
#include <lastbyte/encode/parts/report_page.hpp>
#include <lastbyte/encode/parts/semantics.hpp>

namespace lastbyte {

/// How much a report holds. Derive from it and override what you need.
struct HtmlReportLimits {
    /// Tools by name; calls of more are under "other tools", and counted.
    static constexpr std::size_t max_tools = 24;
    /// Bytes of a tool's name; a longer one is cut at a character.
    static constexpr std::size_t max_tool_bytes = 64;
    /// Pairs of a tool and a tier, 35 KB each once it is used; calls of more are under "other tools".
    static constexpr std::size_t max_series = 96;
    /// Steps of the time axis. When the last one is full, pairs are joined and each is twice as long.
    static constexpr std::size_t intervals = 96;
    static constexpr std::uint64_t first_interval_ns = 1'000'000;
    /// Traces that are kept whole, the slowest ones, and how many of them may be of one tool.
    static constexpr std::size_t slowest = 24;
    static constexpr std::size_t slowest_of_a_tool = 6;
    /// Spans and bytes of text of such a trace, and bytes of one text.
    static constexpr std::size_t max_spans = 64;
    static constexpr std::size_t text_bytes = 4096;
    static constexpr std::size_t max_text_bytes = 256;
    using WallClock = SystemWallClock;
};

/// What is shown of requests under policy P, by the tier rule of that name. One thread's at a time: lock.
///
///     constinit lastbyte::HtmlReport<Telemetry, "cache_tier"> report;
///     report.add(done, "search");                                          // in the callback
///
/// About 4 MB, too much for a stack. A static one takes no room in the program's file, and of memory only the pages
/// that something was written to.
template <Policy P, FixedString Rule, class Limits = HtmlReportLimits>
class HtmlReport {
    using Source = typename P::Tiers::Source;
    using Tiers = detail::TierTable<Source>;
    static_assert(detail::rule_lines<typename P::Tiers, Rule>() != 0);
    static_assert(Limits::max_tools >= 1 && Limits::max_tools <= 250,
                  "lastbyte: max_tools of a report's limits must lie in 1..250.");
    static_assert(Limits::max_tool_bytes >= 4 && Limits::max_tool_bytes <= 1024,
                  "lastbyte: max_tool_bytes of a report's limits must lie in 4..1024.");
    static_assert(Limits::max_series >= 1 && Limits::max_series <= 60'000,
                  "lastbyte: max_series of a report's limits must lie in 1..60000.");
    static_assert(Limits::intervals >= 2 && Limits::intervals <= 1000 && Limits::first_interval_ns >= 1,
                  "lastbyte: intervals of a report's limits must lie in 2..1000, and the first last 1 ns or more.");
    static_assert(Limits::slowest >= 1 && Limits::slowest_of_a_tool >= 1 && Limits::slowest <= 1000,
                  "lastbyte: slowest of a report's limits must lie in 1..1000, and slowest_of_a_tool be 1 or more.");
    static_assert(Limits::max_spans >= 1 && Limits::max_spans <= 4096 && Limits::max_text_bytes <= 32'767,
                  "lastbyte: max_spans of a report's limits must lie in 1..4096, max_text_bytes in 0..32767.");

public:
    HtmlReport() noexcept = default;
    HtmlReport(HtmlReport const&) = delete;
    HtmlReport& operator=(HtmlReport const&) = delete;

    /// All the memory that it ever takes.
    static constexpr std::size_t max_bytes = sizeof(detail::ReportBooks<Limits, Tiers::size>);

    /// Adds a request, under the name of what was called. One that isn't sampled is in every number, and in no waterfall.
    /// Never throws or allocates.
    template <std::uint64_t D>
    void add(BasicReading<P, D> const& done, std::string_view tool) noexcept {
        add(done, tool, detail::no_tier);
    }
    /// The same, and what a read at the end of the handler said: `tracer.snapshot().tier<"cache_tier">()`, taken there.
    /// The page then shows how often it was wrong.
    template <std::uint64_t D>
    void add(BasicReading<P, D> const& done, std::string_view tool, Provisional<Tier<Source>> const& early) noexcept {
        add(done, tool, Tiers::of(early.value()));
    }

    [[nodiscard]] std::uint64_t calls() const noexcept { return books_.calls; }

    template <Policy Q, FixedString R, class L, TextOutput Out>
    friend Out& write_html_report(Out& out, HtmlReport<Q, R, L> const& report, std::string_view title);

private:
    template <std::uint64_t D>
    void add(BasicReading<P, D> const& done, std::string_view name, std::uint8_t early) noexcept {
        std::uint64_t const now = P::Clock::now();
        if (books_.calls++ == 0) {
            books_.began_ticks = now;
            books_.began_unix_ns = Limits::WallClock::unix_ns();
        }
        std::uint64_t const since = now > books_.began_ticks ? P::Clock::rate().ns(now - books_.began_ticks) : 0;
        std::uint8_t const tier = Tiers::of(done.template tier<Rule>().value());
        auto const tally = done.tally();
        std::uint64_t const hits = tally.hits(), lookups = tally.lookups(), bytes = done.bytes(),
                            ns = done.duration_ns();

        std::size_t tool = books_.find_tool(name);
        auto& series = books_.find_series(tool, tier);
        series.calls += 1;
        series.bytes += bytes;
        series.hits += hits;
        series.lookups += lookups;
        series.durations.record(ns);
        if (bytes != 0) series.first_bytes.record(done.time_to_first_byte_ns());

        auto& interval = books_.find_interval(since);
        interval.calls[tier] += 1;
        interval.hits += hits;
        interval.lookups += lookups;

        books_.outcome_of[tool][static_cast<std::size_t>(done.outcome().value())] += 1;
        if (early != detail::no_tier) books_.early[early][tier] += 1;
        books_.late += done.late();
        books_.over_bound += done.over_bound();
        if (!done.sampled()) {
            ++books_.traces_unsampled;  // it has no spans to draw, and would take the place of one that has
        } else if (auto* const trace = books_.find_slow(tool, ns)) {
            trace->keep(done);
            trace->ended_ns = since;
            trace->tier = tier;
            trace->early = early;
        }
    }

    detail::ReportBooks<Limits, Tiers::size> books_;
};

/// Appends the report as one HTML document: UTF-8, without a script, a link or a request. `title` is the service's
/// name. Takes some milliseconds, and allocates what `out` allocates (100 to 400 KB).
template <Policy P, FixedString Rule, class Limits, TextOutput Out>
Out& write_html_report(Out& out, HtmlReport<P, Rule, Limits> const& report, std::string_view title) {
    using Tiers = detail::TierTable<typename P::Tiers::Source>;
    constexpr auto names = [] {
        struct Names {
            std::string_view text[Tiers::size]{};
        } all;
        for (std::size_t i = 0; i < Tiers::size; ++i) all.text[i] = Tiers::name(i);
        return all;
    }();
    using Page = detail::ReportFrame<Out, Limits, Tiers::size>;
    Page page{out, report.books_, names.text, title, Rule.view()};
    detail::ReportPage<Page>{page}.write();
    return out;
}

}  // namespace lastbyte
