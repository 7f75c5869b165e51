// Spans: scopes that record how long something took, from where it was served, and what happened.
//
// A span costs two reads of the clock and one store of 64 bytes when it ends; it can't be read. It doesn't keep its trace
// alive (that would cost two more atomic operations), so it can't be moved: hold the Tracer beside it, or take an
// `async_span`, which can be moved and keeps the trace.
#pragma once

#include <cstdint>
#include <cxxabi.h>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/core/open_record.hpp>
#include <lastbyte/core/write_only.hpp>

#if defined(__cpp_exceptions) && defined(_LIBCPP_VERSION)
namespace __cxxabiv1 {
// libc++'s <cxxabi.h> leaves it out.
struct __cxa_eh_globals;
extern "C" __cxa_eh_globals* __cxa_get_globals() noexcept;
}  // namespace __cxxabiv1
#endif

namespace lastbyte {

template <class P, std::uint64_t D, bool Enabled>
class BasicTracer;
template <class P, std::uint64_t D, bool Enabled>
class BasicSpan;
template <class P, std::uint64_t D, bool Enabled>
class BasicAsyncSpan;

/// The handle of one request's trace: see tracer.hpp.
template <Policy P>
using Tracer = BasicTracer<P, detail::digest<P>, P::enabled>;
/// A scope that is being timed; write-only. Not movable: it ends where it was made.
template <Policy P>
using Span = BasicSpan<P, detail::digest<P>, P::enabled>;
/// A span that can be moved and keeps its trace alive, for work that ends in another function or thread than it began in.
template <Policy P>
using AsyncSpan = BasicAsyncSpan<P, detail::digest<P>, P::enabled>;

namespace detail {

/// Refuses what a label and its arguments can't mean; each sentence is the compiler's first line.
template <class P, FixedString Label, bool HasTail>
consteval bool check_use() {
    constexpr bool family = is_family(Label.view());
    static_assert(!family || HasTail,
                  "lastbyte: this label is a family (\"file:*\") and needs its tail: span<\"file:*\">(path).");
    static_assert(family || !HasTail,
                  "lastbyte: this label is plain and takes no tail. Make it a family (span<\"file:*\">(path)), or put the "
                  "text into the span's detail.");
    return check_label<P, Label>() != 0;
}

template <class P, class Given>
consteval bool check_source() {
    static_assert(std::is_same_v<Given, typename P::Tiers::Source>,
                  "lastbyte: this source is not of the policy's Source enum (the first argument of its TierRules). Use one "
                  "of its enumerators, or declare the rule over the enum that you mean.");
    return true;
}

/// A span that would go on being written after it has ended.
template <FixedString Label>
consteval bool refuse_then() {
    static_assert(never_type<spelled<Label>>,
                  "lastbyte: then<\"...\">() ends a span that is still in its variable. Move it: auto parse = "
                  "std::move(read).then<\"parse\">();");
    return true;
}

#if defined(__cpp_exceptions)
/// How many exceptions are passing through this thread, as std::uncaught_exceptions() says, without its two calls per span.
/// Where the number stands is fixed by the Itanium C++ ABI (Exception Handling, 2.2.2), which g++ and clang follow.
inline constinit thread_local char const* exception_globals = nullptr;
[[gnu::noinline, gnu::cold]] inline void find_exception_globals() noexcept {
    exception_globals = reinterpret_cast<char const*>(__cxxabiv1::__cxa_get_globals());
}
[[nodiscard]] inline unsigned passing_exceptions() noexcept {
    if (exception_globals == nullptr) [[unlikely]] find_exception_globals();
    unsigned count = 0;
    __builtin_memcpy(&count, exception_globals + sizeof(void*), sizeof count);
    return count;
}
#endif

/// What a Span and an AsyncSpan have in common, under a policy that is off as well; `Self` gives `trace()` and `open()`.
template <class Self, class P, std::uint64_t D>
class SpanWriting : public WriteOnly<Self> {
    using Child = BasicSpan<P, D, P::enabled>;

public:
    /// After `source()`: the same span, for the rest of the chain, in which no second source can be set.
    class Sourced : public WriteOnly<Sourced> {
    public:
        explicit Sourced(Self& span) noexcept : span_(span) {}
        Sourced detail(std::string_view text) const&& noexcept { return Sourced{span_.detail(text)}; }
        Sourced error(std::string_view what) const&& noexcept { return Sourced{span_.error(what)}; }
        template <FixedString Name, class T>
        Sourced attribute(T const& value) const&& noexcept {
            return Sourced{span_.template attribute<Name>(value)};
        }
        Sourced link(SpanContext const& other) const&& noexcept { return Sourced{span_.link(other)}; }
        template <FixedString Name, FixedString... Keys, class... T>
        Sourced event(T const&... values) const&& noexcept {
            return Sourced{span_.template event<Name, Keys...>(values...)};
        }
        template <class Source>
        auto source(Source) const noexcept {
            static_assert(never_type<Source>,
                          "lastbyte: source() is called twice on one span. A fetch was served from one place; record a "
                          "second fetch as a span of its own.");
        }

