// Shapes: which wrapper a stream gets, found out from what the stream can do.
//
// A server's body type is given; asking the user to name its shape would be one more thing to get wrong. The order matters
// where a type has several faces: a string is a range too.
#pragma once

#include <cstdint>
#include <type_traits>

#include <lastbyte/body/async.hpp>
#include <lastbyte/body/handler.hpp>
#include <lastbyte/body/pull.hpp>
#include <lastbyte/body/range.hpp>
#include <lastbyte/body/sink.hpp>
#include <lastbyte/body/string.hpp>

namespace lastbyte {

namespace detail {

/// Which of the built-in shapes a stream has.
enum class Shape : std::uint8_t { none, string, async, handler, range, pull, read, sink };

template <class Stream>
consteval Shape shape_of() {
    if constexpr (StringStream<Stream>)
        return Shape::string;
    else if constexpr (AsyncStream<Stream>)
        return Shape::async;
    else if constexpr (has_async_read_some<Stream>())
        return Shape::handler;
    else if constexpr (ChunkRange<Stream>)
        return Shape::range;
    else if constexpr (PullStream<Stream>)
        return Shape::pull;
    else if constexpr (ReadStream<Stream>)
        return Shape::read;
    else if constexpr (is_callable<Stream>() && !std::is_invocable_v<Stream&>)
        return Shape::sink;
    else
        return Shape::none;
}

template <Shape>
struct Wrapper;
template <>
struct Wrapper<Shape::string> {
    template <class Held, class Hook>
    using type = StringBody<Held, Hook>;
};
template <>
struct Wrapper<Shape::async> {
    template <class Held, class Hook>
    using type = AsyncBody<Held, Hook>;
};
template <>
struct Wrapper<Shape::handler> {
    template <class Held, class Hook>
    using type = HandlerBody<Held, Hook>;
};
template <>
struct Wrapper<Shape::range> {
    template <class Held, class Hook>
    using type = RangeBody<Held, Hook>;
};
template <>
struct Wrapper<Shape::pull> {
    template <class Held, class Hook>
    using type = PullBody<Held, Hook>;
};
template <>
struct Wrapper<Shape::read> {
    template <class Held, class Hook>
    using type = ReadBody<Held, Hook>;
};
template <>
struct Wrapper<Shape::sink> {
    template <class Held, class Hook>
    using type = SinkBody<Held, Hook>;
};

}  // namespace detail

/// How a stream type is wrapped. Specialise it (with a `requires`) to teach the library a shape of your own: `type<Held,
/// Hook>` is the wrapper, made from a ConsumptionHook and a detail::Held.
template <class Stream>
struct body_shape {
    static constexpr detail::Shape shape = detail::shape_of<Stream>();
    static_assert(shape != detail::Shape::none,
                  "lastbyte: this is no stream that can be watched. A body is a function that returns an optional "
                  "chunk, fills a buffer or writes into a sink; a range or generator of chunks; an object with next() "
                  "or async_read_some(); a std::streambuf (include <lastbyte/body/streambuf.hpp>); or a string.");
    template <class Held, class Hook>
    using type = typename detail::Wrapper<shape>::template type<Held, Hook>;
};

}  // namespace lastbyte
