// A rollup's declaration, held against its schema.
//
// A dimension that the schema doesn't have is a label that is empty on every dashboard, and a text that is added up is 0 for
// ever. Here both are compile errors, and the compiler's first line names the field and says what to type. Costs nothing at
// run time.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#include <lastbyte/core/label.hpp>
#include <lastbyte/telemetry/field_access.hpp>
#include <lastbyte/telemetry/rollup_parts.hpp>
#include <lastbyte/telemetry/schema.hpp>

namespace lastbyte {

namespace detail::says {
template <class Field>
struct a_dimension_is_a_Blob_field_and_this_is_a_Double_so_give_it_to_Distribution_or_Sum;
template <class Field>
struct a_measure_is_a_Double_field_and_this_is_a_Blob_so_give_it_to_By;
template <class Field>
struct two_dimensions_of_this_rollup_are;
template <class Field>
struct two_measures_of_this_rollup_are_of_one_field_and_a_Distribution_has_its_sum;
template <class Asked, class Declared>
struct this_rollup_has_nothing_called;
template <class... Fields>
struct of_this_kind_it_has;
}  // namespace detail::says

namespace detail {

template <FixedString Field, bool Error>
struct Dimension {
    static constexpr DimensionInfo info{Field.view(), Error ? std::string_view{"error.type"} : Field.view()};
    static constexpr std::string_view field = Field.view();
    static constexpr bool error = Error;
    using spelling = spelled<Field>;

    /// The slot of the field among the schema's texts, from 1; 0 after an error.
    template <class Schema>
    static constexpr std::size_t slot() noexcept {
        using fields = typename Schema::fields;
        constexpr std::size_t at = known_field<fields, Field>();
        if constexpr (at == no_such_field)
            return 0;
        else if constexpr (fields::all[at].kind != FieldKind::blob)
            return 0 * stop_with<says::a_dimension_is_a_Blob_field_and_this_is_a_Double_so_give_it_to_Distribution_or_Sum<
                           spelled<Field>>>();
        else
            return fields::all[at].slot;
    }
};

template <FixedString Field, FixedString Name, Unit In, bool IsDistribution>
struct Measure {
    static constexpr std::string_view field = Field.view();
    using spelling = spelled<Field>;
    static constexpr bool distribution = IsDistribution;
    static constexpr UnitEnding ending = unit_ending(Field.view());
    static constexpr Unit unit = In == Unit::by_name ? ending.unit : In;
    template <class Limits>
    using Buckets = std::conditional_t<is_time(unit), typename Limits::Times, typename Limits::Amounts>;

    static constexpr MeasureInfo info(std::string_view scope) noexcept {
        auto const stem = field.substr(0, field.size() - ending.text.size());
        return {field, Name.view().empty() ? scope : std::string_view{}, Name.view().empty() ? stem : Name.view(), unit,
                distribution};
    }
    /// The slot of the field among the schema's numbers, from 1; 0 after an error.
    template <class Schema>
    static constexpr std::size_t slot() noexcept {
        using fields = typename Schema::fields;
        constexpr std::size_t at = known_field<fields, Field>();
        if constexpr (at == no_such_field)
            return 0;
        else if constexpr (fields::all[at].kind != FieldKind::number)
            return 0 * stop_with<says::a_measure_is_a_Double_field_and_this_is_a_Blob_so_give_it_to_By<spelled<Field>>>();
        else
            return fields::all[at].slot;
    }
};

template <class... T>
struct PartList {
    static constexpr std::size_t size = sizeof...(T);
};
template <class... A, class... B>
PartList<A..., B...> operator+(PartList<A...>, PartList<B...>);

template <class NotAPart>
struct PartOf {
    static_assert(
        never_type<NotAPart>,
        "lastbyte: a rollup is made of By<\"tool_name\", ...>, ErrorType<\"outcome\">, "
        "Distribution<\"duration_ms\">, Sum<\"bytes_out\"> and Named<\"by_tool\">; another type stands among them. "
        "The template argument of PartOf says which.");
    using dimensions = PartList<>;
    using measures = PartList<>;
    static constexpr std::string_view name{};
};
template <class Dimensions, class Measures>
struct PartIs {
    using dimensions = Dimensions;
    using measures = Measures;
    static constexpr std::string_view name{};
};
template <FixedString... Fields>
struct PartOf<By<Fields...>> : PartIs<PartList<Dimension<Fields, false>...>, PartList<>> {};
template <FixedString Field>
struct PartOf<ErrorType<Field>> : PartIs<PartList<Dimension<Field, true>>, PartList<>> {};
template <FixedString Field, FixedString Name, Unit In>
struct PartOf<Distribution<Field, Name, In>> : PartIs<PartList<>, PartList<Measure<Field, Name, In, true>>> {};
template <FixedString Field, FixedString Name, Unit In>
struct PartOf<Sum<Field, Name, In>> : PartIs<PartList<>, PartList<Measure<Field, Name, In, false>>> {};
template <FixedString Name>
struct PartOf<Named<Name>> : PartIs<PartList<>, PartList<>> {
    static_assert(!Name.view().empty(),
                  "lastbyte: Named<\"\"> gives a rollup no name. Leave it out, or name it: Named<\"by_tool\">.");
    static constexpr std::string_view name = Name.view();
};

/// The rollup's name: the first Named, or the schema.
template <class Schema, class... Parts>
struct NamedBy : std::type_identity<Schema> {};
template <class Schema, class Part, class... Parts>
struct NamedBy<Schema, Part, Parts...> : NamedBy<Schema, Parts...> {};
template <class Schema, FixedString Name, class... Parts>
struct NamedBy<Schema, Named<Name>, Parts...> : std::type_identity<PartOf<Named<Name>>> {};

/// The first part whose field an earlier one has; their number when there is none.
template <class... P>
constexpr std::size_t repeated_field() noexcept {
    std::string_view const fields[] = {P::field..., {}};
    for (std::size_t later = 0; later < sizeof...(P); ++later)
        for (std::size_t earlier = 0; earlier < later; ++earlier)
            if (fields[earlier] == fields[later]) return later;
    return sizeof...(P);
}

/// One sentence at a time, the first that applies.
template <class Schema, class... D, class... M>
constexpr bool check_rollup(PartList<D...>, PartList<M...>) noexcept {
    constexpr std::size_t dimension = repeated_field<D...>();
    constexpr std::size_t measure = repeated_field<M...>();
    if constexpr (dimension < sizeof...(D))
        return sizeof(says::two_dimensions_of_this_rollup_are<typename field_at<dimension, D...>::spelling>) != 0;
    else if constexpr (measure < sizeof...(M))
        return sizeof(says::two_measures_of_this_rollup_are_of_one_field_and_a_Distribution_has_its_sum<
                      typename field_at<measure, M...>::spelling>) != 0;
    else
        return ((D::template slot<Schema>() != 0) && ...) && ((M::template slot<Schema>() != 0) && ...);
}

/// The position of the part that is called so.
template <FixedString Field, class... P>
constexpr std::size_t position_in() noexcept {
    constexpr std::size_t at = [] {
        std::string_view const fields[] = {P::field..., Field.view()};
        std::size_t i = 0;
        while (fields[i] != Field.view()) ++i;
        return i;
    }();
    if constexpr (at == sizeof...(P))
        return stop_with<
            says::this_rollup_has_nothing_called<spelled<Field>, says::of_this_kind_it_has<typename P::spelling...>>>();
    else
        return at;
}

}  // namespace detail
}  // namespace lastbyte
