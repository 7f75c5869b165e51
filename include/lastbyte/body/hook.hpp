// The hook of a body: what makes its callback run exactly once, whatever happens to the body.
//
// It is armed when it is made, moves with the body and disarms what it moved from, and has its destructor as the backstop.
// Whoever writes a new stream shape or a server adapter drives a ConsumptionHook and nothing else; that word is what to
// search for when the guarantee is reviewed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <lastbyte/body/held.hpp>
#include <lastbyte/body/options.hpp>
#include <lastbyte/body/subject.hpp>

namespace lastbyte {

/// Runs `Fn` exactly once when the body is over. Not thread-safe: it belongs to one body, which one thread uses at a time.
///
/// A shape calls `watch` or `guard` around each call into the producer, `took` for each chunk, `ended` at the end, and,
/// as soon as nothing points into the stream any more, lets go of the stream and calls `fire`. A body that is dropped
/// does the rest. `Copies` is there to be read: it stands in what the compiler says when somebody copies a body.
template <class Subject, class Fn, class Cancel, class Copies>
class ConsumptionHook {
public:
    using Clock = typename Subject::Clock;

    ConsumptionHook(Subject subject, Fn fn, detail::Limits limits, Cancel cancel)
        : meter_(subject.start(), limits.length),
          fn_(std::move(fn)),
          cancel_(std::move(cancel)),
          subject_(std::move(subject)) {
        if (limits.no_body) meter_.template settle<Clock>(Outcome::no_body);
        if (limits.length == 0) meter_.template settle<Clock>(Outcome::complete);
    }
    // fn_ comes first of what can be emptied: when its move throws, the other hook is as it was.
    ConsumptionHook(ConsumptionHook&& other) noexcept(std::is_nothrow_move_constructible_v<Fn>)
        : meter_(other.meter_),
          fn_(std::move(other.fn_)),
          cancel_(std::move(other.cancel_)),
          subject_(std::move(other.subject_)),
          armed_(std::exchange(other.armed_, false)) {
        other.meter_.leave();
    }
    ConsumptionHook& operator=(ConsumptionHook&&) = delete;
    ~ConsumptionHook() { drop(); }

    /// Nothing is left to report: the callback ran, or the body was moved from.
    [[nodiscard]] bool over() const noexcept { return !meter_.flows() && !armed_; }
    [[nodiscard]] detail::Meter const& meter() const noexcept { return meter_; }

    /// The producer is about to run.
    [[gnu::always_inline]] void pulled() noexcept {
        if (meter_.flows()) [[likely]] return;
        if (meter_.started()) return;
        meter_.start();
        subject_.producing();
    }
    /// A chunk is on its way to the consumer. Two additions and a comparison; the first and the last one, which also read
    /// the clock, are counted out of line.
    [[gnu::always_inline]] void took(std::size_t size) noexcept {
        if (!took_another(size)) [[unlikely]] took_first_or_last(size);
    }
    /// The same for a chunk that is neither; false, and nothing done, when it is one of these.
    [[gnu::always_inline]] bool took_another(std::size_t size) noexcept { return meter_.took_another(size); }
    /// Nothing is to be looked at before the next call into the producer: it isn't the first, and the body is not over.
    [[nodiscard]] bool flows() const noexcept { return meter_.flows(); }
    /// The next chunk is to be looked at: took_another() refuses it.
    void halt() noexcept { meter_.halt(); }
    /// The producer said that there is no more.
    void ended() noexcept { meter_.template ended<Clock>(); }
    /// The wrapper saw the body end in this way.
    void settle(Outcome outcome) noexcept { meter_.template settle<Clock>(outcome); }
    /// The producer gave up, and didn't say why: whoever was told why names it.
    void gave_up() noexcept {
        if (!meter_.settled()) settle_unseen(Outcome::producer_error);
    }
    /// What was handed over is taken for sent, unless somebody says otherwise before the body is dropped.
    void presume_taken() noexcept { meter_.presume(); }

    /// Runs the callback, if it has not run. The body may be destroyed by it: touch nothing of it afterwards.
    void fire() noexcept {
        if (!std::exchange(armed_, false)) return;
        detail::Meter const meter = meter_;
        meter_.leave();
        Subject const subject = std::move(subject_);
#if defined(__cpp_exceptions)
        try {
            run(meter, subject);
        } catch (...) {
            subject.threw();
        }
#else
        run(meter, subject);
#endif
    }
    /// The body goes away: settles what has not been seen, and runs the callback.
    void drop() noexcept {
        if (!armed_) return;
        if (!meter_.settled()) settle_unseen(meter_.started() ? Outcome::aborted : Outcome::abandoned);
        fire();
    }

    /// Calls into the producer. An exception settles the outcome and goes on.
    template <class Call>
    [[gnu::always_inline]] decltype(auto) watch(Call&& call) noexcept(noexcept(call())) {
        return watch(call, [this]() noexcept { settle(Outcome::producer_error); });
    }
    /// The same for a shape that does something else about an exception.
    template <class Call, class Thrown>
    [[gnu::always_inline]] decltype(auto) watch(Call&& call, Thrown thrown) noexcept(noexcept(call())) {
        pulled();
        return or_else(call, thrown);
    }
    /// The same for a producer into which nothing else points: an exception also lets go of it and runs the callback.
    template <class Held, class Call>
    [[gnu::always_inline]] decltype(auto) guard(Held& stream, Call&& call) noexcept(noexcept(call())) {
        return watch(call, [this, &stream]() noexcept { producer_threw(stream); });
    }

private:
    template <class Call, class Thrown>
    [[gnu::always_inline]] static decltype(auto) or_else(Call& call,
                                                         [[maybe_unused]] Thrown thrown) noexcept(noexcept(call())) {
#if defined(__cpp_exceptions)
        if constexpr (!noexcept(call())) {
            try {
                return call();
            } catch (...) {
                thrown();
                throw;
            }
        } else
#endif
            return call();
    }
    template <class Held>
    [[gnu::noinline, gnu::cold]] void producer_threw(Held& stream) noexcept {
        settle(Outcome::producer_error);
        stream.release();
        fire();
    }
    [[gnu::noinline]] void took_first_or_last(std::size_t size) noexcept {
        if (armed_) meter_.template took<Clock>(size);
    }
    void run(detail::Meter const& meter, Subject const& subject) {
        detail::TakenOut<Fn> fn{fn_};
        ClockRate const rate = subject.close();
        detail::HandOver const over{meter, rate};
        subject.deliver(over.facts_, rate, std::move(fn.get()));
    }
    /// What somebody was told comes before what is usual; but who said so before they left has cancelled.
    void settle_unseen(Outcome otherwise) noexcept {
        if (auto const noted = subject_.noted(); noted != 0)
            if (auto const why = static_cast<Outcome>(noted - 1); detail::can_be_told(why))
                return settle(why == Outcome::aborted && called_off() ? Outcome::cancelled : why);
        if (called_off()) return settle(Outcome::cancelled);
        if (meter_.presumed()) return ended();
        settle(otherwise);
    }
    /// A token that throws when it is asked has said nothing.
    [[nodiscard]] bool called_off() const noexcept {
#if defined(__cpp_exceptions)
        try {
            return static_cast<bool>(cancel_.token.stop_requested());
        } catch (...) {
            return false;
        }
#else
        return static_cast<bool>(cancel_.token.stop_requested());
#endif
    }

    detail::Meter meter_;
    [[no_unique_address]] Fn fn_;
    [[no_unique_address]] Cancel cancel_;
    Subject subject_;
    bool armed_ = true;
};

}  // namespace lastbyte
