// The books behind a report: everything that it shows, added up as requests end, in memory of a fixed size.
//
// A report over kept points grows with the traffic, and one over a sample loses the call that took a minute. Here
// counts and distributions are exact per tool and tier, time is a row of intervals that double in width when it is
// full, and whole traces are kept of the slowest only. What has no place is counted. No pointer, no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <lastbyte/body/reading.hpp>
#include <lastbyte/telemetry/histogram.hpp>

namespace lastbyte::detail {

inline constexpr std::size_t outcomes = 10;
inline constexpr std::uint8_t no_tier = 0xff;

/// The tiers that a rule can answer with, numbered without gaps: named sources in the enum's order, none, unresolved,
/// and a value that the enum doesn't name.
template <class Source>
struct TierTable {
    static constexpr std::uint64_t known = Names<Source>::table.known;
    static constexpr std::size_t sources = static_cast<std::size_t>(__builtin_popcountll(known));
    static constexpr std::size_t size = sources + 3;

    [[nodiscard]] static constexpr std::uint8_t of(Source source) noexcept {
        if (!is_named(source)) return sources + 2;
        return static_cast<std::uint8_t>(
            __builtin_popcountll(known & (source_bit(static_cast<std::uint8_t>(source)) - 1)));
    }
    [[nodiscard]] static constexpr std::uint8_t of(Tier<Source> tier) noexcept {
        return tier.is_none() ? sources : tier.is_unresolved() ? sources + 1 : of(tier.source());
    }
    [[nodiscard]] static constexpr std::string_view name(std::size_t tier) noexcept {
        if (tier >= sources) return tier == sources ? "none" : tier == sources + 1 ? "unresolved" : "(unnamed source)";
        std::size_t value = 0;
        for (std::size_t left = tier + 1; value < max_sources; ++value)
            if ((known >> value & 1) != 0 && --left == 0) break;
        return Names<Source>::table.names[value];
    }
};

struct ReportSpan {
    std::uint64_t start_ns, duration_ns, id, parent;
    std::uint32_t name_at, detail_at;
    std::uint16_t name_size, detail_size;
    std::uint8_t source;  // as a tier; no_tier without one
    bool failed;
};

/// A trace as it is drawn: texts and spans up to the bounds.
template <class Limits>
struct ReportTrace {
    std::uint64_t duration_ns, first_byte_ns, ended_ns, bytes, chunks, root;
    TraceId id;
    std::uint8_t tier, early, outcome;
    std::uint32_t span_count, text_size, spans_left_out, texts_cut;
    ReportSpan spans[Limits::max_spans];
    char text[Limits::text_bytes];

    [[nodiscard]] std::string_view name(ReportSpan const& span) const noexcept {
        return {text + span.name_at, span.name_size};
    }
    [[nodiscard]] std::string_view detail(ReportSpan const& span) const noexcept {
        return {text + span.detail_at, span.detail_size};
    }

    template <class P, std::uint64_t D>
    void keep(BasicReading<P, D> const& done) noexcept {
        using Tiers = TierTable<typename P::Tiers::Source>;
        duration_ns = done.duration_ns();
        first_byte_ns = done.time_to_first_byte_ns();
        bytes = done.bytes();
        chunks = done.chunks();
        outcome = static_cast<std::uint8_t>(done.outcome().value());
        id = done.trace_id();
        root = done.root_id().value;
        span_count = text_size = texts_cut = 0;
        spans_left_out = static_cast<std::uint32_t>(done.over_bound());
        for (auto const span : done.spans()) {
            if (span_count == Limits::max_spans) {
                ++spans_left_out;
                continue;
            }
            auto& kept = spans[span_count++];
            kept = {span.start_ns(),
                    span.duration_ns(),
                    span.id().value,
                    span.parent_id().value,
                    text_size,
                    0,
                    0,
                    0,
                    span.has_source() ? Tiers::of(span.source()) : no_tier,
                    span.failed()};
            std::uint16_t const stem = keep_text(span.stem());
            kept.name_size = static_cast<std::uint16_t>(stem + keep_text(span.tail()));
            kept.detail_at = text_size;
            kept.detail_size = keep_text(span.detail());
        }
    }

private:
    std::uint16_t keep_text(std::string_view from) noexcept {
        std::size_t const room = Limits::text_bytes - text_size;
        std::size_t const size = utf8_cut(from, room < Limits::max_text_bytes ? room : Limits::max_text_bytes);
        if (size != from.size()) ++texts_cut;
        if (size != 0) std::memcpy(text + text_size, from.data(), size);
        text_size += static_cast<std::uint32_t>(size);
        return static_cast<std::uint16_t>(size);
    }
};

/// What the report adds up. `Tiers` is the number of tiers.
template <class Limits, std::size_t Tiers>
struct ReportBooks {
    static constexpr std::size_t other = Limits::max_tools;  // the tool of calls whose own had no place
    static constexpr std::size_t tools = Limits::max_tools + 1;
    static constexpr std::size_t max_series = Limits::max_series + Tiers;  // a place for (other, tier) is always there

