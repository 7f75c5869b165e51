// A lane: one ring of memory that records are copied into by any thread and taken from in the same order.
//
// A queue of strings allocates for each, and a lock makes a request wait for a thread that has been suspended. Here a
// writer reserves its bytes by one compare-and-swap, copies, and publishes by one store; a record is there whole or not
// at all. A writer that is suspended between the two holds up the reader of its lane and nobody else. About 20 ns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <lastbyte/core/atomic.hpp>

namespace lastbyte::detail {

/// Zeroed memory of a power of two, which its owner gives it, and two positions that only grow.
///
/// Whatever lies between tail and head is reserved, and all else is zero: so a reader knows a record that is still
/// being copied by its zero word. A record is contiguous; where it doesn't fit before the end, a word says to go on at
/// the start.
class Lane {
public:
    static constexpr std::uint64_t word = 8;

    void give(char* memory, std::uint64_t capacity) noexcept {
        memory_ = memory;
        capacity_ = capacity;
    }
    [[nodiscard]] static constexpr std::uint64_t taken_up_by(std::uint64_t size) noexcept {
        return word + (size + word - 1) / word * word;
    }

    /// Copies a record in; 0 when there is no room, and otherwise how many bytes of the lane are now in use.
    std::uint64_t push(std::string_view record) noexcept {
        std::uint64_t const need = taken_up_by(record.size());
        std::uint64_t begin, pad, used;
        do {
            std::uint64_t const end_of_free = tail_.load_acquire() + capacity_;
            begin = head_.load_relaxed();
            std::uint64_t const to_the_end = capacity_ - (begin & (capacity_ - 1));
            pad = to_the_end < need ? to_the_end : 0;
            if (begin + pad + need > end_of_free) return 0;
            used = begin + pad + need - (end_of_free - capacity_);
        } while (!reserve(begin, begin + pad + need));
        if (pad != 0) publish(begin, pad << 1);
        std::memcpy(at(begin + pad) + word, record.data(), record.size());
        publish(begin + pad, std::uint64_t{record.size()} << 1 | 1);
        return used;
    }

    /// Hands the oldest record to `fn`, and removes it if `fn` returns true. False when there was none that is whole,
    /// another thread is taking one at this moment, or `fn` left it.
    template <class Fn>
    bool pop(Fn&& fn) noexcept {
        if (taking_.load_relaxed() != 0 || taking_.exchange_acq_rel(1) != 0) return false;
        bool const popped = pop_alone(fn);
        taking_.store_release(0);
        return popped;
    }

    /// Where the next record will begin, and where the oldest begins. Sequentially consistent with reserving one.
    [[nodiscard]] std::uint64_t head() const noexcept { return head_.load(); }
    [[nodiscard]] std::uint64_t tail() const noexcept { return tail_.load_acquire(); }

    /// Empties it, while no other thread knows it: in a child after fork().
    void forget() noexcept {
        std::memset(memory_, 0, static_cast<std::size_t>(capacity_));
        head_.store(0);
        tail_.store_relaxed(0);
        taking_.store_relaxed(0);
    }

private:
    /// The head, with the one memory order that Atomic lacks: a writer that reserves and then sees the reader awake,
    /// and a reader that goes to sleep and then sees nothing reserved, can't both be right.
    class Head {
    public:
        [[nodiscard]] std::uint64_t load_relaxed() const noexcept { return __atomic_load_n(&value_, __ATOMIC_RELAXED); }
        [[nodiscard]] std::uint64_t load() const noexcept { return __atomic_load_n(&value_, __ATOMIC_SEQ_CST); }
        bool replace(std::uint64_t expected, std::uint64_t wanted) noexcept {
            return __atomic_compare_exchange_n(&value_, &expected, wanted, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
        }
        void store(std::uint64_t value) noexcept { __atomic_store_n(&value_, value, __ATOMIC_RELAXED); }

    private:
        alignas(8) std::uint64_t value_ = 0;
    };

    bool reserve(std::uint64_t begin, std::uint64_t end) noexcept { return head_.replace(begin, end); }
    [[nodiscard]] char* at(std::uint64_t position) const noexcept { return memory_ + (position & (capacity_ - 1)); }
    void publish(std::uint64_t position, std::uint64_t value) noexcept {
        reinterpret_cast<Atomic<std::uint64_t>*>(at(position))->store_release(value);
    }
    template <class Fn>
    bool pop_alone(Fn& fn) noexcept {
        for (;;) {
            std::uint64_t const tail = tail_.load_relaxed();
            char* const here = at(tail);
            std::uint64_t const value = reinterpret_cast<Atomic<std::uint64_t>*>(here)->load_acquire();
            if (value == 0) return false;
            std::uint64_t const size = value >> 1;
            if ((value & 1) == 0) {
                std::memset(here, 0, word);
                tail_.store_release(tail + size);
                continue;
            }
            if (!fn(std::string_view{here + word, static_cast<std::size_t>(size)})) return false;
            std::memset(here, 0, static_cast<std::size_t>(taken_up_by(size)));
            tail_.store_release(tail + taken_up_by(size));
            return true;
        }
    }

    alignas(64) Head head_;
    alignas(64) Atomic<std::uint64_t> tail_{0};
    Atomic<std::uint32_t> taking_{0};
    alignas(64) char* memory_ = nullptr;
    std::uint64_t capacity_ = 0;
};

}  // namespace lastbyte::detail
