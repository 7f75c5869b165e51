// An open record: what a span writes into until it ends.
//
// It lies in the span and not in the trace, so that a span which is never ended takes no room there, and so that threads
// share nothing while they write. In a trace that is not sampled only the source is kept. Costs are those of span.hpp.
#pragma once

#include <cstdint>
#include <string_view>

#include <lastbyte/core/store.hpp>

namespace lastbyte::detail {

/// What stands behind a span while it runs: the record that it becomes, and its attributes and notes.
template <class P, std::uint64_t D>
struct OpenRecord {
    using Block = Trace<P, D>;
    Record record;
    StoredAttribute attributes[P::max_attributes == 0 ? 1 : P::max_attributes];

    OpenRecord() noexcept {}  // begin() sets what is read; attributes stay unset until they are added
    OpenRecord(OpenRecord const& other) noexcept { *this = other; }
    OpenRecord& operator=(OpenRecord const& other) noexcept {
        record = other.record;
        __builtin_memcpy(attributes, other.attributes, record.attribute_count * sizeof(StoredAttribute));
        return *this;
    }

    /// `parent` is read in a sampled trace only: an unsampled span has no id. `at` is the tick, where it is known already.
    template <FixedString Label, class... Tick>
    void begin(Block& trace, std::string_view tail, std::uint64_t const& parent, Tick... at) noexcept {
        if (trace.unsampled()) return begin_left_out<Label>(tail);
        record = Record{};
        record.source = no_source;
        record.label = &label_info<P, D, Label>;
        record.lines = lines_of<Label>(tail);
        if constexpr (is_family(Label.view())) record.tail = trace.keep(tail);
        record.id = P::Ids::next_span();
        record.parent = parent;
        if constexpr (sizeof...(at) == 0)
            record.start = P::Clock::now();
        else
            record.start = (at, ...);
    }

    /// Of an unsampled trace: what its source can answer, and none yet. Nothing else is set, or read.
    template <FixedString Label>
    [[gnu::always_inline]] void begin_left_out(std::string_view tail) noexcept {
        record.lines = lines_of<Label>(tail);
        record.attributes_word = 0;
        record.source = no_source;
        record.attribute_count = 0;
        record.failed = record.timed_elsewhere = false;
    }
    template <FixedString Label>
    [[gnu::always_inline]] static std::uint32_t lines_of([[maybe_unused]] std::string_view tail) noexcept {
        if constexpr (label_info<P, D, Label>.by_tail != 0)
            return lines_for_tail<typename P::Tiers>(label_info<P, D, Label>, tail);
        else
            return label_info<P, D, Label>.always;
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
        if (trace.unsampled()) return;
        if (record.attribute_count >= P::max_attributes) [[unlikely]]
            return drop_attribute(trace);
        if (!put<Name>(trace, attributes[record.attribute_count], value)) [[unlikely]] return;
        ++record.attribute_count;
    }

    [[gnu::noinline, gnu::cold]] static void drop_attribute(Block& trace) noexcept {
        if (trace.is_open()) trace.drop(Note::none);  // a late span is counted whole
    }

    void link(Block& trace, SpanContext const& to) noexcept {
        if (trace.unsampled()) return;
        StoredLink const stored{to.trace_id.high, to.trace_id.low, to.span_id.value, to.flags};
        note(trace, link_key, to.valid() ? sizeof stored : 0, &stored);
    }

    template <FixedString Name, FixedString... Keys, class... T>
    void event(Block& trace, T const&... values) noexcept {
        if (trace.unsampled()) return;
        StoredEvent<sizeof...(T)> stored;
        stored.tick = P::Clock::now();
        [[maybe_unused]] std::size_t count = 0;
        ((count += put<Keys>(trace, stored.attributes[count], values) ? 1 : 0), ...);
        note(trace, event_key<Name>, event_head_bytes + count * sizeof(StoredAttribute), &stored);
    }

    void detail(Block& trace, std::string_view text) noexcept {
        if (!trace.unsampled()) record.detail = trace.keep(text);
    }
    void fail(Block& trace, std::string_view what) noexcept {
        if (trace.unsampled()) return;
        record.detail = keep_error(trace, what);
        record.failed = true;
    }
    [[gnu::noinline, gnu::cold]] static TextAt keep_error(Block& trace, std::string_view what) noexcept {
        return trace.keep(what, "error: ");
    }

    /// Stores an attribute. False when there was no room for its text: better none than an empty one.
    template <FixedString Name, class T>
    [[gnu::always_inline]] static bool put(Block& trace, StoredAttribute& stored, T const& value) noexcept {
        constexpr auto kind = kind_of<T>();
        stored.key = &attribute_key<Name, kind>;
        if constexpr (kind == AttributeKind::text) {
            std::string_view const text = text_of(value);
            TextAt const where = trace.keep(text);
            if (where.size == 0 && !text.empty()) [[unlikely]] return false;
            stored.value = std::uint64_t{where.word} << 16 | where.size;
        } else if constexpr (kind == AttributeKind::floating) {
            stored.value = __builtin_bit_cast(std::uint64_t, static_cast<double>(value));
        } else {
            stored.value = static_cast<std::uint64_t>(value);
        }
        return true;
    }

    /// Puts a note in front of what is there, so that attributes stay together. One of no bytes is only counted.
    [[gnu::noinline]] void note(Block& trace, AttributeKey const& key, std::size_t bytes, void const* words) noexcept {
        if (bytes == 0 || record.attribute_count >= P::max_attributes) {
            if (trace.is_open()) trace.drop(key.note);
            return;
        }
        StoredAttribute stored{&key, 0};
        if (!trace.keep_words(key.note, words, bytes, stored.value)) return;
        __builtin_memmove(attributes + 1, attributes, record.attribute_count * sizeof stored);
        attributes[0] = stored;
        ++record.attribute_count;
    }

    void end(Block& trace) noexcept {
        if (!trace.leave_out(record)) end_at(trace, P::Clock::now());
    }
    void end_at(Block& trace, std::uint64_t tick) noexcept {
        record.end = tick;
        trace.commit(record, attributes);
    }
};

}  // namespace lastbyte::detail
