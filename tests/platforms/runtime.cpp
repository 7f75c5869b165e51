// What smoke.cpp needs of a C++ runtime library, for a C library for which Debian has none (musl). That it is this little is
// itself the check: core/, body/ and pipeline/ use no more of it.
#include <cstdlib>
#include <new>

namespace std {
const nothrow_t nothrow{};
[[noreturn]] void __throw_out_of_range_fmt(char const*, ...) { std::abort(); }
}  // namespace std

void* operator new(std::size_t size, std::nothrow_t const&) noexcept { return std::malloc(size); }
void operator delete(void* place) noexcept { std::free(place); }
void operator delete(void* place, std::size_t) noexcept { std::free(place); }
void* operator new(std::size_t size, std::align_val_t alignment, std::nothrow_t const&) noexcept {
    return std::aligned_alloc(static_cast<std::size_t>(alignment), size);
}
void operator delete(void* place, std::align_val_t) noexcept { std::free(place); }
