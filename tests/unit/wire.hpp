// A protobuf parser for tests, by the letter: shortest varints, whole fields, nothing left over, valid UTF-8 on
// request.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wire {

struct Field {
    std::uint32_t number = 0;
    std::uint32_t type = 0;
    std::uint64_t value = 0;  // of a varint, a fixed64 or a fixed32
    std::string bytes;        // of a string or message
};

/// One varint from the front; none when it is cut off, over ten bytes or longer than it need be.
inline std::optional<std::uint64_t> take_varint(std::string_view& rest) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < rest.size() && i < 10; ++i) {
        auto const byte = static_cast<unsigned char>(rest[i]);
        if (i == 9 && byte > 1) return std::nullopt;
        value |= std::uint64_t{byte & 0x7fu} << 7 * i;
        if (byte < 0x80) {
            if (byte == 0 && i != 0) return std::nullopt;
            rest.remove_prefix(i + 1);
            return value;
        }
    }
    return std::nullopt;
}

inline std::optional<std::vector<Field>> parse(std::string_view rest) {
    std::vector<Field> fields;
    while (!rest.empty()) {
        auto const tag = take_varint(rest);
        if (!tag || *tag >> 3 == 0) return std::nullopt;
        Field field{static_cast<std::uint32_t>(*tag >> 3), static_cast<std::uint32_t>(*tag & 7), 0, {}};
        if (field.type == 0 || field.type == 2) {
            auto const number = take_varint(rest);
            if (!number) return std::nullopt;
            field.value = *number;
        }
        std::size_t const size = field.type == 1 ? 8 : field.type == 5 ? 4 : field.type == 2 ? field.value : 0;
        if ((field.type > 2 && field.type != 5) || size > rest.size()) return std::nullopt;
        field.bytes = rest.substr(0, size);
        if (field.type == 1 || field.type == 5) std::memcpy(&field.value, field.bytes.data(), size);
        rest.remove_prefix(size);
        fields.push_back(field);
    }
    return fields;
}

/// A message whose bytes are known to be one: anything else ends the test.
class Message {
public:
    explicit Message(std::string_view bytes) {
        auto parsed = parse(bytes);
        if (!parsed) std::abort();
        fields_ = *parsed;
    }
    std::size_t count(std::uint32_t number) const {
        std::size_t found = 0;
        for (auto const& field : fields_) found += field.number == number ? 1 : 0;
        return found;
    }
    Field const& at(std::uint32_t number, std::size_t index = 0) const {
        for (auto const& field : fields_)
            if (field.number == number && index-- == 0) return field;
        std::abort();
    }
    std::string text(std::uint32_t number, std::size_t index = 0) const { return at(number, index).bytes; }
    Message message(std::uint32_t number, std::size_t index = 0) const { return Message{text(number, index)}; }
    /// Field numbers in the order of the bytes never go down.
    bool ascending() const {
        for (std::size_t i = 1; i < fields_.size(); ++i)
            if (fields_[i].number < fields_[i - 1].number) return false;
        return true;
    }

private:
    std::vector<Field> fields_;
};

/// UTF-8 decoded the slow way; none when it is not well-formed.
inline bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        auto const byte = [&](std::size_t i) {
            return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
        };
        std::size_t const length = byte(0) < 0x80       ? 1
                                   : byte(0) >> 5 == 6  ? 2
                                   : byte(0) >> 4 == 14 ? 3
                                   : byte(0) >> 3 == 30 ? 4
                                                        : 0;
        if (length == 0) return false;
        std::uint32_t code = length == 1 ? byte(0) : byte(0) & (0x7fu >> length);
        for (std::size_t i = 1; i < length; ++i) {
            if (byte(i) >> 6 != 2) return false;
            code = code << 6 | (byte(i) & 0x3f);
        }
        constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
        at += length;
    }
    return true;
}

}  // namespace wire
