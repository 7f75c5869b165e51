// Text primitives against references written the slow way.
#include <doctest/doctest.h>

#include <cinttypes>
#include <cstdio>
#include <random>
#include <string>

#include <lastbyte/core/text.hpp>

namespace detail = lastbyte::detail;

namespace {

/// One Unicode character at the front, decoded by arithmetic: its length, or 0.
std::size_t slow_utf8(std::string_view text) {
    if (text.empty()) return 0;
    auto const first = static_cast<unsigned char>(text[0]);
    std::size_t const length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    if (length == 0 || text.size() < length) return 0;
    std::uint32_t code = length == 1 ? first : first & (0xffu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        auto const next = static_cast<unsigned char>(text[i]);
        if (next >> 6 != 2) return 0;
        code = code << 6 | (next & 0x3f);
    }
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return 0;
    return length;
}

std::string slow_json(std::string_view text) {
    std::string out = "\"";
    for (std::size_t at = 0; at < text.size();) {
        auto const c = static_cast<unsigned char>(text[at]);
        auto const length = slow_utf8(text.substr(at));
        if (length == 0) {
            out += "\xef\xbf\xbd";
            ++at;
        } else if (length > 1) {
            out += text.substr(at, length);
            at += length;
        } else {
            char buffer[8];
            if (c == '"' || c == '\\')
                (out += '\\') += static_cast<char>(c);
            else if (c == '\n')
                out += "\\n";
            else if (c == '\t')
                out += "\\t";
            else if (c == '\r')
                out += "\\r";
            else if (c == '\b')
                out += "\\b";
            else if (c == '\f')
                out += "\\f";
            else if (c < 0x20)
                out.append(buffer, static_cast<std::size_t>(std::snprintf(buffer, sizeof buffer, "\\u%04x", c)));
            else
                out += static_cast<char>(c);
            ++at;
        }
    }
    return out + "\"";
}

std::string json(std::string_view text) {
    std::string out;
    detail::append_json_string(out, text);
    return out;
}
std::string ms(std::uint64_t ns) {
    std::string out;
    detail::append_milliseconds(out, ns);
    return out;
}
std::string slow_ms(std::uint64_t ns) {
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, "%" PRIu64 ".%06" PRIu64, ns / 1000000, ns % 1000000);
    std::string text = buffer;
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
}

