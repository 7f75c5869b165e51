// The queue behind a pipeline: its lanes, what has been taken out of them, and the counts, in one preallocated block.
//
// It is shared, so that a worker that hangs in a dead backend's socket can be left alone without pulling the memory
// from under it. A forked child begins with an empty queue: what its parent was offered, its parent delivers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include <pthread.h>
#include <sched.h>

#include <lastbyte/core/atomic.hpp>
#include <lastbyte/core/ledger.hpp>
#include <lastbyte/pipeline/bell.hpp>
#include <lastbyte/pipeline/lane.hpp>
#include <lastbyte/pipeline/report.hpp>

namespace lastbyte::detail {

/// How often this process's ancestors forked on the way to it, counted from the first pipeline on.
inline constinit Atomic<std::uint32_t> forks{1};
inline constinit Atomic<std::uint32_t> forks_are_counted{0};
inline void count_forks() noexcept {
    if (forks_are_counted.exchange_acq_rel(1) == 0) pthread_atfork(nullptr, nullptr, [] { forks.add_relaxed(1); });
}

enum class Fate : std::uint8_t {
    delivered,
    refused,
    recovered,
    spooled,
    unspooled,
    spool_lost,
    failure,
    spool_failure,
    size
};

/// Records that have left the lanes and are nowhere else yet. One after the other, as one text.
struct Hand {
    char* bytes = nullptr;
    std::size_t size = 0;
    Atomic<std::uint64_t> records{0};
    [[nodiscard]] bool empty() const noexcept { return records.load_relaxed() == 0; }
    [[nodiscard]] std::string_view view() const noexcept { return {bytes, size}; }
};

class Queue {
public:
    /// nullptr when there is no memory. All of it is touched here, so that no request meets a page fault.
    static Queue* make(std::size_t lane_bytes) noexcept {
        constexpr std::size_t most = PTRDIFF_MAX / 2 / (lanes + 1);  // rounded up and times that it is still a size
        std::uint64_t capacity = 4096;
        if (lane_bytes > most) return nullptr;
        while (capacity < lane_bytes) capacity *= 2;
        void* const memory = std::aligned_alloc(64, sizeof(Queue));
        void* const bytes = std::malloc(static_cast<std::size_t>((lanes + 1) * capacity));
        if (memory == nullptr || bytes == nullptr) {
            std::free(memory);
            std::free(bytes);
            return nullptr;
        }
        return ::new (memory) Queue(static_cast<char*>(bytes), capacity);
    }
    void share() noexcept { users_.add_acq_rel(1); }
    void release() noexcept {
        if (users_.sub_acq_rel(1) != 1) return;
        while (other_hands_ != nullptr) std::free(std::exchange(other_hands_, other_hands_->next));
        std::free(memory_);
        this->~Queue();
        std::free(this);
    }

    /// To be called before anything else: a forked child gets a queue of its own.
    void leave_parent() noexcept {
        std::uint32_t const now = forks.load_relaxed();
        if (epoch_.load_acquire() == now) [[likely]]
            return;
        begin_anew(now);
    }

    /// What is offered and what is turned away are counted by lane; what becomes of the rest, by the reader.
    struct Counted {
        alignas(64) Lane lane;
        Atomic<std::uint64_t> offered{0}, accepted{0};
        Atomic<std::uint64_t> full{0}, too_large{0}, evicted{0};
        alignas(64) Atomic<std::uint64_t> taken{0};
    };
    [[nodiscard]] Counted& this_lane() noexcept { return lanes_[detail::this_lane()]; }
    [[nodiscard]] std::size_t max_record_bytes() const noexcept {
        return static_cast<std::size_t>(capacity_ / 2 - Lane::word);
    }
    [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }

    /// Wakes the worker if it sleeps and the lane is full enough for it: one that waits for anything is woken by
    /// anything.
    void wake_if_due(std::uint64_t used) noexcept {
        if (used >= __atomic_load_n(&wakes_at_, __ATOMIC_SEQ_CST)) [[unlikely]]
            wake();
    }
    [[gnu::noinline]] void wake() noexcept {
        if (__atomic_exchange_n(&wakes_at_, awake, __ATOMIC_SEQ_CST) != awake) bell.ring();
    }
    /// The reader's side of it: from now on a lane with so many bytes wakes it.
    void sleep_until(std::uint64_t used) noexcept { __atomic_store_n(&wakes_at_, used, __ATOMIC_SEQ_CST); }
    static constexpr std::uint64_t awake = ~std::uint64_t{0};

    /// One reader at a time: a worker for as long as it lives, or whoever drains by hand.
    [[nodiscard]] bool begin_reading() noexcept { return reading_.exchange_acq_rel(1) == 0; }
    void end_reading() noexcept { reading_.store_release(0); }