    /// The calls of one tool that one tier served.
    struct Series {
        std::uint64_t calls, bytes, hits, lookups;
        Histogram<> durations, first_bytes;
        void merge(Series const& more) noexcept {
            calls += more.calls;
            bytes += more.bytes;
            hits += more.hits;
            lookups += more.lookups;
            durations.merge(more.durations);
            first_bytes.merge(more.first_bytes);
        }
    };
    struct Interval {
        std::uint32_t calls[Tiers];
        std::uint64_t hits, lookups;
    };
    struct Name {
        char text[Limits::max_tool_bytes];
        std::uint16_t size;
    };

    std::uint64_t calls = 0, tools_refused = 0, tool_names_cut = 0, series_refused = 0;
    std::uint64_t late = 0, over_bound = 0, traces_passed = 0, traces_unsampled = 0;
    std::uint64_t began_unix_ns = 0, began_ticks = 0, ended_ns = 0;
    std::uint32_t joins = 0;  // all zero, so that a static report takes no room in the program's file
    std::size_t tool_count = 0, series_count = 0, interval_count = 0, trace_count = 0;
    Name names[tools]{};
    std::uint64_t outcome_of[tools][outcomes]{};
    std::uint16_t series_plus_one[tools][Tiers]{};
    Series series[max_series]{};
    Interval intervals[Limits::intervals]{};
    std::uint64_t early[Tiers][Tiers]{};  // what the early read said, what it was
    std::uint64_t slow_ns[Limits::slowest]{};
    std::uint8_t slow_tool[Limits::slowest]{};
    ReportTrace<Limits> traces[Limits::slowest]{};

    [[nodiscard]] std::uint64_t interval_ns() const noexcept {
        return std::uint64_t{Limits::first_interval_ns} << joins;
    }
    [[nodiscard]] std::string_view tool_name(std::size_t tool) const noexcept {
        return tool == other ? std::string_view{"other tools"} : std::string_view{names[tool].text, names[tool].size};
    }
    [[nodiscard]] Series const* at(std::size_t tool, std::size_t tier) const noexcept {
        auto const one = series_plus_one[tool][tier];
        return one == 0 ? nullptr : &series[one - 1];
    }

    std::size_t find_tool(std::string_view name) noexcept {
        std::size_t const size = utf8_cut(name, Limits::max_tool_bytes);
        if (size != name.size()) ++tool_names_cut;
        for (std::size_t i = 0; i < tool_count; ++i)
            if (tool_name(i) == name.substr(0, size)) return i;
        if (tool_count == Limits::max_tools) {
            ++tools_refused;
            return other;
        }
        Name& added = names[tool_count];
        if (size != 0) std::memcpy(added.text, name.data(), size);
        added.size = static_cast<std::uint16_t>(size);
        return tool_count++;
    }
    /// The series of a tool and a tier; that of the other tools when there is no more place, which changes `tool`.
    Series& find_series(std::size_t& tool, std::size_t tier) noexcept {
        std::uint16_t* place = &series_plus_one[tool][tier];
        if (*place == 0 && tool != other && series_of_tools == Limits::max_series) {
            ++series_refused;
            tool = other;
            place = &series_plus_one[tool][tier];
        }
        if (*place == 0) {
            if (tool != other) ++series_of_tools;
            *place = static_cast<std::uint16_t>(++series_count);
        }
        return series[*place - 1];
    }
    /// The interval at which something ended, so many nanoseconds after the first call did.
    Interval& find_interval(std::uint64_t ns) noexcept {
        while (ns / interval_ns() >= Limits::intervals) join_pairs();
        auto const index = static_cast<std::size_t>(ns / interval_ns());
        if (index >= interval_count) interval_count = index + 1;
        if (ns > ended_ns) ended_ns = ns;
        return intervals[index];
    }
    /// Where a trace that took so long is to be kept; null when it is none of the slowest.
    ReportTrace<Limits>* find_slow(std::size_t tool, std::uint64_t ns) noexcept {
        std::size_t same = 0, least = Limits::slowest, least_same = Limits::slowest;
        for (std::size_t i = 0; i < trace_count; ++i) {
            if (least == Limits::slowest || slow_ns[i] < slow_ns[least]) least = i;
            if (slow_tool[i] != tool) continue;
            ++same;
            if (least_same == Limits::slowest || slow_ns[i] < slow_ns[least_same]) least_same = i;
        }
        std::size_t place = same >= Limits::slowest_of_a_tool ? least_same
                            : trace_count < Limits::slowest   ? trace_count
                                                              : least;
        if (place == trace_count)
            ++trace_count;
        else if (++traces_passed; ns <= slow_ns[place])
            return nullptr;
        slow_ns[place] = ns;
        slow_tool[place] = static_cast<std::uint8_t>(tool);
        return &traces[place];
    }

private:
    void join_pairs() noexcept {
        for (std::size_t i = 0; i < Limits::intervals; ++i) {
            Interval const one = intervals[i];
            intervals[i] = {};
            Interval& to = intervals[i / 2];
            for (std::size_t tier = 0; tier < Tiers; ++tier) to.calls[tier] += one.calls[tier];
            to.hits += one.hits;
            to.lookups += one.lookups;
        }
        interval_count = (interval_count + 1) / 2;
        ++joins;
    }

    std::size_t series_of_tools = 0;
};

}  // namespace lastbyte::detail
