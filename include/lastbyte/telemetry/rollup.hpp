// Rollup: rows added up where they are made, by the values of a few of their fields.
//
// A dashboard asks for calls and latency by tool and tier; shipping every row to answer that costs a database. Here a row
// costs a look-up and an increment a measure, 20 ns, and memory has a bound that is known at compile time: a combination
// of values beyond it goes to the series `other`, which is counted and shown. No allocation, no lock, nothing virtual.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/core/ids.hpp>
#include <lastbyte/core/ledger.hpp>
#include <lastbyte/core/text.hpp>
#include <lastbyte/telemetry/data_point.hpp>
#include <lastbyte/telemetry/rollup_cells.hpp>
#include <lastbyte/telemetry/rollup_check.hpp>
#include <lastbyte/telemetry/rollup_parts.hpp>
#include <lastbyte/telemetry/series.hpp>

namespace lastbyte {

namespace detail {
template <class Limits, class Schema, class... Parts>
struct CheckedRollup;
}

/// A rollup of a schema's rows:
///
///     using ByTool = lastbyte::Rollup<ToolCall, lastbyte::By<"tool_name", "cache_tier">,
///                                     lastbyte::Distribution<"duration_ms">, lastbyte::Sum<"bytes_out">>;
///     static ByTool by_tool;
///     by_tool.add(point.complete(…), done.trace_id());
///
/// A name that the schema doesn't have, or a field of the wrong kind, is a compile error that says so.
template <class Schema, class... Parts>
using Rollup = typename detail::CheckedRollup<RollupLimits, Schema, Parts...>::type;

/// The same within bounds of your own: a struct that derives from RollupLimits.
template <class Limits, class Schema, class... Parts>
using RollupWithin = typename detail::CheckedRollup<Limits, Schema, Parts...>::type;

/// What became of the rows of a rollup besides being added up.
struct RollupReport {
    std::uint64_t rows = 0;           ///< all that were added
    std::uint64_t rows_in_other = 0;  ///< of these: their combination of values found no room
    std::uint64_t values_cut = 0;     ///< a dimension's value was longer than `value_bytes`
    std::uint64_t negatives = 0;      ///< a measure's value was below 0, and counts as 0
    std::size_t series = 0, max_series = 0;
};

/// What Rollup and RollupWithin make. Any thread may do anything at any time.
///
/// Make it static, or by `new ByTool{}` with the braces: it is plain zeroed memory, so that nothing runs at start-up or at
/// exit, and only the touched pages of its `max_bytes` are ever there.
template <class Limits, class SchemaType, class NamedBy, class Dimensions, class Measures>
class BasicRollup;
template <class Limits, class SchemaType, class NamedBy, class... Dimensions, class... Measures>
class BasicRollup<Limits, SchemaType, NamedBy, detail::PartList<Dimensions...>, detail::PartList<Measures...>> {
    using Indices = std::index_sequence_for<Measures...>;
    using Table = detail::SeriesTable<sizeof...(Dimensions), Limits::max_series, Limits::value_bytes>;
    using Cells = detail::SeriesCells<Limits, Indices, Measures...>;
    using Slots = detail::SeriesExemplars<Limits, Indices, Measures...>;
    struct alignas(64) Lane {
        Cells cells[Limits::max_series + 1];
        detail::Atomic<std::uint64_t> values_cut, negatives;
    };
    struct Memory {
        Table table;
        Slots exemplars[Limits::max_series + 1];
        Lane lanes[Limits::lanes];
    };
    static constexpr std::size_t other = Limits::max_series;
    static_assert(Limits::lanes >= 1 && Limits::lanes <= detail::lanes,
                  "lastbyte: lanes of a rollup lies in 1..8; threads are dealt to no more.");

public:
    using Schema = SchemaType;
    using limits = Limits;
    static constexpr std::string_view name = NamedBy::name;
    static constexpr std::size_t max_bytes = sizeof(Memory);
    static constexpr std::size_t dimensions = sizeof...(Dimensions), measures = sizeof...(Measures);
    static constexpr DimensionInfo dimension_info[dimensions + 1] = {Dimensions::info..., {}};
    static constexpr MeasureInfo measure_info[measures + 1] = {Measures::info(NamedBy::name)..., {}};

