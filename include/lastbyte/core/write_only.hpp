// The reads that a Tracer, a Span and an unconsumed body don't have, each with the sentence that says where to read.
//
// Whoever traces a request reaches for the answer where the handler ends, which is too early: the body has not run. Without
// these, the compiler would say "no member named 'tier'", and somebody would add one. Empty, and nothing at run time.
#pragma once

#include <lastbyte/core/label.hpp>

namespace lastbyte::detail {

namespace says {

/// Sentences for g++, which names the parameters of a deleted function in its first line; clang gets them as attributes.
/// Either way `std::is_copy_constructible` and its like tell the truth, which a static_assert in the function's body would
/// not.
struct only_a_body_that_is_over_makes_one_so_take_it_as_the_parameter_of_fn {};
struct only_tracer_seal_makes_one_so_take_it_as_the_parameter_of_fn {};
struct it_is_gone_when_fn_returns_so_copy_its_values_instead {};
struct a_body_has_one_callback_so_move_it_into_defer_until_consumed {};
struct a_Span_ends_where_it_was_made_so_take_an_async_span_to_move_it {};
/// A part of every deferred body's name, which both compilers say when one is copied.
struct copies_only_after_shared;

}  // namespace says

/// What a Reading, a Consumption and a Sealed inherit: they are gone when the callback returns, so nothing may point to them
/// or keep them. `std::addressof` and a captured reference can't be stopped.
template <class Facts>
struct CallbackOnly {
    template <class F = Facts>
    auto operator&() const {
        static_assert(never_type<F>,
                      "lastbyte: the address of a Reading, a Consumption or a Sealed was taken. It is gone when fn returns; "
                      "copy the values that you need: auto bytes = done.bytes();");
    }
    /// std::optional, std::any and their like, which would otherwise be refused in the standard library's words.
#if defined(__clang__)
    template <class Keeper>
        requires requires(Keeper& keeper) { keeper.has_value(), keeper.reset(); }
    [[clang::unavailable("lastbyte: a Reading, a Consumption or a Sealed is gone when fn returns, so it can't be copied, "
                         "kept or returned. Copy the values that you need: auto bytes = done.bytes();")]]
    operator Keeper() const;
#else
    template <class Keeper, class = says::it_is_gone_when_fn_returns_so_copy_its_values_instead>
        requires requires(Keeper& keeper) { keeper.has_value(), keeper.reset(); }
    operator Keeper() const = delete;
#endif
};

/// What `Handle` inherits to refuse reads.
template <class Handle>
struct WriteOnly {
    template <FixedString Name, class H = Handle>
    auto tier() const {
        static_assert(never_type<H>,
                      "lastbyte: tier<\"...\">() was read from a Tracer, a Span or a body, before the body is consumed. "
                      "The tool's closure has not run yet, so the answer would be \"none\". Read it from the Reading "
                      "that defer_until_consumed(body, fn) hands to fn; for a debug line use tracer.snapshot().");
    }
    template <class H = Handle, class... Name>
    auto tier(Name const&...) const {
        static_assert(never_type<H>,
                      "lastbyte: tier() was read from a Tracer, a Span or a body, before the body is consumed. The "
                      "tool's closure has not run yet, so the answer would be \"none\". Read it from the Reading that "
                      "defer_until_consumed(body, fn) hands to fn: done.tier<\"...\">(); for a debug line use "
                      "tracer.snapshot().");
    }
    template <class H = Handle>
    auto tally() const {
        static_assert(never_type<H>,
                      "lastbyte: tally() was read from a Tracer, a Span or a body, before the body is consumed, so "
                      "nothing may be counted yet. Read it from the Reading that defer_until_consumed(body, fn) hands "
                      "to fn.");
    }
    template <class H = Handle>
    auto hits() const {
        static_assert(never_type<H>,
                      "lastbyte: hits() was read from a Tracer, a Span or a body, before the body is consumed, so "
                      "nothing may be counted yet. Read done.tally().hits() in the fn of defer_until_consumed(body, fn).");
    }
    template <class H = Handle>
    auto misses() const {
        static_assert(never_type<H>,
                      "lastbyte: misses() was read from a Tracer, a Span or a body, before the body is consumed, so "
                      "nothing may be counted yet. Read done.tally().misses() in the fn of defer_until_consumed(body, "
                      "fn).");
    }
    template <class H = Handle>
    auto lookups() const {
        static_assert(never_type<H>,
                      "lastbyte: lookups() was read from a Tracer, a Span or a body, before the body is consumed, so "
                      "nothing may be counted yet. Read done.tally().lookups() in the fn of defer_until_consumed(body, "
                      "fn).");
    }
    template <class H = Handle>
    auto spans() const {
        static_assert(never_type<H>,
                      "lastbyte: spans() was read from a Tracer, a Span or a body, before the body is consumed, so the "
                      "list would be short. Read it from the Reading that defer_until_consumed(body, fn) hands to fn; "
                      "for a debug line use tracer.snapshot().");
    }
    template <class H = Handle>
    auto duration_ns() const {
        static_assert(never_type<H>,
                      "lastbyte: duration_ns() was read from a Tracer, a Span or a body, before the body is consumed, "
                      "so it would be the handler's time and not the request's. Read it from the Reading that "
                      "defer_until_consumed(body, fn) hands to fn.");
    }
    template <class H = Handle>
    auto duration_ms() const {
        static_assert(never_type<H>,
                      "lastbyte: duration_ms() was read from a Tracer, a Span or a body, before the body is consumed, "
                      "so it would be the handler's time and not the request's. Read it from the Reading that "
                      "defer_until_consumed(body, fn) hands to fn.");
    }
    template <class H = Handle>
    auto elapsed_ns() const {
        static_assert(never_type<H>,
                      "lastbyte: elapsed_ns() was read from a Tracer, a Span or a body. Read duration_ns() from the "
                      "Reading that defer_until_consumed(body, fn) hands to fn; for a debug line use "
                      "tracer.snapshot().elapsed_ns().");
    }
    template <class H = Handle>
    auto time_to_first_byte_ns() const {
        static_assert(never_type<H>,
                      "lastbyte: time_to_first_byte_ns() was read from a Tracer, a Span or a body, before the body is "
                      "consumed; the first byte may not have left. Read it from the Reading that "
                      "defer_until_consumed(body, fn) hands to fn.");
    }
    template <class H = Handle>
    auto time_to_first_byte_ms() const {
        static_assert(never_type<H>,
                      "lastbyte: time_to_first_byte_ms() was read from a Tracer, a Span or a body, before the body is "
                      "consumed; the first byte may not have left. Read it from the Reading that "
                      "defer_until_consumed(body, fn) hands to fn.");
    }
    template <class H = Handle>
    auto bytes() const {
        static_assert(never_type<H>,
                      "lastbyte: bytes() was read from a Tracer, a Span or a body, before the body is consumed, so it "
                      "would be 0. Read it from the Reading that defer_until_consumed(body, fn) hands to fn.");
    }
    template <class H = Handle>
    auto chunks() const {
        static_assert(never_type<H>,
                      "lastbyte: chunks() was read from a Tracer, a Span or a body, before the body is consumed, so it "
                      "would be 0. Read it from the Reading that defer_until_consumed(body, fn) hands to fn.");
    }
    template <class H = Handle>
    auto late() const {
        static_assert(never_type<H>,
                      "lastbyte: late() was read from a Tracer, a Span or a body, before the body is consumed; nothing "
                      "can be late yet. Read it from the Reading that defer_until_consumed(body, fn) hands to fn.");
    }
    template <class H = Handle>
    auto over_bound() const {
        static_assert(never_type<H>,
                      "lastbyte: over_bound() was read from a Tracer, a Span or a body, before the body is consumed, so "
                      "it may be short. Read it from the Reading that defer_until_consumed(body, fn) hands to fn.");
    }
    template <class H = Handle>
    auto outcome() const {
        static_assert(never_type<H>,
                      "lastbyte: outcome() was read from a Tracer, a Span or a body, before the body is consumed; how "
                      "it ends is not known yet. Read it from the Reading that defer_until_consumed(body, fn) hands to "
                      "fn.");
    }
    template <class H = Handle>
    auto reading() const {
        static_assert(never_type<H>,
                      "lastbyte: reading() was asked of a Tracer, a Span or a body. There is no Reading before the body "
                      "is consumed; defer_until_consumed(body, fn) hands it to fn, once.");
    }
    template <class Out, class H = Handle>
    auto write_json(Out&) const {
        static_assert(never_type<H>,
                      "lastbyte: write_json() was called on a Tracer, a Span or a body, before the body is consumed, so "
                      "the trace would be short. Use the Reading that defer_until_consumed(body, fn) hands to fn; for a "
                      "debug envelope use tracer.snapshot().write_json(out), which says that it is provisional.");
    }
    template <class Out, class H = Handle>
    auto write_header(Out&) const {
        static_assert(never_type<H>,
                      "lastbyte: write_header() was called on a Tracer, a Span or a body, before the body is consumed, "
                      "so the trace would be short. Use the Reading that defer_until_consumed(body, fn) hands to fn; "
                      "for a debug header use tracer.snapshot().write_header(out).");
    }
};

}  // namespace lastbyte::detail
