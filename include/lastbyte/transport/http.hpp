// One server to post to: plain HTTP/1.1 over a connection that stays, with a deadline for all of it.
//
// An exporter without a deadline stops with its backend, and one that tells nothing but "failed" makes its pipeline throw
// away what should be sent again, or send for ever what is refused. Here each request is one attempt, whose result says
// which; nothing is allocated after the constructor (but by a look-up of a name), nothing throws, prints or starts a thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <new>
#include <string_view>

#include <lastbyte/transport/http_answer.hpp>
#include <lastbyte/transport/http_date.hpp>
#include <lastbyte/transport/http_result.hpp>
#include <lastbyte/transport/http_socket.hpp>
#include <lastbyte/transport/http_url.hpp>
#include <lastbyte/transport/http_words.hpp>
#include <lastbyte/transport/posix.hpp>

namespace lastbyte {

struct HttpOptions {
    std::string_view content_type = "application/octet-stream";
    std::string_view headers = {};  ///< more header lines, each with its end: "X-Key: v\r\n"
    /// A socket's path to connect to; the URL's host is then but a name in the request.
    std::string_view unix_socket = {};
    std::uint32_t connect_ms = 2'000;
    std::uint32_t within_ms = 10'000;  ///< the whole of a request: connecting, sending, and the last byte of the answer
    std::size_t max_head_bytes = 16u << 10u;  ///< a longer head of an answer is a bad one
    std::size_t max_body_bytes = 64u << 10u;  ///< of an answer; the rest of a longer one is not read
};

/// `HttpTransport http{"http://127.0.0.1:4318/v1/traces", {.content_type = "application/x-protobuf"}};`
/// `if (!http) std::fputs(http.error().text, stderr);`
///
/// A Worker's transport as it stands, or by itself; for one thread at a time, but error() and report() are for any. It sends
/// neither gzip nor cookies, follows no redirect and speaks no TLS: for https put a proxy on loopback in front.
///
/// Delivery is at least once, like a pipeline's: an answer that didn't come doesn't tell whether the request did. So when a
/// connection that had rested ends before the first byte of an answer, as it does when the server closes idle ones, the
/// request goes once more over a fresh one, within the same deadline. Where twice matters, give the server a token.
///
/// The deadline holds against a server that is silent, that trickles and that never ends, but not against the look-up of a
/// name (getaddrinfo, for each new connection), which can take the resolver's own time-outs: where that matters, give an
/// address. A forked child makes its own connection. Immovable.
class HttpTransport {
public:
    /// Connects to nothing yet. The options' texts are copied.
    explicit HttpTransport(std::string_view url, HttpOptions options = {}) noexcept;
    HttpTransport(HttpTransport const&) = delete;
    HttpTransport& operator=(HttpTransport const&) = delete;
    ~HttpTransport() { delete[] memory_; }

    /// Posts to the URL, once. It returns within the option within_ms, or within less.
    HttpResult write(std::string_view body, std::uint64_t within_ns = ~std::uint64_t{0}) noexcept {
        return post(target_, body, within_ns);
    }
    /// Posts to another path and query of the same server, over the same connection.
    HttpResult post(std::string_view target, std::string_view body, std::uint64_t within_ns = ~std::uint64_t{0}) noexcept;

    /// The last answer's body, as far as there was room; empty when there was no whole answer. Valid until the next request.
    [[nodiscard]] std::string_view response() const noexcept {
        return answer_.is_done() ? answer_.body() : std::string_view{};
    }
    /// It was longer than there was room.
    [[nodiscard]] bool response_is_cut() const noexcept { return answer_.is_done() && answer_.is_cut(); }
    /// A header of the last answer, by its name in any case; empty without one.
    [[nodiscard]] std::string_view header(std::string_view name) const noexcept {
        return answer_.is_done() ? answer_.header(name) : std::string_view{};
    }

