// Policies: everything that a user can choose, as one type.
//
// A policy is a type and not a set of macros, so two of them live in one program and a header can't be compiled twice
// with different meanings. Derive from DefaultPolicy and override what you need; everything here is compile-time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/core/clock.hpp>
#include <lastbyte/core/ids.hpp>
#include <lastbyte/core/label.hpp>
#include <lastbyte/core/sampler.hpp>
#include <lastbyte/core/tier.hpp>

namespace lastbyte {

/// What holds unless a policy says otherwise.
struct DefaultPolicy {
    /// false removes all of it: see `Off`.
    static constexpr bool enabled = true;
    /// Sources and the named questions about them.
    using Tiers = TierRules<NoSource>;
    /// Which sources the tally counts as hits.
    using Hits = lastbyte::Hits<>;
    /// OpenLabels, or ClosedLabels<…> to make a label that nothing knows an error.
    using Labels = OpenLabels;
    /// TickClock, SteadyClock, ManualClock<Tag>, or your own ClockSource.
    using Clock = TickClock;
    /// RandomIds, or SequentialIds<Tag> for golden tests.
    using Ids = RandomIds;
    /// AlwaysSampled, SampleOneIn<100>, SampleRatio<1, 3>, or your own TraceSampler: which traces keep their spans. Tiers,
    /// the tally and a body's facts are exact without them.
    using Sampler = AlwaysSampled;
    /// Spans kept per trace, 64 bytes each. What comes after them is counted, and still resolves tiers and the tally.
    static constexpr std::size_t max_spans = 128;
    /// Bytes per trace for tails, details, attributes, links and events together; a multiple of 8, at most 512 KiB.
    static constexpr std::size_t text_bytes = 8192;
    /// Bytes for one tail, detail or text attribute; longer ones are cut at a character boundary and counted.
    static constexpr std::size_t max_text_bytes = 1024;
    /// Attributes, links and events per span; more are counted and left out.
    static constexpr std::size_t max_attributes = 8;
    /// Finished traces whose memory is kept for the next ones. Traces beyond it in flight at once are allocated and freed.
    static constexpr std::size_t pooled_traces = 128;
};

/// The policy that leaves nothing: a function written with an `Off` tracer compiles to the instructions of one without.
struct Off : DefaultPolicy {
    static constexpr bool enabled = false;
};

/// A type that can be a policy. Its error names what is missing.
template <class P>
concept Policy = requires {
    typename P::Tiers::Source;
    typename P::Hits;
    typename P::Labels;
    typename P::Sampler;
    { P::enabled };
    { P::max_spans };
    { P::text_bytes };
    { P::max_text_bytes };
    { P::max_attributes };
    { P::pooled_traces };
    requires ClockSource<typename P::Clock>;
    { P::Ids::next_span() } noexcept;
};

namespace detail {

/// What a recorded span keeps of its label: one pointer to this.
struct LabelInfo {
    std::string_view stem;
    std::uint32_t always;   // lines of the policy's rules that accept every span of this label
    std::uint32_t by_tail;  // lines whose answer depends on the tail
};

template <class P, std::uint64_t D, FixedString Text>
inline constexpr LabelInfo label_info{stem(Text.view()), P::Tiers::lines_matching(Text.view(), Match::always),
                                      P::Tiers::lines_matching(Text.view(), Match::by_tail)};

/// The lines that accept a span whose tail decides.
template <class Tiers>
[[gnu::noinline]] std::uint32_t lines_for_tail(LabelInfo const& info, std::string_view tail) noexcept {
    std::uint32_t set = info.always;
    for (std::size_t i = 0; i < Tiers::size; ++i)
        if ((info.by_tail >> i & 1) != 0)
            for (std::size_t j = 0; j < Tiers::lines[i].label_count; ++j)
                if (match_whole(Tiers::lines[i].labels[j], info.stem, tail)) set |= std::uint32_t{1} << i;
    return set;
}

template <class>
inline constexpr bool is_hits = false;
template <auto... Values>
inline constexpr bool is_hits<Hits<Values...>> = true;

template <class Source, class>
inline constexpr std::uint64_t hit_set = 0;
template <class Source, auto... Values>
inline constexpr std::uint64_t hit_set<Source, Hits<Values...>> = source_set<Source, Values...>();

namespace says {

/// Named so that the compiler's first line is the sentence.
template <class Typed, class Nearest>
struct no_rule_and_no_label_set_of_this_policy_knows;
template <class Nearest>
struct did_you_mean;

}  // namespace says

template <FixedString Typed, class Rules, class Closed>
struct NearestLabel;
template <FixedString Typed, class Source, FixedString... Names, class... Labels, class... Passed, FixedString... Closed>
struct NearestLabel<Typed, TierRules<Source, FirstWins<Names, Labels, Passed>...>, ClosedLabels<Closed...>> {
    template <class... Sets>
    struct Join;
    template <FixedString... All>
    struct Join<On<All...>> {
        static constexpr std::string_view names[] = {All.view()...};
        static constexpr std::size_t best = nearest(Typed.view(), names);
        template <std::size_t I, FixedString First, FixedString... Rest>
        static consteval auto pick() {
            if constexpr (I == 0)
                return First;
            else
                return pick<I - 1, Rest...>();
        }
        using Unknown = says::no_rule_and_no_label_set_of_this_policy_knows<
            spelled<Typed>, says::did_you_mean<spelled<pick<best, All...>()>>>;
    };
    template <FixedString... A, FixedString... B, class... Rest>
    struct Join<On<A...>, On<B...>, Rest...> : Join<On<A..., B...>, Rest...> {};
    using Unknown = typename Join<On<Closed...>, Labels...>::Unknown;
};

/// Checks a label against its form and the policy; 0 is only there to make it an expression.
template <class P, FixedString Text>
consteval std::size_t check_label() {
    std::size_t size = sizeof(Label<Text>);
    if constexpr (P::Labels::closed && !lists<typename P::Labels, Text> && !P::Tiers::knows(Text.view()))
        size = stop_with<typename NearestLabel<Text, typename P::Tiers, typename P::Labels>::Unknown>();
    return size;
}

/// What a policy's types carry in their names, so that two translation units that configure one policy type differently
/// get distinct types, and meet a link error instead of each other's layout.
class Digest {
public:
    constexpr Digest& add(std::uint64_t word) noexcept {
        state_ = mix(state_ ^ (word + 0x9e3779b97f4a7c15u));
        return *this;
    }
    constexpr Digest& add(std::string_view text) noexcept {
        for (char c : text) add(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
        return add(std::uint64_t{text.size()});
    }
    [[nodiscard]] constexpr std::uint64_t value() const noexcept { return state_; }

private:
    std::uint64_t state_ = 0;
};

/// A type's name as g++ and clang both spell it, so that objects of the two link.
template <class T>
constexpr std::string_view type_spelling() noexcept {
    std::string_view name = __PRETTY_FUNCTION__;
    name.remove_prefix(name.find("T = ") + 4);
    auto const end = name.find(';');  // g++ explains its aliases behind it
    return name.substr(0, end != std::string_view::npos ? end : name.rfind(']'));
}

template <class Labels>
inline constexpr std::uint64_t labels_digest = 0;
template <FixedString... Labels>
inline constexpr std::uint64_t labels_digest<ClosedLabels<Labels...>> = [] {
    Digest sum;
    sum.add(1);
    (sum.add(Labels.view()), ...);
    return sum.value();
}();

template <Policy P>
consteval std::uint64_t make_digest() {
    static_assert(P::max_spans >= 1 && P::max_spans <= 65536,
                  "lastbyte: max_spans must lie in 1..65536; each span takes 64 bytes per trace in flight.");
    static_assert(P::text_bytes % 8 == 0 && P::text_bytes <= 512 * 1024,
                  "lastbyte: text_bytes must be a multiple of 8, at most 524288.");
    static_assert(P::max_text_bytes <= 65535, "lastbyte: max_text_bytes must be at most 65535.");
    static_assert(P::max_attributes <= 63, "lastbyte: max_attributes must be at most 63.");
    static_assert(is_hits<typename P::Hits>,
                  "lastbyte: the Hits of a policy are written: using Hits = lastbyte::Hits<Source::memory, ...>;");
    static_assert(LabelSet<typename P::Labels>::well_formed,
                  "lastbyte: the Labels of a policy are OpenLabels or ClosedLabels<\"index\", ...>.");
    static_assert(TraceSampler<typename P::Sampler>,
                  "lastbyte: the Sampler of a policy is lastbyte::AlwaysSampled, SampleOneIn<100>, SampleRatio<1, 3>, or a "
                  "type with `static bool samples(lastbyte::TraceId) noexcept`.");
    using Source = typename P::Tiers::Source;
    Digest sum;
    sum.add(P::enabled).add(P::max_spans).add(P::text_bytes).add(P::max_text_bytes);
    sum.add(P::max_attributes).add(P::pooled_traces).add(labels_digest<typename P::Labels>);
#if defined(__cpp_exceptions)
    sum.add(1);  // a span knows there what passes through it
#endif
    sum.add(type_spelling<typename P::Clock>()).add(type_spelling<typename P::Ids>()).add(type_spelling<Source>());
    sum.add(type_spelling<typename P::Sampler>());
    for (std::size_t i = 0; i < max_sources; ++i) sum.add(Names<Source>::table.names[i]);
    sum.add(hit_set<Source, typename P::Hits>);
    for (std::size_t i = 0; i < P::Tiers::size; ++i) {
        auto const& line = P::Tiers::lines[i];
        sum.add(line.name).add(line.answering);
        for (std::size_t j = 0; j < line.label_count; ++j) sum.add(line.labels[j]);
    }
    return sum.value();
}

template <Policy P>
inline constexpr std::uint64_t digest = make_digest<P>();

}  // namespace detail
}  // namespace lastbyte
