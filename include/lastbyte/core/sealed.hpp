// Sealed: final facts of a trace for the producer that must send them itself, in a trailer or a last event.
//
// A server-sent stream often ends with its own summary. The producer knows that it has recorded its last span, and nobody
// else does; `tracer.seal(fn)` takes its word, ends recording, and is refused outside of production, so that a handler
// can't use it to read early. The Reading that follows tells the same.
#pragma once

#include <cstdint>

#include <lastbyte/core/span.hpp>
#include <lastbyte/core/span_view.hpp>

namespace lastbyte {

/// The trace as it will be read: nothing can be added any more. Bytes and outcome are not known yet. Only as `const&` in
/// the callback of `seal`.
template <class P, std::uint64_t D>
class BasicSealed final : public detail::CallbackOnly<BasicSealed<P, D>> {
public:
    using Source = typename P::Tiers::Source;

#if defined(__clang__)
    [[clang::unavailable("lastbyte: a Sealed is made by tracer.seal(fn), and by nothing else. Take it as fn's "
                         "parameter: tracer.seal([](lastbyte::Sealed<Policy> const& sealed) { ... }).")]]
    BasicSealed();
    [[clang::unavailable("lastbyte: a Sealed is gone when fn returns, so it can't be copied, kept or returned. Write "
                         "what you need inside fn, or copy the values: auto tally = sealed.tally();")]]
    BasicSealed(BasicSealed const&);
#else
    BasicSealed(detail::says::only_tracer_seal_makes_one_so_take_it_as_the_parameter_of_fn = {}) = delete;
    BasicSealed(BasicSealed const&, detail::says::it_is_gone_when_fn_returns_so_copy_its_values_instead = {}) = delete;
#endif
    BasicSealed& operator=(BasicSealed const&) = delete;
    ~BasicSealed() {}

    /// The rule's answer, for good: a source or none.
    template <FixedString Name>
    [[nodiscard]] Tier<Source> tier() const noexcept {
        return view_.tier(detail::rule_lines<typename P::Tiers, Name>(), Tier<Source>::none());
    }
    [[nodiscard]] BasicTally<P, D> tally() const noexcept { return view_.tally(); }
    [[nodiscard]] detail::TraceView<P, D> const& spans() const noexcept { return view_; }
    /// From the trace's start to the seal.
    [[nodiscard]] std::uint64_t elapsed_ns() const noexcept { return elapsed_ns_; }
    [[nodiscard]] TraceId trace_id() const noexcept { return view_.id(); }
    /// False for a trace that keeps no spans; everything else holds.
    [[nodiscard]] bool sampled() const noexcept { return view_.sampled(); }
    [[nodiscard]] std::uint64_t spans_unsampled() const noexcept { return view_.spans_unsampled(); }
    /// One more than the last snapshot's.
    [[nodiscard]] std::uint32_t sequence() const noexcept { return sequence_; }

    /// The seed's JSON, closed by `"final":true,"sequence":N`.
    template <TextOutput Out>
    Out& write_json(Out& out) const {
        view_.write_open_json(out, elapsed_ns_, Tier<Source>::none());
        view_.write_sampling(out);
        detail::append(out, ",\"final\":true,\"sequence\":");
        detail::append_unsigned(out, sequence_);
        detail::append(out, "}");
        return out;
    }
    template <TextOutput Out>
    Out& write_header(Out& out) const {
        view_.write_header(out, elapsed_ns_);
        return out;
    }

private:
    friend class BasicTracer<P, D, true>;
    explicit BasicSealed(detail::Trace<P, D> const& trace, ClockRate rate) noexcept
        : view_(trace, rate),
          elapsed_ns_(rate.ns(P::Clock::now() - trace.start)),
          sequence_(trace.snapshots.load_relaxed() + 1) {}

    detail::TraceView<P, D> view_;
    std::uint64_t elapsed_ns_;
    std::uint32_t sequence_;
};

template <Policy P>
using Sealed = BasicSealed<P, detail::digest<P>>;

}  // namespace lastbyte