    /// The URL and the options can be used; whether anybody listens is for the first request to say.
    [[nodiscard]] explicit operator bool() const noexcept { return usable_; }
    [[nodiscard]] std::string_view url() const noexcept { return {memory_, url_size_}; }
    [[nodiscard]] HttpError error() const noexcept;
    [[nodiscard]] HttpReport report() const noexcept;

private:
    using Failure = HttpFailure;

    void prepare(std::string_view url, detail::HttpUrl const& parts) noexcept;
    HttpResult end(Failure failure, int code, char const* what = "", std::size_t at = 0) noexcept;
    HttpResult answered(std::size_t body_bytes) noexcept;
    Failure connect(std::uint64_t until, int& code) noexcept;
    Failure exchange(std::string_view target, std::string_view body, std::uint64_t until, int& code) noexcept;
    void leave_parent() noexcept {
        pid_t const self = ::getpid();
        if (owner_ != self) socket_.close();
        owner_ = self;
    }

    HttpOptions options_;
    detail::HttpPeer peer_;
    detail::HttpSocket socket_;
    detail::HttpAnswer answer_;
    char* memory_ = nullptr;            // the URL, what follows it here, and the answer
    std::size_t url_size_ = 0;
    std::string_view target_, fixed_;   // fixed_: the head of each request from behind its target to its length
    bool usable_ = false;
    bool answer_began_ = false;
    pid_t owner_ = -1;
    detail::posix::Count counts_[11], accepted_bytes_, connections_, resent_, answers_cut_;
    // The last failure, for error(): its kind and number in one word, then a text that lives as long as the program.
    alignas(8) std::uint64_t last_ = 0, last_at_ = 0;
    char const* last_what_ = "";
};

inline HttpTransport::HttpTransport(std::string_view url, HttpOptions options) noexcept : options_(options) {
    detail::posix::KeptErrno const kept;
    auto const parts = detail::parse_http_url(url);
    prepare(url, parts);
    if (parts.problem)
        end(Failure::invalid, 0, parts.problem.what, parts.problem.at);
    else if (memory_ == nullptr)
        end(Failure::invalid, 0, "no memory for the answers: make max_head_bytes and max_body_bytes smaller");
    else if (auto const bad_type = detail::value_problem(options.content_type))
        end(Failure::invalid, 0, bad_type.what, bad_type.at);
    else if (auto const bad_line = detail::headers_problem(options.headers))
        end(Failure::invalid, 0, bad_line.what, bad_line.at);
    else if (!options.unix_socket.empty() && !peer_.use_unix_socket(options.unix_socket))
        end(Failure::invalid, 0, "the path of a Unix socket has 107 characters at most");
    else
        usable_ = true;
    if (usable_ && options.unix_socket.empty()) peer_.use_host(parts.host, parts.port);
    counts_[static_cast<std::size_t>(Failure::invalid)] = {};  // requests are counted, and this was none
}

/// Lays the texts that outlive the constructor and the room for an answer into one piece of memory.
inline void HttpTransport::prepare(std::string_view url, detail::HttpUrl const& parts) noexcept {
    if (parts.authority.find('@') != std::string_view::npos) url = url.substr(0, 7);  // the rest is a secret
    bool const named = !detail::header_value(options_.headers, "User-Agent").empty();
    std::string_view const slash = parts.target.starts_with('/') ? "" : "/";
    std::string_view const lines_end = options_.headers.empty() || options_.headers.ends_with('\n') ? "" : "\r\n";
    std::string_view const texts[] = {url,
                                      slash,
                                      parts.target,
                                      " HTTP/1.1\r\nHost: ",
                                      parts.authority,
                                      named ? "" : "\r\nUser-Agent: lastbyte",
                                      "\r\nContent-Type: ",
                                      options_.content_type,
                                      "\r\n",
                                      options_.headers,
                                      lines_end,
                                      "Content-Length: "};
    std::size_t size = 0;
    for (auto const text : texts) size += text.size();
    constexpr std::size_t most = std::size_t{1} << 30;
    if (options_.max_head_bytes > most || options_.max_body_bytes > most || url.size() > most) return;
    memory_ = new (std::nothrow) char[size + options_.max_head_bytes + options_.max_body_bytes];
    if (memory_ == nullptr) return;
    char* next = memory_;
    for (auto const text : texts) next += text.copy(next, text.size());
    url_size_ = url.size();
    target_ = {memory_ + url_size_, slash.size() + parts.target.size()};
    fixed_ = {target_.data() + target_.size(), size - url_size_ - target_.size()};
    answer_.keep_in(next, options_.max_head_bytes, options_.max_body_bytes);
    options_.content_type = options_.headers = options_.unix_socket = {};
}

inline HttpResult HttpTransport::post(std::string_view target, std::string_view body, std::uint64_t within_ns) noexcept {
    detail::posix::KeptErrno const kept;
    answer_.begin();
    if (!usable_) {
        counts_[static_cast<std::size_t>(Failure::invalid)].add(1);
        return {Failure::invalid, 0};  // error() still says what the constructor met
    }
    if (auto const problem = detail::target_problem(target)) return end(Failure::invalid, 0, problem.what, problem.at);
    leave_parent();
    std::uint64_t const longest = options_.within_ms * std::uint64_t{1'000'000};
    std::uint64_t const until = detail::monotonic_ns() + (within_ns < longest ? within_ns : longest);
    if (socket_.is_open() && socket_.has_ended()) socket_.close();
    for (;;) {
        bool const rested = socket_.is_open();
        int code = 0;
        Failure failure = rested ? Failure::none : connect(until, code);
        if (failure != Failure::none) return end(failure, code);
        answer_.begin();
        failure = exchange(target, body, until, code);
        if (failure != Failure::none || !answer_.keeps_connection()) socket_.close();
        bool const was_gone = failure == Failure::closed && !answer_began_;
        bool const was_over = failure == Failure::none && answer_.status() == 408;  // said to the connection, not to us
        if (rested && (was_gone || was_over)) {
            socket_.close();
            resent_.add(1);
            continue;
        }
        if (failure == Failure::none) return answered(body.size());
        char const* const what = answer_.problem();
        answer_.begin();
        return end(failure, code, what);
    }
}

inline HttpFailure HttpTransport::connect(std::uint64_t until, int& code) noexcept {
    std::uint64_t const longest = detail::monotonic_ns() + options_.connect_ms * std::uint64_t{1'000'000};
    if (longest < until) until = longest;
    code = 0;
    int const unknown = peer_.addresses([&](sockaddr const* address, socklen_t size, std::uint64_t addresses_left) {
        std::uint64_t const now = detail::monotonic_ns(), left = now < until ? until - now : 0;
        code = socket_.connect(address, size, now + left / addresses_left);
        return code == 0;
    });
    if (unknown != 0) code = unknown;
    if (unknown != 0) return Failure::not_found;
    if (code != 0) return code == ETIMEDOUT ? Failure::connect_timed_out : Failure::not_connected;
    connections_.add(1);
    return Failure::none;
}

inline HttpFailure HttpTransport::exchange(std::string_view target, std::string_view body, std::uint64_t until,
                                           int& code) noexcept {
    char length[32], received[4096];
    int const digits = std::snprintf(length, sizeof length, "%zu\r\n\r\n", body.size());
    auto const part = [](std::string_view text) { return iovec{const_cast<char*>(text.data()), text.size()}; };
    iovec parts[] = {part("POST "), part(target), part(fixed_), {length, static_cast<std::size_t>(digits)}, part(body)};
    auto const is_left = [&] {
        for (iovec const& one : parts)
            if (one.iov_len != 0) return true;
        return false;
    };
    answer_began_ = false;
    for (bool sending = true;;) {
        if (sending) {
            code = socket_.send(parts, 5);
            if (code == 0 && is_left()) continue;
            sending = code == EAGAIN;  // after an error the answer may be there nevertheless: 413, say
        }
        short const events = static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN);
        short const ready = socket_.wait(events, until);
        if (ready == 0) return sending ? Failure::send_timed_out : Failure::answer_timed_out;
        if (ready == POLLOUT) continue;
        std::size_t size = 0;
        int const error = socket_.receive(received, sizeof received, size);
        if (error == EAGAIN) continue;
        if (error != 0 || size == 0) {
            if (error == 0) answer_.end_of_connection();
            if (error != 0) code = error;
            return answer_.is_done() ? Failure::none : Failure::closed;
        }
        answer_began_ = true;
        std::size_t const taken = answer_.feed({received, size});
        if (answer_.is_broken()) return Failure::bad_answer;
        if (answer_.status() >= 300) sending = false;  // refused before it was whole: the rest is sent to nobody
        if (!answer_.is_done()) continue;
        if (is_left() && answer_.status() < 300) answer_.fail("it accepts a request before it has it");
        if (answer_.is_broken()) return Failure::bad_answer;
        if (taken != size || is_left()) socket_.close();
        return Failure::none;
    }
}

