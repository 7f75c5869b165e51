// The data point of one request: what is known of it at any time, and what is known only after its last byte.
//
// A row written when the handler returns says `cache_tier = "none"` for ever, and nothing fails. Here a Point collects
// the request's facts, only complete() makes a Row of it, and complete() asks for every after_body field, each as a
// Final, which only a Reading gives. A sink takes Rows. No allocation, nothing virtual, no exception: what doesn't fit
// is counted.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/core/label.hpp>
#include <lastbyte/telemetry/completion.hpp>
#include <lastbyte/telemetry/field_access.hpp>
#include <lastbyte/telemetry/field_value.hpp>
#include <lastbyte/telemetry/schema.hpp>
#include <lastbyte/telemetry/values.hpp>

namespace lastbyte {

/// One value for complete(): `set<"cache_tier">(done.tier<"cache_tier">())`.
///
/// Takes a Final and nothing else: no plain value, nothing of a Snapshot, and nothing of a Sealed either, which knows the
/// trace but neither the bytes nor the outcome of the body that is still being sent.
template <FixedString Name, class T>
[[nodiscard]] constexpr detail::Assigned<Name, T> set(T value) noexcept(std::is_nothrow_move_constructible_v<T>) {
    return {std::move(value)};
}

/// The request's facts, on their way to a row: `ToolCall::Point point;`. Unset texts are "", unset numbers 0.
///
/// A value of about `limits::blob_bytes` (16 KB by default, kept inline and never zeroed); a copy or a move copies the
/// bytes in use. For one thread at a time. A short text costs a scan and a bounded copy, a number one store.
template <class Schema>
class Point {
    using fields = typename Schema::fields;

public:
    /// Sets a field that is not marked after_body; a second call replaces the first's value.
    ///
    /// Text fields take anything that is a string_view, or knows its name (`.name()`, or `name(x)` beside it). Bytes that
    /// are no UTF-8 become U+FFFD, and texts that don't fit into what the row has left (`limits::blob_bytes`, less up to
    /// 64 for each after_body text) are cut at a character's boundary. Number fields take integers (exact up to 2^53),
    /// floating-point numbers and bools; NaN and infinities are refused. Each of these is counted in drops().
    template <FixedString Name, class T>
    void set(T const& value) noexcept {
        constexpr std::size_t at = detail::known_field<fields, Name>();
        if constexpr (at != detail::no_such_field) {
            constexpr bool before_body = !fields::all[at].after_body;
            static_assert(
                before_body,
                "lastbyte: this field is marked after_body, so its value is only known when the body is over and "
                "point.set can't take it. Give it to complete(), from the Reading: "
                "point.complete(lastbyte::set<\"cache_tier\">(done.tier<\"cache_tier\">()), ...).");
            if constexpr (before_body)
                detail::store_field<Schema, at>(values_, value, Schema::limits::blob_bytes - kept_for_after_body);
        }
    }

    /// What a field holds so far: a string_view into this point, good until its next set(), or a double.
    template <FixedString Name>
    [[nodiscard]] auto get() const noexcept {
        constexpr std::size_t at = detail::known_field<fields, Name>();
        constexpr bool before_body = at == detail::no_such_field || !fields::all[at].after_body;
        static_assert(
            before_body,
            "lastbyte: this field is marked after_body, and a Point never holds its value. Read it from the Row "
            "that point.complete(...) makes: row.get<\"cache_tier\">().");
        if constexpr (at != detail::no_such_field) return detail::load_field<Schema, at>(values_);
    }

    /// The finished row: this point and every after_body field, in any order, each exactly once. The point is left as
    /// it was. Costs a copy of the bytes in use.
    template <class... Given>
    [[nodiscard]] typename detail::Completion<Schema, Given...>::row complete(Given const&... given) const noexcept {
        return Row<Schema>(values_, given...);
    }

    /// What was cut, repaired or refused so far, by cause.
    [[nodiscard]] Drops drops() const noexcept { return values_.drops; }

private:
    static constexpr std::size_t kept_for_after_body = detail::bytes_kept_for<Schema>(detail::after_body_texts<Schema>);
    detail::ValuesOf<Schema> values_;
};

/// A finished row. Only Point::complete makes one; copies and moves cost the bytes in use. Its texts are well-formed
/// UTF-8, its numbers finite.
template <class Schema>
class Row {
    using fields = typename Schema::fields;

public:
    /// A field's value: a string_view into this row, or a double.
    template <FixedString Name>
    [[nodiscard]] auto get() const noexcept {
        constexpr std::size_t at = detail::known_field<fields, Name>();
        if constexpr (at != detail::no_such_field) return detail::load_field<Schema, at>(values_);
    }

    /// The same by the store's column, from 1; "" and 0 where the schema has none.
    [[nodiscard]] std::string_view blob(std::size_t slot) const noexcept { return values_.text(slot - 1); }
    [[nodiscard]] double number(std::size_t slot) const noexcept { return values_.number(slot - 1); }

    /// The sampling key in that column, at most `limits::index_bytes` long; "" where the schema has none.
    [[nodiscard]] std::string_view index(std::size_t slot = 1) const noexcept {
        if (slot - 1 >= Schema::indexes) return {};
        std::string_view const whole = blob(detail::index_texts<Schema>.slot[slot - 1]);
        return whole.substr(0, detail::utf8_cut(whole, Schema::limits::index_bytes));
    }

    /// What was cut, repaired or refused, by cause, in the point and in complete().
    [[nodiscard]] Drops drops() const noexcept { return values_.drops; }

private:
    friend class Point<Schema>;
    template <class... Given>
    explicit Row(detail::ValuesOf<Schema> const& point, Given const&... given) noexcept : values_(point) {
        [[maybe_unused]] std::size_t texts_to_come = detail::after_body_texts<Schema>;
        (put(given, texts_to_come), ...);
        for (std::size_t i = 0; i < Schema::indexes; ++i)
            if (blob(detail::index_texts<Schema>.slot[i]).size() > Schema::limits::index_bytes)
                values_.drops.indexes_cut += 1;
    }
    template <FixedString Name, class T>
    void put(detail::Assigned<Name, T> const& given, std::size_t& texts_to_come) noexcept {
        constexpr std::size_t at = fields::find(Name.view());
        if constexpr (fields::all[at].kind == detail::FieldKind::blob) --texts_to_come;
        detail::store_field<Schema, at>(
            values_, given.value, Schema::limits::blob_bytes - detail::bytes_kept_for<Schema>(texts_to_come));
    }

    detail::ValuesOf<Schema> values_;
};

namespace detail {
template <class T>
inline constexpr bool is_row = false;
template <class Schema>
inline constexpr bool is_row<Row<Schema>> = true;
}  // namespace detail

}  // namespace lastbyte
