// Outcome: how a body ended. It is not the HTTP status: a 200 whose reader hung up is a 200, and aborted.
//
// One list for all servers and shapes, so that "what share of answers was read to the end" is one question.
#pragma once

#include <cstdint>
#include <string_view>

namespace lastbyte {

enum class Outcome : std::uint8_t {
    complete,        // every byte was taken
    no_body,         // nothing was to be sent: HEAD, 204, 304
    aborted,         // the consumer left
    cancelled,       // the consumer said that it leaves: stop token, MCP notifications/cancelled, gRPC cancel
    producer_error,  // the producer threw, or said that it failed
    truncated,       // fewer bytes than Content-Length announced
    overrun,         // more bytes than announced
    timed_out,
    shutdown,        // the server stopped
    abandoned,       // destroyed before the first pull
};

/// The name as it is written above.
[[nodiscard]] constexpr std::string_view name(Outcome outcome) noexcept {
    constexpr std::string_view names[] = {"complete",  "no_body", "aborted",   "cancelled", "producer_error",
                                          "truncated", "overrun", "timed_out", "shutdown",  "abandoned"};
    auto const index = static_cast<std::uint8_t>(outcome);
    return index < sizeof names / sizeof *names ? names[index] : std::string_view{};
}

/// Prints the name to whatever prints text, std::ostream for one.
template <class Out>
    requires requires(Out& out, std::string_view text) { out << text; }
Out& operator<<(Out& out, Outcome outcome) {
    out << name(outcome);
    return out;
}

namespace detail {

/// Whether the producer has said all that it had to say: then a rule that nothing answered is `none`, not `unresolved`.
constexpr bool says_all(Outcome outcome) noexcept {
    return outcome == Outcome::complete || outcome == Outcome::no_body || outcome == Outcome::truncated ||
           outcome == Outcome::overrun;
}

/// Whether somebody may be told of an end that the wrapper didn't see. Never `complete`.
constexpr bool can_be_told(Outcome outcome) noexcept {
    return outcome == Outcome::aborted || outcome == Outcome::cancelled || outcome == Outcome::producer_error ||
           outcome == Outcome::timed_out || outcome == Outcome::shutdown;
}

}  // namespace detail
}  // namespace lastbyte
