// Tracer: the write-only handle of one request's trace.
//
// Give copies of it to whatever produces the body: a copy is one atomic addition and records into the same trace, from any
// thread, also after the body is gone. Nothing can be read from it, because while it is in use the answer is not there yet;
// `snapshot()` looks, and says that it is provisional.
#pragma once

#include <cstdint>
#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/core/sealed.hpp>
#include <lastbyte/core/snapshot.hpp>
#include <lastbyte/core/span.hpp>

namespace lastbyte {

enum class Outcome : std::uint8_t;

namespace detail {

template <class P, std::uint64_t D, class Stream, class... Options>
auto bind_body(TraceRef<P, D> const& trace, Stream&& stream, Options... options);

/// A Tracer used as a temporary: its span would outlive the trace.
template <class T>
consteval bool refuse_temporary() {
    static_assert(never_type<T>,
                  "lastbyte: span<...>() was called on a temporary Tracer, whose trace may end before the span does. Keep "
                  "the Tracer in a variable, or use async_span<...>(), which keeps the trace.");
    return true;
}

/// What a coroutine returns, or what can be awaited: whoever has it has not seen the work done.
template <class T>
concept Unfinished =
    requires { typename T::promise_type; } || requires(T& result) { result.await_ready(), result.await_resume(); } ||
    requires(T& result) { static_cast<T&&>(result).operator co_await(); } ||
    requires(T& result) { operator co_await(static_cast<T&&>(result)); };

template <class Result>
consteval bool check_finished() {
    static_assert(!Unfinished<std::remove_cvref_t<Result>>,
                  "lastbyte: trace<\"...\">(fn) was given a coroutine, which returns before its work is done, so the span "
                  "would end too early. Keep a span inside the coroutine: auto span = tracer.async_span<\"...\">();");
    return true;
}

template <class Span, class Fn>
decltype(auto) call_with(Span& span, Fn&& fn) {
    static_assert(std::is_invocable_v<Fn> || std::is_invocable_v<Fn, Span&>,
                  "lastbyte: trace<\"...\">(fn) calls fn with no argument, or with the span (auto& span) to set its source. "
                  "");
    if constexpr (std::is_invocable_v<Fn>) {
        static_assert(check_finished<std::invoke_result_t<Fn>>());
        return std::forward<Fn>(fn)();
    } else {
        static_assert(check_finished<std::invoke_result_t<Fn, Span&>>());
        return std::forward<Fn>(fn)(span);
    }
}

template <class P, std::uint64_t D, class Fn>
consteval bool check_seal() {
    static_assert(std::is_invocable_v<Fn, BasicSealed<P, D> const&>,
                  "lastbyte: seal(fn) calls fn with the final facts of the trace: "
                  "seal([](lastbyte::Sealed<Policy> const& sealed) { ... }).");
    return true;
}

/// Times a call: records it also when it throws, with what was thrown, and passes result and exception on.
template <class Span, class Fn, class... Source>
decltype(auto) trace_call(Span& span, Fn&& fn, Source... source) {
    (span.source(source), ...);
#if defined(__cpp_exceptions)
    try {
        return call_with(span, std::forward<Fn>(fn));
    } catch (std::exception const& thrown) {
        span.error(thrown.what());
        throw;
    } catch (...) {
        span.error("unknown exception");
        throw;
    }
#else
    return call_with(span, std::forward<Fn>(fn));
#endif
}

}  // namespace detail

template <class P, std::uint64_t D, bool Enabled>
class BasicTracer : public detail::WriteOnly<BasicTracer<P, D, Enabled>> {
    using Block = detail::Trace<P, D>;
    using Ref = detail::TraceRef<P, D>;
    using SpanType = BasicSpan<P, D, true>;
    template <FixedString Label>
    using Begin = typename SpanType::template Begin<Label>;

public:
    using Source = typename P::Tiers::Source;

    /// Starts a trace. Allocates only when more traces are in flight than ever before; without memory it records nothing,
    /// and that is counted.
    BasicTracer() noexcept : parent_(trace_->root) {}
    /// The same with a decision that was made elsewhere in place of the policy's sampler: a caller's, say.
    explicit BasicTracer(Sampling decision) noexcept : trace_(decision), parent_(trace_->root) {
        static_assert(detail::check_decision<P>());
    }

    /// A scope named `Label`. `auto span = tracer.span<"index">();`
    template <FixedString Label>
    SpanType span() const& noexcept {
        static_assert(detail::check_use<P, Label, false>());
        return {Begin<Label>{}, *trace_.get(), {}, parent_};
    }
    /// A scope of a family, with its tail. `auto span = tracer.span<"file:*">(path);` The tail is copied.
    template <FixedString Label>
    SpanType span(std::string_view tail) const& noexcept {
        static_assert(detail::check_use<P, Label, true>());
        return {Begin<Label>{}, *trace_.get(), tail, parent_};
    }
    template <FixedString Label, class T = BasicTracer>
    auto span() const&& noexcept {
        static_assert(detail::refuse_temporary<T>());
    }
    template <FixedString Label, class T = BasicTracer>
    auto span(std::string_view) const&& noexcept {
        static_assert(detail::refuse_temporary<T>());
    }

