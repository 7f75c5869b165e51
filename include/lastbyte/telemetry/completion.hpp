// What complete() must be given: every after_body field of a schema, each once, and nothing else.
//
// A row without its tier looks like a row with an empty one, and nobody asks. So the list of values is held against the
// schema where it is written down, and the compiler's first line names the fields that are missing, twice or foreign.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/core/label.hpp>
#include <lastbyte/telemetry/field_access.hpp>
#include <lastbyte/telemetry/field_value.hpp>
#include <lastbyte/telemetry/schema.hpp>

namespace lastbyte::detail::says {
template <class... Fields>
struct complete_also_needs_set;
template <class... Fields>
struct complete_was_given_twice;
template <class... Fields>
struct not_marked_after_body_so_give_to_point_set;
}  // namespace lastbyte::detail::says

namespace lastbyte::detail {

template <class NotAssigned>
struct AssignedName {
    static constexpr std::string_view view{};
};
template <FixedString Name, class T>
struct AssignedName<Assigned<Name, T>> {
    static constexpr std::string_view view = Name.view();
};

/// What is wrong with a field and the number of values it was given.
enum class Wrong : std::uint8_t { nothing, missing, repeated, foreign };

template <class Fields, class... Given>
constexpr Wrong wrong_with(std::size_t at) noexcept {
    FieldInfo const& field = Fields::all[at];
    if (field.kind == FieldKind::index) return Wrong::nothing;
    std::size_t given = 0;
    ((given += AssignedName<Given>::view == field.name ? 1 : 0), ...);
    if (!field.after_body) return given == 0 ? Wrong::nothing : Wrong::foreign;
    return given == 0 ? Wrong::missing : given == 1 ? Wrong::nothing : Wrong::repeated;
}

template <class... Spellings>
struct FieldNames {
    static constexpr bool some = sizeof...(Spellings) != 0;
    template <template <class...> class Sentence>
    using in = Sentence<Spellings...>;
};
template <class... A, class... B>
FieldNames<A..., B...> operator+(FieldNames<A...>, FieldNames<B...>);

template <bool Holds, class Spelling>
struct FieldNameIf : std::type_identity<FieldNames<>> {};
template <class Spelling>
struct FieldNameIf<true, Spelling> : std::type_identity<FieldNames<Spelling>> {};

/// The names of the fields that have this wrong with them.
template <Wrong What, class Fields, class Indices, class... Given>
struct FieldsThatAre;
template <Wrong What, class Fields, std::size_t... I, class... Given>
struct FieldsThatAre<What, Fields, std::index_sequence<I...>, Given...> {
    template <std::size_t At>
    using name_if = typename FieldNameIf<wrong_with<Fields, Given...>(At) == What,
                                         typename Fields::template spelling<At>>::type;
    using names = decltype((FieldNames<>{} + ... + name_if<I>{}));
};

template <class Fields, class Given>
struct KnownGiven;
template <class Fields, FixedString Name, class T>
struct KnownGiven<Fields, Assigned<Name, T>> {
    static constexpr bool value = known_field<Fields, Name>() != no_such_field;
};

/// One sentence at a time, the first that applies.
template <class Schema, class... Given>
constexpr bool check_completion() noexcept {
    using fields = typename Schema::fields;
    static_assert((is_assigned<Given> && ...),
                  "lastbyte: complete() was given a value without the name of its field. Write "
                  "point.complete(lastbyte::set<\"cache_tier\">(done.tier<\"cache_tier\">()), ...).");
    if constexpr ((is_assigned<Given> && ...)) {
        using all = std::make_index_sequence<fields::size>;
        using foreign = typename FieldsThatAre<Wrong::foreign, fields, all, Given...>::names;
        using repeated = typename FieldsThatAre<Wrong::repeated, fields, all, Given...>::names;
        using missing = typename FieldsThatAre<Wrong::missing, fields, all, Given...>::names;
        if constexpr (!(KnownGiven<fields, Given>::value && ...))
            return false;
        else if constexpr (foreign::some)
            return sizeof(typename foreign::template in<says::not_marked_after_body_so_give_to_point_set>) != 0;
        else if constexpr (repeated::some)
            return sizeof(typename repeated::template in<says::complete_was_given_twice>) != 0;
        else if constexpr (missing::some)
            return sizeof(typename missing::template in<says::complete_also_needs_set>) != 0;
    }
    return true;
}

template <class Schema, class... Given>
struct Completion {
    static constexpr bool checked = check_completion<Schema, Given...>();
    static_assert(checked);
    using row = Row<Schema>;
};

}  // namespace lastbyte::detail
