// What an HTML page is made of: text that stays text, and numbers as people read them.
//
// A tool or a file may be called `<script>`. Here everything that came from outside goes through one type, Escaped, and
// what is no character is seen to be none. Durations have three digits and a unit, a share is never rounded to
// "none" or "all" when it is neither. Locale-free; allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/core/text.hpp>

namespace lastbyte::detail {

/// Somebody else's text, for contents and for quoted attribute values.
struct Escaped {
    std::string_view text;
};
/// 1,234,567
struct Grouped {
    std::uint64_t number;
};
/// 42.1 %, or "–" of nothing.
struct Share {
    std::uint64_t part, whole;
};
/// 850 ns, 12.3 µs, 1.24 ms, 33.0 s, 12.5 min
struct Elapsed {
    std::uint64_t ns;
};
/// The same of a power of ten, for an axis: 100 µs, 1 s
struct Decade {
    std::uint64_t ns;
};
/// 512 B, 12.3 kB
struct ByteCount {
    std::uint64_t bytes;
};
/// A coordinate, with two decimals.
struct Place {
    double value;
};
/// A time of day in UTC, with or without its date and its milliseconds.
struct Utc {
    std::uint64_t unix_ns;
    bool date, milliseconds;
};

template <TextOutput Out>
void put(Out& out, std::string_view markup) {
    append(out, markup);
}

/// Markup characters become references; control characters other than white space, and bytes that are no UTF-8, U+FFFD.
template <TextOutput Out>
void put(Out& out, Escaped escaped) {
    std::string_view const text = escaped.text;
    std::size_t clean = 0;
    for (std::size_t at = 0; at < text.size();) {
        auto const c = static_cast<unsigned char>(text[at]);
        std::size_t const length = c < 0x80 ? 1 : utf8_length(text.substr(at));
        bool const c1 = c == 0xc2 && length == 2 && static_cast<unsigned char>(text[at + 1]) < 0xa0;
        bool const control = c1 || c == 0x7f || (c < 0x20 && c != '\t' && c != '\n' && c != '\r');
        bool const markup = c == '&' || c == '<' || c == '>' || c == '"' || c == '\'';
        if (length != 0 && !control && !markup) {
            at += length;
            continue;
        }
        append(out, text.substr(clean, at - clean));
        switch (c) {
            case '&':
                append(out, "&amp;");
                break;
            case '<':
                append(out, "&lt;");
                break;
            case '>':
                append(out, "&gt;");
                break;
            case '"':
                append(out, "&quot;");
                break;
            case '\'':
                append(out, "&#39;");
                break;
            default:
                append(out, "\ufffd");
        }
        at += length == 0 ? 1 : length;
        clean = at;
    }
    append(out, text.substr(clean));
}

template <TextOutput Out>
void put(Out& out, Grouped count) {
    char digits[27];
    std::size_t at = sizeof digits;
    std::uint64_t rest = count.number;
    for (std::size_t written = 0; written == 0 || rest != 0; ++written, rest /= 10) {
        if (written != 0 && written % 3 == 0) digits[--at] = ',';
        digits[--at] = static_cast<char>('0' + rest % 10);
    }
    out.append(digits + at, sizeof digits - at);
}

/// number / unit, rounded to so many decimals.
template <TextOutput Out>
void append_ratio(Out& out, std::uint64_t number, std::uint64_t unit, unsigned decimals) {
    std::uint64_t scale = 1;
    for (unsigned i = 0; i < decimals; ++i) scale *= 10;
    std::uint64_t const rounded = number / unit * scale + (number % unit * scale + unit / 2) / unit;
    append_unsigned(out, rounded / scale);
    if (decimals == 0) return;
    append(out, ".");
    for (std::uint64_t digit = scale / 10; digit != 0; digit /= 10) {
        char const c = static_cast<char>('0' + rounded / digit % 10);
        out.append(&c, 1);
    }
}

/// Three digits of number / unit, or all of them when there are more.
template <TextOutput Out>
void append_three_digits(Out& out, std::uint64_t number, std::uint64_t unit) {
    append_ratio(out, number, unit, number >= unit * 100 - unit / 20 ? 0 : number >= unit * 10 - unit / 200 ? 1 : 2);
}

template <TextOutput Out>
void put(Out& out, Elapsed elapsed) {
    constexpr std::uint64_t second = 1'000'000'000, minute = 60 * second;
    std::uint64_t const ns = elapsed.ns;
    if (ns < 1000) {
        append_unsigned(out, ns);
        return append(out, "\u00a0ns");
    }
    if (ns >= 600 * second) {
        bool const hours = ns >= 600 * minute;
        append_three_digits(out, ns, hours ? 60 * minute : minute);
        return append(out, hours ? "\u00a0h" : "\u00a0min");
    }
    std::uint64_t unit = 1000;
    while (unit < second && ns >= unit * 1000 - unit / 2) unit *= 1000;
    append_three_digits(out, ns, unit);
    append(out, unit == 1000 ? "\u00a0µs" : unit == second ? "\u00a0s" : "\u00a0ms");
}

template <TextOutput Out>
void put(Out& out, Decade decade) {
    std::uint64_t unit = 1;
    while (unit < 1'000'000'000 && decade.ns >= unit * 1000) unit *= 1000;
    append_unsigned(out, decade.ns / unit);
    append(out, unit == 1 ? "\u00a0ns" : unit == 1000 ? "\u00a0µs" : unit == 1'000'000 ? "\u00a0ms" : "\u00a0s");
}

template <TextOutput Out>
void put(Out& out, ByteCount count) {
    if (count.bytes < 1000) {
        append_unsigned(out, count.bytes);
        return append(out, "\u00a0B");
    }
    constexpr std::string_view units[] = {"\u00a0kB", "\u00a0MB", "\u00a0GB", "\u00a0TB", "\u00a0PB"};
    std::uint64_t unit = 1000;
    std::size_t which = 0;
    for (; which + 1 < sizeof units / sizeof *units && count.bytes >= unit * 1000 - unit / 2; ++which) unit *= 1000;
    append_three_digits(out, count.bytes, unit);
    append(out, units[which]);
}

template <TextOutput Out>
void put(Out& out, Share share) {
    if (share.whole == 0) return append(out, "–");
    double const percent = 100.0 * static_cast<double>(share.part) / static_cast<double>(share.whole);
    auto tenths = static_cast<std::uint64_t>(percent * 10 + 0.5);
    if (tenths == 0 && share.part != 0) return append(out, "&lt;\u00a00.1\u00a0%");
    if (tenths >= 1000 && share.part < share.whole) tenths = 999;
    append_ratio(out, tenths, 10, tenths == 1000 || tenths == 0 ? 0 : 1);
    append(out, "\u00a0%");
}

template <TextOutput Out>
void put(Out& out, Place place) {
    double const value = place.value > 0 ? place.value : 0;
    append_ratio(out, static_cast<std::uint64_t>(value * 100 + 0.5), 100, 2);
}

template <TextOutput Out>
void put(Out& out, Utc time) {
    auto const padded = [&](std::uint64_t number, std::uint64_t least) {
        for (; number < least && least > 1; least /= 10) append(out, "0");
        append_unsigned(out, number);
    };
    std::uint64_t const seconds = time.unix_ns / 1'000'000'000, days = seconds / 86'400;
    if (time.date) {  // Hinnant, "chrono-compatible low-level date algorithms", civil_from_days
        std::uint64_t const z = days + 719'468, era = z / 146'097, day_of_era = z % 146'097;
        std::uint64_t const year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
        std::uint64_t const day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        std::uint64_t const shifted = (5 * day_of_year + 2) / 153;
        std::uint64_t const month = shifted < 10 ? shifted + 3 : shifted - 9;
        append_unsigned(out, year_of_era + era * 400 + (month <= 2 ? 1 : 0));
        append(out, "-");
        padded(month, 10);
        append(out, "-");
        padded(day_of_year - (153 * shifted + 2) / 5 + 1, 10);
        append(out, " ");
    }
    padded(seconds / 3600 % 24, 10);
    append(out, ":");
    padded(seconds / 60 % 60, 10);
    append(out, ":");
    padded(seconds % 60, 10);
    if (!time.milliseconds) return;
    append(out, ".");
    padded(time.unix_ns / 1'000'000 % 1000, 100);
}

/// One after the other.
template <TextOutput Out, class First, class Second, class... More>
void put(Out& out, First const& first, Second const& second, More const&... more) {
    put(out, first);
    put(out, second);
    (put(out, more), ...);
}

}  // namespace lastbyte::detail