    /// Adds a finished row. Warm, about 20 ns for two dimensions, a distribution and a sum.
    void add(Row<Schema> const& row) noexcept { (void)add_to_series(row); }
    /// The same, and makes the trace an exemplar of the row's numbers where none is slower.
    void add(Row<Schema> const& row, TraceId trace) noexcept {
        auto const series = add_to_series(row);
        offer(memory_.exemplars[series], row, trace, Indices{});
    }
    template <class NotARow, class... Rest>
    void add(NotARow const&, Rest const&...) noexcept {
        static_assert(
            detail::never_type<NotARow>,
            "lastbyte: add() takes a row of the rollup's schema, which point.complete(...) makes, and nothing else: "
            "by_tool.add(point.complete(lastbyte::set<\"cache_tier\">(done.tier<\"cache_tier\">()), ...)).");
    }

    /// One combination of values. It reads the counters when it is asked, and each question adds up all lanes.
    class Series {
    public:
        /// A dimension's value; "other" for all of them in the series of what found no room.
        template <FixedString Field>
        [[nodiscard]] std::string_view get() const noexcept {
            return text(position_of<Field>(detail::PartList<Dimensions...>{}));
        }
        /// The histogram of a Distribution; times in nanoseconds.
        template <FixedString Field>
        [[nodiscard]] auto distribution() const noexcept {
            constexpr std::size_t at = position_of<Field>(detail::PartList<Measures...>{});
            constexpr bool is_distribution = measure_info[at].distribution;
            static_assert(
                is_distribution,
                "lastbyte: this measure is a Sum, which has no histogram. Ask for its sum<\"bytes_out\">(), or declare it "
                "as Distribution<\"bytes_out\">.");
            return measure<at>();
        }
        /// The value of a Sum.
        template <FixedString Field>
        [[nodiscard]] double sum() const noexcept {
            constexpr std::size_t at = position_of<Field>(detail::PartList<Measures...>{});
            constexpr bool is_sum = !measure_info[at].distribution;
            static_assert(is_sum,
                          "lastbyte: this measure is a Distribution. Ask for its distribution<\"duration_ms\">().sum().");
            if constexpr (is_sum)
                return measure<at>();
            else
                return 0;
        }
        /// Hands over the exemplars of a Distribution, from the smallest range to the largest, and makes room for new ones.
        template <FixedString Field, class Fn>
        void for_each_exemplar(Fn&& fn) const {
            for_each_exemplar<position_of<Field>(detail::PartList<Measures...>{})>(fn);
        }
        [[nodiscard]] bool is_other() const noexcept { return series_ == other; }
        /// How many rows were added.
        [[nodiscard]] std::uint64_t count() const noexcept { return rollup_.count_of(series_); }

        /// The same by position, for encoders: a Histogram, or a double.
        [[nodiscard]] std::string_view text(std::size_t dimension) const noexcept {
            return is_other() ? "other" : rollup_.memory_.table.text(series_, dimension);
        }
        template <std::size_t I>
        [[nodiscard]] auto measure() const noexcept {
            return rollup_.template read<I>(series_);
        }
        template <std::size_t I, class Fn>
        void for_each_exemplar(Fn&& fn) const {
            detail::cell_at<I>(rollup_.memory_.exemplars[series_]).for_each(fn);
        }

    private:
        friend class BasicRollup;
        Series(BasicRollup& rollup, std::size_t series) noexcept : rollup_(rollup), series_(series) {}
        BasicRollup& rollup_;
        std::size_t series_;
    };

    /// Calls `fn(Series const&)` for every combination in the order of their first row, and last for `other` if it has rows.
    template <class Fn>
    void for_each_series(Fn&& fn) {
        memory_.table.for_each([&](std::size_t series) { fn(static_cast<Series const&>(Series{*this, series})); });
        if (count_of(other) != 0) fn(static_cast<Series const&>(Series{*this, other}));
    }

