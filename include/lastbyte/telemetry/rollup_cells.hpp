// The counters of a rollup: one row of them for a series in a lane, and the way from a field's number into it.
//
// What a measure needs (a histogram, a sum) is known from its type, so a row of counters is a struct and not a list of
// objects; all of it is plain memory that begins as zeroes, with its size known to the compiler.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <lastbyte/core/atomic.hpp>
#include <lastbyte/telemetry/exemplar.hpp>
#include <lastbyte/telemetry/shared_histogram.hpp>

namespace lastbyte::detail {

/// A sum of doubles that several threads add to. Exact while all of it is whole and below 2^53.
class SumCell {
public:
    void add(double number) noexcept {
        for (;;) {
            auto const before = bits_.load_relaxed();
            if (bits_.replace_acq_rel(before, std::bit_cast<std::uint64_t>(std::bit_cast<double>(before) + number))) return;
        }
    }
    [[nodiscard]] double value() const noexcept { return std::bit_cast<double>(bits_.load_relaxed()); }

private:
    Atomic<std::uint64_t> bits_;
};

/// The nearest whole number; what is below 0 is 0, what is too large is the largest.
constexpr std::uint64_t nearest_whole(double number) noexcept {
    constexpr double signed_end = 0x1p63, end = 0x1p64;
    if (!(number > 0)) return 0;
    if (number < signed_end - 1024) return static_cast<std::uint64_t>(static_cast<std::int64_t>(number + 0.5));
    return number < end ? static_cast<std::uint64_t>(number) : ~std::uint64_t{0};
}

template <class Limits, class M>
using CellOf = std::conditional_t<M::distribution, HistogramCells<typename M::template Buckets<Limits>>, SumCell>;

template <std::size_t I, class Cell>
struct PlacedCell {
    Cell cell;
};
template <std::size_t I, class Cell>
Cell& cell_at(PlacedCell<I, Cell>& placed) noexcept {
    return placed.cell;
}
template <std::size_t I, class Cell>
Cell const& cell_at(PlacedCell<I, Cell> const& placed) noexcept {
    return placed.cell;
}

/// Counts rows where no histogram does.
struct RowCount {
    Atomic<std::uint64_t> rows;
};
struct NoRowCount {};

template <class Limits, class Indices, class... Measures>
struct SeriesCells;
template <class Limits, std::size_t... I, class... Measures>
struct SeriesCells<Limits, std::index_sequence<I...>, Measures...>
    : std::conditional_t<(Measures::distribution || ...), NoRowCount, RowCount>, PlacedCell<I, CellOf<Limits, Measures>>... {
    /// The first distribution's position: it counts the rows.
    static constexpr std::size_t counting = [] {
        bool const is[] = {Measures::distribution..., true};
        std::size_t i = 0;
        while (!is[i]) ++i;
        return i;
    }();
    [[nodiscard]] std::uint64_t count() const noexcept {
        if constexpr (counting < sizeof...(Measures))
            return cell_at<counting>(*this).count();
        else
            return this->rows.load_relaxed();
    }
};

/// The exemplars of a series: slots for a distribution, nothing for a sum.
struct NoExemplars {};
template <class Limits, class Indices, class... Measures>
struct SeriesExemplars;
template <class Limits, std::size_t... I, class... Measures>
struct SeriesExemplars<Limits, std::index_sequence<I...>, Measures...>
    : PlacedCell<I, std::conditional_t<Measures::distribution, ExemplarSlots<typename Measures::template Buckets<Limits>>,
                                       NoExemplars>>... {};

}  // namespace lastbyte::detail
