// Pull functions: `next()` gives the next chunk or nothing, `read(buffer, size)` fills the caller's buffer.
//
// The shape of most hand-written streams, and the cheapest to watch: a chunk costs two additions and four comparisons
// over the bare call. When the producer says that there is no more, it is destroyed first and the callback runs then, before
// the server hears of the end; further pulls say "end" without calling anybody.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <lastbyte/body/body.hpp>

namespace lastbyte {

/// `std::optional<std::string> operator()()`: nothing is the end. By value (or a pointer to a chunk): a reference would
/// point into the stream, which is let go of at the end.
template <class Stream, class Hook>
class [[nodiscard("lastbyte: a body must be given to the server; dropped here, it is abandoned at once.")]] PullBody
    : public detail::BodyCore<PullBody<Stream, Hook>, Stream, Hook> {
    using Core = detail::BodyCore<PullBody, Stream, Hook>;
    using Inner = typename Core::stream_type;
    using Result = std::invoke_result_t<Inner&>;

public:
    using Core::Core;

    Result operator()() noexcept(std::is_nothrow_invocable_v<Inner&>) {
        auto& hook = this->hook_;
        if (hook.over()) [[unlikely]] return Result();
        auto& stream = this->stream_;
        Result chunk = hook.guard(stream, [&]() noexcept(std::is_nothrow_invocable_v<Inner&>) -> Result {
            return stream.get()();
        });
        if (static_cast<bool>(chunk)) {
            hook.took(detail::chunk_bytes(*chunk));
            return chunk;
        }
        hook.ended();
        stream.release();
        hook.fire();
        return chunk;
    }
};

namespace detail {

template <class Stream, class Buffer>
concept ReadsInto = std::is_pointer_v<Buffer> && std::is_invocable_v<Stream&, Buffer, std::size_t> &&
                    std::integral<std::invoke_result_t<Stream&, Buffer, std::size_t>> &&
                    !std::is_same_v<std::invoke_result_t<Stream&, Buffer, std::size_t>, bool>;

}  // namespace detail

/// `std::size_t operator()(char* buffer, std::size_t size)`, or with a buffer of std::byte or unsigned char: 0 is the end
/// (not for a buffer of size 0), a negative number (of a signed type) an error.
template <class Stream, class Hook>
class [[nodiscard("lastbyte: a body must be given to the server; dropped here, it is abandoned at once.")]] ReadBody
    : public detail::BodyCore<ReadBody<Stream, Hook>, Stream, Hook> {
    using Core = detail::BodyCore<ReadBody, Stream, Hook>;
    using Inner = typename Core::stream_type;

public:
    using Core::Core;

    template <class Buffer>
        requires detail::ReadsInto<Inner, Buffer>
    auto operator()(Buffer buffer, std::size_t size) noexcept(std::is_nothrow_invocable_v<Inner&, Buffer, std::size_t>) {
        using Result = std::invoke_result_t<Inner&, Buffer, std::size_t>;
        auto& hook = this->hook_;
        if (hook.over()) [[unlikely]] return Result{0};
        auto& stream = this->stream_;
        Result const count =
            hook.guard(stream, [&]() noexcept(std::is_nothrow_invocable_v<Inner&, Buffer, std::size_t>) -> Result {
                return stream.get()(buffer, size);
            });
        if (count > 0) {
            hook.took(static_cast<std::size_t>(count));
            return count;
        }
        if (count == 0 && size == 0) return count;
        if (count == 0)
            hook.ended();
        else
            hook.settle(Outcome::producer_error);
        stream.release();
        hook.fire();
        return count;
    }
};

namespace detail {

template <class Stream>
concept PullStream = std::is_invocable_v<Stream&> && MaybeChunk<std::remove_cvref_t<std::invoke_result_t<Stream&>>> &&
                     !std::is_reference_v<std::invoke_result_t<Stream&>>;

template <class Stream>
concept ReadStream = ReadsInto<Stream, char*> || ReadsInto<Stream, unsigned char*> || ReadsInto<Stream, std::byte*>;

}  // namespace detail
}  // namespace lastbyte
