// The alphabet of metric pages: names, labels and seconds as Prometheus's text format and OpenMetrics spell them.
//
// A label with a bare quote in it makes a scraper throw away the whole page, and a second that was rounded makes a bucket
// wrong. Here names are what both formats allow, texts are escaped, and nanoseconds keep every digit. No allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/core/text.hpp>

namespace lastbyte::detail {

/// What both formats allow in a name; a colon is for rules that users write.
constexpr char metric_character(char c) noexcept {
    bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') ? c : '_';
}
template <TextOutput Out>
constexpr void append_metric_name(Out& out, std::string_view name) {
    if (!name.empty() && name[0] >= '0' && name[0] <= '9') append(out, "_");
    for (char const c : name) {
        char const allowed = metric_character(c);
        out.append(&allowed, 1);
    }
}

constexpr bool same_label(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (metric_character(a[i]) != metric_character(b[i])) return false;
    return true;
}
/// Backslashes, newlines and quotes escaped, as label values have it, and the help of OpenMetrics.
template <TextOutput Out>
constexpr void append_label_text(Out& out, std::string_view text, bool quotes = true) {
    std::size_t clean = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        char const c = text[at];
        if (c != '\\' && c != '\n' && (c != '"' || !quotes)) continue;
        append(out, text.substr(clean, at - clean));
        append(out, c == '\\' ? "\\\\" : c == '\n' ? "\\n" : "\\\"");
        clean = at + 1;
    }
    append(out, text.substr(clean));
}

/// Nanoseconds as seconds, every digit: 1048576 is "0.001048576".
template <TextOutput Out>
constexpr void append_seconds(Out& out, std::uint64_t ns) {
    append_unsigned(out, ns / 1'000'000'000);
    char fraction[10] = {'.'};
    std::size_t length = 0;
    std::uint64_t rest = ns % 1'000'000'000;
    for (std::size_t i = 9; i >= 1; --i, rest /= 10) {
        fraction[i] = static_cast<char>('0' + rest % 10);
        if (length == 0 && fraction[i] != '0') length = i + 1;
    }
    if (length != 0) out.append(fraction, length);
}

}  // namespace lastbyte::detail
