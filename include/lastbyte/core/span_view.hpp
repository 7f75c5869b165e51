// Views of recorded spans, and what follows from them: the tier by name, the tally, the seed's two text formats.
//
// A Snapshot and a Reading look at the same records through this one view; they differ in what they let out, not in how it
// is found. Looking costs a walk over the trace's records; nothing is copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/core/store.hpp>

namespace lastbyte {

/// One recorded span. Valid as long as the Reading, Sealed or Snapshot that it came from.
template <class P, std::uint64_t D>
class BasicSpanView {
public:
    using Source = typename P::Tiers::Source;
    BasicSpanView(detail::Trace<P, D> const& trace, detail::Record const& record, ClockRate rate) noexcept
        : trace_(&trace), record_(&record), rate_(rate) {}

    /// The label up to its star, and what was given for the star; together they are the name.
    [[nodiscard]] std::string_view stem() const noexcept { return record_->label->stem; }
    [[nodiscard]] std::string_view tail() const noexcept { return trace_->at(record_->tail); }
    [[nodiscard]] bool is(std::string_view label) const noexcept {
        return label.size() == stem().size() + tail().size() && label.starts_with(stem()) && label.ends_with(tail());
    }
    [[nodiscard]] std::uint64_t duration_ns() const noexcept {
        return record_->timed_elsewhere ? record_->start : rate_.ns(record_->end - record_->start);
    }
    /// From the trace's start to the span's.
    [[nodiscard]] std::uint64_t start_ns() const noexcept {
        if (!record_->timed_elsewhere) return rate_.ns(record_->start - trace_->start);
        std::uint64_t const end = rate_.ns(record_->end - trace_->start);
        return end > record_->start ? end - record_->start : 0;
    }
    [[nodiscard]] bool has_source() const noexcept { return record_->source != detail::no_source; }
    /// Only meaningful when `has_source()`.
    [[nodiscard]] Source source() const noexcept { return static_cast<Source>(record_->source); }
    [[nodiscard]] std::string_view source_name() const noexcept {
        return has_source() ? lastbyte::source_name(source()) : std::string_view{};
    }
    [[nodiscard]] std::string_view detail() const noexcept { return trace_->at(record_->detail); }
    /// An exception passed through it, or `error()` was called.
    [[nodiscard]] bool failed() const noexcept { return record_->failed; }
    [[nodiscard]] SpanId id() const noexcept { return {record_->id}; }
    /// The span that it is a child of; the root of the trace when none was handed on.
    [[nodiscard]] SpanId parent_id() const noexcept { return {record_->parent}; }

    /// What another span needs to link to this one.
    [[nodiscard]] SpanContext context() const noexcept { return {trace_->trace_id(), id(), 1}; }

    [[nodiscard]] std::size_t attribute_count() const noexcept { return place_count() - note_count(); }
    [[nodiscard]] AttributeView attribute(std::size_t index) const noexcept { return place(note_count() + index); }
    /// Links and events, each in the order of recording.
    [[nodiscard]] std::size_t link_count() const noexcept { return count(detail::Note::link); }
    [[nodiscard]] SpanContext link(std::size_t index) const noexcept {
        detail::StoredLink link{};
        __builtin_memcpy(&link, contents(find(detail::Note::link, index)).data(), sizeof link);
        return {{link.trace_high, link.trace_low}, {link.span}, static_cast<std::uint8_t>(link.flags)};
    }
    [[nodiscard]] std::size_t event_count() const noexcept { return count(detail::Note::event); }
    [[nodiscard]] EventView event(std::size_t index) const noexcept {
        auto const stored = find(detail::Note::event, index);
        auto const facts = contents(stored);
        std::uint64_t tick = 0;
        __builtin_memcpy(&tick, facts.data(), sizeof tick);
        return {*stored.key, rate_.ns(tick - trace_->start), facts.substr(detail::event_head_bytes), trace_->text};
    }

