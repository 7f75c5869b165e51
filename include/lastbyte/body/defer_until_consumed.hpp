// defer_until_consumed(stream, fn): the stream again, and `fn` exactly once when it has been consumed.
//
// A handler returns when the head of its response exists. Whatever it reads then, it reads too early. This is the one place
// where a request's facts come out: after the last byte, or when it is certain that there will be none. The stream that
// comes back has the interface of the one that went in.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include <lastbyte/body/shape.hpp>
#include <lastbyte/core/tracer.hpp>

namespace lastbyte {

namespace detail {
struct Binding;
}

/// A stream bound to its trace: made by `tracer.body(stream)`, for `defer_until_consumed` alone.
template <class P, std::uint64_t D, class Stream, class Cancel>
class [[nodiscard("lastbyte: this is no body yet; give it to defer_until_consumed(tracer.body(stream), fn).")]] BasicBody
    : public detail::WriteOnly<BasicBody<P, D, Stream, Cancel>> {
public:
    BasicBody(BasicBody&&) = default;
#if defined(__clang__)
    [[clang::unavailable("lastbyte: a body has one callback, so it can't be copied. Move it: "
                         "defer_until_consumed(std::move(body), fn).")]]
    BasicBody(BasicBody const&);
#else
    BasicBody(BasicBody const&, detail::says::a_body_has_one_callback_so_move_it_into_defer_until_consumed = {}) = delete;
#endif

private:
    friend struct detail::Binding;
    BasicBody(detail::TraceRef<P, D> trace, detail::Held<Stream> stream, detail::Limits limits, Cancel cancel)
        : trace_(std::move(trace)), stream_(std::move(stream)), limits_(limits), cancel_(std::move(cancel)) {}

    detail::TraceRef<P, D> trace_;
    detail::Held<Stream> stream_;
    detail::Limits limits_;
    Cancel cancel_;
};

/// The same under a policy that is off: the stream itself.
template <class P, class Stream>
class [[nodiscard("lastbyte: this is no body yet; give it to defer_until_consumed(tracer.body(stream), fn).")]] OffBody
    : public detail::WriteOnly<OffBody<P, Stream>> {
public:
    explicit OffBody(Stream given) : stream(std::move(given)) {}
    Stream stream;
};

namespace detail {

template <class T>
inline constexpr bool is_deferred = requires { typename T::deferred_body; };
template <class T>
inline constexpr bool is_bound = false;
template <class P, std::uint64_t D, class Stream, class Cancel>
inline constexpr bool is_bound<BasicBody<P, D, Stream, Cancel>> = true;
template <class P, class Stream>
inline constexpr bool is_bound<OffBody<P, Stream>> = true;

template <class Stream>
struct Unwrapped {
    using type = Stream;
};
template <class Stream>
struct Unwrapped<StreamRef<Stream>> {
    using type = Stream;
};

template <class Stream, class... Options>
consteval bool check_stream() {
    static_assert(!std::is_lvalue_reference_v<Stream>,
                  "lastbyte: this stream is an lvalue, and the wrapper must own what it watches. Move it in: "
                  "defer_until_consumed(std::move(stream), fn); or say defer_ref(stream), when somebody else owns it.");
    using Given = typename Unwrapped<std::remove_cvref_t<Stream>>::type;
    static_assert(!is_deferred<Given> && !is_bound<Given>,
                  "lastbyte: this body is wrapped already. A request has one body with one callback; do all that is "
                  "to be done in it.");
    static_assert((is_option<Options> && ...),
                  "lastbyte: an option of a body is content_length(bytes), no_body or cancelled_by(token).");
    return true;
}

template <class Subject, class Stream, class Fn, class Cancel>
auto wrap(Subject subject, Held<Stream> stream, Fn&& fn, Limits limits, Cancel cancel) {
    using Callback = std::decay_t<Fn>;
    static_assert(check_callback<Callback, typename Subject::Facts>());
    using Hook = ConsumptionHook<Subject, Callback, Cancel, says::copies_only_after_shared>;
    using Body = typename body_shape<typename Unwrapped<Stream>::type>::template type<Stream, Hook>;
    Hook hook{std::move(subject), std::forward<Fn>(fn), limits, std::move(cancel)};
    if (!stream.held()) [[unlikely]] hook.drop();  // a body that was moved from: there is nothing to consume
    return Body{std::move(hook), std::move(stream)};
}

/// Joins a trace and a stream, and takes them apart again.
struct Binding {
    template <class P, std::uint64_t D, class Stream, class... Options>
    static auto bind(TraceRef<P, D> trace, Stream&& stream, Options... options) {
        using Value = std::decay_t<Stream>;
        auto cancel = detail::pick_cancel(options...);
        return BasicBody<P, D, Value, decltype(cancel)>{std::move(trace), Held<Value>{std::forward<Stream>(stream)},
                                                        detail::limits_of(options...), std::move(cancel)};
    }
    template <class P, std::uint64_t D, class Stream, class Cancel, class Fn>
    static auto defer(BasicBody<P, D, Stream, Cancel>& body, Fn&& fn) {
        // Qualified, as everything that is given a trace: a namesake in the policy's or the stream's namespace must not
        // get it.
        return detail::wrap(TracedSubject<P, D>{std::move(body.trace_)}, std::move(body.stream_), std::forward<Fn>(fn),
                            body.limits_, std::move(body.cancel_));
    }
};

/// Binds a stream to a trace. A trace has one body: a second one is refused, counted, and reads as an empty trace.
template <class P, std::uint64_t D, class Stream, class... Options>
auto bind_body(TraceRef<P, D> const& trace, Stream&& stream, Options... options) {
    static_assert(check_stream<Stream, Options...>());
    bool const first = trace->unstored() || trace->phase.replace_acq_rel(Phase::unbound, Phase::bound);
    if (!first) Store<P, D>::ledger.count(Count::body_refused);
    return Binding::bind(first ? trace : TraceRef<P, D>{&Store<P, D>::closed}, std::forward<Stream>(stream), options...);
}

}  // namespace detail

template <class P, std::uint64_t D, class Stream, class... Options>
auto pass_body(BasicTracer<P, D, false> const&, Stream&& stream, Options...) {
    static_assert(detail::check_stream<Stream, Options...>());
    return OffBody<P, std::decay_t<Stream>>{std::forward<Stream>(stream)};
}

/// With a tracer: `defer_until_consumed(tracer.body(std::move(stream)), [](lastbyte::Reading<Policy> const& done) { … })`.
///
/// Returns a body with the stream's interface, move-only. `fn` runs exactly once: when the producer says that there is no
/// more, at the call after the last announced byte, when the producer fails, or when the body is dropped; on the thread
/// where that happens. What `fn` throws is swallowed and counted. No allocation, no lock.
template <class P, std::uint64_t D, class Stream, class Cancel, class Fn>
[[nodiscard("lastbyte: the body that comes back must be given to the server; dropped here, it is abandoned at once.")]]
auto defer_until_consumed(BasicBody<P, D, Stream, Cancel>&& body, Fn&& fn) {
    return detail::Binding::defer(body, std::forward<Fn>(fn));
}

/// A body that is still in its variable.
template <class Body, class Fn>
    requires(std::is_lvalue_reference_v<Body> && detail::is_bound<std::remove_cvref_t<Body>>)
auto defer_until_consumed(Body&&, Fn&&) {
    static_assert(detail::never_type<Body>,
                  "lastbyte: this body is an lvalue; a body has one callback, which takes it over. Move it in: "
                  "defer_until_consumed(std::move(body), fn).");
}

/// Under a policy that is off, the stream comes back as it was, and `fn` is never called.
template <class P, class Stream, class Fn>
[[nodiscard("lastbyte: the body that comes back must be given to the server; dropped here, it is abandoned at once.")]]
Stream defer_until_consumed(OffBody<P, Stream>&& body, Fn&&) {
    static_assert(detail::check_callback<std::decay_t<Fn>, Reading<P>>());
    return std::move(body.stream);
}

/// Without a tracer: `defer_until_consumed(std::move(stream), [](lastbyte::Consumption const& done) { … }, options…)`.
template <class Stream, class Fn, class... Options>
    requires(!detail::is_bound<std::remove_cvref_t<Stream>>)
[[nodiscard("lastbyte: the body that comes back must be given to the server; dropped here, it is abandoned at once.")]]
auto defer_until_consumed(Stream&& stream, Fn&& fn, Options... options) {
    static_assert(detail::check_stream<Stream, Options...>());
    using Value = std::decay_t<Stream>;
    return detail::wrap(detail::UntracedSubject{}, detail::Held<Value>{std::forward<Stream>(stream)}, std::forward<Fn>(fn),
                        detail::limits_of(options...), detail::pick_cancel(options...));
}

}  // namespace lastbyte
