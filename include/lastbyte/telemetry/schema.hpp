// Schema: a wide row of telemetry as a type: texts, numbers and one sampling index.
//
// A row that a store refuses is noticed on a dashboard, days later. Here the store's limits, the columns and the names are
// checked by the compiler where the row is declared, and a field marked `after_body` takes a value from a Reading only, so
// that a fact can't land in its column too early. Nothing of it is left at run time.
#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>

#include <lastbyte/core/label.hpp>
#include <lastbyte/telemetry/field.hpp>

namespace lastbyte {

/// What one row may hold. The defaults are those of the store that the library's first user has; for another, derive
/// from this, hide what differs, and declare the schema with SchemaWithin. A smaller `blob_bytes` makes smaller points.
struct StoreLimits {
    static constexpr std::size_t blobs = 20;
    static constexpr std::size_t doubles = 20;
    static constexpr std::size_t indexes = 1;
    static constexpr std::size_t blob_bytes = 16'384;  ///< all texts of a row together, the index not among them
    static constexpr std::size_t index_bytes = 96;
};

template <class Schema>
class Point;
template <class Schema>
class Row;

namespace detail {
template <class Limits, FixedString Name, class... Fields>
struct CheckedSchema;
}

/// A row of telemetry. A tool call, in the seed's columns:
///
///     using ToolCall = lastbyte::Schema<"tool_calls",
///         Blob<1, "event_type">, Blob<2, "method">, Blob<3, "tool_name">, Blob<4, "consumer_label">,
///         Blob<5, "consumer_source">, Blob<6, "knowledge_base_url">, Blob<7, "document_uri">,
///         Blob<8, "worker_version">, Blob<9, "cache_tier", after_body>,
///         Double<1, "count">, Double<2, "duration_ms", after_body>, Double<3, "bytes_in">,
///         Double<4, "bytes_out", after_body>, Double<5, "tokens_in">, Double<6, "tokens_out", after_body>,
///         Double<7, "cache_hits", after_body>, Double<8, "cache_lookups", after_body>,
///         IndexOf<1, "consumer_label">>;
///
/// Members: `Point`, the mutable request facts; `Row`, what `point.complete(…)` makes and a sink takes. The order of
/// the fields is free and is the order they are written in; slots begin at 1 and leave no gap. What is wrong with a
/// declaration is a compile error that names the fields it is about.
template <FixedString Name, class... Fields>
using Schema = typename detail::CheckedSchema<StoreLimits, Name, Fields...>::type;

/// The same within limits of your own.
template <class Limits, FixedString Name, class... Fields>
using SchemaWithin = typename detail::CheckedSchema<Limits, Name, Fields...>::type;

/// What Schema and SchemaWithin make.
template <class Limits, FixedString Name, class... Fields>
struct BasicSchema {
    using Point = lastbyte::Point<BasicSchema>;
    using Row = lastbyte::Row<BasicSchema>;
    using limits = Limits;
    using fields = detail::FieldList<Fields...>;

    static constexpr std::string_view name = Name.view();
    static constexpr std::size_t blobs = fields::count(detail::FieldKind::blob);
    static constexpr std::size_t doubles = fields::count(detail::FieldKind::number);
    static constexpr std::size_t indexes = fields::count(detail::FieldKind::index);
};

/// Sentences that a compiler prints as the name of a type that has no definition, with the names it is about.
namespace detail::says {
template <class... Typed>
struct two_fields_are_called;
template <class... Fields>
struct two_fields_share_one_slot_so_renumber_one_of;
template <class Typed, class Nearest>
struct no_field_is_called;
template <class Nearest>
struct did_you_mean;
template <class Typed, class Nearest>
struct the_index_must_copy_a_text_field_and_none_is_called;
}  // namespace detail::says

namespace detail {

template <class L>
concept RowLimits = requires {
    { L::blobs } -> std::convertible_to<std::size_t>;
    { L::doubles } -> std::convertible_to<std::size_t>;
    { L::indexes } -> std::convertible_to<std::size_t>;
    { L::blob_bytes } -> std::convertible_to<std::size_t>;
    { L::index_bytes } -> std::convertible_to<std::size_t>;
};

/// One sentence at a time, the first that applies.
template <class Limits, class List>
constexpr bool check_schema() noexcept {
    constexpr bool blobs_fit = List::count(FieldKind::blob) <= Limits::blobs;
    constexpr bool doubles_fit = List::count(FieldKind::number) <= Limits::doubles;
    constexpr bool indexes_fit = List::count(FieldKind::index) <= Limits::indexes;
    constexpr bool well_named = List::well_named();
    static_assert(
        blobs_fit,
        "lastbyte: this schema has more Blob fields than a row of the store can hold (StoreLimits: 20). Leave "
        "some out, or say what your store takes: SchemaWithin<YourLimits, \"name\", fields...>.");
    static_assert(
        doubles_fit,
        "lastbyte: this schema has more Double fields than a row of the store can hold (StoreLimits: 20). Leave "
        "some out, or say what your store takes: SchemaWithin<YourLimits, \"name\", fields...>.");
    static_assert(
        indexes_fit,
        "lastbyte: this schema has more IndexOf fields than a row of the store can hold (StoreLimits: 1). Keep "
        "the one that rows are sampled by, or say what your store takes: SchemaWithin<YourLimits, ...>.");
    static_assert(well_named,
                  "lastbyte: a field of this schema has an empty name, or one with a control character in it. Name it: "
                  "Blob<1, \"event_type\">.");
    constexpr auto same_name = List::clash(true);
    constexpr auto same_slot = List::clash(false);
    constexpr auto orphan = List::orphan();
    if constexpr (same_name.later != no_such_field) {
        return sizeof(says::two_fields_are_called<typename List::template spelling<same_name.later>>) != 0;
    } else if constexpr (same_slot.later != no_such_field) {
        return sizeof(says::two_fields_share_one_slot_so_renumber_one_of<
                      typename List::template spelling<same_slot.earlier>,
                      typename List::template spelling<same_slot.later>>) != 0;
    } else if constexpr (orphan != no_such_field) {
        constexpr auto nearest = List::nearest_to(List::all[orphan].name, true);
        return sizeof(says::the_index_must_copy_a_text_field_and_none_is_called<
                      typename List::template spelling<orphan>,
                      says::did_you_mean<typename List::template spelling<nearest>>>) != 0;
    } else {
        constexpr bool dense =
            List::dense(FieldKind::blob) && List::dense(FieldKind::number) && List::dense(FieldKind::index);
        static_assert(
            dense,
            "lastbyte: the slots of this schema leave a gap. Number the Blob fields 1, 2, 3 and so on, and the Double "
            "and IndexOf fields likewise: a store's columns have no holes.");
        return true;
    }
}

template <class Limits, FixedString Name, class... Fields>
struct CheckedSchema {
    static_assert(RowLimits<Limits>,
                  "lastbyte: the first argument of SchemaWithin says what your store takes, and this type doesn't. Derive "
                  "it from lastbyte::StoreLimits and hide what differs.");
    static_assert(!Name.view().empty() && !has_control(Name.view()),
                  "lastbyte: a schema needs a name without control characters: Schema<\"tool_calls\", ...>.");
    static constexpr bool checked = check_schema<Limits, FieldList<Fields...>>();
    static_assert(checked);
    using type = BasicSchema<Limits, Name, Fields...>;
};

}  // namespace detail
}  // namespace lastbyte
