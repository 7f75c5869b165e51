// Consumption: the facts of one body that is over, and the meter that gathers them while it is not.
//
// The meter counts chunks without reading a clock (the first byte and the end aside), and settles the outcome once: what
// it saw itself comes first, then what somebody was told, then the default. Only a ConsumptionHook turns a meter into a
// Consumption, and a Consumption is the only source of Final values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <lastbyte/body/outcome.hpp>
#include <lastbyte/core/clock.hpp>
#include <lastbyte/core/final.hpp>
#include <lastbyte/core/write_only.hpp>

namespace lastbyte {

template <class Subject, class Fn, class Cancel, class Copies>
class ConsumptionHook;

namespace detail {
class HandOver;
}

/// The facts of one consumed body. It exists only while the callback of `defer_until_consumed` runs: no public constructor,
/// no copy, no move, no address; the user-provided destructor keeps it from being an aggregate or bit_cast's target.
class Consumption final : public detail::CallbackOnly<Consumption> {
public:
#if defined(__clang__)
    [[clang::unavailable("lastbyte: a Consumption is made by a body that is over, and by nothing else. Take it as "
                         "fn's parameter: defer_until_consumed(stream, [](lastbyte::Consumption const& done) { ... }).")]]
    Consumption();
    [[clang::unavailable("lastbyte: a Consumption is gone when fn returns, so it can't be copied, kept or returned. "
                         "Copy the values that you need: auto bytes = done.bytes();")]]
    Consumption(Consumption const&);
#else
    Consumption(detail::says::only_a_body_that_is_over_makes_one_so_take_it_as_the_parameter_of_fn = {}) = delete;
    Consumption(Consumption const&, detail::says::it_is_gone_when_fn_returns_so_copy_its_values_instead = {}) = delete;
#endif
    Consumption& operator=(Consumption const&) = delete;
    ~Consumption() {}

    /// Bytes and non-empty chunks that left the wrapper.
    [[nodiscard]] Final<std::uint64_t> bytes() const noexcept { return final_value(bytes_); }
    [[nodiscard]] Final<std::uint64_t> chunks() const noexcept { return final_value(chunks_); }
    [[nodiscard]] Final<Outcome> outcome() const noexcept { return final_value(outcome_); }
    /// From the trace's start (without a tracer: from `defer_until_consumed`) to the end of the body.
    [[nodiscard]] Final<std::uint64_t> duration_ns() const noexcept { return final_value(duration_ns_); }
    [[nodiscard]] Final<double> duration_ms() const noexcept {
        return final_value(static_cast<double>(duration_ns_) / 1e6);
    }
    /// From the same start to the first byte; of a body without bytes, to its end.
    [[nodiscard]] Final<std::uint64_t> time_to_first_byte_ns() const noexcept { return final_value(first_byte_ns_); }
    [[nodiscard]] Final<double> time_to_first_byte_ms() const noexcept {
        return final_value(static_cast<double>(first_byte_ns_) / 1e6);
    }

    /// Attests a value of your own as final: a count that the producer kept, and that is only now whole.
    template <class T>
    [[nodiscard]] Final<T> final_value(T value) const noexcept(std::is_nothrow_move_constructible_v<T>) {
        return {FinalProof{}, std::move(value)};
    }

private:
    friend class detail::HandOver;
    explicit Consumption(detail::HandOver const*) noexcept {}

    std::uint64_t bytes_ = 0;
    std::uint64_t chunks_ = 0;
    std::uint64_t duration_ns_ = 0;
    std::uint64_t first_byte_ns_ = 0;
    Outcome outcome_ = Outcome::abandoned;
};

namespace detail {

/// What the body counts. 64 bytes; belongs to one body and moves with it.
///
/// A body flows while its next chunk may be like the last one: the producer has run, the first byte has left, and neither
/// the announced end nor anything else that has to be looked at is near. `room_` is then how many bytes may leave before
/// there is, and otherwise 0, so that one comparison with it tells a usual chunk from all others.
class Meter {
public:
    static constexpr std::uint64_t unsized = ~std::uint64_t{0};

