// How long a server asks to be left alone: its Retry-After, in seconds or as a date (RFC 9110 section 10.2.3).
//
// A client that reads one of the two forms comes back at once to a server that uses the other, and one that compares the
// server's date with its own clock is wrong by the difference of the clocks. Here all three forms of a date are read, and
// compared with the date that the same answer bears. Constant expressions, no locale, no time zone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/transport/http_url.hpp>

namespace lastbyte::detail {

/// Seconds since 1970-01-01 of an HTTP date (RFC 9110 section 5.6.7: IMF-fixdate, RFC 850's, asctime's); -1: it is none.
[[nodiscard]] constexpr std::int64_t parse_http_date(std::string_view text) noexcept;

/// Nanoseconds; 0 without a header that can be read, and for a date that is past. `date` is the answer's Date header,
/// `now_s` the clock's seconds since 1970, for an answer without one.
[[nodiscard]] constexpr std::uint64_t retry_after_ns(std::string_view value, std::string_view date,
                                                     std::int64_t now_s) noexcept {
    constexpr std::uint64_t second = 1'000'000'000, longest_s = 366ull * 24 * 3600;
    value = without_blanks(value);
    if (!value.empty() && is_digit(value[0])) {
        std::uint64_t seconds = 0;
        for (char const c : value) {
            if (!is_digit(c)) return 0;
            seconds = seconds * 10 + static_cast<std::uint64_t>(c - '0');
            if (seconds > longest_s) seconds = longest_s;
        }
        return seconds * second;
    }
    std::int64_t const then = parse_http_date(value), answered = parse_http_date(date);
    std::int64_t const now = answered >= 0 ? answered : now_s;
    if (then <= now) return 0;
    auto const seconds = static_cast<std::uint64_t>(then - now);
    return (seconds > longest_s ? longest_s : seconds) * second;
}

/// A number of `digits` digits at the front, taken off; -1 without one. `blank`: the first may be a blank.
constexpr std::int64_t take_number(std::string_view& text, std::size_t digits, bool blank = false) noexcept {
    if (text.size() < digits) return -1;
    std::int64_t number = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        if (blank && i == 0 && text[0] == ' ') continue;
        if (!is_digit(text[i])) return -1;
        number = number * 10 + (text[i] - '0');
    }
    text.remove_prefix(digits);
    return number;
}
constexpr bool take_text(std::string_view& text, std::string_view expected) noexcept {
    if (!text.starts_with(expected)) return false;
    text.remove_prefix(expected.size());
    return true;
}
/// 1 to 12, or -1.
constexpr std::int64_t take_month(std::string_view& text) noexcept {
    constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";
    std::size_t const at = text.size() < 3 ? std::string_view::npos : names.find(text.substr(0, 3));
    if (at == std::string_view::npos || at % 3 != 0) return -1;
    text.remove_prefix(3);
    return static_cast<std::int64_t>(at / 3) + 1;
}

/// Days since 1970-01-01 of the proleptic Gregorian calendar: years begin in March, so that the leap day is the last one.
constexpr std::int64_t days_since_1970(std::int64_t year, std::int64_t month, std::int64_t day) noexcept {
    if (month <= 2) --year;
    std::int64_t const day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719'468;
}

constexpr std::int64_t parse_http_date(std::string_view text) noexcept {
    std::int64_t day = -1, month = -1, year = -1, hour = -1, minute = -1, second = -1;
    auto const take_time = [&] {
        hour = take_number(text, 2);
        bool good = take_text(text, ":");
        minute = take_number(text, 2);
        good = take_text(text, ":") && good;
        second = take_number(text, 2);
        return good;
    };
    text = without_blanks(text);
    std::size_t const comma = text.find(',');
    bool good = true;
    if (comma == 3) {  // Sun, 06 Nov 1994 08:49:37 GMT
        text.remove_prefix(4);
        good = take_text(text, " ");
        day = take_number(text, 2);
        good = take_text(text, " ") && good;
        month = take_month(text);
        good = take_text(text, " ") && good;
        year = take_number(text, 4);
        good = take_text(text, " ") && take_time() && take_text(text, " GMT") && good;
    } else if (comma != std::string_view::npos) {  // Sunday, 06-Nov-94 08:49:37 GMT
        text.remove_prefix(comma + 1);
        good = take_text(text, " ");
        day = take_number(text, 2);
        good = take_text(text, "-") && good;
        month = take_month(text);
        good = take_text(text, "-") && good;
        year = take_number(text, 2);
        if (year >= 0) year += year < 70 ? 2000 : 1900;
        good = take_text(text, " ") && take_time() && take_text(text, " GMT") && good;
    } else if (text.size() > 4) {  // Sun Nov  6 08:49:37 1994
        text.remove_prefix(4);
        month = take_month(text);
        good = take_text(text, " ");
        day = take_number(text, 2, true);
        good = take_text(text, " ") && take_time() && take_text(text, " ") && good;
        year = take_number(text, 4);
    }
    good = good && text.empty() && year >= 1970 && month >= 1 && day >= 1 && day <= 31 && hour >= 0 && hour <= 23 &&
           minute >= 0 && minute <= 59 && second >= 0 && second <= 60;
    return good ? ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second : -1;
}

}  // namespace lastbyte::detail
