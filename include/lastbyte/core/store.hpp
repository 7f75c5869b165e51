// Where traces live: blocks that finished requests hand on to new ones, and the counts of what became of each.
//
// Allocating 16 KiB per request would cost more than all its spans. A policy keeps a bounded set of blocks, in lanes that
// threads are dealt to, so that taking one is a single exchange and nothing is shared; the memory was touched when it was
// made. Everything is static and trivial: nothing runs at start-up, at exit or on fork.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include <lastbyte/core/trace.hpp>

namespace lastbyte {

/// What has happened to the traces of a policy, by cause. Any thread, any time; walks a few cache lines.
/// `Digest` is never given: it keeps two files that configure one policy type differently from sharing one function.
template <Policy P, std::uint64_t Digest = detail::digest<P>>
[[nodiscard]] LedgerReport ledger() noexcept;

namespace detail {

template <class P, std::uint64_t D>
class Store {
public:
    using Block = Trace<P, D>;

    static inline constinit Ledger ledger{};
    /// Stands in for a trace when there is no memory, and behind a moved-from handle: closed, so nothing is written to it.
    static inline constinit Block closed{};

    template <class... Given>
    [[nodiscard]] static Block* take(Given... decision) noexcept {
        ledger.count(Count::started);
        std::size_t const home = this_lane();
        Block* block = nullptr;
        for (std::size_t i = 0; i < lanes && block == nullptr; ++i) block = take_from(pool_[(home + i) % lanes]);
        if (block == nullptr) block = make();
        if (block == nullptr) [[unlikely]] {
            ledger.count(Count::unstored);
            return &closed;
        }
        ledger.count(Count::acquired);
        block->open(P::Clock::now(), decision...);
        return block;
    }

    // Known by what it holds and not by its address: a shared library with hidden visibility has a closed block of its own.
    static void retain(Block* block) noexcept {
        if (!block->unstored()) block->references.add_relaxed(1);
    }
    static void release(Block* block) noexcept {
        if (!block->unstored() && block->references.sub_acq_rel(1) == 1) give_back(block);
    }

    /// Counts a trace as read. Called by its body alone.
    static void finished(Block* block) noexcept {
        if (block->unstored()) return;
        block->finished = true;
        ledger.count(Count::finished);
        ledger.count(Count::released);
    }

private:
    static constexpr std::size_t per_lane = (P::pooled_traces + lanes - 1) / lanes;
    struct alignas(64) Lane {
        Atomic<Block*> kept[per_lane == 0 ? 1 : per_lane];
    };
    static inline constinit Lane pool_[lanes]{};

    static Block* take_from(Lane& lane) noexcept {
        for (std::size_t i = 0; i < per_lane; ++i)
            if (lane.kept[i].load_relaxed() != nullptr)
                if (Block* block = lane.kept[i].exchange_acq_rel(nullptr)) return block;
        return nullptr;
    }
    static bool put_into(Lane& lane, Block* block) noexcept {
        for (std::size_t i = 0; i < per_lane; ++i)
            if (lane.kept[i].load_relaxed() == nullptr && lane.kept[i].replace_acq_rel(nullptr, block)) return true;
        return false;
    }

    /// Zeroed, so that its pages are there before the first request needs them.
    [[gnu::noinline, gnu::cold]] static Block* make() noexcept {
        P::Clock::anchor();
        void* memory = ::operator new(sizeof(Block), std::align_val_t{alignof(Block)}, std::nothrow);
        return memory == nullptr ? nullptr : static_cast<Block*>(__builtin_memset(memory, 0, sizeof(Block)));
    }

    [[gnu::noinline]] static void give_back(Block* block) noexcept {
        if (!block->finished) {
            block->seal();
            ledger.count(Count::unbound);
            ledger.count(Count::released);
        }
        ledger.count(Count::recorded, block->kept - block->unfinished);
        ledger.count(block->unsampled() ? Count::unsampled : Count::over_bound, block->left_out_at_seal.spans);
        ledger.count(Count::late, block->late_by_now());
        ledger.count(Count::text_cut, block->texts_cut.load_relaxed());
        ledger.count(Count::text_dropped, block->texts_dropped.load_relaxed());
        ledger.count(Count::attribute_dropped, block->attributes_dropped.load_relaxed());
        ledger.count(Count::link_dropped, block->links_dropped.load_relaxed());
        ledger.count(Count::event_dropped, block->events_dropped.load_relaxed());
        ledger.count(Count::source_unknown, block->sources_unknown.load_relaxed());
        std::size_t const home = this_lane();
        for (std::size_t i = 0; i < lanes; ++i)
            if (put_into(pool_[(home + i) % lanes], block)) return;
        ::operator delete(static_cast<void*>(block), std::align_val_t{alignof(Block)});
    }
};

template <class P, std::uint64_t D>
void Trace<P, D>::commit_unkept(Record const& record) noexcept {
    if (unstored()) return Store<P, D>::ledger.count(Count::span_unstored);
    count_left_out(record);
}

/// A counted hold on a trace. Never null: a moved-from one holds the closed trace.
template <class P, std::uint64_t D>
class TraceRef {
public:
    using Block = Trace<P, D>;

    TraceRef() noexcept : block_(Store<P, D>::take()) {}
    explicit TraceRef(Sampling decision) noexcept : block_(Store<P, D>::take(decision)) {}
    explicit TraceRef(Block* shared) noexcept : block_(shared) { Store<P, D>::retain(block_); }
    TraceRef(TraceRef const& other) noexcept : TraceRef(other.block_) {}
    TraceRef(TraceRef&& other) noexcept : block_(std::exchange(other.block_, &Store<P, D>::closed)) {}
    TraceRef& operator=(TraceRef other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    // g++ 12 doesn't see that std::optional's flag guards the one inside.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
    ~TraceRef() { Store<P, D>::release(block_); }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

    [[nodiscard]] Block* get() const noexcept { return block_; }
    Block* operator->() const noexcept { return block_; }

private:
    Block* block_;
};

}  // namespace detail

template <Policy P, std::uint64_t Digest>
LedgerReport ledger() noexcept {
    if constexpr (P::enabled)
        return detail::Store<P, Digest>::ledger.report();
    else
        return {};
}

}  // namespace lastbyte