    private:
        Self& span_;
    };

    /// Where the fetch was served from. The last call before the end counts.
    template <class Source>
    Sourced source(Source source) noexcept {
        if constexpr (check_source<P, Source>() && P::enabled) self().open().source(self().trace(), source);
        return Sourced{self()};
    }
    /// Free text about what happened, cut to the policy's `max_text_bytes`. The last call counts.
    Self& detail(std::string_view text) noexcept {
        if constexpr (P::enabled) self().open().detail(self().trace(), text);
        return self();
    }
    /// What was written can't be asked back: what a span says is in the Reading.
    template <class S = Self>
    auto source() const {
        static_assert(never_type<S>,
                      "lastbyte: source() was read from a Span, which is only written. Write span.source(Source::...); read "
                      "it from the spans() of the Reading.");
    }
    template <class S = Self>
    auto detail() const {
        static_assert(never_type<S>,
                      "lastbyte: detail() was read from a Span, which is only written. Write span.detail(text); read it "
                      "from the spans() of the Reading.");
    }
    /// Marks the span as failed, with the detail "error: what".
    Self& error(std::string_view what) noexcept {
        if constexpr (P::enabled) self().open().fail(self().trace(), what);
        return self();
    }
    /// A typed fact: a bool, an integer, a floating-point number or short text.
    template <FixedString Name, class T>
    Self& attribute(T const& value) noexcept {
        static_assert(kind_of<T>() <= AttributeKind::text);
        if constexpr (P::enabled) self().open().template attribute<Name>(self().trace(), value);
        return self();
    }
    /// Another span that this one comes from, in this trace or any other: the message that is worked off, the request that
    /// was tried before. The parent stays who it is.
    Self& link(SpanContext const& other) noexcept {
        if constexpr (P::enabled) self().open().link(self().trace(), other);
        return self();
    }
    /// Something that happens now, with what there is to tell of it: `event<"retry">()`, `event<"retry", "attempt">(2)`.
    template <FixedString Name, FixedString... Keys, class... T>
    Self& event(T const&... values) noexcept {
        static_assert(check_event<Name, sizeof...(Keys), sizeof...(T)>() && ((kind_of<T>() <= AttributeKind::text) && ...));
        if constexpr (P::enabled) self().open().template event<Name, Keys...>(self().trace(), values...);
        return self();
    }
    /// A span inside this one, on this thread or another.
    template <FixedString Label>
    Child child() noexcept {
        static_assert(check_use<P, Label, false>());
        return begin<Label>({});
    }
    template <FixedString Label>
    Child child(std::string_view tail) noexcept {
        static_assert(check_use<P, Label, true>());
        return begin<Label>(tail);
    }
    /// The trace's handle for work inside this span: give it to a function or thread, and its spans have this one as parent.
    [[nodiscard]] BasicTracer<P, D, P::enabled> tracer() noexcept;

private:
    [[nodiscard]] Self& self() noexcept { return static_cast<Self&>(*this); }
    template <FixedString Label>
    Child begin([[maybe_unused]] std::string_view tail) noexcept {
        if constexpr (P::enabled)
            return {typename Child::template Begin<Label>{}, self().trace(), tail, self().open().record.id};
        else
            return {};
    }
};

}  // namespace detail

template <class P, std::uint64_t D, bool Enabled>
class [[nodiscard("lastbyte: a Span ends where its variable does: auto span = tracer.span<\"index\">();")]] BasicSpan
    : public detail::SpanWriting<BasicSpan<P, D, Enabled>, P, D> {
public:
    template <FixedString>
    struct Begin {};

#if defined(__clang__)
    [[clang::unavailable("lastbyte: a Span ends where it was made, so it can't be copied or moved. Take one that can be "
                         "moved: auto span = tracer.async_span<\"index\">();")]]
    BasicSpan(BasicSpan const&);
#else
    BasicSpan(BasicSpan const&, detail::says::a_Span_ends_where_it_was_made_so_take_an_async_span_to_move_it = {}) = delete;
#endif
    BasicSpan& operator=(BasicSpan const&) = delete;

    /// Records the span; when an exception is passing through, as failed.
    [[gnu::always_inline]] ~BasicSpan() {
        if constexpr (!detail::may_leave_out<P>)
            finish();
        else if (!trace_->leave_out(open_.record)) [[unlikely]]
            finish_out_of_line();
    }

private:
    friend class BasicTracer<P, D, Enabled>;
    friend class detail::SpanWriting<BasicSpan, P, D>;
    friend class detail::SpanWriting<BasicAsyncSpan<P, D, Enabled>, P, D>;

    template <FixedString Label>
    BasicSpan(Begin<Label>, detail::Trace<P, D>& trace, std::string_view tail, std::uint64_t const& parent) noexcept
        : trace_(&trace) {
        if (trace.unsampled()) [[likely]] {
            open_.template begin_left_out<Label>(tail);
            return;
        }
#if defined(__cpp_exceptions)
        exceptions_ = detail::passing_exceptions();
#endif
        open_.template begin<Label>(trace, tail, parent);
    }
    [[nodiscard]] detail::Trace<P, D>& trace() noexcept { return *trace_; }
    [[nodiscard]] detail::OpenRecord<P, D>& open() noexcept { return open_; }
    [[gnu::noinline]] void finish_out_of_line() noexcept { finish(); }
    void finish() noexcept {
#if defined(__cpp_exceptions)
        if (detail::passing_exceptions() > exceptions_ && !open_.record.failed) [[unlikely]]
            open_.fail(*trace_, "exception");
#endif
        open_.end(*trace_);
    }

    detail::Trace<P, D>* trace_;
    unsigned exceptions_;  // passing when it began; unset and not read in an unsampled trace
    detail::OpenRecord<P, D> open_;
};

template <class P, std::uint64_t D, bool Enabled>
class [[nodiscard("lastbyte: an async_span ends with its variable: "
                  "auto span = tracer.async_span<\"index\">();")]] BasicAsyncSpan
    : public detail::SpanWriting<BasicAsyncSpan<P, D, Enabled>, P, D> {
public:
    BasicAsyncSpan(BasicAsyncSpan&& other) noexcept
        : trace_(std::move(other.trace_)), running_(std::exchange(other.running_, false)), open_(other.open_) {}
    BasicAsyncSpan& operator=(BasicAsyncSpan&& other) noexcept {
        if (this == &other) return *this;
        end();
        trace_ = std::move(other.trace_);
        running_ = std::exchange(other.running_, false);
        open_ = other.open_;
        return *this;
    }
    ~BasicAsyncSpan() { end(); }

    /// Records the span now. Later calls do nothing, and neither does the destructor.
    void end() noexcept {
        if (std::exchange(running_, false)) open_.end(*trace_.get());
    }

    /// Ends this span and begins the next one where it ends, with the same parent: `auto parse =
    /// std::move(read).then<"parse">();`. One read of the clock for both, and no atomic operation beside recording.
    template <FixedString Label>
    BasicAsyncSpan then() && noexcept {
        static_assert(detail::check_use<P, Label, false>());
        return hand_on<Label>({});
    }
    template <FixedString Label>
    BasicAsyncSpan then(std::string_view tail) && noexcept {
        static_assert(detail::check_use<P, Label, true>());
        return hand_on<Label>(tail);
    }
    template <FixedString Label, class... Tail>
    void then(Tail const&...) & noexcept {
        static_assert(detail::refuse_then<Label>());
    }

private:
    friend class BasicTracer<P, D, Enabled>;
    friend class detail::SpanWriting<BasicAsyncSpan, P, D>;

    template <FixedString Label, class... Tick>
    BasicAsyncSpan(typename BasicSpan<P, D, Enabled>::template Begin<Label>, detail::TraceRef<P, D> trace,
                   std::string_view tail, std::uint64_t const& parent, Tick... at) noexcept
        : trace_(std::move(trace)) {
        open_.template begin<Label>(*trace_.get(), tail, parent, at...);
    }
    template <FixedString Label>
    BasicAsyncSpan hand_on(std::string_view tail) noexcept {
        auto& trace = *trace_.get();
        std::uint64_t const now = trace.unsampled() ? 0 : P::Clock::now();
        if (std::exchange(running_, false) && !trace.leave_out(open_.record)) open_.end_at(trace, now);
        using Begin = typename BasicSpan<P, D, Enabled>::template Begin<Label>;
        return {Begin{}, std::move(trace_), tail, open_.record.parent, now};
    }
    [[nodiscard]] detail::Trace<P, D>& trace() noexcept { return *trace_.get(); }
    [[nodiscard]] detail::OpenRecord<P, D>& open() noexcept { return open_; }

    detail::TraceRef<P, D> trace_;
    bool running_ = true;
    detail::OpenRecord<P, D> open_;
};

/// A span of a policy that is off: the same members, no state, no instruction. Its destructor is trivial, because one that
/// is empty would still leave a clean-up where exceptions pass; `gnu::unused` takes the warning that follows from that.
template <class P, std::uint64_t D>
class [[nodiscard("lastbyte: a Span ends where its variable does: auto span = tracer.span<\"index\">();"), gnu::unused]]
BasicSpan<P, D, false> : public detail::SpanWriting<BasicSpan<P, D, false>, P, D> {
public:
#if defined(__clang__)
    [[clang::unavailable("lastbyte: a Span ends where it was made, so it can't be copied or moved. Take one that can be "
                         "moved: auto span = tracer.async_span<\"index\">();")]]
    BasicSpan(BasicSpan const&);
#else
    BasicSpan(BasicSpan const&, detail::says::a_Span_ends_where_it_was_made_so_take_an_async_span_to_move_it = {}) = delete;
#endif
    BasicSpan& operator=(BasicSpan const&) = delete;

private:
    friend class BasicTracer<P, D, false>;
    friend class detail::SpanWriting<BasicSpan, P, D>;
    friend class detail::SpanWriting<BasicAsyncSpan<P, D, false>, P, D>;
    BasicSpan() noexcept = default;
};

template <class P, std::uint64_t D>
class [[nodiscard("lastbyte: an async_span ends with its variable: "
                  "auto span = tracer.async_span<\"index\">();"), gnu::unused]]
BasicAsyncSpan<P, D, false> : public detail::SpanWriting<BasicAsyncSpan<P, D, false>, P, D> {
public:
    BasicAsyncSpan(BasicAsyncSpan&&) noexcept = default;
    BasicAsyncSpan& operator=(BasicAsyncSpan&&) noexcept = default;
    void end() noexcept {}
    template <FixedString Label>
    BasicAsyncSpan then() && noexcept {
        static_assert(detail::check_use<P, Label, false>());
        return {};
    }
    template <FixedString Label>
    BasicAsyncSpan then(std::string_view) && noexcept {
        static_assert(detail::check_use<P, Label, true>());
        return {};
    }
    template <FixedString Label, class... Tail>
    void then(Tail const&...) & noexcept {
        static_assert(detail::refuse_then<Label>());
    }

private:
    friend class BasicTracer<P, D, false>;
    BasicAsyncSpan() noexcept = default;
};

}  // namespace lastbyte
