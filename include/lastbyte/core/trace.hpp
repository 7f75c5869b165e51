// One request's trace as it lies in memory: a fixed block of 64-byte records and their text, bounded by the policy.
//
// Any thread of the request may record. A record is claimed with one atomic addition and published with one store; there
// is no lock, no allocation and no growth, so a runaway request costs its own block and nothing else. Sealing takes the
// open bit away: what is claimed later is late, and changes nothing that has been read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/core/attribute.hpp>
#include <lastbyte/core/ledger.hpp>
#include <lastbyte/core/left_out.hpp>
#include <lastbyte/core/note.hpp>
#include <lastbyte/core/policy.hpp>
#include <lastbyte/core/text.hpp>

namespace lastbyte::detail {

/// Where a text lies in a trace's text store, in words of 8 bytes, and its length in bytes.
struct TextAt {
    std::uint16_t word;
    std::uint16_t size;
};

/// A span as it is recorded. Without initialisers, so that a static block is zeroed memory and needs no code at start-up.
struct Record {
    LabelInfo const* label;
    std::uint64_t id;
    std::uint64_t parent;
    std::uint64_t start;  // ticks; with `timed_elsewhere` the duration in nanoseconds
    std::uint64_t end;    // ticks
    TextAt tail;
    TextAt detail;
    // From here on in one word, which is all that an unsampled span sets.
    std::uint32_t lines;  // the rule lines that accept it
    std::uint16_t attributes_word;
    std::uint8_t source;
    std::uint8_t attribute_count : 6;  // and notes, which stand in front of them
    bool failed : 1;
    bool timed_elsewhere : 1;
};

struct alignas(64) Slot {
    Record record;
    Atomic<std::uint32_t> ready;  // the block's generation once the record is whole
    std::uint32_t unfinished;     // the same when the seal came before that: the span is late, whole or not
};
static_assert(sizeof(Slot) == 64, "a span takes one cache line");

/// Where a trace stands with respect to its body.
struct Phase {
    static constexpr std::uint8_t unbound = 0, bound = 1, producing = 2, ended = 3;
};

/// The block of one trace. Trivially default-constructible: zeroed memory is a closed trace, into which nothing records.
template <class P, std::uint64_t D>
struct Trace {
    using Tiers = typename P::Tiers;
    static constexpr std::uint64_t open_bit = std::uint64_t{1} << 63;
    static constexpr std::uint64_t one_word = std::uint64_t{1} << 24;
    static constexpr std::size_t text_words = P::text_bytes / 8;
    static constexpr std::size_t attribute_words = sizeof(StoredAttribute) / 8;
    static constexpr std::size_t seen_words = (P::max_spans + 63) / 64;

    Atomic<std::uint64_t> state;  // open | words of text used << 24 | records claimed
    Atomic<std::uint32_t> references;
    std::uint32_t generation;  // of this block's use; 0 for the block that stands in when there is no memory
    std::uint64_t start;
    std::uint64_t root;
    std::uint64_t id[2];
    Atomic<std::uint8_t> phase;
    Atomic<std::uint8_t> noted_end;  // what note_end() said, + 1
    Atomic<std::uint8_t> sealed;
    Atomic<std::uint8_t> sealed_by_producer;  // set before `sealed`
    bool finished;
    std::uint32_t kept;        // records claimed before the seal
    std::uint32_t unfinished;  // of them, those that were not whole by then
    Atomic<std::uint32_t> late;
    Atomic<std::uint32_t> snapshots;
    Atomic<std::uint32_t> texts_cut;
    Atomic<std::uint32_t> texts_dropped;
    Atomic<std::uint32_t> attributes_dropped;
    Atomic<std::uint32_t> links_dropped;
    Atomic<std::uint32_t> events_dropped;
    Atomic<std::uint32_t> sources_unknown;
    void const* left_out_by;   // the thread that started a trace which is not sampled; otherwise null
    LeftOut<Tiers> left_out;
    LeftOutTotals<Tiers> left_out_at_seal;
    Slot slot[P::max_spans];
    char text[P::text_bytes + 1];

    static constexpr std::uint32_t claimed(std::uint64_t word) noexcept {
        auto const count = static_cast<std::uint32_t>(word & (one_word - 1));
        return count < P::max_spans ? count : static_cast<std::uint32_t>(P::max_spans);
    }
    static constexpr std::uint64_t words_used(std::uint64_t word) noexcept { return (word & ~open_bit) >> 24; }

    [[nodiscard]] bool unstored() const noexcept { return generation == 0; }
    [[nodiscard]] bool is_open() const noexcept { return (state.load_relaxed() & open_bit) != 0; }
    [[nodiscard]] TraceId trace_id() const noexcept { return {id[0], id[1]}; }

