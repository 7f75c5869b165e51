// The values of one row, inline: numbers by slot, and all texts packed into one bounded buffer.
//
// A std::string per text allocates on the request's path, and a fixed array per text wastes most of the row's budget.
// Here a short text costs a scan and a bounded copy, the buffer is never zeroed, and a copy of the whole copies what is
// in use. Every text inside is well-formed UTF-8; what doesn't fit is cut between two characters, and counted.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <lastbyte/core/text.hpp>

namespace lastbyte {

/// What a row doesn't hold as it was given, by cause. Each counts events; all are 0 for a row that holds all of it.
struct Drops {
    std::uint32_t texts_cut = 0;           ///< kept in part: the texts of the row together reached the store's bound
    std::uint32_t texts_dropped = 0;       ///< nothing of it fitted any more
    std::uint32_t texts_repaired = 0;      ///< had bytes that are no UTF-8: each became U+FFFD
    std::uint32_t indexes_cut = 0;         ///< the index is shorter than the text it copies
    std::uint32_t numbers_not_finite = 0;  ///< NaN or infinite: refused, the field kept what it had (0 at first)

    [[nodiscard]] constexpr std::uint64_t total() const noexcept {
        return std::uint64_t{texts_cut} + texts_dropped + texts_repaired + indexes_cut + numbers_not_finite;
    }
};

}  // namespace lastbyte

namespace lastbyte::detail {

/// Not NaN, not infinite; said by the bits, because -ffast-math folds the usual question away.
constexpr bool is_finite(double number) noexcept {
    constexpr std::uint64_t exponent = 0x7ff0'0000'0000'0000;
    return (std::bit_cast<std::uint64_t>(number) & exponent) != exponent;
}

/// A text of 4 to 32 bytes that is all ASCII, in words that overlap: as nearly every text of a row is, without a call of
/// memmove. False, and nothing done, for another. `to` may lie inside the text.
[[gnu::always_inline]] inline bool copy_short_ascii(char* to, std::string_view text) noexcept {
    constexpr std::uint64_t high = 0x8080'8080'8080'8080;
    auto const load = [&](auto word, std::size_t at) noexcept {
        std::memcpy(&word, text.data() + at, sizeof word);
        return word;
    };
    auto const store = [&](std::size_t at, auto word) noexcept { std::memcpy(to + at, &word, sizeof word); };
    std::size_t const size = text.size();
    if (size < 4 || size > 32) [[unlikely]]
        return false;
    if (size < 8) {
        auto const first = load(std::uint32_t{}, 0), last = load(std::uint32_t{}, size - 4);
        if (((first | last) & high) != 0) [[unlikely]]
            return false;
        store(0, first);
        store(size - 4, last);
        return true;
    }
    auto const first = load(std::uint64_t{}, 0), last = load(std::uint64_t{}, size - 8);
    if (size <= 16) {
        if (((first | last) & high) != 0) [[unlikely]]
            return false;
        store(0, first);
        store(size - 8, last);
        return true;
    }
    auto const second = load(std::uint64_t{}, 8), third = load(std::uint64_t{}, size - 16);
    if (((first | second | third | last) & high) != 0) [[unlikely]]
        return false;
    store(0, first);
    store(8, second);
    store(size - 16, third);
    store(size - 8, last);
    return true;
}

/// Eight bytes at a time; the last ones are looked at in a word that overlaps.
inline bool is_ascii(std::string_view text) noexcept {
    constexpr std::uint64_t high = 0x8080'8080'8080'8080;
    auto const word = [&](auto width, std::size_t at) noexcept {
        std::memcpy(&width, text.data() + at, sizeof width);
        return std::uint64_t{width};
    };
    std::size_t const size = text.size();
    if (size >= 8) {
        for (std::size_t at = 0; at + 8 <= size; at += 8)
            if ((word(std::uint64_t{}, at) & high) != 0) return false;
        return (word(std::uint64_t{}, size - 8) & high) == 0;
    }
    if (size >= 4) return ((word(std::uint32_t{}, 0) | word(std::uint32_t{}, size - 4)) & high) == 0;
    for (char const c : text)
        if (static_cast<unsigned char>(c) >= 0x80) return false;
    return true;
}

inline bool is_utf8(std::string_view text) noexcept {
    if (is_ascii(text)) [[likely]] return true;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t const length = utf8_length(text.substr(at));
        if (length == 0) return false;
        at += length;
    }
    return true;
}

