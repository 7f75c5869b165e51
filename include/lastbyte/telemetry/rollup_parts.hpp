// What a rollup is declared of: dimensions, measures, names and bounds.
//
// A metric whose unit nobody knows is off by a thousand, and one whose labels have no bound takes the process down. So the
// unit is read off the field's name or said beside it, and every bound is a constant of a type. Nothing of it is left at run
// time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/core/label.hpp>
#include <lastbyte/telemetry/exponential.hpp>

namespace lastbyte {

/// What the numbers of a field count. Unless it is said, the end of the field's name says it: `_ns`, `_us`, `_ms`, `_s` or
/// `_seconds`, `_bytes`; any other name has none.
enum class Unit : std::uint8_t { by_name, none, bytes, nanoseconds, microseconds, milliseconds, seconds };

/// Dimensions: the text fields whose every combination of values is a series.
template <FixedString... Fields>
struct By {};

/// A dimension that is empty unless something went wrong: a text field with an Outcome in it, where `complete` and
/// `no_body` are no errors. Its name is OpenTelemetry's, `error.type`.
template <FixedString Field>
struct ErrorType {};

/// A measure: the histogram of a number field, times in nanoseconds. Kept and shown as `<schema>.<field>` without the unit,
/// or by a name of its own: `Distribution<"duration_ms", "http.server.request.duration">`.
template <FixedString Field, FixedString Name = "", Unit In = Unit::by_name>
struct Distribution {};

/// A measure: the sum of a number field that never falls.
template <FixedString Field, FixedString Name = "", Unit In = Unit::by_name>
struct Sum {};

/// The rollup's own name, before the names of its measures, instead of the schema's.
template <FixedString Name>
struct Named {};

/// The bounds of a rollup. Derive from it, hide what differs, and declare with RollupWithin.
struct RollupLimits {
    static constexpr std::size_t max_series = 64;   ///< combinations of values; what comes after them is `other`
    static constexpr std::size_t value_bytes = 64;  ///< of one dimension's value; longer ones are cut, and counted
    static constexpr std::size_t lanes = 8;         ///< threads that don't meet in a cache line
    using Times = ExponentialBuckets<6, 9, 42>;     ///< of distributions of times, in nanoseconds
    using Amounts = ExponentialBuckets<6, 0, 36>;   ///< of all others
};

/// A dimension as an encoder sees it.
struct DimensionInfo {
    std::string_view field, name;
};
/// A measure as an encoder sees it: its full name is `scope`, a dot and `name`, or `name` where there is no scope.
struct MeasureInfo {
    std::string_view field, scope, name;
    Unit unit;          ///< of the field
    bool distribution;  ///< or else a sum
};

namespace detail {

constexpr bool is_time(Unit unit) noexcept { return unit >= Unit::nanoseconds; }
constexpr double ns_of_one(Unit unit) noexcept {
    return unit == Unit::seconds ? 1e9 : unit == Unit::milliseconds ? 1e6 : unit == Unit::microseconds ? 1e3 : 1;
}

struct UnitEnding {
    std::string_view text;
    Unit unit;
};
inline constexpr UnitEnding unit_endings[] = {{"_ns", Unit::nanoseconds},  {"_us", Unit::microseconds},
                                              {"_ms", Unit::milliseconds}, {"_s", Unit::seconds},
                                              {"_seconds", Unit::seconds}, {"_bytes", Unit::bytes}};
/// The end of a name that says this unit; empty when it says none.
constexpr UnitEnding unit_ending(std::string_view field) noexcept {
    for (auto const& ending : unit_endings)
        if (field.ends_with(ending.text)) return ending;
    return {"", Unit::none};
}

}  // namespace detail
}  // namespace lastbyte
