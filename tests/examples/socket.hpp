// What the server and its client share of POSIX sockets: sending, receiving and waiting, each with a deadline.
//
// Every socket here is non-blocking and every wait is a poll() that a stop can end. A blocking read is a thread that
// nobody can stop, and a server that can't be stopped loses the telemetry of what it was doing. A write to a
// connection whose reader has left must be an error code, not SIGPIPE.
#pragma once

#include "descriptor.hpp"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace net {

using Clock = std::chrono::steady_clock;

[[noreturn]] inline void fail(char const* what) { throw std::system_error{errno, std::generic_category(), what}; }

/// A flag that poll() can wait for: raised once, seen by every waiter, safe to raise in a signal handler.
class Flag {
public:
    Flag() {
        int ends[2];
        if (::pipe(ends) != 0) {
            fail("pipe");
        }
        reader_ = Descriptor{ends[0]};
        writer_ = Descriptor{ends[1]};
        ::fcntl(ends[0], F_SETFD, FD_CLOEXEC);
        ::fcntl(ends[1], F_SETFD, FD_CLOEXEC);
        ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    }

    /// Nobody ever reads the byte: the pipe stays readable, and so the flag stays up.
    void raise() const noexcept {
        int const saved = errno;
        [[maybe_unused]] auto const written = ::write(writer_.get(), "", 1);
        errno = saved;
    }
    bool is_up() const noexcept { return wait_for(Clock::now()); }
    /// Waits until the flag is up, true, or the time has come, false.
    bool wait_for(Clock::time_point deadline) const noexcept;
    int descriptor() const noexcept { return reader_.get(); }

private:
    Descriptor reader_;
    Descriptor writer_;
};

enum class Wait { ready, flagged, timed_out };

inline int milliseconds_until(Clock::time_point deadline) noexcept {
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    return left <= 0 ? 0 : left > 60'000 ? 60'000 : static_cast<int>(left);
}

/// Waits for `events` on `fd`, for the flag (which wins), or for the deadline. An error on `fd` is `ready`: the next
/// call on it tells which.
inline Wait wait(int fd, short events, Flag const* flag, Clock::time_point deadline) noexcept {
    while (true) {
        pollfd watched[2] = {{fd, events, 0}, {flag == nullptr ? -1 : flag->descriptor(), POLLIN, 0}};
        int const milliseconds = milliseconds_until(deadline);
        int const n = ::poll(watched, 2, milliseconds);
        if (n > 0) {
            return watched[1].revents != 0 ? Wait::flagged : Wait::ready;
        }
        if (n < 0 && errno != EINTR) {
            return Wait::ready;
        }
        if (Clock::now() >= deadline) {
            return Wait::timed_out;
        }
    }
}

inline bool Flag::wait_for(Clock::time_point deadline) const noexcept {
    return wait(reader_.get(), POLLIN, nullptr, deadline) == Wait::ready;
}

enum class Io { done, closed, flagged, timed_out };

/// Sends all of it. `patience` is how long the peer may take nothing at all, not how long the whole may take: a slow
/// reader is served, a stuck one isn't.
inline Io send_all(int fd, std::string_view bytes, Flag const* flag, std::chrono::milliseconds patience) noexcept {
#ifdef MSG_NOSIGNAL
    constexpr int quietly = MSG_NOSIGNAL;
#else
    constexpr int quietly = 0;  // prepare() has set SO_NOSIGPIPE
#endif
    while (!bytes.empty()) {
        auto const n = ::send(fd, bytes.data(), bytes.size(), quietly);
        if (n > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            switch (wait(fd, POLLOUT, flag, Clock::now() + patience)) {
                case Wait::ready: break;
                case Wait::flagged: return Io::flagged;
                case Wait::timed_out: return Io::timed_out;
            }
        } else if (n == 0 || errno != EINTR) {
            return Io::closed;
        }
    }
    return Io::done;
}

struct Received {
    Io io = Io::closed;
    std::size_t bytes = 0;
};

/// Receives what there is, at least one byte; `closed` at the end of the stream and on a reset.
inline Received receive(int fd, char* into, std::size_t room, Flag const* flag, Clock::time_point deadline) noexcept {
    while (true) {
        auto const n = ::recv(fd, into, room, 0);
        if (n > 0) {
            return {Io::done, static_cast<std::size_t>(n)};
        }
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
            return {Io::closed, 0};
        }
        switch (wait(fd, POLLIN, flag, deadline)) {
            case Wait::ready: break;
            case Wait::flagged: return {Io::flagged, 0};
            case Wait::timed_out: return {Io::timed_out, 0};
        }
    }
}

/// The peer has reset the connection, or both sides are closed. A half-closed one still reads what it asked for.
inline bool peer_is_gone(int fd) noexcept {
    pollfd watched{fd, 0, 0};
    return ::poll(&watched, 1, 0) > 0 && (watched.revents & (POLLERR | POLLHUP)) != 0;
}

/// Non-blocking, closed on exec, no delay for small pieces, no SIGPIPE.
inline void prepare(int fd) noexcept {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    int const on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
#ifdef SO_NOSIGPIPE
    ::setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
}

inline sockaddr_in loopback(std::uint16_t port) noexcept {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/// Listens on the loopback interface; port 0 picks a free one. Throws std::system_error.
inline Descriptor listen_on(std::uint16_t port) {
    Descriptor listener{::socket(AF_INET, SOCK_STREAM, 0)};
    if (!listener) {
        fail("socket");
    }
    int const on = 1;
    ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    prepare(listener.get());
    auto const address = loopback(port);
    if (::bind(listener.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0 ||
        ::listen(listener.get(), 128) != 0) {
        fail(("can't listen on 127.0.0.1:" + std::to_string(port)).c_str());
    }
    return listener;
}

inline std::uint16_t port_of(int fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        fail("getsockname");
    }
    return ntohs(address.sin_port);
}

}  // namespace net
