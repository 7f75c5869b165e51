// Reading: the trace and the body of one request, after the last byte.
//
// This is the only place where a resolved tier, a final tally, the bytes and the outcome can be had. It reaches the callback
// of `defer_until_consumed` by reference, once, and can't leave it: take the values, not the Reading.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include <lastbyte/body/consumption.hpp>
#include <lastbyte/core/span_view.hpp>

namespace lastbyte {

namespace detail {
template <class P, std::uint64_t D>
class TracedSubject;
}

/// The tally as final values.
template <class P, std::uint64_t D>
class FinalTally {
    using Counts = BasicTally<P, D>;

public:
    explicit FinalTally(Final<Counts> counts) noexcept : counts_(std::move(counts)) {}
    [[nodiscard]] Final<std::uint64_t> hits() const noexcept {
        return counts_.map([](Counts const& tally) { return tally.hits(); });
    }
    [[nodiscard]] Final<std::uint64_t> misses() const noexcept {
        return counts_.map([](Counts const& tally) { return tally.misses(); });
    }
    [[nodiscard]] Final<std::uint64_t> lookups() const noexcept {
        return counts_.map([](Counts const& tally) { return tally.lookups(); });
    }
    [[nodiscard]] Final<std::uint64_t> of(typename P::Tiers::Source source) const noexcept {
        return counts_.map([&](Counts const& tally) { return tally.of(source); });
    }

private:
    Final<Counts> counts_;
};

/// What the seed's JSON may have beside its own keys.
enum class JsonDetail : std::uint8_t {
    seed,  // {"spans":[…],"total_ms":…,"index_source":…}, to the letter
    full,  // and the outcome, bytes, chunks, time to first byte, late and unkept spans, each rule's tier, tally, trace id
};

template <class P, std::uint64_t D>
class BasicReading final : public detail::CallbackOnly<BasicReading<P, D>> {
public:
    using Source = typename P::Tiers::Source;

#if defined(__clang__)
    [[clang::unavailable("lastbyte: a Reading is made by a body that is over, and by nothing else. Take it as fn's "
                         "parameter: defer_until_consumed(body, [](lastbyte::Reading<Policy> const& done) { ... }).")]]
    BasicReading();
    [[clang::unavailable("lastbyte: a Reading is gone when fn returns, so it can't be copied, kept or returned. Copy "
                         "the values that you need: auto tier = done.tier<\"cache_tier\">();")]]
    BasicReading(BasicReading const&);
#else
    BasicReading(detail::says::only_a_body_that_is_over_makes_one_so_take_it_as_the_parameter_of_fn = {}) = delete;
    BasicReading(BasicReading const&, detail::says::it_is_gone_when_fn_returns_so_copy_its_values_instead = {}) = delete;
#endif
    BasicReading& operator=(BasicReading const&) = delete;
    ~BasicReading() {}

    /// The rule's answer: a source; `none` when the body was consumed and no span answered; `unresolved` when the body
    /// ended before that could be known.
    template <FixedString Name>
    [[nodiscard]] Final<Tier<Source>> tier() const noexcept {
        return facts_.final_value(view_.tier(detail::rule_lines<typename P::Tiers, Name>(), otherwise_));
    }
    /// Hits, misses and lookups over all spans that have a source.
    [[nodiscard]] FinalTally<P, D> tally() const noexcept { return FinalTally<P, D>{facts_.final_value(view_.tally())}; }
    /// The spans in the order of recording: a range of SpanView<Policy>.
    [[nodiscard]] detail::TraceView<P, D> const& spans() const noexcept { return view_; }

