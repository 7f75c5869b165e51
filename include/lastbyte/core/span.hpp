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

#include <lastbyte/core/store.hpp>
#include <lastbyte/core/write_only.hpp>

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

/// What stands behind a span while it runs: the record that it becomes, and its attributes.
template <class P, std::uint64_t D>
struct OpenRecord {
    using Block = Trace<P, D>;
    Record record;
    StoredAttribute attributes[P::max_attributes == 0 ? 1 : P::max_attributes];

    // The attributes stay unset until they are added.
    OpenRecord() noexcept : record() { record.source = no_source; }
    OpenRecord(OpenRecord const& other) noexcept { *this = other; }
    OpenRecord& operator=(OpenRecord const& other) noexcept {
        record = other.record;
        __builtin_memcpy(attributes, other.attributes, record.attribute_count * sizeof(StoredAttribute));
        return *this;
    }

    template <FixedString Label>
    void begin(Block& trace, std::string_view tail, std::uint64_t parent) noexcept {
        record.label = &label_info<P, D, Label>;
        record.lines = label_info<P, D, Label>.always;
        if constexpr (is_family(Label.view())) {
            if constexpr (label_info<P, D, Label>.by_tail != 0)
                record.lines = lines_for_tail<typename P::Tiers>(label_info<P, D, Label>, tail);
            trace.keep(tail, record.tail);
        }
        record.id = P::Ids::next_span();
        record.parent = parent;
        record.start = P::Clock::now();
    }

    template <class Source>
    void source(Block& trace, Source source) noexcept {
        auto const value = static_cast<std::uint64_t>(source);
        if (is_named(source))
            record.source = static_cast<std::uint8_t>(value);
        else if (trace.is_open())
            trace.sources_unknown.add_relaxed(1);
    }

    template <FixedString Name, class T>
    void attribute(Block& trace, T const& value) noexcept {
        constexpr auto kind = kind_of<T>();
        if (record.attribute_count >= P::max_attributes) [[unlikely]]
            return drop_attribute(trace);
        auto& stored = attributes[record.attribute_count];
        stored.key = &attribute_key<Name, kind>;
        if constexpr (kind == AttributeKind::text) {
            TextAt where{};
            if (!trace.keep(text_of(value), where)) [[unlikely]] return;  // better no attribute than an empty one
            stored.value = std::uint64_t{where.word} << 16 | where.size;
        } else if constexpr (kind == AttributeKind::floating) {
            stored.value = __builtin_bit_cast(std::uint64_t, static_cast<double>(value));
        } else {
            stored.value = static_cast<std::uint64_t>(value);
        }
        ++record.attribute_count;
    }

    [[gnu::noinline, gnu::cold]] static void drop_attribute(Block& trace) noexcept {
        if (trace.is_open()) trace.attributes_dropped.add_relaxed(1);  // a late span is counted whole
    }

    [[gnu::noinline, gnu::cold]] void fail(Block& trace, std::string_view what) noexcept {
        trace.keep(what, record.detail, "error: ");
        record.failed = true;
    }

    void end(Block& trace) noexcept {
        record.end = P::Clock::now();
        trace.commit(record, attributes);
    }
};

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
        if constexpr (P::enabled) self().trace().keep(text, self().open().record.detail);
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
    ~BasicSpan() {
#if defined(__cpp_exceptions)
        if (detail::passing_exceptions() > exceptions_ && !open_.record.failed) [[unlikely]]
            open_.fail(*trace_, "exception");
#endif
        open_.end(*trace_);
    }

private:
    friend class BasicTracer<P, D, Enabled>;
    friend class detail::SpanWriting<BasicSpan, P, D>;
    friend class detail::SpanWriting<BasicAsyncSpan<P, D, Enabled>, P, D>;

    template <FixedString Label>
    BasicSpan(Begin<Label>, detail::Trace<P, D>& trace, std::string_view tail, std::uint64_t parent) noexcept
        : trace_(&trace) {
#if defined(__cpp_exceptions)
        exceptions_ = detail::passing_exceptions();
#endif
        open_.template begin<Label>(trace, tail, parent);
    }
    [[nodiscard]] detail::Trace<P, D>& trace() noexcept { return *trace_; }
    [[nodiscard]] detail::OpenRecord<P, D>& open() noexcept { return open_; }

    detail::Trace<P, D>* trace_;
    unsigned exceptions_ = 0;
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

private:
    friend class BasicTracer<P, D, Enabled>;
    friend class detail::SpanWriting<BasicAsyncSpan, P, D>;

    template <FixedString Label>
    BasicAsyncSpan(typename BasicSpan<P, D, Enabled>::template Begin<Label>, detail::TraceRef<P, D> trace,
                   std::string_view tail, std::uint64_t parent) noexcept
        : trace_(std::move(trace)) {
        open_.template begin<Label>(*trace_.get(), tail, parent);
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

private:
    friend class BasicTracer<P, D, false>;
    BasicAsyncSpan() noexcept = default;
};

}  // namespace lastbyte
