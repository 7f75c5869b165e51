// The words for what went wrong with a request: which URL, what, and what to do.
//
// An error that says "export failed" is looked up; one that says which option's time passed, or which byte of the URL is
// wrong, is mended. Written when somebody asks, and not before: a failure itself costs two stores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <netdb.h>

#include <lastbyte/transport/http_result.hpp>
#include <lastbyte/transport/posix.hpp>

namespace lastbyte::detail {

/// How a request ended: the status, errno or error of getaddrinfo that belongs to the failure, and a text with the byte that
/// it is about.
struct HttpEnd {
    HttpFailure failure = HttpFailure::none;
    int code = 0;
    char const* what = "";
    std::size_t at = 0;
};

/// Writes what fits and leaves the last byte a 0.
class ErrorText {
public:
    explicit ErrorText(char* text, std::size_t size) noexcept : to_(text), left_(size - 1) {}
    ErrorText& operator<<(std::string_view more) noexcept {
        std::size_t const size = more.copy(to_, left_);
        to_ += size;
        left_ -= size;
        return *this;
    }
    ErrorText& operator<<(unsigned long long number) noexcept {
        char digits[24];
        int const size = std::snprintf(digits, sizeof digits, "%llu", number);
        return *this << std::string_view{digits, static_cast<std::size_t>(size)};
    }
    /// With a `?` for what would end or colour a line of a log.
    void show(std::string_view url) noexcept {
        for (char const c : url.substr(0, 160)) {
            bool const visible = c >= ' ' && c <= '~';
            *this << std::string_view{visible ? &c : "?", 1};
        }
    }

private:
    char* to_;
    std::size_t left_;
};

inline HttpError describe(HttpEnd const& end, std::string_view url, unsigned connect_ms, unsigned within_ms) noexcept {
    HttpError error;
    error.failure = end.failure;
    if (end.failure == HttpFailure::none) return error;
    char system[96];
    char const* const reason = posix::message_of(::strerror_r(end.code, system, sizeof system), system);
    auto const code = static_cast<unsigned long long>(end.code < 0 ? 0 : end.code);
    ErrorText say{error.text, sizeof error.text};
    say.show(url);
    say << ": ";
    switch (end.failure) {
        case HttpFailure::none:
            break;
        case HttpFailure::busy:
            say << "answered " << code << ": busy, to be tried again later";
            break;
        case HttpFailure::refused:
            say << "answered " << code
                << (end.code < 400 ? ", a redirect, which is not followed: give the URL that it leads to"
                                   : ": the request is refused, and would be again");
            break;
        case HttpFailure::invalid:
            say << end.what << " (byte " << end.at << ")";
            break;
        case HttpFailure::not_found:
            say << "no address for the host: " << (end.code == EAI_SYSTEM ? "system error" : ::gai_strerror(end.code))
                << ". Is the name right?";
            break;
        case HttpFailure::not_connected:
            say << "not connected: " << reason << ". Does the server run there?";
            break;
        case HttpFailure::connect_timed_out:
            say << "not connected within connect_ms (" << connect_ms << "). Does the server run there?";
            break;
        case HttpFailure::send_timed_out:
            say << "the request was not taken within the deadline (within_ms: " << within_ms << ")";
            break;
        case HttpFailure::answer_timed_out:
            say << "no whole answer within the deadline (within_ms: " << within_ms << ")";
            break;
        case HttpFailure::closed:
            say << "the connection ended before the answer did: " << (end.code == 0 ? "closed by the server" : reason);
            break;
        case HttpFailure::bad_answer:
            say << "not an answer to be understood: " << end.what;
            break;
    }
    return error;
}

}  // namespace lastbyte::detail