    /// For those who walk over all of it: the places that its attributes take, in front of which its links and events lie.
    [[nodiscard]] std::size_t place_count() const noexcept { return record_->attribute_count; }
    [[nodiscard]] std::size_t note_count() const noexcept {
        std::size_t notes = 0;
        while (notes < place_count() && is_note(notes)) ++notes;
        return notes;
    }
    [[nodiscard]] bool is_note(std::size_t index) const noexcept {
        return stored_at(index).key->note != detail::Note::none;
    }
    /// Only of one that is no note.
    [[nodiscard]] AttributeView place(std::size_t index) const noexcept {
        auto const stored = stored_at(index);
        return {stored, detail::text_of(stored, trace_->text)};
    }

private:
    [[nodiscard]] detail::StoredAttribute stored_at(std::size_t index) const noexcept {
        detail::StoredAttribute stored{};
        __builtin_memcpy(&stored, trace_->text + record_->attributes_word * 8u + index * sizeof stored, sizeof stored);
        return stored;
    }
    [[nodiscard]] std::string_view contents(detail::StoredAttribute const& stored) const noexcept {
        return detail::stored_bytes(stored.value, trace_->text);
    }
    [[nodiscard]] std::size_t count(detail::Note note) const noexcept {
        std::size_t found = 0;
        for (std::size_t i = 0, notes = note_count(); i < notes; ++i) found += stored_at(i).key->note == note ? 1 : 0;
        return found;
    }
    /// The latest note stands in front.
    [[nodiscard]] detail::StoredAttribute find(detail::Note note, std::size_t index) const noexcept {
        std::size_t at = note_count();
        do --at;
        while (stored_at(at).key->note != note || index-- != 0);
        return stored_at(at);
    }

    detail::Trace<P, D> const* trace_;
    detail::Record const* record_;
    ClockRate rate_;
};

template <Policy P>
using SpanView = BasicSpanView<P, detail::digest<P>>;

/// How often each source served, over all spans that have one, whatever their label.
template <class P, std::uint64_t D>
class BasicTally {
public:
    using Source = typename P::Tiers::Source;
    /// Spans whose source the policy's Hits<…> names.
    [[nodiscard]] constexpr std::uint64_t hits() const noexcept { return hits_; }
    /// Spans with another source.
    [[nodiscard]] constexpr std::uint64_t misses() const noexcept { return lookups_ - hits_; }
    [[nodiscard]] constexpr std::uint64_t lookups() const noexcept { return lookups_; }
    [[nodiscard]] constexpr std::uint64_t of(Source source) const noexcept {
        return detail::is_named(source) ? counts_[static_cast<std::size_t>(source)] : 0;
    }

    constexpr void add(std::uint8_t source, std::uint64_t times = 1) noexcept {
        if (source >= detail::max_sources || times == 0) return;
        lookups_ += times;
        if ((detail::hit_set<Source, typename P::Hits> >> source & 1) != 0) hits_ += times;
        if (source < named) counts_[source] += times;
    }

private:
    static constexpr std::size_t named = detail::named_end<Source>;
    std::uint64_t hits_ = 0;
    std::uint64_t lookups_ = 0;
    std::uint64_t counts_[named + 1]{};
};

template <Policy P>
using Tally = BasicTally<P, detail::digest<P>>;

namespace detail {

/// The records of a trace that one reader sees, and what follows from them.
template <class P, std::uint64_t D>
class TraceView {
public:
    using Block = Trace<P, D>;
    using Tiers = typename P::Tiers;
    using Source = typename Tiers::Source;

    /// Of a sealed trace.
    TraceView(Block const& block, ClockRate rate) noexcept
        : TraceView(block, nullptr, block.kept, block.left_out_at_seal, rate) {}
    /// Of one that a snapshot has looked at.
    TraceView(Block const& block, std::uint64_t const* seen, std::uint32_t count, LeftOutTotals<Tiers> const& left_out,
              ClockRate rate) noexcept
        : block_(&block), seen_(seen), count_(count), left_out_(&left_out), rate_(rate) {}

