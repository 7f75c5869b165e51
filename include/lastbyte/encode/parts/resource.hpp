// Who sends, and what a handler adds: attributes, the resource and the scope that every OpenTelemetry message names.
//
// A backend that gets no service.name files everything under "unknown_service". So a Resource can't be made without
// one, and what describes the process is written once a request and not once a span. Values refer to the caller's
// texts; nothing is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include <lastbyte/core/attribute.hpp>

namespace lastbyte {

namespace detail {

/// What an attribute's value is: the bits of a number, or a text.
struct AttributeValue {
    AttributeKind kind = AttributeKind::boolean;
    std::uint64_t bits = 0;
    std::string_view text{};
};

template <class T>
constexpr AttributeValue value_of(T const& given) noexcept {
    constexpr auto kind = kind_of<T>();
    if constexpr (kind == AttributeKind::text)
        return {kind, 0, std::string_view{given}};
    else if constexpr (kind == AttributeKind::floating)
        return {kind, __builtin_bit_cast(std::uint64_t, static_cast<double>(given))};
    else
        return {kind, static_cast<std::uint64_t>(given)};
}

}  // namespace detail

/// A fact that is given beside those of the trace: `{"http.route", "/mcp"}`, `{"http.response.status_code", 200}`. The
/// value is a bool, an integer, a floating-point number or text. Refers to its texts.
class Attribute {
public:
    constexpr Attribute() noexcept = default;
    template <class T>
    constexpr Attribute(std::string_view name, T const& value) noexcept
        : name_(name), value_(detail::value_of(value)) {}

    [[nodiscard]] constexpr std::string_view name() const noexcept { return name_; }
    [[nodiscard]] constexpr detail::AttributeValue const& value() const noexcept { return value_; }

private:
    std::string_view name_;
    detail::AttributeValue value_;
};

/// Who sends: `Resource{"oddkit", {{"service.version", "1.4.0"}, {"process.pid", getpid()}}}`. Refers to its texts.
class Resource {
public:
    static constexpr std::size_t max_attributes = 32;

    /// `service.name`, and what else describes the process. What is named twice or beyond the bound is left out and
    /// counted.
    constexpr explicit Resource(std::string_view service_name, std::initializer_list<Attribute> more = {}) noexcept {
        add({"service.name", service_name.empty() ? std::string_view{"unknown_service"} : service_name});
        for (Attribute const& one : more) add(one);
        if (!has("telemetry.sdk.name")) add({"telemetry.sdk.name", "lastbyte"});
        if (!has("telemetry.sdk.language")) add({"telemetry.sdk.language", "cpp"});
    }

    [[nodiscard]] constexpr std::string_view service_name() const noexcept { return all_[0].value().text; }
    [[nodiscard]] constexpr Attribute const* begin() const noexcept { return all_; }
    [[nodiscard]] constexpr Attribute const* end() const noexcept { return all_ + size_; }
    [[nodiscard]] constexpr std::uint64_t dropped() const noexcept { return dropped_; }

private:
    [[nodiscard]] constexpr bool has(std::string_view name) const noexcept {
        for (Attribute const& one : *this)
            if (one.name() == name) return true;
        return false;
    }
    constexpr void add(Attribute const& one) noexcept {
        if (size_ == max_attributes || has(one.name()))
            ++dropped_;
        else
            all_[size_++] = one;
    }

    Attribute all_[max_attributes]{};
    std::size_t size_ = 0;
    std::uint64_t dropped_ = 0;
};

/// Which library recorded.
struct Scope {
    std::string_view name = "lastbyte";
    std::string_view version{};
};

}  // namespace lastbyte
