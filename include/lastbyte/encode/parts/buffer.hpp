// Memory that an encoder appends to, up to a bound, and keeps for the next time.
//
// A std::string grows without a bound and throws when it can't. Here what doesn't fit is refused as a whole and
// remembered, so that a half-written trace can be taken back and counted. Once it is as long as what it holds, it
// allocates nothing more.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace lastbyte::detail {

/// One thread's at a time. Immovable: there is no need.
class BoundedBuffer {
public:
    explicit BoundedBuffer(std::size_t max_bytes) noexcept : max_(max_bytes) {}
    BoundedBuffer(BoundedBuffer const&) = delete;
    BoundedBuffer& operator=(BoundedBuffer const&) = delete;
    ~BoundedBuffer() { std::free(memory_); }

    /// Always inline: most of what is appended is a constant of a few bytes, which a call costs more than.
    [[gnu::always_inline]] void append(char const* text, std::size_t count) noexcept {
        if (count > limit_ - size_) [[unlikely]]
            if (!make_room(count)) return;
        if (count != 0) std::memcpy(memory_ + size_, text, count);
        size_ += count;
    }

    /// Room for this many bytes behind those that are there; false when that is beyond the bound, or there is no
    /// memory.
    [[nodiscard]] bool reserve(std::size_t count) noexcept {
        return count <= limit_ - size_ || (!overflowed_ && count <= max_ - size_ && grow(size_ + count));
    }

    /// Back to the size that it had before, forgetting what was refused since.
    void cut(std::size_t size) noexcept {
        size_ = size;
        limit_ = capacity_;
        overflowed_ = false;
    }
    /// This many bytes more, as they happen to be. Only after `reserve`.
    void extend(std::size_t count) noexcept { size_ += count; }

    /// Counts what comes next as not fitting.
    void refuse() noexcept {
        overflowed_ = true;
        limit_ = size_;
    }
    /// Something didn't fit. From then on nothing does, so that no later and shorter text fills the gap.
    [[nodiscard]] bool overflowed() const noexcept { return overflowed_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t max_bytes() const noexcept { return max_; }
    [[nodiscard]] char* data() noexcept { return memory_; }
    [[nodiscard]] std::string_view view() const noexcept { return {memory_, size_}; }

private:
    static constexpr std::size_t first_bytes = 4096;

    [[gnu::noinline]] bool make_room(std::size_t count) noexcept {
        if (reserve(count)) return true;
        refuse();
        return false;
    }
    bool grow(std::size_t needed) noexcept {
        std::size_t wanted = capacity_ < first_bytes ? first_bytes : capacity_;
        while (wanted < needed) wanted *= 2;
        if (wanted > max_) wanted = max_;
        void* const memory = std::realloc(memory_, wanted);
        if (memory == nullptr) return false;
        memory_ = static_cast<char*>(memory);
        limit_ = capacity_ = wanted;
        return true;
    }

    char* memory_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    std::size_t limit_ = 0;  // the capacity, or the size once something was refused
    std::size_t max_;
    bool overflowed_ = false;
};

/// A row of trivial things in such memory.
template <class T>
class Kept {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    explicit Kept(std::size_t most) noexcept : bytes_(most * sizeof(T)) {}
    /// False when there was no room.
    bool push(T const& one) noexcept {
        if (!bytes_.reserve(sizeof one)) return false;
        bytes_.append(reinterpret_cast<char const*>(__builtin_addressof(one)), sizeof one);
        return true;
    }
    void clear() noexcept { bytes_.cut(0); }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() / sizeof(T); }
    [[nodiscard]] T* begin() noexcept { return reinterpret_cast<T*>(bytes_.data()); }
    [[nodiscard]] T* end() noexcept { return begin() + size(); }
    [[nodiscard]] T& operator[](std::size_t index) noexcept { return begin()[index]; }

private:
    BoundedBuffer bytes_;
};

/// An output that only counts.
struct Counter {
    std::size_t size = 0;
    constexpr void append(char const*, std::size_t more) noexcept { size += more; }
};

/// An output to where there is room: whoever makes one has counted.
struct Cursor {
    char* at;
    void append(char const* text, std::size_t count) noexcept {
        std::memcpy(at, text, count);
        at += count;
    }
};

}  // namespace lastbyte::detail