    /// False for every trace of a policy that keeps them all, at compile time.
    [[nodiscard, gnu::always_inline]] bool unsampled() const noexcept {
        if constexpr (may_leave_out<P>)
            return left_out_by != nullptr;
        else
            return false;
    }

    /// `decision` may be given once, in place of the policy's sampler.
    template <class... Given>
    void open(std::uint64_t now, Given... decision) noexcept {
        if (has_left_out()) left_out.clear();
        if (++generation == 0) [[unlikely]] {
            generation = 1;
            for (auto& one : slot) one.ready.store_relaxed(0), one.unfinished = 0;
        }
        references.store_relaxed(1);
        start = now;
        TraceId const drawn = P::Ids::next_trace(now);
        id[0] = drawn.high;
        id[1] = drawn.low;
        root = P::Ids::next_span();
        phase.store_relaxed(Phase::unbound);
        noted_end.store_relaxed(0);
        sealed_by_producer.store_relaxed(0);
        sealed.store_relaxed(0);
        finished = false;
        kept = unfinished = 0;
        late.store_relaxed(0);
        snapshots.store_relaxed(0);
        texts_cut.store_relaxed(0);
        texts_dropped.store_relaxed(0);
        attributes_dropped.store_relaxed(0);
        links_dropped.store_relaxed(0);
        events_dropped.store_relaxed(0);
        sources_unknown.store_relaxed(0);
        left_out_at_seal.spans = 0;
        if constexpr (may_leave_out<P>) {
            bool keep_spans = false;
            if constexpr (sizeof...(decision) == 0)
                keep_spans = P::Sampler::samples(drawn);
            else
                keep_spans = ((decision == sampled) && ...);
            left_out_by = keep_spans ? nullptr : this_thread();
        }
        state.store_release(open_bit);
    }

    /// Copies `prefix` and text into the store, together cut to the policy's bound. When there was no room, that is counted,
    /// and the text is empty. Into a closed trace nothing is copied.
    TextAt keep(std::string_view wanted, std::string_view prefix = {}) noexcept {
        std::uint64_t const before = state.load_relaxed();
        if ((before & open_bit) == 0 || (wanted.empty() && prefix.empty())) return {};
        prefix = prefix.substr(0, P::max_text_bytes);
        std::size_t const size = utf8_cut(wanted, P::max_text_bytes - prefix.size());
        if (size != wanted.size()) [[unlikely]] texts_cut.add_relaxed(1);
        std::uint64_t const at = claim_words(before, (prefix.size() + size + 7) / 8);
        if (at > text_words) [[unlikely]] {
            if (at == no_room) texts_dropped.add_relaxed(1);
            return {};
        }
        char* const place = text + at * 8;
        if (prefix.data() != nullptr) __builtin_memcpy(place, prefix.data(), prefix.size());
        if (wanted.data() != nullptr) __builtin_memcpy(place + prefix.size(), wanted.data(), size);
        return {static_cast<std::uint16_t>(at), static_cast<std::uint16_t>(prefix.size() + size)};
    }

    /// The same for words that are no text: where they lie is a StoredAttribute's value. True, or `note` is counted as
    /// dropped unless the trace is closed: a late span is counted whole.
    bool keep_words(Note note, void const* words, std::size_t bytes, std::uint64_t& value) noexcept {
        std::uint64_t const before = state.load_relaxed();
        if ((before & open_bit) == 0) return false;
        std::uint64_t const at = claim_words(before, bytes / 8);
        if (at == no_room) drop(note);
        if (at > text_words) return false;
        __builtin_memcpy(text + at * 8, words, bytes);
        value = at << 16 | bytes;
        return true;
    }

    [[nodiscard]] std::string_view at(TextAt where) const noexcept { return {text + where.word * 8u, where.size}; }

    /// Counts an attribute, link or event that isn't kept, in a trace that is open.
    void drop(Note note) noexcept {
        (note == Note::none ? attributes_dropped : note == Note::link ? links_dropped : events_dropped).add_relaxed(1);
    }

    /// Records a finished span. Thread-safe; one atomic addition, which claims the record and its attributes together.
    void commit(Record& record, StoredAttribute const* attributes) noexcept {
        std::uint64_t const before = state.load_relaxed();
        if ((before & open_bit) == 0 || (before & (one_word - 1)) >= P::max_spans) [[unlikely]] return commit_unkept(record);
        std::uint64_t words = record.attribute_count * attribute_words;
        if (words_used(before) + words > text_words) [[unlikely]] words = drop_attributes(record, attributes);
        std::uint64_t const claim = state.add_acq_rel(words * one_word + 1);
        std::uint64_t const index = claim & (one_word - 1);
        if ((claim & open_bit) == 0 || index >= P::max_spans) [[unlikely]] return commit_unkept(record);
        if (words != 0) keep_attributes(record, attributes, words_used(claim));
        slot[index].record = record;
        slot[index].ready.store_release(generation);
    }

