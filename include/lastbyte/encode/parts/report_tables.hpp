// The tables of a report: latency and first bytes by tool, early answers against final ones, and outcomes.
//
// One number for all calls says nothing of the tool that is slow, and a tier says nothing without the calls that it
// served. Rows are sorted by traffic; a bar beside the numbers makes the odd one visible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/body/outcome.hpp>
#include <lastbyte/encode/parts/report_frame.hpp>
#include <lastbyte/encode/parts/report_scale.hpp>

namespace lastbyte::detail {

template <class Page>
class ReportTables {
    static constexpr std::size_t Tiers = Page::Tiers;
    using Series = typename Page::Series;

public:
    explicit ReportTables(Page& page) noexcept : page_(page) {}

    void write_calls() {
        LogScale const scale{page_.fastest, page_.slowest};
        page_.open_section("calls", "Calls and latency");
        put(page_.out,
            "<p class=\"lead\">By tool, and by the tier that served it. The bar reaches from p50 to p95, its tick is "
            "p99, on a logarithmic axis.</p>\n");
        page_.open_table("Calls and latency");
        for (std::string_view const head : {"Tool", "Calls", "Share", "p50", "p95", "p99"}) page_.column(head);
        page_.range_column(scale);
        page_.column("Hit rate");
        page_.column("Sent");
        put(page_.out, "</tr></thead>\n");
        for (std::size_t i = 0; i < page_.tool_count; ++i) {
            std::size_t const tool = page_.order[i];
            Series sum{};
            page_.sum_of(tool, sum);
            put(page_.out, "<tbody><tr class=\"tool\"><th scope=\"rowgroup\">");
            page_.append_tool(tool);
            put(page_.out, "</th>");
            write_row(sum, page_.total.calls, scale, "all");
            for (std::size_t tier = 0; tier < Tiers; ++tier) {
                auto const* const one = page_.books.at(tool, tier);
                if (one == nullptr) continue;
                put(page_.out, "<tr class=\"tier\"><th scope=\"row\">");
                append_swatch(page_.out, page_.tiers.style(tier));
                put(page_.out, Escaped{page_.tiers.names[tier]}, "</th>");
                write_row(*one, sum.calls, scale, page_.tiers.style(tier));
            }
            put(page_.out, "</tbody>\n");
        }
        page_.close_table();
        put(page_.out, "</section>\n");
    }

    void write_first_bytes() {
        if (page_.total.first_bytes.empty()) return;
        LogScale const scale{page_.fastest, page_.slowest};
        page_.open_section("first", "Time to first byte");
        put(page_.out,
            "<p class=\"lead\">What a client waits before anything comes. Bodies without bytes are left out.</p>\n");
        page_.open_table("Time to first byte", "rows");
        for (std::string_view const head : {"Tool", "Bodies", "p50", "p95", "p99"}) page_.column(head);
        page_.range_column(scale);
        put(page_.out, "</tr></thead><tbody>\n");
        for (std::size_t i = 0; i < page_.tool_count; ++i) {
            Series sum{};
            page_.sum_of(page_.order[i], sum);
            bool const known = !sum.first_bytes.empty();
            put(page_.out, "<tr><th scope=\"row\" class=\"name\">");
            page_.append_tool(page_.order[i]);
            put(page_.out, "</th>");
            page_.number(sum.first_bytes.count());
            for (double const share : {0.5, 0.95, 0.99}) page_.time(known, sum.first_bytes.quantile(share));
            put(page_.out, "<td class=\"range\">");
            append_range(page_.out, scale, sum.first_bytes, "all");
            put(page_.out, "</td></tr>\n");
        }
        put(page_.out, "</tbody>");
        page_.close_table();
        put(page_.out, "</section>\n");
    }

