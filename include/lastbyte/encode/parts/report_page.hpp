// The page of a report: its sections in the order in which one asks, from "how much and how fast" to "which request".
//
// Tables are tables and headings are headings, so that a screen reader and a keyboard get through it; the traces open
// with the browser's own `details`. What the report had no room for is its last section, and is never left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/body/outcome.hpp>
#include <lastbyte/encode/parts/report_frame.hpp>
#include <lastbyte/encode/parts/report_style.hpp>
#include <lastbyte/encode/parts/report_tables.hpp>
#include <lastbyte/encode/parts/report_time.hpp>
#include <lastbyte/encode/parts/report_waterfall.hpp>

namespace lastbyte::detail {

template <class Page>
class ReportPage {
    using Books = typename Page::Books;
    using Limits = typename Page::Bounds;

public:
    explicit ReportPage(Page& page) noexcept : page_(page) {}

    void write() {
        write_head();
        if (page_.books.calls != 0) {
            write_key_numbers();
            put(page_.out, "</header>\n<main>\n");
            ReportTime<Page>{page_}.write();
            ReportTables<Page> tables{page_};
            tables.write_calls();
            tables.write_first_bytes();
            tables.write_early();
            tables.write_outcomes();
            write_traces();
        } else {
            put(page_.out,
                "</header>\n<main>\n<section><p>No call has ended yet. A call is counted when its body is over.</p>");
            put(page_.out, "</section>\n");
        }
        write_left_out();
        put(page_.out,
            "</main>\n<footer>Read after the last byte, by lastbyte. Times are UTC; percentiles are within "
            "0.6\u00a0%.");
        put(page_.out, "</footer>\n</body>\n</html>\n");
    }

private:
    void write_head() {
        put(page_.out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
            "http-equiv=\"Content-Security-Policy\" content=\"",
            report_policy, "\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
        put(page_.out,
            "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n<title>",
            Escaped{page_.title}, ": report</title>\n<style>", report_style,
            "</style>\n</head>\n<body>\n<header>\n<h1>", Escaped{page_.title}, "</h1>\n");
        if (page_.books.calls == 0) return;
        put(page_.out, "<p>", Grouped{page_.books.calls}, page_.books.calls == 1 ? " call" : " calls",
            " that ended from ", page_.when(0, true), " to ", page_.when(page_.books.ended_ns), " UTC</p>\n");
    }

    void write_key_numbers() {
        std::uint64_t whole = 0;
        for (std::size_t tool = 0; tool < Books::tools; ++tool)
            whole += page_.books.outcome_of[tool][static_cast<std::size_t>(Outcome::complete)] +
                     page_.books.outcome_of[tool][static_cast<std::size_t>(Outcome::no_body)];
        put(page_.out, "<dl class=\"key\">\n");
        page_.key("Calls", Grouped{page_.total.calls});
        page_.key("Median", Elapsed{page_.total.durations.quantile(0.5)});
        page_.key("95th percentile", Elapsed{page_.total.durations.quantile(0.95)});
        page_.key("99th percentile", Elapsed{page_.total.durations.quantile(0.99)});
        if (!page_.total.first_bytes.empty())
            page_.key("Median to first byte", Elapsed{page_.total.first_bytes.quantile(0.5)});
        if (page_.total.lookups != 0) page_.key("Hit rate", Share{page_.total.hits, page_.total.lookups});
        page_.key("Ended whole", Share{whole, page_.total.calls});
        page_.key("Sent", ByteCount{page_.total.bytes});
        put(page_.out, "</dl>\n");
    }

    void write_traces() {
        if (page_.books.trace_count == 0) return;
        std::size_t ranks[Limits::slowest];
        for (std::size_t i = 0; i < page_.books.trace_count; ++i) {
            std::size_t at = i;
            for (; at > 0 && page_.books.slow_ns[ranks[at - 1]] < page_.books.slow_ns[i]; --at)
                ranks[at] = ranks[at - 1];
            ranks[at] = i;
        }
        page_.open_section("slow", "Slowest traces");
        put(page_.out, "<p class=\"lead\">The slowest ", Grouped{page_.books.trace_count}, ", at most ",
            Grouped{Limits::slowest_of_a_tool},
            " of a tool. Open one for its spans; the line is the first byte.</p>\n");
        for (std::size_t i = 0; i < page_.books.trace_count; ++i) {
            auto const& trace = page_.books.traces[ranks[i]];
            auto const outcome = static_cast<Outcome>(trace.outcome);
            bool const whole = outcome == Outcome::complete || outcome == Outcome::no_body;
            put(page_.out, i == 0 ? "<details class=\"trace\" open>" : "<details class=\"trace\">",
                "<summary><span class=\"took\">", Elapsed{trace.duration_ns}, "</span> <span class=\"cut\">");
            page_.append_tool(page_.books.slow_tool[ranks[i]]);
            put(page_.out, "</span> <span class=\"cut\">");
            append_swatch(page_.out, page_.tiers.style(trace.tier));
            put(page_.out, Escaped{page_.tiers.names[trace.tier]}, "</span> <span class=\"end", whole ? "" : " bad",
                "\">", name(outcome), "</span> <span class=\"when\">", page_.when(trace.ended_ns),
                "</span></summary>\n");
            append_waterfall(page_.out, trace, page_.tiers, page_.rule);
            put(page_.out, "</details>\n");
        }
        put(page_.out, "</section>\n");
    }

    void write_left_out() {
        page_.open_section("left", "What is not in this report");
        put(page_.out,
            "<p class=\"lead\">A report has a fixed size. This is what had no place in it, counted.</p>\n<dl "
            "class=\"out\">\n");
        page_.key("Traces that are not among the slowest", Grouped{page_.books.traces_passed});
        page_.key("Traces that are not sampled, so that there are no spans to draw", Grouped{page_.books.traces_unsampled});
        page_.left("Calls under “other tools”: names beyond ", Limits::max_tools, "", page_.books.tools_refused);
        page_.left("Calls under “other tools”: pairs of tool and tier beyond ", Limits::max_series, "",
                   page_.books.series_refused);
        page_.left("Calls with a tool\u2019s name cut at ", Limits::max_tool_bytes, " bytes",
                   page_.books.tool_names_cut);
        page_.key("Spans beyond the policy\u2019s max_spans", Grouped{page_.books.over_bound});
        page_.key("Spans recorded after the end", Grouped{page_.books.late});
        put(page_.out, "</dl></section>\n");
    }

    Page& page_;
};

}  // namespace lastbyte::detail
