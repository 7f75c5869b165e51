// Held: the stream inside a body, owned or borrowed, and let go of before the body's callback reads.
//
// A producer's destructor may record its last span. So the stream has to be gone before the Reading is made, which a plain
// member can't be; it is kept in storage that is released at the end of the body.
#pragma once

#include <new>
#include <type_traits>
#include <utility>

namespace lastbyte {

/// A stream that somebody else owns and keeps alive: see `defer_ref`.
template <class Stream>
class StreamRef {
public:
    explicit StreamRef(Stream& stream) noexcept : stream_(&stream) {}
    [[nodiscard]] Stream& get() const noexcept { return *stream_; }

private:
    Stream* stream_;
};

/// Wraps a stream without owning it: `defer_until_consumed(defer_ref(stream), fn)`. It must outlive the body.
template <class Stream>
[[nodiscard]] StreamRef<Stream> defer_ref(Stream& stream) noexcept {
    return StreamRef<Stream>{stream};
}
template <class Stream>
void defer_ref(Stream const&& temporary) = delete;

namespace detail {

template <class Stream>
class Held {
public:
    using type = Stream;

    template <class Given>
        requires(!std::is_same_v<std::remove_cvref_t<Given>, Held>)
    explicit Held(Given&& stream) : stream_(std::forward<Given>(stream)) {}
    Held(Held&& other) noexcept(std::is_nothrow_move_constructible_v<Stream>) : held_(false) { take(other); }
    Held& operator=(Held&&) = delete;
    ~Held() { release(); }

    [[nodiscard]] Stream& get() noexcept { return stream_; }
    [[nodiscard]] Stream const& get() const noexcept { return stream_; }
    [[nodiscard]] bool held() const noexcept { return held_; }
    // g++ 12 at -O1 doesn't see that `held_` guards the stream of a Held that was moved from.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
    void release() noexcept {
        if (std::exchange(held_, false)) stream_.~Stream();
    }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
    /// Only for one that holds nothing. When the stream's move throws, it still holds nothing.
    void take(Held& other) noexcept(std::is_nothrow_move_constructible_v<Stream>) {
        if (!other.held_) return;
        ::new (static_cast<void*>(__builtin_addressof(stream_))) Stream(std::move(other.stream_));
        held_ = true;
        other.release();
    }

private:
    union {
        Stream stream_;
    };
    bool held_ = true;
};

template <class Stream>
class Held<StreamRef<Stream>> {
public:
    using type = Stream;

    explicit Held(StreamRef<Stream> stream) noexcept : stream_(&stream.get()) {}
    Held(Held&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
    Held& operator=(Held&&) = delete;
    ~Held() = default;

    [[nodiscard]] Stream& get() const noexcept { return *stream_; }
    [[nodiscard]] bool held() const noexcept { return stream_ != nullptr; }
    void release() noexcept { stream_ = nullptr; }
    void take(Held& other) noexcept { stream_ = std::exchange(other.stream_, nullptr); }

private:
    Stream* stream_;
};

/// A callable moved out of where it was kept, so that it may destroy that place while it runs. One whose move throws is
/// used where it is: better there than not at all.
template <class Fn>
class TakenOut {
public:
    explicit TakenOut(Fn& from) noexcept : from_(from) {
        if constexpr (std::is_nothrow_move_constructible_v<Fn>) {
            ::new (static_cast<void*>(&moved_)) Fn(std::move(from));
        } else {
#if defined(__cpp_exceptions)
            try {
                ::new (static_cast<void*>(&moved_)) Fn(std::move(from));
            } catch (...) {
                taken_ = false;
            }
#else
            ::new (static_cast<void*>(&moved_)) Fn(std::move(from));
#endif
        }
    }
    TakenOut(TakenOut const&) = delete;
    TakenOut& operator=(TakenOut const&) = delete;
    ~TakenOut() {
        if (taken_) moved_.fn.~Fn();
    }

    [[nodiscard]] Fn& get() noexcept { return taken_ ? moved_.fn : from_; }

private:
    union Place {
        Fn fn;
        Place() noexcept {}
        ~Place() {}
    };
    Fn& from_;
    Place moved_;
    bool taken_ = true;
};

}  // namespace detail
}  // namespace lastbyte
