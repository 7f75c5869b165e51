// Protobuf's wire format: the primitives of every protobuf encoder here, appended to any output.
//
// A message carries its length in front. Into memory it is written behind one byte for that, which is put right
// afterwards; an output that only appends gets the length from a first run into a counter. Either way it is the
// shortest varint, byte for byte what other encoders write. A text that is no UTF-8 would make a parser refuse the
// whole request, so each such byte becomes U+FFFD.
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

/// A few bytes put together on the stack, so that an output is called once for several small fields. Whoever declares
/// one knows that `N` suffices.
template <std::size_t N>
struct Piece {
    char bytes[N];
    std::size_t size = 0;

    Piece() noexcept {}
    void append(char const* more, std::size_t count) noexcept {
        std::memcpy(bytes + size, more, count);
        size += count;
    }
    template <TextOutput Out>
    void to(Out& out) const {
        out.append(bytes, size);
    }
};

constexpr std::size_t varint_size(std::uint64_t value) noexcept {
    return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
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

/// A fixed64 or sfixed64.
template <TextOutput Out>
constexpr void append_fixed64_field(Out& out, std::uint32_t field, std::uint64_t value) {
    append_tag(out, field, Wire::fixed64);
    char bytes[8]{};
    for (char& byte : bytes) {
        byte = static_cast<char>(value & 0xff);
        value >>= 8;
    }
    out.append(bytes, sizeof bytes);
}

template <TextOutput Out>
constexpr void append_double_field(Out& out, std::uint32_t field, double value) {
    append_fixed64_field(out, field, std::bit_cast<std::uint64_t>(value));
}

/// 64 bits as eight bytes, the most significant first: how OTLP has its ids.
template <TextOutput Out>
constexpr void append_big_endian(Out& out, std::uint64_t value) {
    char bytes[8]{};
    for (int i = 7; i >= 0; --i, value >>= 8) bytes[i] = static_cast<char>(value & 0xff);
    out.append(bytes, sizeof bytes);
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
