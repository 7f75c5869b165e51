// Options of a body: how long it is said to be, that it has none, and who may call it off.
//
// They go behind the stream, in any order: `tracer.body(std::move(stream), content_length(n), cancelled_by(token))`.
// Without the length, a consumer that stops at Content-Length looks like one that hung up; without the token, one that
// left with notice looks like one that left without.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include <lastbyte/body/consumption.hpp>

namespace lastbyte {

/// The length that was announced. Bytes are counted against it, and the outcome is settled at its last one.
struct ContentLength {
    std::uint64_t bytes;
};
[[nodiscard]] constexpr ContentLength content_length(std::uint64_t bytes) noexcept { return {bytes}; }

/// Nothing is to be sent: HEAD, 204, 304.
struct NoBody {};
inline constexpr NoBody no_body{};

/// A token that says whether the consumer cancelled; std::stop_token is one. Asked once, when the consumer has left: a
/// producer that hears of it first and says that there is no more, or throws, ends its body in that way.
template <class Token>
struct CancelledBy {
    Token token;
};
/// The token is moved with the body, so its move must not throw.
template <class Token>
    requires(std::is_nothrow_move_constructible_v<Token> &&
             requires(Token const& token) { static_cast<bool>(token.stop_requested()); })
[[nodiscard]] CancelledBy<Token> cancelled_by(Token token) noexcept {
    return {std::move(token)};
}

namespace detail {

struct NeverCancelled {
    struct Token {
        [[nodiscard]] constexpr bool stop_requested() const noexcept { return false; }
    };
    static constexpr Token token{};
};

struct Limits {
    std::uint64_t length = Meter::unsized;
    bool no_body = false;

    constexpr void add(ContentLength length_given) noexcept { length = length_given.bytes; }
    constexpr void add(NoBody) noexcept { no_body = true; }
    template <class Token>
    constexpr void add(CancelledBy<Token> const&) noexcept {}
};

template <class Option>
inline constexpr bool is_option = std::is_same_v<Option, ContentLength> || std::is_same_v<Option, NoBody>;
template <class Token>
inline constexpr bool is_option<CancelledBy<Token>> = true;

template <class... Options>
constexpr Limits limits_of(Options const&... options) noexcept {
    Limits limits;
    (limits.add(options), ...);
    return limits;
}

/// The cancel token among the options, or one that never cancels.
constexpr NeverCancelled pick_cancel() noexcept { return {}; }
template <class First, class... Rest>
constexpr auto pick_cancel(First const& first, Rest const&... rest) {
    if constexpr (requires { first.token; })
        return first;
    else
        return pick_cancel(rest...);
}

}  // namespace detail
}  // namespace lastbyte
