// What the drawings of a report share: the colour of a tier, a logarithmic axis, and a bar that is divided by tiers.
//
// A cache answers in microseconds and a build takes seconds, so on a straight axis all but the slowest are one pixel.
// Drawings are inline SVG without text, stretched to the width that there is; their words stand beside them as HTML,
// which doesn't shrink on a telephone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/encode/parts/html.hpp>

namespace lastbyte::detail {

/// The tiers of a report by number: the sources first, then none, unresolved and what has no name.
struct ReportTiers {
    std::string_view const* names;
    std::size_t size;

    [[nodiscard]] std::string_view style(std::size_t tier) const noexcept {
        constexpr std::string_view styles[] = {"t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"};
        std::size_t const sources = size - 3;
        return tier < sources ? styles[tier % 8] : tier == sources ? "tn" : "tu";
    }
};

/// From a power of ten to a power of ten, in nanoseconds.
class LogScale {
public:
    LogScale(std::uint64_t least, std::uint64_t most) noexcept {
        while (low_ <= least / 10) low_ *= 10;
        high_ = low_ * 10;
        while (high_ < most && high_ < 10'000'000'000'000'000'000u) high_ *= 10;
        for (std::uint64_t at = low_; at < high_; at *= 10) ++decades_;
    }
    [[nodiscard]] std::uint64_t low() const noexcept { return low_; }
    [[nodiscard]] std::uint64_t high() const noexcept { return high_; }
    [[nodiscard]] unsigned decades() const noexcept { return decades_; }
    /// 0 to 100.
    [[nodiscard]] double at(std::uint64_t ns) const noexcept {
        if (ns <= low_) return 0;
        double const place = __builtin_log10(static_cast<double>(ns) / static_cast<double>(low_)) / decades_ * 100;
        return place > 100 ? 100 : place;
    }

private:
    std::uint64_t low_ = 1, high_ = 10;
    unsigned decades_ = 0;
};

/// `<i class="s t3"></i>`: a square in the tier's colour.
template <TextOutput Out>
void append_swatch(Out& out, std::string_view style) {
    put(out, "<i class=\"s ", style, "\"></i>");
}

/// "memory 42.1 %, build 3.0 %"
template <TextOutput Out, class Count>
void append_shares(Out& out, ReportTiers const& tiers, Count const* counts, std::uint64_t total) {
    bool first = true;
    for (std::size_t tier = 0; tier < tiers.size; ++tier) {
        if (counts[tier] == 0) continue;
        put(out, first ? "" : ", ", Escaped{tiers.names[tier]}, " ", Share{counts[tier], total});
        first = false;
    }
}

/// One bar, divided.
template <TextOutput Out>
void append_bar(Out& out, ReportTiers const& tiers, std::uint64_t const* counts, std::uint64_t total) {
    put(out, "<svg class=\"bar\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"");
    append_shares(out, tiers, counts, total);
    put(out, "\">");
    double at = 0;
    for (std::size_t tier = 0; tier < tiers.size; ++tier) {
        if (counts[tier] == 0) continue;
        double const width = 100.0 * static_cast<double>(counts[tier]) / static_cast<double>(total);
        put(out, "<rect class=\"gap ", tiers.style(tier), "\" x=\"", Place{at}, "\" width=\"", Place{width},
            "\" height=\"1\"><title>", Escaped{tiers.names[tier]}, ": ", Grouped{counts[tier]}, "</title></rect>");
        at += width;
    }
    put(out, "</svg>");
}

/// The names with their colours and shares.
template <TextOutput Out>
void append_legend(Out& out, ReportTiers const& tiers, std::uint64_t const* counts, std::uint64_t total) {
    put(out, "<ul class=\"legend\">");
    for (std::size_t tier = 0; tier < tiers.size; ++tier) {
        if (counts[tier] == 0) continue;
        put(out, "<li>");
        append_swatch(out, tiers.style(tier));
        put(out, Escaped{tiers.names[tier]}, " <b>", Share{counts[tier], total}, "</b></li>");
    }
    put(out, "</ul>\n");
}

/// From the median to the 95th percentile as a bar, the 99th as a tick. The numbers stand beside it.
template <TextOutput Out, class Times>
void append_range(Out& out, LogScale const& scale, Times const& times, std::string_view style) {
    put(out, "<svg viewBox=\"0 0 100 16\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    put(out, "<rect class=\"bg\" y=\"2\" width=\"100\" height=\"12\"/>");
    for (unsigned i = 1; i < scale.decades(); ++i) {
        Place const x{100.0 * i / scale.decades()};
        put(out, "<line class=\"grid\" x1=\"", x, "\" x2=\"", x, "\" y1=\"2\" y2=\"14\"/>");
    }
    if (!times.empty()) {
        double const from = scale.at(times.quantile(0.5)), to = scale.at(times.quantile(0.95));
        double const width = to - from < 1.5 ? 1.5 : to - from;
        Place const tick{scale.at(times.quantile(0.99))};
        put(out, "<rect class=\"", style, "\" x=\"", Place{from + width > 100 ? 100 - width : from},
            "\" y=\"4\" width=\"", Place{width}, "\" height=\"8\"/><line class=\"at\" x1=\"", tick, "\" x2=\"", tick,
            "\" y1=\"2\" y2=\"14\"/>");
    }
    put(out, "</svg>");
}

}  // namespace lastbyte::detail
