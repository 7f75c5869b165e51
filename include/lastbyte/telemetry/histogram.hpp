// Histogram: how long things took, in constant memory, with every percentile within 0.6 %.
//
// A mean hides the one call in a hundred that builds an index, and kept samples grow with the traffic. Here a number costs
// an increment in an exponential bucket; what is too small or too large for the buckets is counted, two histograms add up to
// that of both, and a percentile is read when somebody asks.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lastbyte/telemetry/exponential.hpp>

namespace lastbyte {

namespace detail {
template <class Buckets>
class HistogramCells;
}

/// Whole numbers of any size: nanoseconds, bytes. About 17 KB with the default buckets; no allocation, no exception. For one
/// thread at a time; a SharedHistogram takes numbers from several and is read as one of these.
template <class BucketScheme = ExponentialBuckets<>>
class Histogram {
public:
    using Buckets = BucketScheme;

    constexpr void record(std::uint64_t number) noexcept {
        ++counts_[place(number)];
        add_sum(number, 0);
        widen(~number, number);
    }
    /// Adds the numbers of another histogram, of the same range and the same or a finer scale. In any order, the sum is
    /// what one histogram of all numbers would be.
    template <int Finer>
        requires(Finer >= BucketScheme::scale)
    constexpr void merge(Histogram<ExponentialBuckets<Finer, BucketScheme::from, BucketScheme::to>> const& other) noexcept;

    [[nodiscard]] constexpr std::uint64_t count() const noexcept;
    /// The exact sum, 2^64-1 where it is more.
    [[nodiscard]] constexpr std::uint64_t sum() const noexcept { return carry_ == 0 ? sum_ : ~std::uint64_t{0}; }
    /// The exact extremes; 0 when nothing was recorded.
    [[nodiscard]] constexpr std::uint64_t smallest() const noexcept {
        return max_ == 0 && above_min_ == 0 ? 0 : ~above_min_;
    }
    [[nodiscard]] constexpr std::uint64_t largest() const noexcept { return max_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return max_ == 0 && above_min_ == 0; }

    /// How many numbers were 0, at most `Buckets::least` (and not 0), and above `Buckets::most`.
    [[nodiscard]] constexpr std::uint64_t zeros() const noexcept { return counts_[zero]; }
    [[nodiscard]] constexpr std::uint64_t underflow() const noexcept { return counts_[below]; }
    [[nodiscard]] constexpr std::uint64_t overflow() const noexcept { return counts_[above]; }
    /// The number of numbers in the bucket at that position, from 0 to `Buckets::size - 1`.
    [[nodiscard]] constexpr std::uint64_t in_bucket(std::size_t position) const noexcept {
        return counts_[first + position];
    }
    /// How many numbers are at most 2^exponent: exact, for an exponent in `Buckets::from` to `Buckets::to`.
    [[nodiscard]] constexpr std::uint64_t at_most_two_to(unsigned exponent) const noexcept;

    /// The number that `share` of all numbers don't exceed, by nearest rank: `quantile(0.99)` of 1000 numbers estimates the
    /// 990th. At scale 6 within 0.6 % of it from 1000 up, and exact where a bucket holds a single whole number; of numbers
    /// outside the buckets only the bound that they crossed and the extremes are known. 0 when nothing was recorded.
    [[nodiscard]] constexpr std::uint64_t quantile(double share) const noexcept;

    friend constexpr bool operator==(Histogram const&, Histogram const&) noexcept = default;

private:
    template <class>
    friend class Histogram;
    friend class detail::HistogramCells<Buckets>;
    static constexpr std::size_t zero = 0, below = 1, first = 2, above = 2 + Buckets::size, places = above + 1;

    /// Where a number is counted.
    static constexpr std::size_t place(std::uint64_t number) noexcept {
        if (number <= Buckets::least) [[unlikely]] return number == 0 ? zero : below;
        if (number > Buckets::most) [[unlikely]] return above;
        return first + Buckets::position(number);
    }
    constexpr void add_sum(std::uint64_t sum, std::uint64_t carry) noexcept {
        sum_ += sum;
        carry_ += carry + (sum_ < sum ? 1 : 0);
    }
    constexpr void widen(std::uint64_t above_min, std::uint64_t max) noexcept {
        if (above_min > above_min_) above_min_ = above_min;
        if (max > max_) max_ = max;
    }
    constexpr std::uint64_t estimate(std::size_t place) const noexcept;

    std::uint64_t counts_[places]{};
    std::uint64_t sum_ = 0, carry_ = 0;
    std::uint64_t above_min_ = 0;  // ~min: nothing but zeroes is an empty histogram
    std::uint64_t max_ = 0;
};

template <class Buckets>
template <int Finer>
    requires(Finer >= Buckets::scale)
constexpr void Histogram<Buckets>::merge(
    Histogram<ExponentialBuckets<Finer, Buckets::from, Buckets::to>> const& other) noexcept {
    using Other = Histogram<ExponentialBuckets<Finer, Buckets::from, Buckets::to>>;
    counts_[zero] += other.counts_[Other::zero];
    counts_[below] += other.counts_[Other::below];
    counts_[above] += other.counts_[Other::above];
    for (std::size_t i = 0; i < Other::Buckets::size; ++i)
        counts_[first + (i >> (Finer - Buckets::scale))] += other.counts_[Other::first + i];
    add_sum(other.sum_, other.carry_);
    widen(other.above_min_, other.max_);
}

template <class Buckets>
constexpr std::uint64_t Histogram<Buckets>::count() const noexcept {
    std::uint64_t total = 0;
    for (std::uint64_t const one : counts_) total += one;
    return total;
}

template <class Buckets>
constexpr std::uint64_t Histogram<Buckets>::at_most_two_to(unsigned exponent) const noexcept {
    std::uint64_t total = counts_[zero] + counts_[below];
    std::size_t const end = first + (std::size_t{exponent - Buckets::from} << Buckets::scale);
    for (std::size_t i = first; i < end; ++i) total += counts_[i];
    return total;
}

template <class Buckets>
constexpr std::uint64_t Histogram<Buckets>::quantile(double share) const noexcept {
    std::uint64_t const total = count();
    if (total == 0) return 0;
    double const exact = share * static_cast<double>(total);
    auto rank = exact > 0 ? exact < static_cast<double>(total) ? static_cast<std::uint64_t>(exact) : total : 0;
    if (static_cast<double>(rank) < exact || rank == 0) ++rank;
    if (rank >= total) return max_;
    if (rank == 1) return smallest();
    std::size_t i = 0;
    for (; i < above && rank > counts_[i]; ++i) rank -= counts_[i];
    std::uint64_t const guess = estimate(i);
    return guess < smallest() ? smallest() : guess > max_ ? max_ : guess;
}

/// The number whose largest relative distance to the numbers of a bucket (L, U] is least is 2LU/(L+U); of whole numbers, the
/// nearest to it that the bucket holds.
template <class Buckets>
constexpr std::uint64_t Histogram<Buckets>::estimate(std::size_t place) const noexcept {
    if (place == zero) return 0;
    if (place == below) return (Buckets::least + 1) / 2;
    if (place == above) return max_;
    std::uint64_t const last = Buckets::last(place - first);
    std::uint64_t const before = place == first ? Buckets::least : Buckets::last(place - first - 1);
    auto const low = static_cast<double>(before), high = static_cast<double>(last);
    auto const middle = static_cast<std::uint64_t>(2 * low * high / (low + high) + 0.5);
    return middle <= before ? before + 1 : middle > last ? last : middle;
}

}  // namespace lastbyte