    /// Ends recording: from here on the same records are complete for every reader. True for the call that did it; every
    /// other one returns when it is done.
    bool seal(bool by_producer = false) noexcept {
        if (unstored()) return false;
        std::uint64_t const last = state.and_acq_rel(~open_bit);
        if ((last & open_bit) == 0) {
            (void)wait_until([&] { return sealed.load_acquire() != 0; });  // it is looking at max_spans records at most
            return false;
        }
        kept = claimed(last);
        for (std::uint32_t i = 0; i < kept; ++i)
            if (!whole(i)) [[unlikely]] {
                slot[i].unfinished = generation;
                ++unfinished;
            }
        if (has_left_out()) left_out.close(left_out_at_seal);
        late.add_relaxed(unfinished);
        sealed_by_producer.store_relaxed(by_producer ? 1 : 0);
        sealed.store_release(1);
        return true;
    }

    /// Whether a record's writer has finished it.
    [[nodiscard]] bool whole(std::uint32_t index) const noexcept { return slot[index].ready.load_acquire() == generation; }
    /// Whether it had when the trace was sealed, for good.
    [[nodiscard]] bool was_whole(std::uint32_t index) const noexcept { return slot[index].unfinished != generation; }

    /// Marks for a snapshot which records are whole now, or, once the trace is sealed, those that every reader sees. Returns
    /// for how many of them `seen` has a bit.
    std::uint32_t look(std::uint64_t (&seen)[seen_words], LeftOutTotals<Tiers>& left) const noexcept {
        bool const over_now = sealed.load_acquire() != 0;
        std::uint32_t const count = over_now ? kept : claimed(state.load_relaxed());
        for (std::uint32_t i = 0; i < count; ++i) {
            if (i % 64 == 0) seen[i / 64] = 0;
            seen[i / 64] |= std::uint64_t{over_now ? was_whole(i) : whole(i)} << i % 64;
        }
        left.spans = 0;
        if (over_now)
            left.copy(left_out_at_seal);
        else if (count == P::max_spans || unsampled())
            left_out.look(left);
        return count;
    }

    /// Spans that came after the seal, in whatever way.
    [[nodiscard]] std::uint64_t late_by_now() const noexcept {
        return late.load_relaxed() + (has_left_out() ? left_out.since(left_out_at_seal) : 0);
    }

    /// Ends a span of an unsampled trace; false, and nothing done, in a sampled one. A span without a source costs the
    /// thread that started the trace two comparisons and an addition, and any other one an atomic addition.
    [[gnu::always_inline]] bool leave_out(Record const& record) noexcept {
        if constexpr (!may_leave_out<P>) return false;
        if (left_out_by == this_thread() && record.source == no_source) [[likely]] {
            left_out.add_own();
            return true;
        }
        if (!unsampled()) return false;
        count_left_out(record);
        return true;
    }

private:
    /// Only a trace that was full when it was sealed has spans over the bound.
    [[nodiscard]] bool has_left_out() const noexcept { return kept == P::max_spans || unsampled(); }

    static constexpr std::uint64_t no_room = text_words + 1, closed = text_words + 2;

    /// Room in the text store: its first word, or one of those two. `before` is the state as it was a moment ago.
    [[gnu::always_inline]] std::uint64_t claim_words(std::uint64_t before, std::uint64_t words) noexcept {
        if (words_used(before) + words > text_words) [[unlikely]] return no_room;
        std::uint64_t const claim = state.add_acq_rel(words * one_word);
        if ((claim & open_bit) == 0) [[unlikely]] return closed;
        std::uint64_t const at = words_used(claim);
        return at + words <= text_words ? at : no_room;
    }

    void keep_attributes(Record& record, StoredAttribute const* attributes, std::uint64_t at) noexcept {
        if (at + record.attribute_count * attribute_words > text_words) [[unlikely]] {
            drop_attributes(record, attributes);
            return;
        }
        record.attributes_word = static_cast<std::uint16_t>(at);
        for (std::size_t i = 0; i < record.attribute_count; ++i)
            __builtin_memcpy(text + (at + i * attribute_words) * 8, &attributes[i], sizeof(StoredAttribute));
    }

    /// No room: the span is recorded without them. Returns the words that it now needs.
    [[gnu::noinline, gnu::cold]] std::uint64_t drop_attributes(Record& record, StoredAttribute const* attributes) noexcept {
        for (std::size_t i = 0; i < record.attribute_count; ++i) drop(attributes[i].key->note);
        record.attribute_count = 0;
        return 0;
    }

    [[gnu::noinline]] void count_left_out(Record const& record) noexcept {
        if (!is_open() || !left_out.add(record.lines, record.source)) late.add_relaxed(1);
    }
    [[gnu::noinline, gnu::cold]] void commit_unkept(Record const& record) noexcept;
};

}  // namespace lastbyte::detail
