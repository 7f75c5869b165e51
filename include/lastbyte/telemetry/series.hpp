// The series of a rollup: which row of counters belongs to a combination of texts, made when it is first seen.
//
// A map behind a mutex stops all requests for a new one, and a map without a bound dies of the first client that invents
// names. Here a table of fixed size is read without a lock; who makes a series writes its texts first and then publishes
// them with one exchange, so that nobody waits and nobody sees half a key. What finds no room is told so.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <lastbyte/core/atomic.hpp>

namespace lastbyte::detail {

/// Up to 8 bytes as one number; two texts of one length have the same number only when they are equal.
inline std::uint64_t few_bytes(char const* text, std::size_t size) noexcept {
    auto const byte = [&](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(text[i])}; };
    if (size >= 4) {
        std::uint32_t head, tail;
        std::memcpy(&head, text, 4);
        std::memcpy(&tail, text + size - 4, 4);
        return std::uint64_t{head} << 32 | tail;
    }
    return size == 0 ? 0 : byte(0) << 16 | byte(size / 2) << 8 | byte(size - 1);
}

/// Most keys are short: without a call, eight bytes at a time.
inline bool same_text(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    std::size_t at = 0;
    for (; a.size() - at > 8; at += 8) {
        std::uint64_t left, right;
        std::memcpy(&left, a.data() + at, 8);
        std::memcpy(&right, b.data() + at, 8);
        if (left != right) return false;
    }
    return few_bytes(a.data() + at, a.size() - at) == few_bytes(b.data() + at, b.size() - at);
}

/// Of a short text one multiplication, which those of a key's other texts don't wait for.
inline std::uint64_t hash_text(std::string_view text) noexcept {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
    std::uint64_t state = text.size();
    std::size_t at = 0;
    for (; text.size() - at > 8; at += 8) {
        std::uint64_t word;
        std::memcpy(&word, text.data() + at, 8);
        state = std::rotl((state ^ word) * odd, 29);
    }
    state = (std::rotl(state, 56) ^ few_bytes(text.data() + at, text.size() - at)) * odd;
    return state ^ state >> 32;
}

/// `Texts` texts a key, each at most `TextBytes` long; at most `MaxSeries` keys. Zeroed memory is an empty table.
template <std::size_t Texts, std::size_t MaxSeries, std::size_t TextBytes>
class SeriesTable {
    static_assert(MaxSeries >= 1 && MaxSeries <= 32768, "lastbyte: max_series of a rollup lies in 1..32768.");
    static_assert(TextBytes >= 8 && TextBytes <= 4096, "lastbyte: value_bytes of a rollup lies in 8..4096.");

public:
    struct Key {
        std::string_view text[Texts + 1];
    };
    static constexpr std::size_t no_room = MaxSeries;

    /// The number of a key's series, which is made if there is none. `no_room` when all are taken, or when another thread is
    /// just now making the last one. Never waits; a few nanoseconds for a key that is there.
    [[nodiscard]] std::size_t find_or_make(Key const& key) noexcept {
        std::uint64_t hash = 0;
        for (std::size_t i = 0; i < Texts; ++i) hash = std::rotl(hash, 21) + hash_text(key.text[i]);
        std::size_t at = hash % slot_count;
        std::uint64_t const word = slots_[at].load_acquire();
        if (is_of(word, hash) && holds(series_of(word), key)) [[likely]] return series_of(word);
        std::size_t const found = probe(key, hash, at);
        return found != no_room ? found : make(key, hash, at);
    }

    [[nodiscard]] std::string_view text(std::size_t series, std::size_t which) const noexcept {
        return {stored_[series].text[which], stored_[series].length[which]};
    }
    /// Calls `fn` with the number of every series, in the order of their making.
    template <class Fn>
    void for_each(Fn&& fn) const {
        bool there[MaxSeries]{};
        for (auto const& slot : slots_)
            if (auto const word = slot.load_acquire(); word != 0) there[series_of(word)] = true;
        for (std::size_t i = 0; i < MaxSeries; ++i)
            if (there[i]) fn(i);
    }
    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t n = 0;
        for (auto const& slot : slots_)
            if (slot.load_relaxed() != 0) ++n;
        return n;
    }

private:
    /// Twice as many as there are series, so that a search ends soon at an empty one.
    static constexpr std::size_t slot_count = std::bit_ceil(2 * MaxSeries);
    static constexpr std::uint64_t series_bits = 0xffff;

    struct Stored {
        std::uint16_t length[Texts + 1];
        char text[Texts + 1][TextBytes];
    };

    static constexpr std::size_t series_of(std::uint64_t word) noexcept {
        return static_cast<std::size_t>((word & series_bits) - 1);
    }
    /// Whether it may be the word of a key with this hash.
    static constexpr bool is_of(std::uint64_t word, std::uint64_t hash) noexcept {
        return word != 0 && ((word ^ hash) & ~series_bits) == 0;
    }
    [[nodiscard]] bool holds(std::size_t series, Key const& key) const noexcept {
        for (std::size_t i = 0; i < Texts; ++i)
            if (!same_text(text(series, i), key.text[i])) return false;
        return true;
    }
    /// Walks from slot `at` to the key or to an empty slot, where it leaves `at`.
    [[gnu::noinline]] std::size_t probe(Key const& key, std::uint64_t hash, std::size_t& at) const noexcept {
        for (;; at = (at + 1) % slot_count) {
            std::uint64_t const word = slots_[at].load_acquire();
            if (word == 0) return no_room;
            if (is_of(word, hash) && holds(series_of(word), key)) return series_of(word);
        }
    }
    [[gnu::noinline, gnu::cold]] std::size_t make(Key const& key, std::uint64_t hash, std::size_t at) noexcept {
        std::size_t const series = claim();
        if (series == no_room) return probe(key, hash, at);
        for (std::size_t i = 0; i < Texts; ++i) {
            stored_[series].length[i] = static_cast<std::uint16_t>(key.text[i].size());
            if (!key.text[i].empty()) std::memcpy(stored_[series].text[i], key.text[i].data(), key.text[i].size());
        }
        for (;;) {
            if (slots_[at].replace_acq_rel(0, (hash & ~series_bits) | (series + 1))) return series;
            // Somebody was faster: with another key, or with this one.
            std::size_t const theirs = probe(key, hash, at);
            if (theirs == no_room) continue;
            taken_[series / 64].and_acq_rel(~(std::uint64_t{1} << series % 64));
            return theirs;
        }
    }
    /// A series that nobody has, for a key that only this thread knows yet.
    std::size_t claim() noexcept {
        for (std::size_t group = 0; group < groups; ++group) {
            std::uint64_t const full =
                MaxSeries - 64 * group >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (MaxSeries - 64 * group)) - 1;
            for (auto taken = taken_[group].load_relaxed(); taken != full; taken = taken_[group].load_relaxed()) {
                auto const free = static_cast<std::size_t>(std::countr_one(taken));
                if (taken_[group].replace_acq_rel(taken, taken | std::uint64_t{1} << free)) return 64 * group + free;
            }
        }
        return no_room;
    }

    static constexpr std::size_t groups = (MaxSeries + 63) / 64;
    Atomic<std::uint64_t> slots_[slot_count];
    Atomic<std::uint64_t> taken_[groups];
    Stored stored_[MaxSeries];
};

}  // namespace lastbyte::detail
