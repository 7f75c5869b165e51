// Exponential buckets: in which of 64 steps between two powers of two a number lies, without a logarithm.
//
// Buckets of equal width are too coarse for a cache hit or too many for a build; a logarithm per number costs more than a
// span. Here the processor counts the leading zeros, a table of 128 bytes guesses the step, and one comparison puts the
// guess right: about 2 ns, and exact at every boundary.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace lastbyte {

/// Buckets as OpenTelemetry's exponential histograms have them (metrics data model, "ExponentialHistogram"): bucket i holds
/// the numbers above base^i, up to and including base^(i+1), with base = 2^(2^-Scale).
///
/// Kept are the buckets from 2^From to 2^To. Scale 6 makes them 1.09 % wide, so that the middle of one is within 0.55 % of
/// all its numbers; each scale less doubles the width, and is a finer one with its buckets joined in pairs. The defaults
/// span 512 ns to 73 minutes, in nanoseconds.
template <int Scale = 6, unsigned From = 9, unsigned To = 42>
struct ExponentialBuckets {
    static_assert(Scale >= 0 && Scale <= 6, "lastbyte: the scale of ExponentialBuckets lies in 0..6; 6 is the finest.");
    static_assert(From < To && To <= 63, "lastbyte: ExponentialBuckets<scale, from, to> needs from < to <= 63.");

    static constexpr int scale = Scale;
    static constexpr unsigned from = From;
    static constexpr unsigned to = To;
    static constexpr std::size_t size = std::size_t{To - From} << Scale;
    /// OpenTelemetry's index of the first bucket.
    static constexpr std::int32_t offset = static_cast<std::int32_t>(From << Scale);
    /// The buckets hold what is above `least` and not above `most`.
    static constexpr std::uint64_t least = std::uint64_t{1} << From;
    static constexpr std::uint64_t most = std::uint64_t{1} << To;

    /// The position of a number's bucket, from 0; for numbers above `least` and not above `most`.
    [[nodiscard]] static constexpr std::size_t position(std::uint64_t number) noexcept;
    /// The largest whole number in the bucket at that position. What the one before it ends with is not in it.
    [[nodiscard]] static constexpr std::uint64_t last(std::size_t position) noexcept;
};

namespace detail {

inline constexpr int finest_scale = 6;

/// Where the 64 steps from 2^63 to 2^64 begin: 2^(63 + i/64), rounded down. They are irrational but the first, so a whole
/// number is above one exactly when it is above what is written here.
inline constexpr std::uint64_t step_begins[65] = {
    0x8000000000000000, 0x8164d1f3bc030773, 0x82cd8698ac2ba1d7, 0x843a28c3acde4046, 0x85aac367cc487b14, 0x871f61969e8d1010,
    0x88980e8092da8527, 0x8a14d575496efd9a, 0x8b95c1e3ea8bd6e6, 0x8d1adf5b7e5ba9e5, 0x8ea4398b45cd53c0, 0x9031dc431466b1dc,
    0x91c3d373ab11c336, 0x935a2b2f13e6e92b, 0x94f4efa8fef70961, 0x96942d3720185a00, 0x9837f0518db8a96f, 0x99e0459320b7fa64,
    0x9b8d39b9d54e5538, 0x9d3ed9a72cffb750, 0x9ef5326091a111ad, 0xa0b0510fb9714fc2, 0xa27043030c496818, 0xa43515ae09e6809e,
    0xa5fed6a9b15138ea, 0xa7cd93b4e9653569, 0xa9a15ab4ea7c0ef8, 0xab7a39b5a93ed337, 0xad583eea42a14ac6, 0xaf3b78ad690a4374,
    0xb123f581d2ac258f, 0xb311c412a9112489, 0xb504f333f9de6484, 0xb6fd91e328d17791, 0xb8fbaf4762fb9ee9, 0xbaff5ab2133e45fb,
    0xbd08a39f580c36be, 0xbf1799b67a731082, 0xc12c4cca66709456, 0xc346ccda24976407, 0xc5672a115506dadd, 0xc78d74c8abb9b15c,
    0xc9b9bd866e2f27a2, 0xcbec14fef2727c5c, 0xce248c151f8480e3, 0xd06333daef2b2594, 0xd2a81d91f12ae45a, 0xd4f35aabcfedfa1f,
    0xd744fccad69d6af4, 0xd99d15c278afd7b5, 0xdbfbb797daf23755, 0xde60f4825e0e9123, 0xe0ccdeec2a94e111, 0xe33f8972be8a5a51,
    0xe5b906e77c8348a8, 0xe8396a503c4bdc68, 0xeac0c6e7dd24392e, 0xed4f301ed9942b84, 0xefe4b99bdcdaf5cb, 0xf281773c59ffb139,
    0xf5257d152486cc2c, 0xf7d0df730ad13bb8, 0xfa83b2db722a033a, 0xfd3e0c0cf486c174, ~std::uint64_t{0}};

/// How many steps begin before each of 128 equal parts of the octave. A part is narrower than a step, so the count for any
/// number of the part is this or one more.
struct StepGuesses {
    std::uint8_t steps[128]{};
    constexpr StepGuesses() noexcept {
        std::uint8_t step = 0;
        for (std::uint64_t part = 0; part < 128; ++part) {
            while (step_begins[step] < (128 + part) << 56) ++step;
            steps[part] = step;
        }
    }
};
inline constexpr StepGuesses step_guesses{};

/// OpenTelemetry's bucket index at scale 6 of a number that is not 0.
constexpr std::int32_t finest_index(std::uint64_t number) noexcept {
    int const zeros = std::countl_zero(number);
    std::uint64_t const mantissa = number << zeros;
    std::int32_t const guess = step_guesses.steps[(mantissa >> 56) & 127];
    std::int32_t const steps = guess + (step_begins[guess] < mantissa ? 1 : 0);
    return ((63 - zeros) << finest_scale) + steps - 1;
}

}  // namespace detail

template <int Scale, unsigned From, unsigned To>
constexpr std::size_t ExponentialBuckets<Scale, From, To>::position(std::uint64_t number) noexcept {
    return static_cast<std::size_t>((detail::finest_index(number) >> (detail::finest_scale - Scale)) - offset);
}

template <int Scale, unsigned From, unsigned To>
constexpr std::uint64_t ExponentialBuckets<Scale, From, To>::last(std::size_t position) noexcept {
    std::size_t const end = (position + 1 + static_cast<std::size_t>(offset)) << (detail::finest_scale - Scale);
    return detail::step_begins[end & 63] >> (63 - (end >> detail::finest_scale));
}

}  // namespace lastbyte