    void write_early() {
        std::uint64_t said[Tiers]{}, was[Tiers]{}, asked = 0, wrong = 0;
        for (std::size_t early = 0; early < Tiers; ++early)
            for (std::size_t tier = 0; tier < Tiers; ++tier) {
                std::uint64_t const calls = page_.books.early[early][tier];
                said[early] += calls;
                was[tier] += calls;
                asked += calls;
                if (early != tier) wrong += calls;
            }
        if (asked == 0) return;
        page_.open_section("early", "What an early read would have said");
        put(page_.out,
            "<p class=\"lead\">The same rule, asked at the end of the handler, when the body had not run, and after "
            "its last byte.</p>\n");
        put(page_.out, "<p class=\"wrong\">", Share{wrong, asked}, " of the early answers were wrong: ", Grouped{wrong},
            " of ", Grouped{asked}, "</p>\n");
        for (auto const* const answers : {said, was}) {
            put(page_.out, "<h3>", answers == said ? "At the handler\u2019s end" : "After the last byte", "</h3>");
            append_bar(page_.out, page_.tiers, answers, asked);
            append_legend(page_.out, page_.tiers, answers, asked);
        }
        put(page_.out, "<details class=\"more\"><summary>Each pair of answers</summary><div>");
        page_.open_table("Early and final answers", "rows");
        for (std::string_view const head : {"At the handler\u2019s end", "After the last byte", "Calls", "Share"})
            page_.column(head);
        put(page_.out, "</tr></thead><tbody>\n");
        for (std::size_t early = 0; early < Tiers; ++early)
            for (std::size_t tier = 0; tier < Tiers; ++tier) {
                if (page_.books.early[early][tier] == 0) continue;
                put(page_.out, "<tr><th scope=\"row\">", Escaped{page_.tiers.names[early]}, "</th>");
                page_.cell(Escaped{page_.tiers.names[tier]});
                page_.number(page_.books.early[early][tier]);
                page_.cell(Share{page_.books.early[early][tier], asked});
                put(page_.out, "</tr>\n");
            }
        put(page_.out, "</tbody>");
        page_.close_table();
        put(page_.out, "</div></details></section>\n");
    }

    void write_outcomes() {
        std::uint64_t sums[outcomes]{};
        for (auto const& of_tool : page_.books.outcome_of)
            for (std::size_t i = 0; i < outcomes; ++i) sums[i] += of_tool[i];
        page_.open_section("outcomes", "Outcomes");
        put(page_.out,
            "<p class=\"lead\">How the bodies ended. It is not the status: a 200 whose reader hung up is "
            "aborted.</p>\n");
        page_.open_table("Outcomes", "rows");
        page_.column("Tool");
        for (std::size_t i = 0; i < outcomes; ++i)
            if (sums[i] != 0) page_.column(name(static_cast<Outcome>(i)));
        put(page_.out, "</tr></thead><tbody>\n");
        for (std::size_t i = 0; i <= page_.tool_count; ++i) {
            bool const all = i == page_.tool_count;
            put(page_.out, all ? "<tr class=\"tool\"><th scope=\"row\">" : "<tr><th scope=\"row\" class=\"name\">");
            if (all)
                put(page_.out, "All");
            else
                page_.append_tool(page_.order[i]);
            put(page_.out, "</th>");
            for (std::size_t outcome = 0; outcome < outcomes; ++outcome)
                if (sums[outcome] != 0)
                    page_.number(all ? sums[outcome] : page_.books.outcome_of[page_.order[i]][outcome]);
            put(page_.out, "</tr>\n");
        }
        put(page_.out, "</tbody>");
        page_.close_table();
        put(page_.out, "</section>\n");
    }

private:
    void write_row(Series const& one, std::uint64_t of, LogScale const& scale, std::string_view style) {
        page_.number(one.calls);
        page_.cell(Share{one.calls, of});
        for (double const share : {0.5, 0.95, 0.99}) page_.time(true, one.durations.quantile(share));
        put(page_.out, "<td class=\"range\">");
        append_range(page_.out, scale, one.durations, style);
        put(page_.out, "</td>");
        page_.cell(Share{one.hits, one.lookups});
        page_.cell(ByteCount{one.bytes});
        put(page_.out, "</tr>\n");
    }

    Page& page_;
};

}  // namespace lastbyte::detail
