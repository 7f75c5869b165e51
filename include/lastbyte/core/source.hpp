// Sources: the names of the user's own enum, found at compile time.
//
// A hand-written name table goes stale the day somebody adds an enumerator; this one is read out of the compiler's own
// spelling of the enum. Enumerators must lie in 0..63, because sets of sources are kept as one 64-bit word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace lastbyte {

/// The source enum of a policy that declares none.
enum class NoSource : std::uint8_t {};

/// The name of an enumerator as it is written in the enum ("r2"); empty for a value that has none. Costs one table look-up.
template <class Source>
constexpr std::string_view source_name(Source source) noexcept;

namespace detail {

inline constexpr std::size_t max_sources = 64;
inline constexpr std::uint8_t no_source = 0xff;

template <class E, E... Values>
constexpr std::string_view spelling() noexcept {
    return __PRETTY_FUNCTION__;
}

template <class E, std::size_t... I>
constexpr std::string_view spelling_of_all(std::index_sequence<I...>) noexcept {
    return spelling<E, static_cast<E>(I)...>();
}

/// The names at their values. A value without an enumerator is spelled as a cast by the compiler, and has none.
struct NameTable {
    std::string_view names[max_sources]{};
    std::uint64_t known = 0;

    constexpr NameTable() noexcept {
        for (auto& name : names) name = "";  // g++ 12 can't read an element that only {} has set
    }
    /// Cuts "…{Source::memory, (Source)1, …}" into names. The list is the last bracketed run: g++ writes {…} and may add
    /// "; alias = type" after it, clang writes <…>].
    constexpr NameTable(std::string_view all, char open, char close) noexcept : NameTable() {
        std::size_t const end = all.rfind(close);
        std::size_t begin = end;
        for (int depth = 0; begin > 0; --begin) {
            if (all[begin] == close) ++depth;
            if (all[begin] == open && --depth == 0) break;
        }
        int depth = 0;
        std::size_t index = 0;
        for (std::size_t from = begin + 1, at = from; at <= end && index < max_sources; ++at) {
            char const c = all[at];
            if (c == '(' || c == '<' || c == '{') ++depth;
            bool const separator = depth == 0 && (c == ',' || at == end);
            if (at != end && (c == ')' || c == '>' || c == '}')) --depth;
            if (!separator) continue;
            keep(index++, all.substr(from, at - from));
            from = at + 1;
        }
    }

private:
    constexpr void keep(std::size_t index, std::string_view item) noexcept {
        if (auto const colon = item.rfind(':'); colon != std::string_view::npos) item.remove_prefix(colon + 1);
        while (item.starts_with(' ')) item.remove_prefix(1);
        if (item.empty() || item.find(')') != std::string_view::npos) return;
        names[index] = item;
        known |= std::uint64_t{1} << index;
    }
};

template <class E>
struct Names {
    static_assert(std::is_enum_v<E> && !std::is_convertible_v<E, int>,
                  "lastbyte: the sources of TierRules<Source, ...> must be an `enum class`, so that a number can't be taken "
                  "for a source. Write: enum class Source { memory, cache, ... };");
#if defined(__clang__)
    static constexpr NameTable table{spelling_of_all<E>(std::make_index_sequence<max_sources>{}), '<', '>'};
#else
    static constexpr NameTable table{spelling_of_all<E>(std::make_index_sequence<max_sources>{}), '{', '}'};
#endif
};
template <>
struct Names<NoSource> {
    static constexpr NameTable table{};
};

/// One more than the highest source that has a name.
template <class E>
inline constexpr std::size_t named_end = [] {
    std::size_t end = 0;
    for (std::uint64_t rest = Names<E>::table.known; rest != 0; rest >>= 1) ++end;
    return end;
}();

template <class E>
constexpr bool is_named(E value) noexcept {
    auto const index = static_cast<std::uint64_t>(value);
    return index < max_sources && (Names<E>::table.known >> index & 1) != 0;
}

constexpr std::uint64_t source_bit(std::uint8_t source) noexcept {
    return source < max_sources ? std::uint64_t{1} << source : 0;
}

}  // namespace detail

template <class Source>
constexpr std::string_view source_name(Source source) noexcept {
    return detail::is_named(source) ? detail::Names<Source>::table.names[static_cast<std::size_t>(source)]
                                    : std::string_view{};
}

}  // namespace lastbyte
