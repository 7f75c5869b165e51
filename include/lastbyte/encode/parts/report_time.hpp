// The time axis of a report: the share of each tier, the hit rate and the calls, in intervals of equal length.
//
// Totals hide the hour in which the cache was cold. Each drawing is one path for each tier, whatever the traffic was;
// the same numbers stand in a table below it, for those who can't see it and those who want to copy them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/encode/parts/report_frame.hpp>
#include <lastbyte/encode/parts/report_scale.hpp>

namespace lastbyte::detail {

template <class Page>
class ReportTime {
    static constexpr std::size_t Tiers = Page::Tiers;

public:
    explicit ReportTime(Page& page) noexcept : page_(page) {}

    void write() {
        page_.open_section("time", "Tiers over time");
        put(page_.out, "<p class=\"lead\">Which tier served the calls that ended in each ",
            Elapsed{page_.books.interval_ns()}, ", by the rule <bdi>", Escaped{page_.rule}, "</bdi>.</p>\n");
        append_legend(page_.out, page_.tiers, page_.of_tier, page_.total.calls);
        std::uint64_t most = 1;
        for (std::size_t i = 0; i < page_.books.interval_count; ++i)
            if (calls_in(i) > most) most = calls_in(i);

        put(page_.out,
            "<div class=\"plots\"><h3>Share of each tier</h3><div class=\"y\" "
            "aria-hidden=\"true\"><span>100\u00a0%</span><span>50</span><span>0</span>");
        open_drawing("tall", "Share of each tier over time; the table below has the numbers");
        for (std::size_t tier = 0; tier < Tiers; ++tier) {
            if (page_.of_tier[tier] == 0) continue;
            put(page_.out, "<path class=\"gap ", page_.tiers.style(tier), "\" d=\"");
            for (std::size_t i = 0; i < page_.books.interval_count; ++i) {
                auto const& calls = page_.books.intervals[i].calls;
                if (calls[tier] == 0) continue;
                std::uint64_t above = 0;
                for (std::size_t other = tier + 1; other < Tiers; ++other) above += calls[other];
                double const share = 100.0 / static_cast<double>(calls_in(i));
                block(i, share * static_cast<double>(above), share * calls[tier]);
            }
            put(page_.out, "\"/>\n");
        }
        write_titles();
        if (page_.total.lookups != 0) {
            put(page_.out,
                "<h3>Hit rate</h3><div class=\"y\" aria-hidden=\"true\"><span>100\u00a0%</span><span>0</span>");
            open_drawing("low", "Hit rate over time; the table below has the numbers");
            put(page_.out, "<path class=\"line\" d=\"");
            bool drawing = false;
            for (std::size_t i = 0; i < page_.books.interval_count; ++i) {
                auto const& [calls, hits, lookups] = page_.books.intervals[i];
                if (lookups == 0) {
                    drawing = false;
                    continue;
                }
                Place const y{97 - 94.0 * static_cast<double>(hits) / static_cast<double>(lookups)};
                if (drawing)
                    put(page_.out, "V", y);
                else
                    put(page_.out, "M", Place{10.0 * static_cast<double>(i)}, " ", y);
                put(page_.out, "h10");
                drawing = true;
            }
            put(page_.out, "\"/></svg>\n");
        }
        put(page_.out, "<h3>Calls</h3><div class=\"y\" aria-hidden=\"true\"><span>", Grouped{most},
            "</span><span>0</span>");
        open_drawing("low", "Calls over time; the table below has the numbers");
        put(page_.out, "<path class=\"gap all\" d=\"");
        for (std::size_t i = 0; i < page_.books.interval_count; ++i) {
            double const height = 100.0 * static_cast<double>(calls_in(i)) / static_cast<double>(most);
            if (height > 0) block(i, 100 - height, height);
        }
        put(page_.out, "\"/></svg>\n<div class=\"x\" aria-hidden=\"true\">");
        std::uint64_t const end = page_.books.interval_count * page_.books.interval_ns();
        put(page_.out, "<span>", page_.when(0), "</span><span>", page_.when(end / 2), "</span><span>", page_.when(end),
            "</span></div></div>\n");
        write_time_table();
        put(page_.out, "</section>\n");
    }

private:
    [[nodiscard]] std::uint64_t calls_in(std::size_t interval) const noexcept {
        std::uint64_t sum = 0;
        for (auto const calls : page_.books.intervals[interval].calls) sum += calls;
        return sum;
    }
    void open_drawing(std::string_view style, std::string_view label) {
        put(page_.out, "</div><svg class=\"", style, "\" viewBox=\"0 0 ",
            Place{10.0 * static_cast<double>(page_.books.interval_count)},
            " 100\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"", label, "\">");
        put(page_.out, "<rect class=\"bg\" width=\"100%\" height=\"100\"/>");
    }
    void block(std::size_t interval, double from, double height) {
        put(page_.out, "M", Place{10.0 * static_cast<double>(interval)}, " ", Place{from}, "h10v", Place{height},
            "h-10z");
    }
    /// What the pointer finds over an interval.
    void write_titles() {
        for (std::size_t i = 0; i < page_.books.interval_count; ++i) {
            std::uint64_t const calls = calls_in(i);
            if (calls == 0) continue;
            put(page_.out, "<rect class=\"hit\" x=\"", Place{10.0 * static_cast<double>(i)},
                "\" width=\"10\" height=\"100\"><title>", page_.when(i * page_.books.interval_ns()), ": ",
                Grouped{calls}, calls == 1 ? " call; " : " calls; ");
            append_shares(page_.out, page_.tiers, page_.books.intervals[i].calls, calls);
            put(page_.out, "</title></rect>\n");
        }
        put(page_.out, "</svg>\n");
    }

    void write_time_table() {
        put(page_.out, "<details class=\"more\"><summary>The same as a table</summary><div>");
        page_.open_table("Tiers over time", "rows");
        page_.column("From");
        page_.column("Calls");
        for (std::size_t tier = 0; tier < Tiers; ++tier)
            if (page_.of_tier[tier] != 0) page_.column(Escaped{page_.tiers.names[tier]});
        page_.column("Hit rate");
        put(page_.out, "</tr></thead><tbody>\n");
        for (std::size_t i = 0; i < page_.books.interval_count; ++i) {
            std::uint64_t const calls = calls_in(i);
            if (calls == 0) continue;
            put(page_.out, "<tr><th scope=\"row\">", page_.when(i * page_.books.interval_ns()), "</th>");
            page_.number(calls);
            for (std::size_t tier = 0; tier < Tiers; ++tier)
                if (page_.of_tier[tier] != 0) page_.cell(Share{page_.books.intervals[i].calls[tier], calls});
            page_.cell(Share{page_.books.intervals[i].hits, page_.books.intervals[i].lookups});
            put(page_.out, "</tr>\n");
        }
        put(page_.out, "</tbody>");
        page_.close_table();
        put(page_.out, "</div></details>\n");
    }

    Page& page_;
};

}  // namespace lastbyte::detail
