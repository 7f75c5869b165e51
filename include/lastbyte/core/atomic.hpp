// Atomics on the compiler's builtins, under the names that <atomic> uses.
//
// <atomic> alone costs more compile time than the whole of core/. These are the operations that the library needs, each
// with its memory order spelled out by its name; ThreadSanitizer understands them. g++ and clang.
#pragma once

#include <sched.h>

namespace lastbyte::detail {

/// One word that several threads use. Trivial to construct, so that a static of it is plain zeroed memory and needs no
/// code at start-up.
template <class T>
class Atomic {
public:
    Atomic() noexcept = default;
    constexpr explicit Atomic(T value) noexcept : value_(value) {}
    Atomic(Atomic const&) = delete;
    Atomic& operator=(Atomic const&) = delete;

    [[nodiscard]] T load_relaxed() const noexcept { return __atomic_load_n(&value_, __ATOMIC_RELAXED); }
    [[nodiscard]] T load_acquire() const noexcept { return __atomic_load_n(&value_, __ATOMIC_ACQUIRE); }
    void store_relaxed(T value) noexcept { __atomic_store_n(&value_, value, __ATOMIC_RELAXED); }
    void store_release(T value) noexcept { __atomic_store_n(&value_, value, __ATOMIC_RELEASE); }

    T add_relaxed(T value) noexcept { return __atomic_fetch_add(&value_, value, __ATOMIC_RELAXED); }
    T add_acq_rel(T value) noexcept { return __atomic_fetch_add(&value_, value, __ATOMIC_ACQ_REL); }
    T sub_acq_rel(T value) noexcept { return __atomic_fetch_sub(&value_, value, __ATOMIC_ACQ_REL); }
    T and_acq_rel(T bits) noexcept { return __atomic_fetch_and(&value_, bits, __ATOMIC_ACQ_REL); }
    T exchange_acq_rel(T value) noexcept { return __atomic_exchange_n(&value_, value, __ATOMIC_ACQ_REL); }

    /// Replaces `expected` by `wanted`; false when another value stood there.
    bool replace_acq_rel(T expected, T wanted) noexcept {
        return __atomic_compare_exchange_n(&value_, &expected, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    }

private:
    alignas(sizeof(T)) T value_;  // i386 aligns 64 bits to 4 bytes, where an operation may straddle two cache lines
};

/// Waits for another thread that is a few instructions away from its goal; true when it got there.
///
/// It may have been suspended there, and in a forked child it doesn't exist: so the wait ends after some thousand tries,
/// which take about a millisecond, and the caller goes on without it.
template <class Reached>
bool wait_until(Reached reached) noexcept {
    for (int tries = 0; tries < 4096; ++tries) {
        if (reached()) return true;
        sched_yield();
    }
    return reached();
}

}  // namespace lastbyte::detail
