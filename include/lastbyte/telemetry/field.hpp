// Fields: the columns of a row as types, each with its slot, its name, and when its value is known.
//
// A store numbers its columns and people name them; kept as two lists, the two drift apart, and a number lands under
// another's name without a sound. Here slot and name stand in one line, and below are the questions that a schema is
// checked with. All of it is gone at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <lastbyte/core/label.hpp>

namespace lastbyte {

/// When a field's value is known.
enum class Known : std::uint8_t { any_time, after_body };

/// Marks a field whose value exists only when the body is over: `Blob<9, "cache_tier", after_body>`.
inline constexpr Known after_body = Known::after_body;

/// A text in column `Slot` (from 1) of a store.
template <std::size_t Slot, FixedString Name, Known When = Known::any_time>
struct Blob {};

/// A number in column `Slot` (from 1) of a store.
template <std::size_t Slot, FixedString Name, Known When = Known::any_time>
struct Double {};

/// The sampling key: a copy of the text field of that name, cut to the store's bound at a character's boundary.
template <std::size_t Slot, FixedString Name>
struct IndexOf {};

namespace detail {

enum class FieldKind : std::uint8_t { blob, number, index };

struct FieldInfo {
    std::string_view name;
    FieldKind kind;
    std::size_t slot;  // from 1
    bool after_body;
};

template <class NotAField>
struct FieldOf {
    static_assert(
        never_type<NotAField>,
        "lastbyte: a schema is made of Blob<slot, \"name\">, Double<slot, \"name\"> and IndexOf<slot, \"name\">; "
        "another type stands among them. The template argument of FieldOf says which.");
    static constexpr FieldInfo field{"?", FieldKind::blob, 0, false};
    using spelling = NotAField;
};
template <std::size_t Slot, FixedString Name, Known When>
struct FieldOf<Blob<Slot, Name, When>> {
    static constexpr FieldInfo field{Name.view(), FieldKind::blob, Slot, When == Known::after_body};
    using spelling = spelled<Name>;
};
template <std::size_t Slot, FixedString Name, Known When>
struct FieldOf<Double<Slot, Name, When>> {
    static constexpr FieldInfo field{Name.view(), FieldKind::number, Slot, When == Known::after_body};
    using spelling = spelled<Name>;
};
template <std::size_t Slot, FixedString Name>
struct FieldOf<IndexOf<Slot, Name>> {
    static constexpr FieldInfo field{Name.view(), FieldKind::index, Slot, false};
    using spelling = spelled<Name>;
};

/// Picks one type out of a pack by its position.
template <std::size_t I, class T>
struct PlacedField {
    using type = T;
};
template <class Indices, class... T>
struct PlacedFields;
template <std::size_t... I, class... T>
struct PlacedFields<std::index_sequence<I...>, T...> : PlacedField<I, T>... {};
template <std::size_t I, class T>
PlacedField<I, T> placed_field(PlacedField<I, T> const&);
template <std::size_t I, class... T>
using field_at = typename decltype(placed_field<I>(PlacedFields<std::index_sequence_for<T...>, T...>{}))::type;

inline constexpr std::size_t no_such_field = static_cast<std::size_t>(-1);

/// The fields in the order of their declaration. An index's name is not a name of its own: it is that of its text.
template <class... Fields>
struct FieldList {
    static constexpr std::size_t size = sizeof...(Fields);
    static constexpr FieldInfo all[size + 1] = {FieldOf<Fields>::field..., FieldInfo{}};

    /// The field's name as a diagnostic prints it.
    template <std::size_t I>
    using spelling = typename FieldOf<field_at<I, Fields...>>::spelling;

    static constexpr std::size_t count(FieldKind kind) noexcept {
        std::size_t n = 0;
        for (std::size_t i = 0; i < size; ++i) n += all[i].kind == kind ? 1 : 0;
        return n;
    }
    static constexpr std::size_t find(std::string_view name) noexcept {
        for (std::size_t i = 0; i < size; ++i)
            if (all[i].kind != FieldKind::index && all[i].name == name) return i;
        return no_such_field;
    }
    static constexpr std::size_t nearest_to(std::string_view name, bool texts_only = false) noexcept {
        std::size_t best = no_such_field;
        for (std::size_t i = 0; i < size; ++i) {
            if (all[i].kind == FieldKind::index || (texts_only && all[i].kind != FieldKind::blob)) continue;
            if (best == no_such_field || edit_distance(name, all[i].name) < edit_distance(name, all[best].name))
                best = i;
        }
        return best == no_such_field ? 0 : best;
    }

    /// The first field that has the kind and slot (or, by name, the name) of an earlier one, and that earlier one.
    struct FieldClash {
        std::size_t earlier, later;
    };
    static constexpr FieldClash clash(bool by_name) noexcept {
        for (std::size_t later = 0; later < size; ++later)
            for (std::size_t earlier = 0; earlier < later; ++earlier) {
                FieldInfo const &a = all[earlier], &b = all[later];
                bool const names = a.kind != FieldKind::index && b.kind != FieldKind::index && a.name == b.name;
                if (by_name ? names : a.kind == b.kind && a.slot == b.slot) return {earlier, later};
            }
        return {no_such_field, no_such_field};
    }
    /// Given that no two fields share a slot: do the slots of this kind run from 1 to their number?
    static constexpr bool dense(FieldKind kind) noexcept {
        for (std::size_t i = 0; i < size; ++i)
            if (all[i].kind == kind && (all[i].slot == 0 || all[i].slot > count(kind))) return false;
        return true;
    }
    static constexpr bool well_named() noexcept {
        for (std::size_t i = 0; i < size; ++i)
            if (all[i].name.empty() || has_control(all[i].name)) return false;
        return true;
    }
    /// The first index that copies no text of this list.
    static constexpr std::size_t orphan() noexcept {
        for (std::size_t i = 0; i < size; ++i)
            if (all[i].kind == FieldKind::index &&
                (find(all[i].name) == no_such_field || all[find(all[i].name)].kind != FieldKind::blob))
                return i;
        return no_such_field;
    }
};

}  // namespace detail
}  // namespace lastbyte