inline HttpResult HttpTransport::answered(std::size_t body_bytes) noexcept {
    int const status = answer_.status();
    if (answer_.is_cut()) answers_cut_.add(1);
    if (status >= 200 && status <= 299) {
        counts_[static_cast<std::size_t>(Failure::none)].add(1);
        accepted_bytes_.add(body_bytes);
        return {Failure::none, status};
    }
    bool const busy = status == 429 || status == 502 || status == 503 || status == 504;
    if (!busy) return end(Failure::refused, status);
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    end(Failure::busy, status);
    return {Failure::busy, status, detail::retry_after_ns(header("Retry-After"), header("Date"), now.tv_sec)};
}

inline HttpResult HttpTransport::end(Failure failure, int code, char const* what, std::size_t at) noexcept {
    counts_[static_cast<std::size_t>(failure)].add(1);
    std::uint64_t const word = static_cast<std::uint64_t>(failure) << 32 | static_cast<std::uint32_t>(code);
    __atomic_store_n(&last_what_, what, __ATOMIC_RELAXED);
    __atomic_store_n(&last_at_, std::uint64_t{at}, __ATOMIC_RELAXED);
    __atomic_store_n(&last_, word, __ATOMIC_RELAXED);
    return {failure, failure == Failure::refused || failure == Failure::busy ? code : 0};
}

inline HttpReport HttpTransport::report() const noexcept {
    auto const of = [&](Failure failure) { return counts_[static_cast<std::size_t>(failure)].read(); };
    return {of(Failure::none),
            accepted_bytes_.read(),
            of(Failure::busy),
            of(Failure::refused),
            of(Failure::invalid),
            of(Failure::not_found),
            of(Failure::not_connected),
            of(Failure::connect_timed_out),
            of(Failure::send_timed_out),
            of(Failure::answer_timed_out),
            of(Failure::closed),
            of(Failure::bad_answer),
            connections_.read(),
            resent_.read(),
            answers_cut_.read()};
}

inline HttpError HttpTransport::error() const noexcept {
    detail::posix::KeptErrno const kept;
    std::uint64_t const word = __atomic_load_n(&last_, __ATOMIC_RELAXED);
    detail::HttpEnd const last{static_cast<Failure>(word >> 32), static_cast<int>(static_cast<std::uint32_t>(word)),
                               __atomic_load_n(&last_what_, __ATOMIC_RELAXED),
                               static_cast<std::size_t>(__atomic_load_n(&last_at_, __ATOMIC_RELAXED))};
    return detail::describe(last, url(), options_.connect_ms, options_.within_ms);
}

}  // namespace lastbyte
