// What a field takes: which C++ values are a text, which are a number, and which of them are known to be final.
//
// The rule behind every `after_body` field: a value that was read while the body was still being produced must not fit,
// whatever its type. So such a field takes a Final and nothing else, and each other kind of value gets its own
// sentence.
#pragma once

#include <concepts>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/core/final.hpp>
#include <lastbyte/core/label.hpp>

namespace lastbyte::detail {

/// A value of a body that is over. A concept, which nobody can specialise, about something that nobody else can derive from.
template <class T>
concept FinalValue = __is_base_of(FinalProof, T) && requires { requires __is_same(T, Final<typename T::value_type>); };
template <class T>
inline constexpr bool is_provisional = false;
template <class T>
inline constexpr bool is_provisional<Provisional<T>> = true;

/// A Final's value, anything else as it is.
template <class T>
constexpr decltype(auto) unwrapped(T const& value) noexcept {
    if constexpr (FinalValue<T>)
        return value.value();
    else
        return value;
}
template <class T>
using unwrapped_t = std::remove_cvref_t<decltype(unwrapped(std::declval<T const&>()))>;

template <class T>
concept CharacterType = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
    std::same_as<T, char16_t> || std::same_as<T, char32_t>;
/// An integer, a floating-point number or a bool; never a character, whose code nobody wants to average.
template <class T>
concept NumberValue = std::is_arithmetic_v<T> && !CharacterType<T>;
template <class T>
concept StringValue = std::convertible_to<T const&, std::string_view>;
/// A Tier, and whatever else knows its own name.
template <class T>
concept NamesItself = requires(T const& value) {
    { value.name() } -> std::convertible_to<std::string_view>;
};
/// An Outcome, and every enum that has a `name(x)` beside it.
template <class T>
concept NamedBeside = requires(T const& value) {
    { name(value) } -> std::convertible_to<std::string_view>;
};
template <class T>
concept TextValue = StringValue<T> || NamesItself<T> || NamedBeside<T>;

template <TextValue T>
constexpr std::string_view field_text(T const& value) noexcept {
    if constexpr (std::is_pointer_v<T>)
        return value == nullptr ? std::string_view{} : std::string_view{value};
    else if constexpr (StringValue<T>)
        return value;
    else if constexpr (NamesItself<T>)
        return value.name();
    else
        return name(value);
}

/// A value on its way to the field `Name` of a point that is being completed.
template <FixedString Name, class T>
struct Assigned {
    static_assert(
        !is_provisional<T>,
        "lastbyte: a Snapshot's value was given to a field marked after_body. A Snapshot is provisional: the body "
        "was still being produced when it was taken. Read the same thing from the Reading that "
        "defer_until_consumed(body, fn) hands to fn: set<\"cache_tier\">(done.tier<\"cache_tier\">()).");
    static_assert(
        FinalValue<T> || is_provisional<T>,
        "lastbyte: a plain value was given to a field marked after_body. Nothing says that it was known after the "
        "last byte. Pass what the Reading gives, set<\"bytes_out\">(done.bytes()), or attest a value of your own "
        "there: set<\"tokens_out\">(done.final_value(tokens)).");
    T value;
};

template <class T>
inline constexpr bool is_assigned = false;
template <FixedString Name, class T>
inline constexpr bool is_assigned<Assigned<Name, T>> = true;

}  // namespace lastbyte::detail
