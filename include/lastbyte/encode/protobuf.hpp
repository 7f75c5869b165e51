// Protobuf's wire format: the primitives of every protobuf encoder here, appended to any output.
//
// A message carries its length in front: into memory it is put right afterwards, an output that only appends gets it
// from a first run into a counter, and either way it is the shortest varint, as other encoders write it. A text that is
// no UTF-8 would make a parser refuse the whole request, so each such byte becomes U+FFFD. Where many small fields
// follow each other, `Direct` stores them without asking for room again, and finds out whether the texts were UTF-8.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <lastbyte/core/text.hpp>
#include <lastbyte/encode/parts/buffer.hpp>

namespace lastbyte::detail::protobuf {

/// How a field's value is laid out: the low three bits of its tag.
enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

constexpr std::size_t varint_size(std::uint64_t value) noexcept {
    if (value < 0x80) [[likely]]
        return 1;
    return (static_cast<std::size_t>(std::bit_width(value)) + 6) / 7;
}

/// 1 to 10 bytes, least significant seven bits first.
template <TextOutput Out>
constexpr void append_varint(Out& out, std::uint64_t value) {
    if (value < 0x80) [[likely]] {
        char const byte = static_cast<char>(value);
        out.append(&byte, 1);
        return;
    }
    char bytes[10];
    std::size_t size = 0;
    for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<char>(value | 0x80);
    bytes[size++] = static_cast<char>(value);
    out.append(bytes, size);
}
constexpr void append_varint(Counter& out, std::uint64_t value) noexcept { out.size += varint_size(value); }

template <TextOutput Out>
constexpr void append_tag(Out& out, std::uint32_t field, Wire wire) {
    append_varint(out, std::uint64_t{field} << 3 | static_cast<std::uint64_t>(wire));
}

/// What stands in front of a string or message of this many bytes.
template <TextOutput Out>
constexpr void append_length(Out& out, std::uint32_t field, std::size_t size) {
    append_tag(out, field, Wire::bytes);
    append_varint(out, size);
}

/// An int32, int64, uint32, uint64, bool or enum. A negative number takes ten bytes.
template <TextOutput Out>
constexpr void append_varint_field(Out& out, std::uint32_t field, std::uint64_t value) {
    append_tag(out, field, Wire::varint);
    append_varint(out, value);
}

/// A number's bytes, the least significant first.
struct Eight {
    char bytes[8];
};
constexpr Eight little_endian(std::uint64_t value) noexcept {
    return std::bit_cast<Eight>(std::endian::native == std::endian::little ? value : __builtin_bswap64(value));
}

/// A fixed64 or sfixed64.
template <TextOutput Out>
constexpr void append_fixed64_field(Out& out, std::uint32_t field, std::uint64_t value) {
    append_tag(out, field, Wire::fixed64);
    out.append(little_endian(value).bytes, 8);
}

/// A fixed32, of 4 bytes likewise.
template <TextOutput Out>
constexpr void append_fixed32_field(Out& out, std::uint32_t field, std::uint32_t value) {
    append_tag(out, field, Wire::fixed32);
    out.append(little_endian(value).bytes, 4);
}

template <TextOutput Out>
constexpr void append_double_field(Out& out, std::uint32_t field, double value) {
    append_fixed64_field(out, field, std::bit_cast<std::uint64_t>(value));
}

/// 64 bits as eight bytes, the most significant first: how OTLP has its ids.
template <TextOutput Out>
constexpr void append_big_endian(Out& out, std::uint64_t value) {
    out.append(little_endian(__builtin_bswap64(value)).bytes, 8);
}

/// How many bytes at the front are ASCII; eight at a time.
inline std::size_t ascii_prefix(std::string_view text) noexcept {
    std::size_t at = 0;
    std::uint64_t eight;
    for (; text.size() - at >= sizeof eight; at += sizeof eight) {
        std::memcpy(&eight, text.data() + at, sizeof eight);
        if ((eight & 0x8080'8080'8080'8080) != 0) break;
    }
    if (text.size() - at < sizeof eight && text.size() >= sizeof eight) {
        std::memcpy(&eight, text.data() + text.size() - sizeof eight, sizeof eight);
        if ((eight & 0x8080'8080'8080'8080) == 0) return text.size();
    }
    while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
    return at;
}

/// How long a text is once each byte that is no UTF-8 has become U+FFFD: as long as it was only if it has none.
inline std::size_t utf8_size(std::string_view text) noexcept {
    std::size_t size = text.size();
    for (std::size_t at = ascii_prefix(text); at < text.size();) {
        std::size_t const length = utf8_length(text.substr(at));
        if (length == 0) size += 2;
        at += length == 0 ? 1 : length;
    }
    return size;
}

/// Stores where there is room, and takes every text for UTF-8. What was stored is right if `utf8` is still true; else
/// it has to be done again with utf8_size and append_utf8. To be kept in a local variable and handed on by value: a
/// store of a char may change whatever is behind a reference, so `at` would be loaded again after each.
struct Direct {
    char* at;
    bool utf8 = true;

    void byte(unsigned value) noexcept { *at++ = static_cast<char>(value); }
    [[gnu::always_inline]] void varint(std::uint64_t value) noexcept {
        for (; value >= 0x80; value >>= 7) byte(static_cast<unsigned>(value) | 0x80);
        byte(static_cast<unsigned>(value));
    }
    void little_endian(std::uint64_t value) noexcept { eight(protobuf::little_endian(value)); }
    void big_endian(std::uint64_t value) noexcept { eight(protobuf::little_endian(__builtin_bswap64(value))); }
    /// A call of memcpy takes longer than most texts, which are short: those are copied as two pieces that overlap.
    [[gnu::always_inline]] void text(std::string_view text) noexcept {
        char const* const from = text.data();
        std::size_t const size = text.size();
        std::uint64_t high = 0;
        if (size >= 8) {
            for (std::size_t i = 0; i + 8 < size; i += 8) high |= copy<std::uint64_t>(from, i);
            high |= copy<std::uint64_t>(from, size - 8);
        } else if (size >= 4) {
            high = copy<std::uint32_t>(from, 0) | copy<std::uint32_t>(from, size - 4);
        } else if (size >= 2) {
            high = copy<std::uint16_t>(from, 0) | copy<std::uint16_t>(from, size - 2);
        } else if (size == 1) {
            high = copy<std::uint8_t>(from, 0);
        }
        at += size;
        if ((high & 0x8080'8080'8080'8080) != 0) [[unlikely]]
            utf8 = utf8 && utf8_size(text) == size;
    }

private:
    void eight(Eight const& bytes) noexcept {
        std::memcpy(at, &bytes, sizeof bytes);
        at += sizeof bytes;
    }
    template <class Word>
    Word copy(char const* from, std::size_t where) noexcept {
        Word word;
        std::memcpy(&word, from + where, sizeof word);
        std::memcpy(at + where, &word, sizeof word);
        return word;
    }
};

/// A text without its tag and length; `size` is its utf8_size.
template <TextOutput Out>
void append_utf8(Out& out, std::string_view text, std::size_t size) {
    if (size == text.size()) return append(out, text);
    while (!text.empty()) {
        std::size_t clean = 0;
        std::size_t length = 1;
        while (clean < text.size() && (length = utf8_length(text.substr(clean))) != 0) clean += length;
        append(out, text.substr(0, clean));
        if (length == 0) append(out, "\xef\xbf\xbd");
        text.remove_prefix(clean + (length == 0 ? 1 : 0));
    }
}

/// A message: `body(out)` appends its fields. May be called twice, and has to append the same each time.
template <TextOutput Out, class Body>
void append_message(Out& out, std::uint32_t field, Body const& body) {
    Counter length;
    body(length);
    append_length(out, field, length.size);
    body(out);
}
template <class Body>
void append_message(Counter& out, std::uint32_t field, Body const& body) {
    std::size_t const before = out.size;
    body(out);
    std::size_t const size = out.size - before;
    append_length(out, field, size);
}

template <class Body>
void append_message(BoundedBuffer& out, std::uint32_t field, Body const& body) {
    append_tag(out, field, Wire::bytes);
    std::size_t const length_at = out.size();
    out.append("", 1);
    body(out);
    if (out.overflowed()) [[unlikely]]
        return;
    std::size_t const size = out.size() - length_at - 1;
    if (std::size_t const more = varint_size(size) - 1; more != 0) {
        if (!out.reserve(more)) [[unlikely]]
            return out.refuse();
        out.extend(more);
        char* const body_at = out.data() + length_at + 1;
        std::memmove(body_at + more, body_at, size);
    }
    Cursor length{out.data() + length_at};
    append_varint(length, size);
}

/// A string, measured once; given in up to two parts: a family's label and its tail, a prefix and a name.
class Text {
public:
    explicit Text(std::string_view text, std::string_view more = {}) noexcept
        : text_(text), more_(more), text_size_(utf8_size(text)), more_size_(utf8_size(more)) {}

    [[nodiscard]] std::size_t size() const noexcept { return text_size_ + more_size_; }
    /// With its length and a tag of one byte (fields 1 to 15).
    [[nodiscard]] std::size_t field_size() const noexcept { return 1 + varint_size(size()) + size(); }
    template <TextOutput Out>
    void append_field(Out& out, std::uint32_t field) const {
        append_length(out, field, size());
        append_utf8(out, text_, text_size_);
        if (more_size_ != 0) append_utf8(out, more_, more_size_);
    }
    void append_field(Counter& out, std::uint32_t field) const noexcept {
        append_length(out, field, size());
        out.size += size();
    }

private:
    std::string_view text_, more_;
    std::size_t text_size_, more_size_;
};
template <TextOutput Out>
void append_text_field(Out& out, std::uint32_t field, std::string_view text, std::string_view more = {}) {
    Text{text, more}.append_field(out, field);
}

}  // namespace lastbyte::detail::protobuf
