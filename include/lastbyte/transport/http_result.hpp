// What became of a request: its result, the causes of failure by name and by count, and the words for a person.
//
// "The export failed" helps nobody: a refused record must not be sent again, one that met a busy server must be, and
// whoever is called at night wants to know whether the name, the port, the server or the record was wrong. Each request
// ends in exactly one of these causes. Values, no allocation.
#pragma once

#include <cstdint>

namespace lastbyte {

enum class HttpFailure : std::uint8_t {
    none,               ///< an answer with a status of 200 to 299
    busy,               ///< 429, 502, 503 or 504: the same request again, later
    refused,            ///< any other status; a redirect is not followed
    invalid,            ///< nothing was sent: the URL, a header or the target is wrong, or there was no memory
    not_found,          ///< the name has no address
    not_connected,      ///< the system's reason is in the error
    connect_timed_out,  ///< within the option connect_ms
    send_timed_out,     ///< the time of the whole call passed while the request was being sent
    answer_timed_out,   ///< it passed before the answer was whole
    closed,             ///< the server closed or reset the connection before the answer was whole
    bad_answer,         ///< what came is no HTTP/1 answer, or is beyond the bounds
};

/// Of one request. What is worth retrying is what OTLP/HTTP says ("OTLP/HTTP Response", "Failures"): no whole answer, 429,
/// 502, 503 and 504. Every other status is final: the same bytes would meet the same answer; so is 408, which says that a
/// request came too slowly, unless a connection that had rested meets it.
class HttpResult {
public:
    constexpr HttpResult() = default;
    constexpr HttpResult(HttpFailure failure, int status, std::uint64_t retry_after_ns = 0) noexcept
        : retry_after_ns_(retry_after_ns), status_(status), failure_(failure) {}

    /// 200 to 299.
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return failure_ == HttpFailure::none; }
    /// The answer's status; 0 when there was no whole answer.
    [[nodiscard]] constexpr int status() const noexcept { return status_; }
    [[nodiscard]] constexpr bool worth_retrying() const noexcept {
        return failure_ != HttpFailure::none && failure_ != HttpFailure::refused && failure_ != HttpFailure::invalid;
    }
    /// What a busy server asked for by Retry-After; 0 when it didn't.
    [[nodiscard]] constexpr std::uint64_t retry_after_ns() const noexcept { return retry_after_ns_; }
    [[nodiscard]] constexpr HttpFailure failure() const noexcept { return failure_; }

private:
    std::uint64_t retry_after_ns_ = 0;
    int status_ = 0;
    HttpFailure failure_ = HttpFailure::invalid;
};

/// What a transport has done. Each request counts once, in `accepted` or in one of the causes of failed(): see HttpFailure.
struct HttpReport {
    std::uint64_t accepted = 0;
    std::uint64_t accepted_bytes = 0;  ///< of the bodies of these requests
    std::uint64_t busy = 0, refused = 0;
    std::uint64_t invalid = 0, not_found = 0, not_connected = 0, connect_timed_out = 0, send_timed_out = 0,
                  answer_timed_out = 0, closed = 0, bad_answer = 0;
    std::uint64_t connections = 0;  ///< that were made
    std::uint64_t resent = 0;       ///< requests that went a second time, because a connection that had rested was gone
    std::uint64_t answers_cut = 0;  ///< answers whose body is longer than max_body_bytes; the rest was not waited for

    [[nodiscard]] constexpr std::uint64_t failed() const noexcept {
        return busy + refused + invalid + not_found + not_connected + connect_timed_out + send_timed_out + answer_timed_out +
               closed + bad_answer;
    }
};

/// The last failure, for a person to read: "http://127.0.0.1:4318/v1/traces: not connected: Connection refused. Does the
/// server run there?"
struct HttpError {
    HttpFailure failure = HttpFailure::none;
    char text[512]{};
    [[nodiscard]] explicit operator bool() const noexcept { return failure != HttpFailure::none; }
};

}  // namespace lastbyte
