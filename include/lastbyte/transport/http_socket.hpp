// A TCP connection whose every wait has an end.
//
// A blocking connect waits two minutes for a host that is switched off, and a time-out on each read lets a peer that sends
// a byte a second hold its client for ever. Here each wait ends at a moment of the monotonic clock that the caller names
// once. One thing has no such end, because the C library has none for it: looking a name up.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <string_view>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

namespace lastbyte::detail {

inline std::uint64_t monotonic_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

/// Where to connect to. An address in figures is kept as such; a name is looked up at each connect.
class HttpPeer {
public:
    void use_host(std::string_view host, std::uint16_t port) noexcept {
        host.copy(name_, sizeof name_ - 1);
        port_ = htons(port);
        auto* const v4 = reinterpret_cast<sockaddr_in*>(&address_);
        auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address_);
        if (::inet_pton(AF_INET, name_, &v4->sin_addr) == 1) {
            v4->sin_family = AF_INET;
            v4->sin_port = port_;
            size_ = sizeof *v4;
        } else if (::inet_pton(AF_INET6, name_, &v6->sin6_addr) == 1) {
            v6->sin6_family = AF_INET6;
            v6->sin6_port = port_;
            size_ = sizeof *v6;
        } else {
            address_ = {};  // each attempt may have written into it
        }
    }
    /// False when the path is longer than such an address.
    bool use_unix_socket(std::string_view path) noexcept {
        auto* const local = reinterpret_cast<sockaddr_un*>(&address_);
        if (path.size() >= sizeof local->sun_path || path.find('\0') != std::string_view::npos) return false;
        local->sun_family = AF_UNIX;
        path.copy(local->sun_path, path.size());
        size_ = sizeof *local;
        return true;
    }

    /// Tries `each(address, size, addresses_left)` until one returns true. 0, or an error of getaddrinfo.
    template <class Each>
    int addresses(Each each) const noexcept {
        if (size_ != 0) {
            each(reinterpret_cast<sockaddr const*>(&address_), size_, std::uint64_t{1});
            return 0;
        }
        addrinfo hints{}, *found = nullptr;
        hints.ai_socktype = SOCK_STREAM;
        int const error = ::getaddrinfo(name_, nullptr, &hints, &found);
        if (error != 0) return error;
        std::uint64_t left = 0;
        for (auto const* one = found; one != nullptr; one = one->ai_next) ++left;
        for (auto const* one = found; one != nullptr; one = one->ai_next, --left) {
            auto* const port = one->ai_family == AF_INET6 ? &reinterpret_cast<sockaddr_in6*>(one->ai_addr)->sin6_port
                                                          : &reinterpret_cast<sockaddr_in*>(one->ai_addr)->sin_port;
            *port = port_;
            if (each(static_cast<sockaddr const*>(one->ai_addr), one->ai_addrlen, left)) break;
        }
        ::freeaddrinfo(found);
        return 0;
    }

private:
    sockaddr_storage address_{};
    socklen_t size_ = 0;
    in_port_t port_ = 0;
    char name_[256]{};
};

/// Not synchronised. Every call but close() returns by `until`; 0 or an errno, ETIMEDOUT when the time has passed.
class HttpSocket {
public:
    HttpSocket() = default;
    HttpSocket(HttpSocket const&) = delete;
    HttpSocket& operator=(HttpSocket const&) = delete;
    ~HttpSocket() { close(); }

    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    void close() noexcept {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

    int connect(sockaddr const* address, socklen_t size, std::uint64_t until) noexcept {
        close();
        fd_ = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd_ < 0) return errno;
        int error = ::connect(fd_, address, size) == 0 ? 0 : errno;
        if (error == EINPROGRESS || error == EINTR) {
            socklen_t length = sizeof error;
            short const ready = wait(POLLOUT, until);
            error = ready == 0 ? ETIMEDOUT : ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) != 0 ? errno : error;
        }
        if (error != 0) {
            close();
            return error;
        }
        int const yes = 1;  // a request's last segment must not wait for the acknowledgement of the one before
        if (address->sa_family != AF_UNIX) ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        return 0;
    }

    /// Sends from the parts what it can without waiting, and takes that off them. 0, EAGAIN, or another errno.
    int send(iovec* parts, std::size_t count) noexcept {
        for (;;) {
            msghdr message{};
            message.msg_iov = parts;
            message.msg_iovlen = count;
            ssize_t const sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
            if (sent < 0 && errno == EINTR) continue;
            if (sent < 0) return errno == EWOULDBLOCK ? EAGAIN : errno;
            auto rest = static_cast<std::size_t>(sent);
            for (std::size_t i = 0; i < count; ++i) {
                std::size_t const gone = rest < parts[i].iov_len ? rest : parts[i].iov_len;
                parts[i].iov_base = static_cast<char*>(parts[i].iov_base) + gone;
                parts[i].iov_len -= gone;
                rest -= gone;
            }
            return 0;
        }
    }
    /// Receives what there is, without waiting. 0 with `received` 0: the peer has closed. EAGAIN: nothing yet.
    int receive(char* buffer, std::size_t size, std::size_t& received) noexcept {
        for (;;) {
            ssize_t const got = ::recv(fd_, buffer, size, 0);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return errno == EWOULDBLOCK ? EAGAIN : errno;
            received = static_cast<std::size_t>(got);
            return 0;
        }
    }
    /// What of `events`, errors and a hang-up included, has come; 0 when the time has passed.
    short wait(short events, std::uint64_t until) noexcept {
        for (;;) {
            std::uint64_t const now = monotonic_ns();
            if (now >= until) return 0;
            std::uint64_t const ms = (until - now + 999'999) / 1'000'000;
            pollfd one{fd_, events, 0};
            int const ready = ::poll(&one, 1, ms < 1'000'000'000 ? static_cast<int>(ms) : 1'000'000'000);
            if (ready > 0) return one.revents;
            if (ready < 0 && errno != EINTR) return POLLERR;
        }
    }
    /// While a connection rests nothing comes over it but its end, or words to nobody: it is of no more use.
    [[nodiscard]] bool has_ended() const noexcept {
        pollfd one{fd_, POLLIN, 0};
        return ::poll(&one, 1, 0) != 0;
    }

private:
    int fd_ = -1;
};

}  // namespace lastbyte::detail
