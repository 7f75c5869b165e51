// Snapshot: a look at a trace that is still running, for a debug envelope, a log line or an interim event.
//
// People will look early, and for a debug line that is fine. So that the number can't wander into telemetry, all that a
// Snapshot gives is Provisional, its JSON says so, and a second snapshot has a higher sequence number.
#pragma once

#include <cstdint>

#include <lastbyte/core/final.hpp>
#include <lastbyte/core/span_view.hpp>

namespace lastbyte {

/// What has been recorded so far. Keeps the trace's memory; neither copied nor moved. Costs a walk over the records.
template <class P, std::uint64_t D>
class BasicSnapshot {
public:
    using Source = typename P::Tiers::Source;

    explicit BasicSnapshot(detail::TraceRef<P, D> trace) noexcept
        : trace_(std::move(trace)),
          count_(trace_->look(seen_, left_out_)),
          elapsed_(trace_->unstored() ? 0 : P::Clock::now() - trace_->start),
          sequence_(trace_->unstored() ? 0 : trace_->snapshots.add_relaxed(1) + 1),
          rate_(P::Clock::rate()) {}
    BasicSnapshot(BasicSnapshot const&) = delete;
    BasicSnapshot& operator=(BasicSnapshot const&) = delete;

    /// The rule's answer so far: a source, or none as yet.
    template <FixedString Name>
    [[nodiscard]] Provisional<Tier<Source>> tier() const noexcept {
        return Provisional{view().tier(detail::rule_lines<typename P::Tiers, Name>(), Tier<Source>::none())};
    }
    [[nodiscard]] Provisional<BasicTally<P, D>> tally() const noexcept { return Provisional{view().tally()}; }
    /// The spans recorded so far, oldest first. Those still open are not among them.
    [[nodiscard]] detail::TraceView<P, D> spans() const& noexcept { return view(); }
    void spans() const&& = delete;  // the spans would outlive the snapshot that they lie in
    [[nodiscard]] Provisional<std::uint64_t> elapsed_ns() const noexcept { return Provisional{rate_.ns(elapsed_)}; }
    [[nodiscard]] TraceId trace_id() const noexcept { return trace_->trace_id(); }
    /// False for a trace that keeps no spans: `spans()` is empty then, and `spans_unsampled()` says how many there were.
    /// That was decided when the trace started, so it is final.
    [[nodiscard]] bool sampled() const noexcept { return view().sampled(); }
    [[nodiscard]] Provisional<std::uint64_t> spans_unsampled() const noexcept {
        return Provisional{view().spans_unsampled()};
    }
    /// 1 for the trace's first snapshot, and so on.
    [[nodiscard]] std::uint32_t sequence() const noexcept { return sequence_; }

    /// The seed's JSON, closed by `"provisional":true,"final":false,"sequence":N`.
    template <TextOutput Out>
    Out& write_json(Out& out) const {
        view().write_open_json(out, rate_.ns(elapsed_), Tier<Source>::none());
        view().write_sampling(out);
        detail::append(out, ",\"provisional\":true,\"final\":false,\"sequence\":");
        detail::append_unsigned(out, sequence_);
        detail::append(out, "}");
        return out;
    }
    /// The seed's header line, with `provisional` as its last item.
    template <TextOutput Out>
    Out& write_header(Out& out) const {
        view().write_header(out, rate_.ns(elapsed_));
        detail::append(out, ", provisional");
        return out;
    }

private:
    [[nodiscard]] detail::TraceView<P, D> view() const noexcept {
        return {*trace_.get(), seen_, count_, left_out_, rate_};
    }

    detail::TraceRef<P, D> trace_;
    std::uint64_t seen_[detail::Trace<P, D>::seen_words];
    detail::LeftOutTotals<typename P::Tiers> left_out_;
    std::uint32_t count_;
    std::uint64_t elapsed_;
    std::uint32_t sequence_;
    ClockRate rate_;
};

template <Policy P>
using Snapshot = BasicSnapshot<P, detail::digest<P>>;

}  // namespace lastbyte
