// What the sections of a report share: the sums over its books, and the pieces of which headings and tables are made.
//
// If each section put its markup together for itself, one table would scroll on a telephone and the next would widen
// the page. Here a table is opened, filled and closed in one way, with what a keyboard and a screen reader need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/encode/parts/report_books.hpp>
#include <lastbyte/encode/parts/report_scale.hpp>

namespace lastbyte::detail {

template <TextOutput Out, class Limits, std::size_t TierCount>
class ReportFrame {
public:
    static constexpr std::size_t Tiers = TierCount;
    using Bounds = Limits;
    using Books = ReportBooks<Limits, Tiers>;
    using Series = typename Books::Series;

    ReportFrame(Out& to, Books const& from, std::string_view const* names, std::string_view given_title,
                std::string_view named_rule) noexcept
        : out(to), books(from), tiers{names, Tiers}, title(given_title), rule(named_rule) {
        for (std::size_t tool = 0; tool < Books::tools; ++tool)
            for (std::size_t tier = 0; tier < Tiers; ++tier)
                if (auto const* const one = books.at(tool, tier)) count(tool, tier, *one);
        sort_tools();
    }
    ReportFrame(ReportFrame const&) = delete;
    ReportFrame& operator=(ReportFrame const&) = delete;

    Out& out;
    Books const& books;
    ReportTiers tiers;
    std::string_view title, rule;
    Series total{};
    std::uint64_t of_tier[Tiers]{};
    std::uint64_t of_tool[Books::tools]{};
    std::uint8_t order[Books::tools]{};  // tools that were called, the busiest first, the others last
    std::size_t tool_count = 0;
    std::uint64_t fastest = 1'000'000, slowest = 1'000'000;  // medians and p99s lie between

    [[nodiscard]] Utc when(std::uint64_t since_ns, bool date = false) const noexcept {
        return {books.began_unix_ns + since_ns, date || books.ended_ns >= 86'400'000'000'000,
                books.ended_ns < 60'000'000'000};
    }
    void append_tool(std::size_t tool) {
        if (tool == Books::other)
            put(out, "<em>", books.tool_name(tool), "</em>");
        else if (books.tool_name(tool).empty())
            put(out, "<em>no name</em>");
        else
            put(out, "<bdi>", Escaped{books.tool_name(tool)}, "</bdi>");
    }
    void open_section(std::string_view id, std::string_view heading) {
        put(out, "<section><h2 id=\"", id, "\">", heading, "</h2>\n");
    }
    void open_table(std::string_view label, std::string_view style = {}) {
        put(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"", label, "\"><table class=\"",
            style, "\"><thead><tr>");
    }
    void column(auto const&... head) {
        put(out, "<th scope=\"col\">");
        (put(out, head), ...);
        put(out, "</th>");
    }
    void range_column(LogScale const& scale) {
        put(out, "<th scope=\"col\" class=\"range\"><span class=\"ends\"><span>", Decade{scale.low()}, "</span><span>",
            Decade{scale.high()}, "</span></span></th>");
    }
    void cell(auto const&... value) {
        put(out, "<td>");
        (put(out, value), ...);
        put(out, "</td>");
    }
    void number(std::uint64_t count) { put(out, count == 0 ? "<td class=\"zero\">" : "<td>", Grouped{count}, "</td>"); }
    void time(bool known, std::uint64_t ns) {
        if (known)
            cell(Elapsed{ns});
        else
            put(out, "<td class=\"zero\">–</td>");
    }
    void close_table() { put(out, "</table></div>\n"); }
    void key(std::string_view name, auto const&... value) {
        put(out, "<div><dt>", name, "</dt><dd>");
        (put(out, value), ...);
        put(out, "</dd></div>\n");
    }
    void left(std::string_view before, std::uint64_t bound, std::string_view after, std::uint64_t count) {
        put(out, "<div><dt>", before, Grouped{bound}, after, "</dt><dd>", Grouped{count}, "</dd></div>\n");
    }

    void sum_of(std::size_t tool, Series& sum) const noexcept {
        for (std::size_t tier = 0; tier < Tiers; ++tier)
            if (auto const* const one = books.at(tool, tier)) sum.merge(*one);
    }

private:
    void count(std::size_t tool, std::size_t tier, Series const& one) noexcept {
        total.merge(one);
        of_tier[tier] += one.calls;
        of_tool[tool] += one.calls;
        for (auto const ns : {one.durations.quantile(0.5), one.first_bytes.quantile(0.5)})
            if (ns != 0 && ns < fastest) fastest = ns;
        if (auto const ns = one.durations.quantile(0.99); ns > slowest) slowest = ns;
    }
    void sort_tools() noexcept {
        for (std::size_t tool = 0; tool < Books::tools; ++tool) {
            if (of_tool[tool] == 0) continue;
            std::size_t at = tool_count++;
            for (; at > 0 && tool != Books::other && of_tool[order[at - 1]] < of_tool[tool]; --at)
                order[at] = order[at - 1];
            order[at] = static_cast<std::uint8_t>(tool);
        }
    }
};

}  // namespace lastbyte::detail