    class Iterator {
    public:
        using value_type = BasicSpanView<P, D>;
        using difference_type = std::ptrdiff_t;
        Iterator() noexcept = default;
        Iterator(TraceView const& view, std::uint32_t index) noexcept : view_(&view), index_(index) { skip(); }
        [[nodiscard]] value_type operator*() const noexcept {
            return {*view_->block_, view_->block_->slot[index_].record, view_->rate_};
        }
        Iterator& operator++() noexcept {
            ++index_;
            skip();
            return *this;
        }
        Iterator operator++(int) noexcept {
            auto before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(Iterator const& a, Iterator const& b) noexcept { return a.index_ == b.index_; }

    private:
        void skip() noexcept {
            while (index_ < view_->count_ && !view_->has(index_)) ++index_;
        }
        TraceView const* view_ = nullptr;
        std::uint32_t index_ = 0;
    };

    [[nodiscard]] Iterator begin() const noexcept { return {*this, 0}; }
    [[nodiscard]] Iterator end() const noexcept { return {*this, count_}; }
    [[nodiscard]] bool empty() const noexcept { return begin() == end(); }

    /// The first record, in the order of recording, that one of these lines accepts with a source that answers.
    [[nodiscard]] Tier<Source> tier(std::uint32_t lines, Tier<Source> otherwise) const noexcept {
        for (std::uint32_t i = 0; i < count_; ++i) {
            auto const& record = block_->slot[i].record;
            if (has(i) && record.source < max_sources && Tiers::answers(record.lines & lines, record.source))
                return Tier<Source>{static_cast<Source>(record.source)};
        }
        if (left_out_->spans != 0)
            if (auto const source = left_out_->first(lines); source != no_source)
                return Tier<Source>{static_cast<Source>(source)};
        return otherwise;
    }

    [[nodiscard]] BasicTally<P, D> tally() const noexcept {
        BasicTally<P, D> sum;
        for (std::uint32_t i = 0; i < count_; ++i)
            if (has(i)) sum.add(block_->slot[i].record.source);
        if (left_out_->spans != 0)
            for (std::size_t i = 0; i < LeftOutTotals<Tiers>::sources_named; ++i)
                sum.add(static_cast<std::uint8_t>(i), left_out_->sources[i]);
        return sum;
    }

    [[nodiscard]] bool sampled() const noexcept { return !block_->unsampled(); }
    [[nodiscard]] std::uint64_t over_bound() const noexcept { return sampled() ? left_out_->spans : 0; }
    [[nodiscard]] std::uint64_t spans_unsampled() const noexcept { return sampled() ? 0 : left_out_->spans; }
    [[nodiscard]] TraceId id() const noexcept { return block_->trace_id(); }
    [[nodiscard]] SpanId root_id() const noexcept { return {block_->root}; }
    [[nodiscard]] ClockRate rate() const noexcept { return rate_; }
    /// From the trace's start to this call: what an exporter takes off the wall clock to know when the trace began.
    [[nodiscard]] std::uint64_t age_ns() const noexcept { return rate_.ns(P::Clock::now() - block_->start); }
    /// Attributes, links and events beyond the policy's bounds, over all spans.
    [[nodiscard]] std::uint64_t attributes_dropped() const noexcept { return block_->attributes_dropped.load_relaxed(); }
    [[nodiscard]] std::uint64_t links_dropped() const noexcept { return block_->links_dropped.load_relaxed(); }
    [[nodiscard]] std::uint64_t events_dropped() const noexcept { return block_->events_dropped.load_relaxed(); }