/// Bytes that are often at the edge of what UTF-8 allows.
std::string nasty(std::mt19937& random, std::size_t longest) {
    constexpr unsigned char edges[] = {0x00, 0x1f, 0x20, '"',  '\\', 'a',  '\n', 0x7f, 0x80, 0x8f,
                                       0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
                                       0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    std::string text(random() % (longest + 1), ' ');
    for (char& c : text) c = static_cast<char>(random() % 4 == 0 ? random() % 256 : edges[random() % sizeof edges]);
    return text;
}
/// Well-formed characters of every length.
std::string letters(std::mt19937& random, std::size_t count) {
    constexpr char const* some[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"};
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += some[random() % 6];
    return text;
}

}  // namespace

TEST_CASE("milliseconds are the shortest exact decimal") {
    CHECK(ms(0) == "0");
    CHECK(ms(33'000'000) == "33");
    CHECK(ms(1'234'567) == "1.234567");
    CHECK(ms(1) == "0.000001");
    CHECK(ms(500'000) == "0.5");
    CHECK(ms(10'000'010) == "10.00001");
    CHECK(ms(~std::uint64_t{0}) == "18446744073709.551615");
}

TEST_CASE("milliseconds are what printf says, without its trailing zeros") {
    std::mt19937_64 random{1};
    for (int i = 0; i < 200'000; ++i) {
        std::uint64_t ns = random() >> (random() % 64);
        if (i % 3 == 0) ns = ns / 1000 * 1000;
        if (ms(ns) != slow_ms(ns)) FAIL_CHECK(ns);
    }
}

TEST_CASE("numbers are what printf says") {
    std::mt19937_64 random{2};
    for (int i = 0; i < 100'000; ++i) {
        std::uint64_t const number = i == 0 ? 0 : i == 1 ? ~std::uint64_t{0} : random() >> (random() % 64);
        std::string out;
        detail::append_unsigned(out, number);
        if (out != std::to_string(number)) FAIL_CHECK(number);
    }
}

TEST_CASE("a character of UTF-8 is recognised as a slow decoder does") {
    for (unsigned a = 0; a < 256; ++a)
        for (unsigned b = 0; b < 256; ++b)
            for (unsigned c : {0x00u, 0x7fu, 0x80u, 0xbfu, 0xc0u})
                for (unsigned d : {0x7fu, 0x80u, 0xbfu, 0xffu}) {
                    char const text[] = {static_cast<char>(a), static_cast<char>(b), static_cast<char>(c),
                                         static_cast<char>(d)};
                    for (std::size_t size = 0; size <= 4; ++size)
                        if (detail::utf8_length({text, size}) != slow_utf8({text, size}))
                            FAIL_CHECK(a << ' ' << b << ' ' << c << ' ' << d << " cut to " << size);
                }
}

TEST_CASE("JSON strings are escaped as RFC 8259 asks") {
    CHECK(json("a\"b\\c/") == R"("a\"b\\c/")");
    CHECK(json("\b\f\n\r\t") == R"("\b\f\n\r\t")");
    CHECK(json(std::string_view{"\0\x1f\x7f", 3}) == "\"\\u0000\\u001f\x7f\"");
    CHECK(json("\xe2\x82\xac") == "\"\xe2\x82\xac\"");
}

TEST_CASE("bytes that are no UTF-8 become one replacement character each") {
    CHECK(json("a\xff" "b") == "\"a\xef\xbf\xbd" "b\"");
    CHECK(json("\xe2\x82") == "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    CHECK(json("\xed\xa0\x80") == "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    CHECK(json("\xc0\xaf") == "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST_CASE("JSON strings are what a slow writer makes of any bytes") {
    std::mt19937 random{3};
    for (int i = 0; i < 200'000; ++i) {
        auto const text = nasty(random, 12);
        if (json(text) != slow_json(text)) FAIL_CHECK(slow_json(text));
    }
}

TEST_CASE("a cut never leaves half a character, and never cuts more than it must") {
    std::mt19937 random{4};
    for (int i = 0; i < 100'000; ++i) {
        auto const text = letters(random, random() % 8);
        std::size_t const most = random() % (text.size() + 3);
        std::size_t expected = 0;
        for (std::size_t at = 0; at < text.size();) {
            at += slow_utf8(std::string_view{text}.substr(at));
            if (at <= most) expected = at;
        }
        if (detail::utf8_cut(text, most) != expected) FAIL_CHECK(text << " cut to " << most);
    }
}

TEST_CASE("a first character that doesn't fit is cut off whole") {
    CHECK(detail::utf8_cut("\xf0\x9f\x98\x80", 3) == 0);
    CHECK(detail::utf8_cut("\xf0\x9f\x98\x80", 2) == 0);
    CHECK(detail::utf8_cut("\xc3\xa9", 1) == 0);
    CHECK(detail::utf8_cut("\xc3\xa9", 0) == 0);
}

TEST_CASE("a cut of bytes that are no UTF-8 stays within the bound and loses at most three") {
    std::mt19937 random{5};
    for (int i = 0; i < 100'000; ++i) {
        auto const text = nasty(random, 16);
        std::size_t const most = random() % 18;
        auto const kept = detail::utf8_cut(text, most);
        if (kept > most || kept > text.size()) FAIL_CHECK(most);
        if (kept + 3 < std::min(most, text.size())) FAIL_CHECK(most);
    }
}

TEST_CASE("text in a header can't end the line") {
    std::mt19937 random{6};
    for (int i = 0; i < 50'000; ++i) {
        auto const text = nasty(random, 12);
        std::string out;
        detail::append_header_text(out, text);
        std::string expected = text;
        for (char& c : expected)
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
        if (out != expected) FAIL_CHECK(expected);
    }
}