    [[nodiscard]] Final<std::uint64_t> bytes() const noexcept { return facts_.bytes(); }
    [[nodiscard]] Final<std::uint64_t> chunks() const noexcept { return facts_.chunks(); }
    [[nodiscard]] Final<Outcome> outcome() const noexcept { return facts_.outcome(); }
    [[nodiscard]] Final<std::uint64_t> duration_ns() const noexcept { return facts_.duration_ns(); }
    [[nodiscard]] Final<double> duration_ms() const noexcept { return facts_.duration_ms(); }
    [[nodiscard]] Final<std::uint64_t> time_to_first_byte_ns() const noexcept { return facts_.time_to_first_byte_ns(); }
    [[nodiscard]] Final<double> time_to_first_byte_ms() const noexcept { return facts_.time_to_first_byte_ms(); }
    /// Spans that were recorded after the seal and before this Reading; they change nothing in it.
    [[nodiscard]] Final<std::uint64_t> late() const noexcept { return facts_.final_value(late_); }
    /// Whether the trace keeps its spans, by the policy's sampler or who decided in its place. Everything but `spans()` is
    /// the same when not; an exporter of spans skips such a trace.
    [[nodiscard]] bool sampled() const noexcept { return view_.sampled(); }
    /// Spans of a trace that is not sampled: not in `spans()`, but in the tiers and the tally.
    [[nodiscard]] Final<std::uint64_t> spans_unsampled() const noexcept {
        return facts_.final_value(view_.spans_unsampled());
    }
    /// Spans beyond the policy's `max_spans`: not in `spans()`, but in the tiers and the tally.
    [[nodiscard]] Final<std::uint64_t> over_bound() const noexcept { return facts_.final_value(view_.over_bound()); }
    [[nodiscard]] TraceId trace_id() const noexcept { return view_.id(); }
    [[nodiscard]] SpanId root_id() const noexcept { return view_.root_id(); }

    /// Attests a value of your own as final: a count that the producer kept, and that is only now whole.
    template <class T>
    [[nodiscard]] Final<T> final_value(T value) const {
        return facts_.final_value(std::move(value));
    }

    /// The trace as one JSON object.
    template <TextOutput Out>
    Out& write_json(Out& out, JsonDetail how = JsonDetail::seed) const {
        view_.write_open_json(out, duration_ns(), otherwise_);
        if (how == JsonDetail::full) write_more(out);
        detail::append(out, "}");
        return out;
    }
    /// The trace as one header line: `index=33ms(cache), file:a=2ms(r2)[zip-extract], total=40ms`.
    template <TextOutput Out>
    Out& write_header(Out& out) const {
        view_.write_header(out, duration_ns());
        return out;
    }

private:
    friend class detail::TracedSubject<P, D>;
    BasicReading(Consumption const& facts, detail::Trace<P, D> const& trace, ClockRate rate) noexcept
        : facts_(facts),
          view_(trace, rate),
          late_(trace.late_by_now()),
          sequence_(trace.snapshots.load_relaxed() + 1),
          otherwise_(!trace.unstored() && (detail::says_all(facts.outcome()) || trace.sealed_by_producer.load_relaxed() != 0)
                         ? Tier<Source>::none()
                         : Tier<Source>::unresolved()) {}

    template <TextOutput Out>
    void write_more(Out& out) const {
        auto const number = [&](std::string_view key, std::uint64_t value) {
            detail::append(out, key);
            detail::append_unsigned(out, value);
        };
        detail::append(out, ",\"outcome\":\"");
        detail::append(out, name(outcome().value()));
        number("\",\"bytes\":", bytes());
        number(",\"chunks\":", chunks());
        detail::append(out, ",\"time_to_first_byte_ms\":");
        detail::append_milliseconds(out, time_to_first_byte_ns());
        number(",\"late\":", late_);
        number(",\"over_bound\":", view_.over_bound());
        view_.write_sampling(out);
        detail::append(out, ",\"tiers\":{");
        for (std::size_t i = 0; i < P::Tiers::size; ++i) {
            auto const& line = P::Tiers::lines[i];
            auto const lines = P::Tiers::lines_called(line.name);
            if ((lines & ((std::uint32_t{1} << i) - 1)) != 0) continue;  // an earlier line has the name
            if (i != 0) detail::append(out, ",");
            detail::append_json_string(out, line.name);
            detail::append(out, ":");
            detail::append_json_string(out, view_.tier(lines, otherwise_).name());
        }
        auto const counts = view_.tally();
        number("},\"hits\":", counts.hits());
        number(",\"misses\":", counts.misses());
        number(",\"lookups\":", counts.lookups());
        detail::append(out, ",\"trace_id\":\"");
        trace_id().write(out);
        detail::append(out, "\",\"final\":true");
        number(",\"sequence\":", sequence_);
    }

    Consumption const& facts_;
    detail::TraceView<P, D> view_;
    std::uint64_t late_;
    std::uint32_t sequence_;
    Tier<Source> otherwise_;
};

/// The final view of a trace under policy P. Only as `Reading<P> const&`, in the callback of `defer_until_consumed`.
template <Policy P>
using Reading = BasicReading<P, detail::digest<P>>;

}  // namespace lastbyte
