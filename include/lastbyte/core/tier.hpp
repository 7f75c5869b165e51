// Tier rules: "which storage tier served this request?", declared as data and checked by the compiler.
//
// A rule hidden in an if-chain goes wrong without a sound: a fast path records another label, and for a week the answer
// is "none". Here a rule names its labels and its silent sources; what is empty, repeated or can never answer does not
// compile. Matching is decided per label at compile time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <lastbyte/core/label.hpp>
#include <lastbyte/core/source.hpp>

namespace lastbyte {

/// Sources that are looked at and passed over: a miss says where the data was not.
template <auto... Sources>
struct Never {};

/// Sources that count as hits in the tally; every other source is a miss, and hits and misses together are the lookups.
template <auto... Sources>
struct Hits {};

/// The first matching span that has a source answers, for good.
///
/// Several lines may share a name: they are then one question, and a span answers it when any of its lines accepts it.
template <FixedString Name, class Labels, class Passed = Never<>>
struct FirstWins;

/// A policy's questions, over its own source enum. Several names stand side by side.
template <class SourceEnum, class... Rules>
struct TierRules;

/// A rule's answer. Eight bits; a value type.
template <class Source>
class Tier {
public:
    [[nodiscard]] static constexpr Tier none() noexcept { return Tier{none_code}; }
    [[nodiscard]] static constexpr Tier unresolved() noexcept { return Tier{unresolved_code}; }
    constexpr explicit Tier(Source source) noexcept : code_(static_cast<std::uint8_t>(source)) {}

    [[nodiscard]] constexpr bool has_source() const noexcept { return code_ < detail::max_sources; }
    /// The body was consumed, and no span answered.
    [[nodiscard]] constexpr bool is_none() const noexcept { return code_ == none_code; }
    /// The body ended before the answer could be known.
    [[nodiscard]] constexpr bool is_unresolved() const noexcept { return code_ == unresolved_code; }
    /// The source; only meaningful when `has_source()`.
    [[nodiscard]] constexpr Source source() const noexcept { return static_cast<Source>(code_); }
    /// "r2", "none" or "unresolved".
    [[nodiscard]] constexpr std::string_view name() const noexcept {
        return is_none() ? "none" : is_unresolved() ? "unresolved" : source_name(source());
    }

    friend constexpr bool operator==(Tier, Tier) noexcept = default;
    friend constexpr bool operator==(Tier tier, Source source) noexcept {
        return detail::is_named(source) && tier.code_ == static_cast<std::uint8_t>(source);
    }
    /// Prints the name to whatever prints text, std::ostream for one.
    template <class Out>
        requires requires(Out& out, std::string_view text) { out << text; }
    friend Out& operator<<(Out& out, Tier tier) {
        out << tier.name();
        return out;
    }

private:
    static constexpr std::uint8_t none_code = 0xff;
    static constexpr std::uint8_t unresolved_code = 0xfe;
    constexpr explicit Tier(std::uint8_t code) noexcept : code_(code) {}
    std::uint8_t code_;
};

namespace detail {

template <class Source, auto... Values>
consteval std::uint64_t source_set() {
    static_assert((std::is_same_v<decltype(Values), Source> && ...),
                  "lastbyte: a source in Never<...> or Hits<...> is of another enum than the policy's TierRules<Source, "
                  "...>. Name enumerators of that enum.");
    if constexpr ((std::is_same_v<decltype(Values), Source> && ...)) {
        static_assert((is_named(Values) && ...),
                      "lastbyte: a source in Never<...> or Hits<...> is no enumerator in 0..63. Sets of sources are kept in "
                      "64 bits; renumber the enum.");
        constexpr std::uint64_t set = (std::uint64_t{0} | ... | source_bit(static_cast<std::uint8_t>(Values)));
        static_assert(__builtin_popcountll(set) == sizeof...(Values),
                      "lastbyte: a source stands twice in a Never<...> or Hits<...>. Remove one; perhaps another was meant. "
                      "");
        return set;
    }
    return 0;
}

/// One rule line as data.
struct RuleLine {
    std::string_view name;
    std::string_view const* labels;
    std::size_t label_count;
    std::uint64_t answering;
};

constexpr Match match_line(RuleLine const& line, std::string_view label) noexcept {
    Match best = Match::never;
    for (std::size_t i = 0; i < line.label_count; ++i) {
        auto const one = match(line.labels[i], label);
        if (one == Match::always) return one;
        if (one == Match::by_tail) best = one;
    }
    return best;
}

constexpr bool repeats_a_label(RuleLine const& line) noexcept {
    for (std::size_t i = 0; i < line.label_count; ++i)
        for (std::size_t j = 0; j < line.label_count; ++j)
            if (i != j && match(line.labels[i], line.labels[j]) == Match::always) return true;
    return false;
}

/// Whether each label of line `later` is accepted, with each of its sources, by some line of the same name before it.
constexpr bool is_covered(RuleLine const* lines, std::size_t later) noexcept {
    auto const& line = lines[later];
    for (std::size_t i = 0; i < line.label_count; ++i) {
        std::uint64_t answering = 0;
        for (std::size_t earlier = 0; earlier < later; ++earlier)
            if (lines[earlier].name == line.name && match_line(lines[earlier], line.labels[i]) == Match::always)
                answering |= lines[earlier].answering;
        if ((line.answering & ~answering) != 0) return false;
    }
    return true;
}

template <class Rule>
struct RuleParts {
    static_assert(never_type<Rule>,
                  "lastbyte: a line of TierRules<Source, ...> is written FirstWins<\"cache_tier\", On<\"index\", ...>, "
                  "Never<...>>; Never may be left out.");
    template <class Source>
    static constexpr RuleLine line{};
};
template <FixedString Name, FixedString... Labels, auto... Passed>
struct RuleParts<FirstWins<Name, On<Labels...>, Never<Passed...>>> {
    static_assert(Name.length > 0,
                  "lastbyte: this tier rule has no name; name the question: FirstWins<\"cache_tier\", ...>.");
    static_assert(sizeof...(Labels) > 0,
                  "lastbyte: this tier rule names no label, so no span could answer it. List its labels: On<\"index\", "
                  "...>.");
    static constexpr bool well_formed = (Label<Labels>{}, ..., true);
    static constexpr std::string_view labels[] = {Labels.view()..., {}};
    template <class Source>
    static constexpr RuleLine line{Name.view(), labels, sizeof...(Labels), ~source_set<Source, Passed...>()};
    static_assert(!repeats_a_label(RuleLine{Name.view(), labels, sizeof...(Labels), 0}),
                  "lastbyte: this tier rule names a label twice, or one that its other labels cover (\"file:*\" covers "
                  "\"file:a\"). Remove the line that adds nothing.");
    static_assert(well_formed);
};

}  // namespace detail

template <class SourceEnum, class... Rules>
struct TierRules {
    using Source = SourceEnum;
    static constexpr std::size_t size = sizeof...(Rules);
    static constexpr detail::RuleLine lines[size + 1] = {detail::RuleParts<Rules>::template line<Source>..., {}};

