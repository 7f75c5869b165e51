// What every wrapped stream has in common: the hook first, the stream second, and the stream's own members passed on.
//
// The order is the point: members are destroyed last to first, so the producer is gone before the callback reads. A body is
// moved, never copied; a moved-from one does nothing. `shared()` (shared.hpp) makes one that can be copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/body/hook.hpp>
#include <lastbyte/body/shared.hpp>
#include <lastbyte/core/write_only.hpp>

namespace lastbyte {

namespace detail {

/// How many bytes a chunk is: text, or anything contiguous with data() and size().
///
/// A bare `char const*` has to be measured, which reads the text once more; a null one is empty.
template <class Chunk>
constexpr std::size_t chunk_bytes(Chunk const& chunk) noexcept {
    if constexpr (requires { chunk.data(), chunk.size(); }) {
        if constexpr (std::is_void_v<std::remove_pointer_t<decltype(chunk.data())>>)  // as Asio's buffers have it
            return static_cast<std::size_t>(chunk.size());
        else
            return static_cast<std::size_t>(chunk.size()) * sizeof(*chunk.data());
    } else if constexpr (std::is_pointer_v<Chunk>) {
        return chunk == nullptr ? 0 : std::string_view{chunk}.size();
    } else {
        return std::string_view{chunk}.size();
    }
}

template <class T>
concept Chunk =
    requires(T const& chunk) { chunk.data(), chunk.size(); } || std::is_convertible_v<T const&, std::string_view>;

/// Ends by itself, with a falsy value: std::optional of a chunk, or a pointer to one.
template <class T>
concept MaybeChunk = std::is_default_constructible_v<T> && requires(T& maybe) {
    static_cast<bool>(maybe);
    requires Chunk<std::remove_cvref_t<decltype(*maybe)>>;
};

/// The parts of a body, and what it passes on from the stream that it wraps.
template <class Self, class Stream, class Hook>
class BodyCore : public WriteOnly<Self> {
public:
    using stream_type = typename Held<Stream>::type;
    using deferred_body = Self;

    BodyCore(Hook hook, Held<Stream> stream) noexcept(std::is_nothrow_move_constructible_v<Hook> &&
                                                      std::is_nothrow_move_constructible_v<Held<Stream>>)
        : hook_(std::move(hook)), stream_(std::move(stream)) {}
    BodyCore(BodyCore&&) = default;
    /// The body that stood here ends first, as if destroyed; its callback must not destroy this one. When the stream's move
    /// throws, this body is over and the other one is still armed. Not for callbacks whose move may throw.
    BodyCore& operator=(BodyCore&& other) noexcept(std::is_nothrow_move_constructible_v<Held<Stream>>)
        requires std::is_nothrow_move_constructible_v<Hook>
    {
        if (this == &other) return *this;
        let_go();
        stream_.take(other.stream_);
        hook_.~Hook();
        ::new (static_cast<void*>(&hook_)) Hook(std::move(other.hook_));
        return *this;
    }
    ~BodyCore() = default;

    /// For a server adapter: the server says that this body is over, and how. Counts only where the wrapper has seen no
    /// end itself, and never as `complete`. The stream is let go of and the callback runs, once. Not from inside a call
    /// into the stream.
    void told_by_server(Outcome why) noexcept {
        if (hook_.over()) return;
        if (can_be_told(why)) hook_.settle(why);
        let_go();
    }

    // The stream's own. Once the stream has been let go of, what their types are by default: a size is 0 then.
    [[nodiscard]] decltype(auto) size_hint() const noexcept(noexcept(std::declval<stream_type const&>().size_hint()))
        requires requires(stream_type const& stream) { stream.size_hint(); }
    {
        return ask([this]() -> decltype(auto) { return stream_.get().size_hint(); });
    }
    [[nodiscard]] decltype(auto) size() const noexcept(noexcept(std::declval<stream_type const&>().size()))
        requires requires(stream_type const& stream) { stream.size(); }
    {
        return ask([this]() -> decltype(auto) { return stream_.get().size(); });
    }
    template <class... Position>
        requires requires(stream_type& stream, Position&&... position) { stream.seek(std::forward<Position>(position)...); }
    decltype(auto) seek(Position&&... position) noexcept(
        noexcept(std::declval<stream_type&>().seek(std::forward<Position>(position)...))) {
        return ask([&]() -> decltype(auto) { return stream_.get().seek(std::forward<Position>(position)...); });
    }

    /// A body that can be copied: all copies are one stream, and the last one dropped ends it. One allocation.
    SharedBody<Self> shared() && { return SharedBody<Self>{static_cast<Self&&>(*this)}; }
    template <class B = Self>
    auto shared() const& {
        static_assert(never_type<B>,
                      "lastbyte: shared() was called on a body that is still in its variable; it takes the body over. Write "
                      "std::move(body).shared().");
    }

protected:
    /// The body is over, and nothing points into the stream any more: what nobody has settled is for the hook to name.
    void let_go() noexcept {
        stream_.release();
        hook_.drop();
    }

    Hook hook_;
    Held<Stream> stream_;

private:
    template <class Call>
    decltype(auto) ask(Call call) const {
        using Result = decltype(call());
        if constexpr (std::is_void_v<Result> || std::is_default_constructible_v<Result>)
            if (!stream_.held()) return Result();
        return call();
    }
};

}  // namespace detail
}  // namespace lastbyte
