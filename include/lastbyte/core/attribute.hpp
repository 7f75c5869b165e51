// Attributes: typed facts beside a span's label, source and detail.
//
// The key is a template argument, so a span keeps one pointer for key and type together and 8 bytes for the value; short
// text goes into the trace's own text store. Nothing is formatted while recording.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <lastbyte/core/label.hpp>

namespace lastbyte {

enum class AttributeKind : std::uint8_t { integer, unsigned_integer, floating, boolean, text };

namespace detail {

/// What lies in an attribute's place: see note.hpp.
enum class Note : std::uint8_t { none, link, event };

struct AttributeKey {
    std::string_view name;
    AttributeKind kind;
    Note note = Note::none;
};

template <FixedString Name, AttributeKind Kind>
inline constexpr AttributeKey attribute_key{Name.view(), Kind};

/// An attribute as a span keeps it. `value` holds the bits of the number, or where the text is: word << 16 | length.
struct StoredAttribute {
    AttributeKey const* key;
    std::uint64_t value;
};

/// What was stored under `value`, in a text store that begins at `texts`.
inline std::string_view stored_bytes(std::uint64_t value, char const* texts) noexcept {
    return {texts + (value >> 16 & 0xffff) * 8, static_cast<std::size_t>(value & 0xffff)};
}
/// The text of an attribute that is one.
inline std::string_view text_of(StoredAttribute const& stored, char const* texts) noexcept {
    return stored.key->kind == AttributeKind::text ? stored_bytes(stored.value, texts) : std::string_view{};
}

/// Which kind an argument is; anything else is refused with a sentence.
template <class T>
consteval AttributeKind kind_of() {
    using Value = std::remove_cvref_t<T>;
    static_assert(std::is_arithmetic_v<Value> || std::is_convertible_v<T, std::string_view>,
                  "lastbyte: attribute<\"...\">(value) takes a bool, an integer, a floating-point number or text. Convert "
                  "the value before you record it.");
    if constexpr (std::same_as<Value, bool>)
        return AttributeKind::boolean;
    else if constexpr (std::is_floating_point_v<Value>)
        return AttributeKind::floating;
    else if constexpr (std::is_integral_v<Value>)
        return std::is_signed_v<Value> ? AttributeKind::integer : AttributeKind::unsigned_integer;
    else
        return AttributeKind::text;
}

/// Text as it is recorded; a null `char const*` is empty.
template <class T>
std::string_view text_of(T const& value) noexcept {
    if constexpr (std::is_pointer_v<T>)
        return value == nullptr ? std::string_view{} : std::string_view{value};
    else
        return std::string_view{value};
}

}  // namespace detail

/// One attribute of a recorded span. Valid as long as the Reading or Snapshot that it came from.
class AttributeView {
public:
    AttributeView(detail::StoredAttribute const& stored, std::string_view text) noexcept
        : key_(stored.key), value_(stored.value), text_(text) {}

    [[nodiscard]] std::string_view name() const noexcept { return key_->name; }
    [[nodiscard]] AttributeKind kind() const noexcept { return key_->kind; }

    /// The value, when `kind()` says that it is of this type; otherwise 0, false or empty.
    [[nodiscard]] std::int64_t integer() const noexcept {
        return kind() == AttributeKind::integer ? static_cast<std::int64_t>(value_) : 0;
    }
    [[nodiscard]] std::uint64_t unsigned_integer() const noexcept {
        return kind() == AttributeKind::unsigned_integer ? value_ : 0;
    }
    [[nodiscard]] double floating() const noexcept {
        return kind() == AttributeKind::floating ? __builtin_bit_cast(double, value_) : 0.0;
    }
    [[nodiscard]] bool boolean() const noexcept { return kind() == AttributeKind::boolean && value_ != 0; }
    [[nodiscard]] std::string_view text() const noexcept { return text_; }

private:
    detail::AttributeKey const* key_;
    std::uint64_t value_;
    std::string_view text_;
};

}  // namespace lastbyte