    /// The same, movable, and keeping the trace: for work that begins and ends in different functions.
    template <FixedString Label>
    BasicAsyncSpan<P, D, true> async_span() const noexcept {
        static_assert(detail::check_use<P, Label, false>());
        return {Begin<Label>{}, trace_, {}, parent_};
    }
    template <FixedString Label>
    BasicAsyncSpan<P, D, true> async_span(std::string_view tail) const noexcept {
        static_assert(detail::check_use<P, Label, true>());
        return {Begin<Label>{}, trace_, tail, parent_};
    }

    /// Calls `fn` inside a span and returns what it returns, value category kept; an exception is recorded and goes on.
    /// `trace<"index">(fn)`, `trace<"index">(fn, source)`; for a family the tail comes first.
    template <FixedString Label, class Fn, class... Given>
        requires(!std::is_convertible_v<Fn, std::string_view>)
    decltype(auto) trace(Fn&& fn, Given... source) const {
        static_assert(sizeof...(Given) <= 1, "lastbyte: trace<\"...\">(fn, source) takes one source at most.");
        auto span = this->template span<Label>();
        return detail::trace_call(span, std::forward<Fn>(fn), source...);
    }
    template <FixedString Label, class Fn, class... Given>
    decltype(auto) trace(std::string_view tail, Fn&& fn, Given... source) const {
        static_assert(sizeof...(Given) <= 1, "lastbyte: trace<\"...:*\">(tail, fn, source) takes one source at most.");
        auto span = this->template span<Label>(tail);
        return detail::trace_call(span, std::forward<Fn>(fn), source...);
    }

    /// Records what was timed elsewhere and has just ended: `record<"index">(milliseconds(33), Source::cache, "detail")`.
    /// For a family the tail comes first. Source and detail may be left out.
    template <FixedString Label>
    void record(Nanoseconds duration) const noexcept {
        static_assert(detail::check_use<P, Label, false>());
        put<Label>({}, duration, {});
    }
    template <FixedString Label, class Given>
    void record(Nanoseconds duration, Given source, std::string_view detail = {}) const noexcept {
        static_assert(detail::check_use<P, Label, false>());
        put<Label>({}, duration, detail, source);
    }
    template <FixedString Label>
    void record(std::string_view tail, Nanoseconds duration) const noexcept {
        static_assert(detail::check_use<P, Label, true>());
        put<Label>(tail, duration, {});
    }
    template <FixedString Label, class Given>
    void record(std::string_view tail, Nanoseconds duration, Given source, std::string_view detail = {}) const noexcept {
        static_assert(detail::check_use<P, Label, true>());
        put<Label>(tail, duration, detail, source);
    }

    /// A provisional look at what has been recorded so far.
    [[nodiscard]] BasicSnapshot<P, D> snapshot() const noexcept { return BasicSnapshot<P, D>{trace_}; }

    /// Ends recording and hands the final facts of the trace to `fn(Sealed const&)`, for a producer that sends them itself.
    ///
    /// Works once, and only while the body is being produced (from its first pull to its end); otherwise it does nothing,
    /// counts that, and returns false. What is recorded afterwards is late.
    template <class Fn>
    bool seal(Fn&& fn) const {
        static_assert(detail::check_seal<P, D, Fn>());
        bool const producing = trace_->phase.load_acquire() == detail::Phase::producing;
        if (!producing || !trace_->seal(true)) {
            detail::Store<P, D>::ledger.count(detail::Count::seal_refused);
            return false;
        }
        BasicSealed<P, D> const sealed{*trace_.get(), P::Clock::rate()};
        std::forward<Fn>(fn)(sealed);
        return true;
    }

    /// Says why the body is about to end early, as somebody was told: `Outcome::cancelled`, `timed_out`, `shutdown`,
    /// `aborted` or `producer_error`. It counts when the body then ends without having been seen complete.
    void note_end(Outcome why) const noexcept {
        if (!trace_->unstored()) trace_->noted_end.store_release(static_cast<std::uint8_t>(static_cast<int>(why) + 1));
    }

    /// Binds the stream that this request answers with. Not a stream yet: give it to `defer_until_consumed`.
    template <class Stream, class... Options>
    auto body(Stream&& stream, Options... options) const {
        return detail::bind_body(trace_, std::forward<Stream>(stream), options...);  // qualified: nobody else gets the trace
    }

    [[nodiscard]] TraceId trace_id() const noexcept { return trace_->trace_id(); }
    /// Whether the trace keeps its spans: what to tell those who are called (W3C Trace Context, the `sampled` flag).
    [[nodiscard]] bool sampled() const noexcept { return !trace_->unsampled(); }

private:
    friend class detail::SpanWriting<SpanType, P, D>;
    friend class detail::SpanWriting<BasicAsyncSpan<P, D, true>, P, D>;

