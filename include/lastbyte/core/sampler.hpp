// Sampling: whether the spans of a trace are kept, decided once, when it starts.
//
// One request in a hundred shows where time goes, for a hundredth of the cost. Facts must not be sampled: a hit rate made of
// one request in a hundred is a guess. So a trace that is not sampled gives up its spans' times, details and attributes, and
// nothing else: tier, tally, bytes, duration, time to first byte and outcome stay exact. A span costs a branch then.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include <lastbyte/core/ids.hpp>

namespace lastbyte {

/// A decision that was made already, for `Tracer<Policy>{lastbyte::unsampled}`. The caller's, as the `sampled` flag of its
/// `traceparent` tells it (W3C Trace Context 3.2.2.5.1): `Sampling{(flags & 1) != 0}`.
enum class Sampling : bool { unsampled, sampled };
inline constexpr Sampling unsampled = Sampling::unsampled;
inline constexpr Sampling sampled = Sampling::sampled;

/// What decides for a policy: `static bool samples(TraceId) noexcept`. Called once per trace, on the thread that starts it.
template <class T>
concept TraceSampler = requires(TraceId id) {
    { T::samples(id) } noexcept -> std::same_as<bool>;
};

/// Keeps every trace, and takes no instruction for it.
struct AlwaysSampled {
    [[nodiscard]] static constexpr bool samples(TraceId) noexcept { return true; }
};

/// Keeps `Parts` of `Of` traces, chosen by their ids: whoever decides by the same rule keeps the same traces, and a higher
/// ratio keeps all that a lower one does. OpenTelemetry, "TraceState: Probability Sampling": the last 56 bits of the trace
/// id are its randomness, and a trace is kept when they are not below the threshold.
///
/// `SampleRatio<1, 1>` keeps every trace that nobody decided about; `SampleRatio<0, 1>` none.
template <std::uint64_t Parts, std::uint64_t Of>
struct SampleRatio {
    static_assert(Of >= 1 && Of <= std::uint64_t{1} << 32 && Parts <= Of,
                  "lastbyte: SampleRatio<Parts, Of> keeps Parts of Of traces: Of lies in 1..2^32 and Parts in 0..Of. For "
                  "one in a hundred write SampleOneIn<100>.");
    static constexpr std::uint64_t randomness = std::uint64_t{1} << 56;
    /// What `th` of the `ot` member of `tracestate` says, in hexadecimal without its last zeros.
    static constexpr std::uint64_t threshold = randomness - (randomness / Of * Parts + randomness % Of * Parts / Of);
    [[nodiscard]] static constexpr bool samples(TraceId id) noexcept { return (id.low & (randomness - 1)) >= threshold; }
};
template <std::uint64_t N>
using SampleOneIn = SampleRatio<1, N>;

namespace detail {

/// Whether traces of this policy may be unsampled; without that, nothing below is compiled.
template <class P>
inline constexpr bool may_leave_out = !std::is_same_v<typename P::Sampler, AlwaysSampled>;

/// Refuses a decision that nothing could follow.
template <class P>
consteval bool check_decision() {
    static_assert(may_leave_out<P>,
                  "lastbyte: this Tracer was given a sampling decision, but its policy keeps every trace. Give the policy a "
                  "sampler: using Sampler = lastbyte::SampleOneIn<100>; or SampleRatio<1, 1>, which keeps what nobody "
                  "decided about.");
    return true;
}

}  // namespace detail
}  // namespace lastbyte
