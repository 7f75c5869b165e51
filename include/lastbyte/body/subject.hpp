// What a body reports to when it is over: the trace that it is bound to, or nothing but its own facts.
//
// With a tracer, the trace is sealed and read, and `fn` gets a Reading. Without one, `fn` gets the Consumption, and the
// policy `Untraced` keeps the count of callbacks that threw.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/body/reading.hpp>

namespace lastbyte {

/// The policy of bodies without a tracer; `ledger<Untraced>()` counts their callbacks that threw.
struct Untraced : DefaultPolicy {};

namespace detail {

/// What a body without a tracer reports to.
class UntracedSubject {
public:
    using Clock = TickClock;
    using Facts = Consumption;

    UntracedSubject() noexcept { Clock::anchor(); }
    [[nodiscard]] std::uint64_t start() const noexcept { return Clock::now(); }
    void producing() const noexcept {}
    [[nodiscard]] std::uint8_t noted() const noexcept { return 0; }
    [[nodiscard]] ClockRate close() const noexcept { return Clock::rate(); }
    template <class Fn>
    void deliver(Consumption const& facts, ClockRate, Fn&& fn) const {
        std::forward<Fn>(fn)(facts);
    }
    void threw() const noexcept { Store<Untraced, digest<Untraced>>::ledger.count(Count::callback_threw); }
};

/// What a body with a tracer reports to.
template <class P, std::uint64_t D>
class TracedSubject {
public:
    using Clock = typename P::Clock;
    using Facts = BasicReading<P, D>;

    explicit TracedSubject(TraceRef<P, D> trace) noexcept : trace_(std::move(trace)) {}
    [[nodiscard]] std::uint64_t start() const noexcept { return trace_->unstored() ? Clock::now() : trace_->start; }
    void producing() const noexcept {
        if (!trace_->unstored()) trace_->phase.store_release(Phase::producing);
    }
    [[nodiscard]] std::uint8_t noted() const noexcept { return trace_->noted_end.load_acquire(); }
    /// Ends recording: the Reading that follows is the trace's last word.
    [[nodiscard]] ClockRate close() const noexcept {
        if (!trace_->unstored()) trace_->phase.store_release(Phase::ended);
        trace_->seal();
        Store<P, D>::finished(trace_.get());
        return Clock::rate();
    }
    template <class Fn>
    void deliver(Consumption const& facts, ClockRate rate, Fn&& fn) const {
        Facts const reading{facts, *trace_.get(), rate};
        std::forward<Fn>(fn)(reading);
    }
    void threw() const noexcept { Store<P, D>::ledger.count(Count::callback_threw); }

private:
    TraceRef<P, D> trace_;
};

/// Refuses a callback that could not be called, or whose result would be lost.
template <class Fn, class Facts>
consteval bool check_callback() {
    constexpr bool callable = std::is_invocable_v<Fn&&, Facts const&>;
    static_assert(callable,
                  "lastbyte: fn of defer_until_consumed(body, fn) must be callable once, as an rvalue, with "
                  "`lastbyte::Reading<Policy> const&` of the body's own policy (without a tracer: "
                  "`lastbyte::Consumption const&`). It can't take it by value or by mutable reference: write "
                  "[](lastbyte::Reading<Policy> const& done) { ... }.");
    if constexpr (callable)
        static_assert(std::is_void_v<std::invoke_result_t<Fn&&, Facts const&>>,
                      "lastbyte: fn of defer_until_consumed(body, fn) returns a value, which nobody would receive. "
                      "Return nothing; hand results on inside fn.");
    return callable;
}

}  // namespace detail
}  // namespace lastbyte