/// Slots count from 0 here. Not synchronised: a value is one thread's at a time.
template <std::size_t Texts, std::size_t Numbers, std::size_t Bytes>
class RowValues {
    static_assert(Bytes <= 0xffff'ffff, "lastbyte: blob_bytes of a StoreLimits is 4 GiB or more; a row is kept in memory.");

public:
    RowValues() noexcept {}  // the bytes stay as they are: an empty span refers to none of them
    RowValues(RowValues const& other) noexcept { copy(other); }
    RowValues& operator=(RowValues const& other) noexcept {
        if (this != &other) copy(other);
        return *this;
    }

    [[nodiscard]] std::string_view text(std::size_t slot) const noexcept {
        return slot < Texts ? std::string_view{bytes_ + spans_[slot].begin, spans_[slot].length} : std::string_view{};
    }
    [[nodiscard]] double number(std::size_t slot) const noexcept { return slot < Numbers ? numbers_[slot] : 0.0; }

    /// Keeps what fits while all texts together stay within `most` bytes. The text may be (a part of) one in here.
    void put(std::size_t slot, std::string_view text, std::size_t most) noexcept {
        Span& span = spans_[slot];
        std::uint32_t const begin = used_;
        if (span.length == 0 && begin <= most && text.size() <= most - begin && copy_short_ascii(bytes_ + begin, text))
            [[likely]] {
            span = {begin, static_cast<std::uint32_t>(text.size())};
            used_ = begin + span.length;
        } else {
            put_any(span, text, most);
        }
    }

    void put(std::size_t slot, double number) noexcept {
        if (is_finite(number)) [[likely]]
            numbers_[slot] = number;
        else
            drops.numbers_not_finite += 1;
    }

    Drops drops{};

private:
    struct Span {
        std::uint32_t begin = 0, length = 0;
    };

    [[gnu::noinline]] void put_any(Span& span, std::string_view text, std::size_t most) noexcept {
        if (span.length != 0) {
            if (std::size_t const at = offset_of(text); at - span.begin < span.length)
                return narrow(span, at, text.size());
            text = give_up(span, text);
        }
        std::size_t const room = most > used_ ? most - used_ : 0;
        std::uint32_t const begin = used_;
        if (text.size() <= room && is_utf8(text))
            keep(text);
        else
            keep_what_fits(text, room);
        span = {begin, used_ - begin};
    }

    /// Where a text lies in these bytes; far behind their end when it doesn't.
    [[nodiscard]] std::size_t offset_of(std::string_view text) const noexcept {
        auto const at = reinterpret_cast<std::uintptr_t>(text.data()) - reinterpret_cast<std::uintptr_t>(bytes_);
        return !text.empty() && at < used_ ? at : ~std::size_t{};
    }

    /// Of a span's text, only this part stays. A character that the part cuts in two goes.
    void narrow(Span& span, std::size_t at, std::size_t size) noexcept {
        std::string_view part{bytes_ + at, size};
        while (!part.empty() && (static_cast<unsigned char>(part[0]) & 0xc0) == 0x80) part.remove_prefix(1);
        while (!is_utf8(part)) part.remove_suffix(1);
        if (part.size() != size) drops.texts_repaired += 1;
        Span const whole = span;
        std::memmove(bytes_ + whole.begin, part.data(), part.size());
        span.length = static_cast<std::uint32_t>(part.size());
        close_gap(whole.begin + span.length, whole.length - span.length);
    }

    /// Frees a span's bytes, and follows `text` to where its bytes are afterwards, if they are ours.
    std::string_view give_up(Span& span, std::string_view text) noexcept {
        Span const gone = span;
        bool const moves = offset_of(text) != ~std::size_t{} && offset_of(text) > gone.begin;
        span = {};
        close_gap(gone.begin, gone.length);
        return moves ? std::string_view{text.data() - gone.length, text.size()} : text;
    }

    void close_gap(std::uint32_t begin, std::uint32_t length) noexcept {
        std::memmove(bytes_ + begin, bytes_ + begin + length, used_ - begin - length);
        for (Span& other : spans_)
            if (other.begin >= begin + length) other.begin -= length;
        used_ -= length;
    }

    void keep(std::string_view text) noexcept {
        if (!text.empty()) std::memmove(bytes_ + used_, text.data(), text.size());
        used_ += static_cast<std::uint32_t>(text.size());
    }

    /// Character by character, until there is no room for the next.
    void keep_what_fits(std::string_view text, std::size_t room) noexcept {
        constexpr std::string_view replacement = "\xef\xbf\xbd";
        bool repaired = false;
        std::size_t begin = 0, at = 0;  // between them: what is well-formed and not kept yet
        while (at < text.size()) {
            std::size_t const length = utf8_length(text.substr(at));
            std::size_t const needed = length == 0 ? replacement.size() : length;
            if (needed > room) break;
            room -= needed;
            at += length;
            if (length != 0) continue;
            repaired = true;
            keep(text.substr(begin, at - begin));
            keep(replacement);
            begin = ++at;
        }
        keep(text.substr(begin, at - begin));
        if (repaired) drops.texts_repaired += 1;
        if (at != text.size()) (at == 0 ? drops.texts_dropped : drops.texts_cut) += 1;
    }

    void copy(RowValues const& other) noexcept {
        drops = other.drops;
        std::memcpy(numbers_, other.numbers_, sizeof numbers_);
        std::memcpy(spans_, other.spans_, sizeof spans_);
        used_ = other.used_;
        std::memcpy(bytes_, other.bytes_, used_);
    }

    // At least one of each: an array of none is no C++.
    double numbers_[Numbers == 0 ? 1 : Numbers]{};
    Span spans_[Texts == 0 ? 1 : Texts]{};
    std::uint32_t used_ = 0;
    char bytes_[Bytes == 0 ? 1 : Bytes];
};

}  // namespace lastbyte::detail
