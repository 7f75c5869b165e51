// What every JSON encoder is made of: numbers, text that the compiler has put together, and memory to write a line into.
//
// printf depends on the locale and rounds; "%.17g" turns 0.1 into 0.10000000000000001. A number here is the shortest
// decimal that reads back as the same double, and a count is written as people write one: 100000, not 1e+05. Keys are
// escaped at compile time; nothing here allocates.
#pragma once

#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <lastbyte/core/text.hpp>

namespace lastbyte::detail {

/// A JSON number (RFC 8259, section 6), at most 24 characters; `null` for NaN and the infinities, which JSON doesn't
/// have. Whole numbers up to 2^53, which a double counts exactly, are written digit by digit, the rest as std::to_chars
/// writes them ("1e+22", "5e-324"). Minus zero is "-0".
template <TextOutput Out>
void append_json_number(Out& out, double number) {
    constexpr std::uint64_t exponent = 0x7ff0'0000'0000'0000, minus_zero = 0x8000'0000'0000'0000;
    constexpr double exact = 9007199254740992.0;
    auto const bits = std::bit_cast<std::uint64_t>(number);
    if ((bits & exponent) == exponent) return append(out, "null");
    if (number >= -exact && number <= exact && bits != minus_zero) {
        auto const whole = static_cast<std::int64_t>(number);
        if (static_cast<double>(whole) == number) {
            if (whole < 0) append(out, "-");
            return append_unsigned(out, static_cast<std::uint64_t>(whole < 0 ? -whole : whole));
        }
    }
    char digits[32];
    auto const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    out.append(digits, static_cast<std::size_t>(end - digits));
}

/// Counts what is written.
struct TextLength {
    std::size_t size = 0;
    constexpr void append(char const*, std::size_t count) noexcept { size += count; }
};

/// Text of a length that is known at compile time.
template <std::size_t Length>
struct FixedText {
    char text[Length + 1]{};
    std::size_t size = 0;
    constexpr void append(char const* from, std::size_t count) noexcept {
        for (std::size_t i = 0; i < count; ++i) text[size++] = from[i];
    }
    [[nodiscard]] constexpr std::string_view view() const noexcept { return {text, size}; }
};

/// What `Write` (a lambda without captures) writes to an output, written by the compiler.
template <class Write>
consteval auto fixed_text(Write) {
    constexpr std::size_t length = [] {
        TextLength counted;
        Write{}(counted);
        return counted.size;
    }();
    FixedText<length> text;
    Write{}(text);
    return text;
}

/// Memory that text is appended to until it is full; from then on it only remembers that.
class BoundedText {
public:
    BoundedText(char* memory, std::size_t capacity) noexcept : begin_(memory), capacity_(capacity) {}
    void append(char const* text, std::size_t size) noexcept {
        if (size > capacity_ - size_) [[unlikely]] {
            overflowed_ = true;
            capacity_ = size_;
        } else if (size != 0) {
            std::memcpy(begin_ + size_, text, size);
            size_ += size;
        }
    }
    [[nodiscard]] bool overflowed() const noexcept { return overflowed_; }
    [[nodiscard]] std::string_view view() const noexcept { return {begin_, size_}; }

private:
    char* begin_;
    std::size_t size_ = 0, capacity_;
    bool overflowed_ = false;
};

}  // namespace lastbyte::detail