    Meter(std::uint64_t start, std::uint64_t length) noexcept : length_(length), start_(start) {}

    [[nodiscard]] bool started() const noexcept { return started_; }
    [[nodiscard]] bool settled() const noexcept { return settled_; }
    [[nodiscard]] bool presumed() const noexcept { return presumed_; }
    void start() noexcept { started_ = true; }
    /// The bytes to come are handed over in one piece, and nobody sees them leave: the length settles nothing yet.
    void presume() noexcept { presumed_ = true; }

    [[nodiscard]] bool flows() const noexcept { return room_ != 0; }
    /// The next chunk is to be looked at.
    void halt() noexcept {
        bytes_and_room_ -= room_;
        room_ = 0;
    }
    /// A copy of this one counts from now on, or nothing does.
    void leave() noexcept { room_ = 0; }

    /// A chunk left the wrapper that is neither empty nor the first nor the last announced one; false, and nothing done,
    /// when it is, or when the body doesn't flow.
    [[gnu::always_inline]] bool took_another(std::size_t size) noexcept {
        if (std::uint64_t{size} - 1 >= room_) [[unlikely]] return false;
        room_ -= size;
        ++chunks_;
        return true;
    }
    /// Any chunk left the wrapper. Reads the clock for the first byte and for the last announced one.
    template <class Clock>
    void took(std::size_t size) noexcept {
        if (size == 0) return;
        std::uint64_t const before = bytes(), now = before + size;
        if (before == 0) first_byte_ = Clock::now();
        ++chunks_;
        room_ = started_ && now < length_ ? length_ - 1 - now : 0;
        bytes_and_room_ = now + room_;
        if (now >= length_) reached<Clock>();
    }
    /// The producer said that there is no more.
    template <class Clock>
    void ended() noexcept {
        bool const sized = length_ != unsized;
        settle<Clock>(sized && bytes() < length_   ? Outcome::truncated
                      : sized && bytes() > length_ ? Outcome::overrun
                                                   : Outcome::complete);
    }
    /// Decides the outcome unless that has been done.
    template <class Clock>
    void settle(Outcome outcome) noexcept {
        if (settled_) return;
        settled_ = true;
        outcome_ = outcome;
        end_ = Clock::now();
    }

private:
    friend class HandOver;

    template <class Clock>
    void reached() noexcept {
        if (presumed_ && !(settled_ && outcome_ == Outcome::complete)) return;
        if (bytes() == length_) return settle<Clock>(Outcome::complete);
        if (settled_ && outcome_ != Outcome::complete && outcome_ != Outcome::no_body) return;
        settled_ = false;
        settle<Clock>(Outcome::overrun);
    }

    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_and_room_ - room_; }

    std::uint64_t bytes_and_room_ = 0;  // the bytes that have left, and the room for others
    std::uint64_t room_ = 0;
    std::uint64_t length_;
    std::uint64_t chunks_ = 0;
    std::uint64_t start_;
    std::uint64_t first_byte_ = 0;
    std::uint64_t end_ = 0;
    Outcome outcome_ = Outcome::abandoned;
    bool started_ = false;
    bool settled_ = false;
    bool presumed_ = false;
};

/// Turns a meter into facts, for a ConsumptionHook and nobody else. No template, and without one inside, so that no
/// specialisation of somebody's can take its place; all it does is done by its constructor, to which nothing can point.
class HandOver {
    template <class, class, class, class>
    friend class lastbyte::ConsumptionHook;

    HandOver(Meter const& meter, ClockRate rate) noexcept : facts_(this) {
        facts_.bytes_ = meter.bytes();
        facts_.chunks_ = meter.chunks_;
        facts_.duration_ns_ = rate.ns(meter.end_ - meter.start_);
        facts_.first_byte_ns_ = meter.bytes() == 0 ? facts_.duration_ns_ : rate.ns(meter.first_byte_ - meter.start_);
        facts_.outcome_ = meter.outcome_;
    }

    Consumption facts_;
};

}  // namespace detail
}  // namespace lastbyte
