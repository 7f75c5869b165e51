// Fields by name: where a value goes and where it comes from.
//
// A misspelt name must not become a new column. What can be wrong with a name or with the kind of a value is found here,
// by the compiler, and comes out as one sentence; what is left at run time is a copy into a known slot.
#pragma once

#include <cstddef>

#include <lastbyte/core/label.hpp>
#include <lastbyte/telemetry/field_value.hpp>
#include <lastbyte/telemetry/schema.hpp>
#include <lastbyte/telemetry/values.hpp>

namespace lastbyte::detail {

template <class Schema>
using ValuesOf = RowValues<Schema::blobs, Schema::doubles, Schema::limits::blob_bytes>;

/// The bytes that a point leaves free so that `texts` more fields find room: a document's name of 16 KB must not push the
/// tier out of the row. 64 for each, or its share of the row where a store is smaller.
template <class Schema>
constexpr std::size_t bytes_kept_for(std::size_t texts) noexcept {
    constexpr std::size_t share = Schema::blobs == 0 ? 0 : Schema::limits::blob_bytes / Schema::blobs;
    return texts * (share < 64 ? share : 64);
}

template <class Schema>
constexpr std::size_t count_after_body_texts() noexcept {
    std::size_t n = 0;
    for (FieldInfo const& field : Schema::fields::all) n += field.kind == FieldKind::blob && field.after_body ? 1 : 0;
    return n;
}
template <class Schema>
inline constexpr std::size_t after_body_texts = count_after_body_texts<Schema>();

/// The slot of the text that each index copies.
template <class Schema>
struct IndexTexts {
    std::size_t slot[Schema::indexes + 1]{};
    constexpr IndexTexts() noexcept {
        for (FieldInfo const& field : Schema::fields::all)
            if (field.kind == FieldKind::index)
                slot[field.slot - 1] = Schema::fields::all[Schema::fields::find(field.name)].slot;
    }
};
template <class Schema>
inline constexpr IndexTexts<Schema> index_texts{};

/// The position of the field called `Name`; a compile error with the nearest name when there is none.
template <class Fields, FixedString Name>
constexpr std::size_t known_field() noexcept {
    constexpr std::size_t at = Fields::find(Name.view());
    if constexpr (at == no_such_field)
        static_assert(
            sizeof(says::no_field_is_called<
                   spelled<Name>,
                   says::did_you_mean<typename Fields::template spelling<Fields::nearest_to(Name.view())>>>) != 0);
    return at;
}

/// `most`: how many bytes all texts together may have when this one is in.
template <class Schema, std::size_t At, class T>
void store_field(ValuesOf<Schema>& values, T const& value, std::size_t most) noexcept {
    constexpr FieldInfo const& field = Schema::fields::all[At];
    using Value = unwrapped_t<T>;
    if constexpr (is_provisional<T>) {
        static_assert(
            never_type<T>,
            "lastbyte: a Snapshot's value was given to a field as it is. It is provisional, and only an explicit "
            ".value() takes that word off: point.set<\"name\">(snapshot.tier<\"cache_tier\">().value()).");
    } else if constexpr (field.kind == FieldKind::blob) {
        static_assert(TextValue<Value>,
                      "lastbyte: this is a Blob field, and it was given something that is no text. Give it a string, a "
                      "string_view or something with a name(), or declare the field as Double<slot, \"name\">.");
        if constexpr (TextValue<Value>) values.put(field.slot - 1, field_text(unwrapped(value)), most);
    } else {
        static_assert(
            NumberValue<Value>,
            "lastbyte: this is a Double field, and it was given something that is no number. Give it an integer, "
            "a floating-point number or a bool, or declare the field as Blob<slot, \"name\">.");
        if constexpr (NumberValue<Value>) values.put(field.slot - 1, static_cast<double>(unwrapped(value)));
    }
}

template <class Schema, std::size_t At>
auto load_field(ValuesOf<Schema> const& values) noexcept {
    constexpr FieldInfo const& field = Schema::fields::all[At];
    if constexpr (field.kind == FieldKind::blob)
        return values.text(field.slot - 1);
    else
        return values.number(field.slot - 1);
}

}  // namespace lastbyte::detail
