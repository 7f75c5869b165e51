// One trace of a report as a waterfall: a line for each span, children under their parents, on the request's time axis.
//
// A child is recorded before its parent, because it ends first; drawn in that order a trace reads upside down. Here
// spans are put into the order of a call tree. Each line says in words what its bar shows, for those who hear the page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/body/outcome.hpp>
#include <lastbyte/encode/parts/report_books.hpp>
#include <lastbyte/encode/parts/report_scale.hpp>

namespace lastbyte::detail {

/// The spans of a trace, each parent before its children, siblings by their start. Costs the square of their number.
template <class Limits>
class SpanTree {
public:
    explicit SpanTree(ReportTrace<Limits> const& trace) noexcept : trace_(trace) {
        while (size_ < trace.span_count) {
            std::uint32_t next = trace.span_count;
            unsigned depth = 0;
            // The deepest span that still has a child comes first; a span whose parent isn't kept is the request's.
            for (std::uint32_t level = open_; next == trace.span_count; --level) {
                next = earliest(level == 0 ? nullptr : &trace.spans[stack_[level - 1]]);
                depth = level;
                if (level == 0) break;
            }
            if (next == trace.span_count) next = first_left();
            taken_[next] = true;
            order_[size_] = next;
            depth_[size_++] = static_cast<std::uint8_t>(depth < 4 ? depth : 4);
            stack_[depth] = next;
            open_ = depth + 1;
        }
    }
    [[nodiscard]] ReportSpan const& at(std::uint32_t index) const noexcept { return trace_.spans[order_[index]]; }
    /// 0 for what the request called itself, at most 4.
    [[nodiscard]] unsigned depth(std::uint32_t index) const noexcept { return depth_[index]; }

private:
    [[nodiscard]] std::uint32_t earliest(ReportSpan const* parent) const noexcept {
        std::uint32_t best = trace_.span_count;
        for (std::uint32_t i = 0; i < trace_.span_count; ++i) {
            if (taken_[i] || (parent == nullptr ? has_parent(i) : trace_.spans[i].parent != parent->id)) continue;
            if (best == trace_.span_count || trace_.spans[i].start_ns < trace_.spans[best].start_ns) best = i;
        }
        return best;
    }
    [[nodiscard]] bool has_parent(std::uint32_t child) const noexcept {
        for (std::uint32_t i = 0; i < trace_.span_count; ++i)
            if (i != child && trace_.spans[i].id == trace_.spans[child].parent) return true;
        return false;
    }
    [[nodiscard]] std::uint32_t first_left() const noexcept {
        std::uint32_t i = 0;
        while (taken_[i]) ++i;
        return i;
    }

    ReportTrace<Limits> const& trace_;
    std::uint32_t size_ = 0, open_ = 0;
    std::uint32_t order_[Limits::max_spans]{}, stack_[Limits::max_spans + 1]{};
    std::uint8_t depth_[Limits::max_spans]{};
    bool taken_[Limits::max_spans]{};
};

/// What a trace's `details` holds.
template <TextOutput Out, class Limits>
void append_waterfall(Out& out, ReportTrace<Limits> const& trace, ReportTiers const& tiers, std::string_view rule) {
    auto const fact = [&](std::string_view name, auto const&... value) {
        put(out, "<div><dt>", name, "</dt><dd>");
        (put(out, value), ...);
        put(out, "</dd></div>");
    };
    put(out, "<div class=\"inside\"><dl class=\"facts\"><div><dt>", Escaped{rule}, "</dt><dd>",
        Escaped{tiers.names[trace.tier]}, "</dd></div>");
    if (trace.early != no_tier) fact("read early", Escaped{tiers.names[trace.early]});
    if (trace.bytes != 0) fact("first byte after", Elapsed{trace.first_byte_ns});
    fact("sent", ByteCount{trace.bytes}, " in ", Grouped{trace.chunks}, trace.chunks == 1 ? " chunk" : " chunks");
    put(out, "<div><dt>trace</dt><dd>");
    trace.id.write(out);
    put(out, "</dd></div>");
    if (trace.spans_left_out != 0) fact("spans not shown", Grouped{trace.spans_left_out});
    if (trace.texts_cut != 0) fact("texts cut", Grouped{trace.texts_cut});
    put(out, "</dl>");
    if (trace.span_count == 0) {
        put(out, "<p class=\"src\">No span was recorded.</p></div>");
        return;
    }

    double const whole = static_cast<double>(trace.duration_ns == 0 ? 1 : trace.duration_ns);
    auto const place = [&](std::uint64_t ns) {
        double const at = 100.0 * static_cast<double>(ns) / whole;
        return at > 100 ? 100 : at;
    };
    put(out,
        "<ol class=\"fall\"><li class=\"axis\" aria-hidden=\"true\"><span></span><span class=\"ends "
        "t\"><span>0</span>");
    put(out, "<span>", Elapsed{trace.duration_ns}, "</span></span></li>\n");
    SpanTree<Limits> const tree{trace};
    for (std::uint32_t i = 0; i < trace.span_count; ++i) {
        ReportSpan const& span = tree.at(i);
        constexpr std::string_view depths[] = {"", " d1", " d2", " d3", " d4"};
        put(out, "<li><span class=\"cut", depths[tree.depth(i)], "\"><bdi>", Escaped{trace.name(span)}, "</bdi>");
        if (span.source != no_tier) put(out, " <span class=\"src\">", Escaped{tiers.names[span.source]}, "</span>");
        if (span.failed) put(out, " <span class=\"bad\">failed</span>");
        double const from = place(span.start_ns), to = place(span.start_ns + span.duration_ns);
        double const width = to - from < 0.4 ? 0.4 : to - from;
        put(out, "<span class=\"hide\">, starts at ", Elapsed{span.start_ns},
            ", takes </span></span><svg class=\"t\" ");
        put(out,
            "viewBox=\"0 0 100 14\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"bg\" "
            "width=\"100\" ");
        put(out, "height=\"14\"/><rect class=\"", span.source == no_tier ? "all" : tiers.style(span.source), "\" x=\"",
            Place{from + width > 100 ? 100 - width : from}, "\" y=\"3\" width=\"", Place{width}, "\" height=\"8\"/>");
        if (trace.bytes != 0) {
            Place const x{place(trace.first_byte_ns)};
            put(out, "<line class=\"first\" x1=\"", x, "\" x2=\"", x, "\" y1=\"0\" y2=\"14\"/>");
        }
        put(out, "</svg><span class=\"took\">", Elapsed{span.duration_ns}, "</span>");
        if (span.detail_size != 0)
            put(out, "<span class=\"note", depths[tree.depth(i)], span.failed ? " bad" : "", "\"><bdi>",
                Escaped{trace.detail(span)}, "</bdi></span>");
        put(out, "</li>\n");
    }
    put(out, "</ol></div>");
}

}  // namespace lastbyte::detail
