// Text, written into whatever the caller has: the primitives of every format in the library.
//
// An output is any type with `append(char const*, std::size_t)`; std::string is one, and no header here pays for
// including it. All of this is locale-free, allocates nothing itself, and never writes invalid UTF-8 or broken JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lastbyte {

/// Something that text can be appended to, such as std::string.
template <class T>
concept TextOutput = requires(T& out, char const* text, std::size_t size) { out.append(text, size); };

namespace detail {

template <TextOutput Out>
constexpr void append(Out& out, std::string_view text) {
    out.append(text.data(), text.size());
}

/// A decimal number, at most 20 digits.
template <TextOutput Out>
constexpr void append_unsigned(Out& out, std::uint64_t number) {
    char digits[20]{};
    std::size_t at = sizeof digits;
    do {
        digits[--at] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    out.append(digits + at, sizeof digits - at);
}

/// Nanoseconds as milliseconds: the shortest exact decimal (33000000 is "33", 1234567 is "1.234567").
template <TextOutput Out>
constexpr void append_milliseconds(Out& out, std::uint64_t ns) {
    append_unsigned(out, ns / 1'000'000);
    std::uint64_t rest = ns % 1'000'000;
    if (rest == 0) return;
    char fraction[7] = {'.', '0', '0', '0', '0', '0', '0'};
    std::size_t length = 1;
    for (std::size_t i = 6; i >= 1; --i, rest /= 10) {
        fraction[i] = static_cast<char>('0' + rest % 10);
        if (length == 1 && fraction[i] != '0') length = i + 1;
    }
    out.append(fraction, length);
}

/// The length in bytes of the well-formed UTF-8 character that `text` begins with, 0 when it begins with none
/// (Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF).
constexpr std::size_t utf8_length(std::string_view text) noexcept {
    auto const byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
    };
    auto const continues = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
    unsigned char const first = byte(0);
    if (text.empty()) return 0;
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        bool const legal = first == 0xe0 ? byte(1) >= 0xa0 : first != 0xed || byte(1) <= 0x9f;
        return legal && continues(1) && continues(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        bool const legal = first == 0xf0 ? byte(1) >= 0x90 : first != 0xf4 || byte(1) <= 0x8f;
        return legal && continues(1) && continues(2) && continues(3) ? 4 : 0;
    }
    return 0;
}

/// How many bytes of `text`, at most `most`, can be kept without cutting a character in two.
constexpr std::size_t utf8_cut(std::string_view text, std::size_t most) noexcept {
    if (text.size() <= most) return text.size();
    for (std::size_t back = 0; back < 4 && back <= most; ++back)
        if ((static_cast<unsigned char>(text[most - back]) & 0xc0) != 0x80) return most - back;
    return most;
}

/// A quoted JSON string (RFC 8259, section 7). Bytes that are no UTF-8 become U+FFFD, one for each byte.
template <TextOutput Out>
constexpr void append_json_contents(Out& out, std::string_view text) {
    constexpr char const* hex = "0123456789abcdef";
    std::size_t clean = 0;
    for (std::size_t at = 0; at < text.size();) {
        auto const c = static_cast<unsigned char>(text[at]);
        std::size_t const length = c < 0x80 ? 1 : utf8_length(text.substr(at));
        if (length != 0 && c >= 0x20 && c != '"' && c != '\\') {
            at += length;
            continue;
        }
        append(out, text.substr(clean, at - clean));
        char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        switch (c) {
            case '"': append(out, "\\\""); break;
            case '\\': append(out, "\\\\"); break;
            case '\b': append(out, "\\b"); break;
            case '\f': append(out, "\\f"); break;
            case '\n': append(out, "\\n"); break;
            case '\r': append(out, "\\r"); break;
            case '\t': append(out, "\\t"); break;
            default:
                if (length == 0)
                    append(out, "\xef\xbf\xbd");
                else
                    out.append(escape, sizeof escape);
        }
        clean = ++at;
    }
    append(out, text.substr(clean));
}

template <TextOutput Out>
constexpr void append_json_string(Out& out, std::string_view text) {
    append(out, "\"");
    append_json_contents(out, text);
    append(out, "\"");
}

/// Text for one header line: control characters become spaces, so that no detail can end the line or start another.
template <TextOutput Out>
constexpr void append_header_text(Out& out, std::string_view text) {
    std::size_t clean = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        auto const c = static_cast<unsigned char>(text[at]);
        if (c >= 0x20 && c != 0x7f) continue;
        append(out, text.substr(clean, at - clean));
        append(out, " ");
        clean = at + 1;
    }
    append(out, text.substr(clean));
}

}  // namespace detail
}  // namespace lastbyte