    BasicTracer(Block& trace, std::uint64_t parent) noexcept : trace_(&trace), parent_(parent) {}

    template <FixedString Label, class... Given>
    void put(std::string_view tail, Nanoseconds duration, std::string_view detail, Given... source) const noexcept {
        detail::OpenRecord<P, D> open;
        open.template begin<Label>(*trace_.get(), tail, parent_);
        if constexpr ((detail::check_source<P, Given>() && ...)) (open.source(*trace_.get(), source), ...);
        if (trace_->leave_out(open.record)) return;
        open.record.detail = trace_->keep(detail);
        open.record.end = open.record.start;
        open.record.start = duration.count;
        open.record.timed_elsewhere = true;
        trace_->commit(open.record, nullptr);  // it has none
    }

    Ref trace_;
    std::uint64_t parent_;
};

/// The handle of a policy that is off: the same members; the calls go through and nothing else happens.
template <class P, std::uint64_t D>
class [[gnu::unused]] BasicTracer<P, D, false> : public detail::WriteOnly<BasicTracer<P, D, false>> {
public:
    using Source = typename P::Tiers::Source;

    BasicTracer() noexcept = default;
    explicit BasicTracer(Sampling) noexcept { static_assert(detail::check_decision<P>()); }
    template <FixedString Label>
    BasicSpan<P, D, false> span() const& noexcept {
        static_assert(detail::check_use<P, Label, false>());
        return {};
    }
    template <FixedString Label>
    BasicSpan<P, D, false> span(std::string_view) const& noexcept {
        static_assert(detail::check_use<P, Label, true>());
        return {};
    }
    template <FixedString Label, class T = BasicTracer>
    auto span() const&& noexcept {
        static_assert(detail::refuse_temporary<T>());
    }
    template <FixedString Label, class T = BasicTracer>
    auto span(std::string_view) const&& noexcept {
        static_assert(detail::refuse_temporary<T>());
    }
    template <FixedString Label>
    BasicAsyncSpan<P, D, false> async_span() const noexcept {
        static_assert(detail::check_use<P, Label, false>());
        return {};
    }
    template <FixedString Label>
    BasicAsyncSpan<P, D, false> async_span(std::string_view) const noexcept {
        static_assert(detail::check_use<P, Label, true>());
        return {};
    }
    template <FixedString Label, class Fn, class... Given>
        requires(!std::is_convertible_v<Fn, std::string_view>)
    decltype(auto) trace(Fn&& fn, Given...) const {
        static_assert(sizeof...(Given) <= 1, "lastbyte: trace<\"...\">(fn, source) takes one source at most.");
        static_assert((detail::check_source<P, Given>() && ...));
        auto span = this->template span<Label>();
        return detail::call_with(span, std::forward<Fn>(fn));
    }
    template <FixedString Label, class Fn, class... Given>
    decltype(auto) trace(std::string_view tail, Fn&& fn, Given...) const {
        static_assert(sizeof...(Given) <= 1, "lastbyte: trace<\"...:*\">(tail, fn, source) takes one source at most.");
        static_assert((detail::check_source<P, Given>() && ...));
        auto span = this->template span<Label>(tail);
        return detail::call_with(span, std::forward<Fn>(fn));
    }
    template <FixedString Label>
    void record(Nanoseconds) const noexcept {
        static_assert(detail::check_use<P, Label, false>());
    }
    template <FixedString Label, class Given>
    void record(Nanoseconds, Given, std::string_view = {}) const noexcept {
        static_assert(detail::check_use<P, Label, false>() && detail::check_source<P, Given>());
    }
    template <FixedString Label>
    void record(std::string_view, Nanoseconds) const noexcept {
        static_assert(detail::check_use<P, Label, true>());
    }
    template <FixedString Label, class Given>
    void record(std::string_view, Nanoseconds, Given, std::string_view = {}) const noexcept {
        static_assert(detail::check_use<P, Label, true>() && detail::check_source<P, Given>());
    }
    /// The look at a trace that isn't there: no spans, sequence 0.
    [[nodiscard]] BasicSnapshot<P, D> snapshot() const noexcept {
        return BasicSnapshot<P, D>{detail::TraceRef<P, D>{&detail::Store<P, D>::closed}};
    }
    template <class Fn>
    bool seal(Fn&&) const noexcept {
        static_assert(detail::check_seal<P, D, Fn>());
        return false;
    }
    void note_end(Outcome) const noexcept {}
    template <class Stream, class... Options>
    auto body(Stream&& stream, Options... options) const {
        return pass_body(*this, std::forward<Stream>(stream), options...);
    }
    [[nodiscard]] TraceId trace_id() const noexcept { return {}; }
    [[nodiscard]] bool sampled() const noexcept { return false; }
};

template <class Self, class P, std::uint64_t D>
BasicTracer<P, D, P::enabled> detail::SpanWriting<Self, P, D>::tracer() noexcept {
    if constexpr (P::enabled)
        return {self().trace(), self().trace().unsampled() ? 0 : self().open().record.id};
    else
        return {};
}

}  // namespace lastbyte