    /// The lines of one name, as a set; 0 when there is no such rule.
    [[nodiscard]] static constexpr std::uint32_t lines_called(std::string_view name) noexcept {
        std::uint32_t set = 0;
        for (std::size_t i = 0; i < size; ++i)
            if (lines[i].name == name) set |= std::uint32_t{1} << i;
        return set;
    }
    /// The lines that accept spans of this label always, or depending on its tail.
    [[nodiscard]] static constexpr std::uint32_t lines_matching(std::string_view label, Match how) noexcept {
        std::uint32_t set = 0;
        for (std::size_t i = 0; i < size; ++i)
            if (detail::match_line(lines[i], label) == how) set |= std::uint32_t{1} << i;
        return set;
    }
    /// Whether a span of one of these lines answers with this source.
    [[nodiscard]] static constexpr bool answers(std::uint32_t set, std::uint8_t source) noexcept {
        for (std::size_t i = 0; i < size; ++i)
            if ((set >> i & 1) != 0 && (lines[i].answering & detail::source_bit(source)) != 0) return true;
        return false;
    }
    [[nodiscard]] static constexpr bool knows(std::string_view label) noexcept {
        return lines_matching(label, Match::always) != 0;
    }

private:
    static constexpr bool has_covered_line() noexcept {
        for (std::size_t i = 0; i < size; ++i)
            if (detail::is_covered(lines, i)) return true;
        return false;
    }
    static constexpr bool has_silent_line() noexcept {
        for (std::size_t i = 0; i < size; ++i)
            if ((lines[i].answering & detail::Names<Source>::table.known) == 0) return true;
        return false;
    }
    static constexpr bool has_source_called(std::string_view name) noexcept {
        for (std::size_t i = 0; i < detail::max_sources; ++i)
            if (detail::Names<Source>::table.names[i] == name) return true;
        return false;
    }
    static_assert(size <= 32, "lastbyte: TierRules<...> takes at most 32 lines.");
    static_assert(!has_covered_line(),
                  "lastbyte: a tier rule can never answer, because an earlier one of the same name covers all its labels. "
                  "Remove it.");
    static_assert(!has_silent_line(),
                  "lastbyte: a tier rule can never answer, because its Never<...> names every source that the enum has. "
                  "Leave out the sources that may answer.");
    static_assert(!has_source_called("none") && !has_source_called("unresolved"),
                  "lastbyte: a source is called `none` or `unresolved`, which are the names of the two answers that are no "
                  "source. Rename the enumerator.");
};

namespace detail::says {

/// Named so that the compiler's first line is the sentence: no tier rule is called ASKED; this policy declares RULES.
template <class Asked, class Rules>
struct no_tier_rule_is_called;
template <class... Names>
struct this_policy_declares;

}  // namespace detail::says

namespace detail {

template <FixedString Asked, class Rules>
struct RuleNames;
template <FixedString Asked, class Source, FixedString... Names, class... Labels, class... Passed>
struct RuleNames<Asked, TierRules<Source, FirstWins<Names, Labels, Passed>...>> {
    using Missing = says::no_tier_rule_is_called<spelled<Asked>, says::this_policy_declares<spelled<Names>...>>;
};

/// The lines of the rule that somebody asked for by name; a name that does not exist is an error that lists those that do.
template <class Rules, FixedString Name>
consteval std::uint32_t rule_lines() {
    constexpr std::uint32_t set = Rules::lines_called(Name.view());
    if constexpr (set == 0) return stop_with<typename RuleNames<Name, Rules>::Missing>();
    return set;
}

}  // namespace detail
}  // namespace lastbyte
