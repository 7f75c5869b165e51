// Labels: the compile-time names of spans, and what a rule's label says about a span's.
//
// A label is a template argument, so a typo can be a compile error, matching a rule costs nothing at run time, and a
// record holds one pointer instead of a string. `"index"` is plain; `"file:*"` is a family, whose tail is given when the
// span starts; `"*"` is the family of all labels, for names that only arrive at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace lastbyte {

/// A string literal as a template argument.
template <std::size_t N>
struct FixedString {
    char text[N]{};
    static constexpr std::size_t length = N - 1;

    consteval FixedString(char const (&literal)[N]) noexcept {
        for (std::size_t i = 0; i < N; ++i) text[i] = literal[i];
    }
    [[nodiscard]] constexpr std::string_view view() const noexcept { return {text, N - 1}; }
};

/// The labels that a rule, or a policy's closed set, names.
template <FixedString... Labels>
struct On {
    static constexpr std::size_t size = sizeof...(Labels);
};

/// A policy's label set: every well-formed label may be recorded.
struct OpenLabels {
    static constexpr bool closed = false;
};

/// A policy's label set: only these, and those that a tier rule names, may be recorded.
template <FixedString... Labels>
struct ClosedLabels {
    static constexpr bool closed = true;
};

/// How a rule's label stands to a span's: decided by the types, or by the tail that the span gets at run time.
enum class Match : std::uint8_t { never, always, by_tail };

namespace detail {

template <auto...>
inline constexpr bool never = false;
template <class...>
inline constexpr bool never_type = false;

/// A literal in a diagnostic. clang before 16 prints the characters of a FixedString as numbers, so it gets them apart.
#if defined(__clang__)
template <char...>
struct text;
template <FixedString S, class Indices>
struct spell;
template <FixedString S, std::size_t... I>
struct spell<S, std::index_sequence<I...>> {
    using type = text<S.text[I]...>;
};
template <FixedString S>
using spelled = typename spell<S, std::make_index_sequence<S.length>>::type;
#else
template <FixedString S>
struct spelled;
#endif

/// Stops the compilation with an incomplete type whose name is the sentence to be read.
template <class Sentence>
consteval std::size_t stop_with() {
    return sizeof(Sentence);
}

constexpr bool is_family(std::string_view label) noexcept { return !label.empty() && label.back() == '*'; }

/// A family without its star, a plain label as it is.
constexpr std::string_view stem(std::string_view label) noexcept {
    return is_family(label) ? label.substr(0, label.size() - 1) : label;
}

constexpr bool has_inner_star(std::string_view label) noexcept {
    return stem(label).find('*') != std::string_view::npos;
}

constexpr bool has_control(std::string_view label) noexcept {
    for (char c : label)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
    return false;
}

/// What `rule` (a label as a rule writes it) says about spans recorded under `label`.
constexpr Match match(std::string_view rule, std::string_view label) noexcept {
    auto const rule_stem = stem(rule);
    auto const label_stem = stem(label);
    bool const covered = is_family(rule) ? label_stem.starts_with(rule_stem) : !is_family(label) && rule == label;
    if (covered) return Match::always;
    return is_family(label) && rule_stem.starts_with(label_stem) ? Match::by_tail : Match::never;
}

/// The same for a label whose tail is known: `stem` + `tail` is the whole name.
constexpr bool match_whole(std::string_view rule, std::string_view label_stem, std::string_view tail) noexcept {
    auto wanted = stem(rule);
    std::size_t const length = label_stem.size() + tail.size();
    if (is_family(rule) ? length < wanted.size() : length != wanted.size()) return false;
    auto const head = wanted.substr(0, label_stem.size());
    return label_stem.starts_with(head) && tail.starts_with(wanted.substr(head.size()));
}

/// A well-formed label; the assertions say what is wrong with another.
template <FixedString Text>
struct Label {
    static constexpr std::string_view name = Text.view();
    static_assert(!name.empty(),
                  "lastbyte: this label is empty, so nothing could find its spans. Name the work: span<\"index\">().");
    static_assert(!has_control(name),
                  "lastbyte: this label holds a newline or another control character, which would break headers and "
                  "log lines. Use printable characters; put variable text into the span's detail.");
    static_assert(!has_inner_star(name),
                  "lastbyte: a '*' stands inside this label; a family has one star, at the end (\"file:*\").");
    static constexpr bool family = is_family(name);
};

/// What a policy may say of its labels. A closed set is held to the same form as the rules.
template <class Labels>
struct LabelSet {
    static constexpr bool well_formed = false;
};
template <>
struct LabelSet<OpenLabels> {
    static constexpr bool well_formed = true;
};
template <FixedString... Labels>
struct LabelSet<ClosedLabels<Labels...>> {
    static constexpr bool well_formed = (Label<Labels>{}, ..., true);
    static constexpr bool repeats() noexcept {
        constexpr std::string_view all[] = {Labels.view()..., {}};
        for (std::size_t i = 0; i < sizeof...(Labels); ++i)
            for (std::size_t j = 0; j < sizeof...(Labels); ++j)
                if (i != j && match(all[i], all[j]) == Match::always) return true;
        return false;
    }
    static_assert(!repeats(),
                  "lastbyte: a ClosedLabels<...> names a label twice, or one that another covers (\"file:*\" covers "
                  "\"file:a\"). Remove the one that adds nothing.");
};

template <class Labels, FixedString Text>
inline constexpr bool lists = false;
template <FixedString... Labels, FixedString Text>
inline constexpr bool lists<ClosedLabels<Labels...>, Text> = ((match(Labels.view(), Text.view()) == Match::always) || ...);

/// How many insertions, deletions and replacements turn `a` into `b`.
constexpr std::size_t edit_distance(std::string_view a, std::string_view b) noexcept {
    constexpr std::size_t longest = 64;
    a = a.substr(0, longest);
    b = b.substr(0, longest);
    std::size_t row[longest + 1]{};
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            std::size_t best = diagonal + (a[i] == b[j] ? 0 : 1);
            if (row[j] + 1 < best) best = row[j] + 1;
            diagonal = row[j + 1];
            if (diagonal + 1 < best) best = diagonal + 1;
            row[j + 1] = best;
        }
    }
    return row[b.size()];
}

/// The index of the candidate nearest to `typed`.
template <std::size_t N>
constexpr std::size_t nearest(std::string_view typed, std::string_view const (&candidates)[N]) noexcept {
    std::size_t best = 0;
    for (std::size_t i = 1; i < N; ++i)
        if (edit_distance(typed, candidates[i]) < edit_distance(typed, candidates[best])) best = i;
    return best;
}

}  // namespace detail
}  // namespace lastbyte