    /// Exact once the adding threads are still.
    [[nodiscard]] RollupReport report() const noexcept {
        RollupReport all{.rows_in_other = count_of(other), .series = memory_.table.size(), .max_series = Limits::max_series};
        all.rows = all.rows_in_other;
        memory_.table.for_each([&](std::size_t series) { all.rows += count_of(series); });
        for (auto const& lane : memory_.lanes) {
            all.values_cut += lane.values_cut.load_relaxed();
            all.negatives += lane.negatives.load_relaxed();
        }
        return all;
    }

private:
    std::size_t add_to_series(Row<Schema> const& row) noexcept {
        auto& lane = memory_.lanes[detail::this_lane() % Limits::lanes];
        std::size_t const series = memory_.table.find_or_make({{value_of<Dimensions>(row, lane)..., {}}});
        count(lane, lane.cells[series], row, Indices{});
        return series;
    }

    template <class D>
    static std::string_view value_of(Row<Schema> const& row, Lane& lane) noexcept {
        auto const text = row.blob(D::template slot<Schema>());
        if constexpr (D::error)
            if (text == "complete" || text == "no_body") return {};
        if (text.size() <= Limits::value_bytes) [[likely]] return text;
        lane.values_cut.add_relaxed(1);
        return text.substr(0, detail::utf8_cut(text, Limits::value_bytes));
    }
    template <class M>
    static std::uint64_t whole_number(Row<Schema> const& row) noexcept {
        return detail::nearest_whole(row.number(M::template slot<Schema>()) * detail::ns_of_one(M::unit));
    }

    template <std::size_t... I>
    static void count(Lane& lane, Cells& cells, Row<Schema> const& row, std::index_sequence<I...>) noexcept {
        if constexpr (Cells::counting == measures) cells.rows.add_relaxed(1);
        (count_one<Measures>(lane, detail::cell_at<I>(cells), row), ...);
    }
    template <class M, class Cell>
    static void count_one(Lane& lane, Cell& cell, Row<Schema> const& row) noexcept {
        double const number = row.number(M::template slot<Schema>());
        if (number < 0) [[unlikely]] lane.negatives.add_relaxed(1);
        if constexpr (M::distribution)
            cell.record(whole_number<M>(row));
        else if (number > 0)
            cell.add(number);
    }
    template <std::size_t... I>
    static void offer([[maybe_unused]] Slots& slots, [[maybe_unused]] Row<Schema> const& row, [[maybe_unused]] TraceId trace,
                      std::index_sequence<I...>) noexcept {
        (
            [&] {
                if constexpr (Measures::distribution) detail::cell_at<I>(slots).offer(whole_number<Measures>(row), trace);
            }(),
            ...);
    }

    [[nodiscard]] std::uint64_t count_of(std::size_t series) const noexcept {
        std::uint64_t total = 0;
        for (auto const& lane : memory_.lanes) total += lane.cells[series].count();
        return total;
    }
    template <std::size_t I>
    [[nodiscard]] auto read(std::size_t series) const noexcept {
        using M = detail::field_at<I, Measures...>;
        if constexpr (M::distribution) {
            Histogram<typename M::template Buckets<Limits>> whole;
            for (auto const& lane : memory_.lanes) detail::cell_at<I>(lane.cells[series]).add_to(whole);
            return whole;
        } else {
            double total = 0;
            for (auto const& lane : memory_.lanes) total += detail::cell_at<I>(lane.cells[series]).value();
            return total;
        }
    }
    template <FixedString Field, class... P>
    static consteval std::size_t position_of(detail::PartList<P...>) {
        return detail::position_in<Field, P...>();
    }

    Memory memory_;
};

namespace detail {

template <class Limits, class Schema, class... Parts>
struct CheckedRollup {
    using dimensions = decltype((PartList<>{} + ... + typename PartOf<Parts>::dimensions{}));
    using measures = decltype((PartList<>{} + ... + typename PartOf<Parts>::measures{}));
    static constexpr bool checked = check_rollup<Schema>(dimensions{}, measures{});
    static_assert(checked);
    using type = BasicRollup<Limits, Schema, typename NamedBy<Schema, Parts...>::type, dimensions, measures>;
};

}  // namespace detail

}  // namespace lastbyte