    /// Takes records into an empty hand, as many as fit into `batch_bytes` and one at least. False when there are none.
    bool fill(std::size_t batch_bytes) noexcept {
        hand.size = 0;
        std::size_t const most = batch_bytes < capacity_ ? batch_bytes : static_cast<std::size_t>(capacity_);
        std::size_t const first = next_lane_++;
        for (std::size_t i = 0; i < lanes && (hand.empty() || hand.size < most); ++i) {
            auto& one = lanes_[(first + i) % lanes];
            while (one.lane.pop([&](std::string_view record) {
                if (hand.size != 0 && hand.size + record.size() > most) return false;
                std::memcpy(hand.bytes + hand.size, record.data(), record.size());
                hand.size += record.size();
                hand.records.add_relaxed(1);
                one.taken.add_relaxed(1);
                return true;
            })) {
            }
        }
        if (!hand.empty() && blocked.load_relaxed() != 0) room.ring();
        return !hand.empty();
    }
    /// Leaves the hand's memory to a thread that is still reading it. False when there is no other.
    [[nodiscard]] bool change_hand() noexcept {
        void* const memory = std::malloc(sizeof(OtherHand) + static_cast<std::size_t>(capacity_));
        if (memory == nullptr) return false;
        other_hands_ = ::new (memory) OtherHand{other_hands_};
        hand.bytes = reinterpret_cast<char*>(other_hands_ + 1);
        return true;
    }
    /// The records in the hand have met their fate.
    void empty_hand(Fate fate) noexcept {
        count(fate, hand.records.load_relaxed());
        hand.size = 0;
        hand.records.store_relaxed(0);
    }
    [[nodiscard]] bool has_waiting() const noexcept {
        for (auto const& one : lanes_)
            if (one.lane.head() != one.lane.tail()) return true;
        return false;
    }

    /// Where each lane ended at a moment, and whether the reader has come that far.
    struct Mark {
        std::uint64_t head[lanes];
    };
    [[nodiscard]] Mark mark() const noexcept {
        Mark now;
        for (std::size_t i = 0; i < lanes; ++i) now.head[i] = lanes_[i].lane.head();
        return now;
    }
    [[nodiscard]] bool is_past(Mark const& mark) const noexcept {
        for (std::size_t i = 0; i < lanes; ++i)
            if (lanes_[i].lane.tail() < mark.head[i]) return false;
        return hand.empty();
    }

    void count(Fate fate, std::uint64_t by = 1) noexcept { fates_[static_cast<std::size_t>(fate)].add_relaxed(by); }
    [[nodiscard]] PipelineReport report() const noexcept;

    Hand hand;
    Bell bell, room;
    Atomic<std::uint32_t> blocked{0};  // writers that wait for room

private:
    Queue(char* memory, std::uint64_t capacity) noexcept : memory_(memory), capacity_(capacity) {
        count_forks();
        for (std::size_t i = 0; i < lanes; ++i) lanes_[i].lane.give(memory + i * capacity, capacity);
        hand.bytes = memory + lanes * capacity;
        std::memset(memory, 0, static_cast<std::size_t>((lanes + 1) * capacity));
        epoch_.store_release(forks.load_relaxed());
    }

    [[gnu::noinline]] void begin_anew(std::uint32_t now) noexcept {
        std::uint32_t const before = epoch_.load_acquire();
        if (before == 0 || before == now || !epoch_.replace_acq_rel(before, 0)) {
            while (epoch_.load_acquire() != now) ::sched_yield();
            return;
        }
        for (auto& one : lanes_) {
            one.lane.forget();
            for (auto* count : {&one.offered, &one.accepted, &one.full, &one.too_large, &one.evicted, &one.taken})
                count->store_relaxed(0);
        }
        for (auto& fate : fates_) fate.store_relaxed(0);
        hand.size = 0;
        hand.records.store_relaxed(0);
        blocked.store_relaxed(0);
        sleep_until(awake);
        end_reading();
        epoch_.store_release(now);
    }
    [[nodiscard]] std::uint64_t sum(Fate fate) const noexcept {
        return fates_[static_cast<std::size_t>(fate)].load_relaxed();
    }

    struct OtherHand {
        OtherHand* next;
    };

    Counted lanes_[lanes];
    alignas(64) std::uint64_t wakes_at_ = awake;
    Atomic<std::uint32_t> epoch_{0};  // the forks at which this process began; 0 while a child makes it its own
    char* memory_;
    std::uint64_t capacity_;
    alignas(64) Atomic<std::uint32_t> users_{1};
    Atomic<std::uint32_t> reading_{0};
    std::size_t next_lane_ = 0;
    OtherHand* other_hands_ = nullptr;
    Atomic<std::uint64_t> fates_[static_cast<std::size_t>(Fate::size)]{};
};

inline PipelineReport Queue::report() const noexcept {
    PipelineReport all;
    std::uint64_t taken = 0, accepted = 0;
    for (auto const& one : lanes_) {  // what comes later is read first, so that no difference is negative
        all.evicted += one.evicted.load_relaxed();
        taken += one.taken.load_relaxed();
        all.full += one.full.load_relaxed();
        all.too_large += one.too_large.load_relaxed();
        accepted += one.accepted.load_relaxed();
        all.offered += one.offered.load_relaxed();
    }
    all.delivered = sum(Fate::delivered);
    all.refused = sum(Fate::refused);
    all.recovered = sum(Fate::recovered);
    all.spool_lost = sum(Fate::spool_lost);
    all.failures = sum(Fate::failure);
    all.spool_failures = sum(Fate::spool_failure);
    std::uint64_t const unspooled = sum(Fate::unspooled);
    all.in_spool = sum(Fate::spooled) + all.recovered - unspooled;
    std::uint64_t const gone = taken + all.evicted;
    all.in_memory = (accepted > gone ? accepted - gone : 0) + hand.records.load_relaxed();
    return all;
}

}  // namespace lastbyte::detail
