// An operator new that counts, for tests of what allocates. One translation unit of a program includes it. Not for
// ThreadSanitizer, which has an operator new of its own.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <malloc.h>
#include <new>

inline std::size_t allocations = 0, live_bytes = 0, peak_bytes = 0;
inline bool out_of_memory = false;

namespace counting {

inline void* allocate(std::size_t size, std::size_t alignment = 1) noexcept {
    if (out_of_memory) return nullptr;
    std::size_t const whole = (size + alignment - 1) / alignment * alignment;
    void* const memory =
        alignment <= alignof(std::max_align_t) ? std::malloc(size == 0 ? 1 : size) : std::aligned_alloc(alignment, whole);
    if (memory == nullptr) std::abort();
    __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
    std::size_t const live = __atomic_add_fetch(&live_bytes, malloc_usable_size(memory), __ATOMIC_RELAXED);
    if (live > peak_bytes) peak_bytes = live;
    return memory;
}
inline void* or_throw(void* memory) {
    if (memory == nullptr) throw std::bad_alloc{};
    return memory;
}
inline void release(void* memory) noexcept {
    __atomic_fetch_sub(&live_bytes, memory == nullptr ? 0 : malloc_usable_size(memory), __ATOMIC_RELAXED);
    std::free(memory);
}
inline std::size_t in_bytes(std::align_val_t alignment) noexcept { return static_cast<std::size_t>(alignment); }

}  // namespace counting

// Out of line, because g++ would see a free() of what came from a new.
[[gnu::noinline]] void* operator new(std::size_t size) { return counting::or_throw(counting::allocate(size)); }
[[gnu::noinline]] void* operator new[](std::size_t size) { return counting::or_throw(counting::allocate(size)); }
[[gnu::noinline]] void* operator new(std::size_t size, std::nothrow_t const&) noexcept { return counting::allocate(size); }
[[gnu::noinline]] void* operator new[](std::size_t size, std::nothrow_t const&) noexcept { return counting::allocate(size); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
    return counting::or_throw(counting::allocate(size, counting::in_bytes(alignment)));
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment, std::nothrow_t const&) noexcept {
    return counting::allocate(size, counting::in_bytes(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { counting::release(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { counting::release(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { counting::release(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { counting::release(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::nothrow_t const&) noexcept { counting::release(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::nothrow_t const&) noexcept { counting::release(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { counting::release(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { counting::release(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t, std::nothrow_t const&) noexcept { counting::release(memory); }