    /// {"spans":[…],"total_ms":…,"index_source":… without its closing brace, so that a reader can add what it knows. A span
    /// that has links or events has these two keys beside the seed's.
    /// "index_source" answers the first rule that the policy declares.
    template <TextOutput Out>
    void write_open_json(Out& out, std::uint64_t total_ns, Tier<Source> otherwise) const {
        append(out, "{\"spans\":[");
        bool first = true;
        for (auto const span : *this) {
            append(out, first ? "{\"label\":\"" : ",{\"label\":\"");
            first = false;
            append_json_contents(out, span.stem());
            append_json_contents(out, span.tail());
            append(out, "\",\"duration_ms\":");
            append_milliseconds(out, span.duration_ns());
            if (span.has_source()) {
                append(out, ",\"source\":");
                append_json_string(out, span.source_name());
            }
            if (!span.detail().empty()) {
                append(out, ",\"detail\":");
                append_json_string(out, span.detail());
            }
            if (span.note_count() != 0) write_notes(out, span);
            append(out, "}");
        }
        append(out, "],\"total_ms\":");
        append_milliseconds(out, total_ns);
        if constexpr (Tiers::size != 0) {
            append(out, ",\"index_source\":");
            append_json_string(out, tier(Tiers::lines_called(Tiers::lines[0].name), otherwise).name());
        }
    }

    /// ,"sampled":false,"spans_unsampled":N; nothing for a trace that keeps its spans.
    template <TextOutput Out>
    void write_sampling(Out& out) const {
        if (sampled()) return;
        append(out, ",\"sampled\":false,\"spans_unsampled\":");
        append_unsigned(out, spans_unsampled());
    }

    /// index=33ms(cache), file:a=2ms(r2)[zip-extract], total=40ms
    template <TextOutput Out>
    void write_header(Out& out, std::uint64_t total_ns) const {
        for (auto const span : *this) {
            append_header_text(out, span.stem());
            append_header_text(out, span.tail());
            append(out, "=");
            append_milliseconds(out, span.duration_ns());
            append(out, "ms");
            if (span.has_source()) {
                append(out, "(");
                append(out, span.source_name());
                append(out, ")");
            }
            if (!span.detail().empty()) {
                append(out, "[");
                append_header_text(out, span.detail());
                append(out, "]");
            }
            append(out, ", ");
        }
        append(out, "total=");
        append_milliseconds(out, total_ns);
        append(out, "ms");
    }

private:
    /// ,"links":[{"trace_id":…,"span_id":…}],"events":[{"name":…,"at_ms":…}], each where there are such.
    template <TextOutput Out>
    [[gnu::noinline]] static void write_notes(Out& out, BasicSpanView<P, D> const& span) {
        for (std::size_t i = 0, count = span.link_count(); i < count; ++i) {
            append(out, i == 0 ? ",\"links\":[{\"trace_id\":\"" : ",{\"trace_id\":\"");
            span.link(i).trace_id.write(out);
            append(out, "\",\"span_id\":\"");
            span.link(i).span_id.write(out);
            append(out, i + 1 == count ? "\"}]" : "\"}");
        }
        for (std::size_t i = 0, count = span.event_count(); i < count; ++i) {
            append(out, i == 0 ? ",\"events\":[{\"name\":" : ",{\"name\":");
            append_json_string(out, span.event(i).name());
            append(out, ",\"at_ms\":");
            append_milliseconds(out, span.event(i).at_ns());
            append(out, i + 1 == count ? "}]" : "}");
        }
    }
    [[nodiscard]] bool has(std::uint32_t index) const noexcept {
        return seen_ == nullptr ? block_->was_whole(index) : (seen_[index / 64] >> index % 64 & 1) != 0;
    }

    Block const* block_;
    std::uint64_t const* seen_;  // a bit for each record; null for a trace that is sealed, which knows itself
    std::uint32_t count_;
    LeftOutTotals<Tiers> const* left_out_;
    ClockRate rate_;
};

}  // namespace detail
}  // namespace lastbyte
