// A socket that listens on a free port of 127.0.0.1, for tests that serve it in their own way.
#pragma once

#include <string>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

struct Listening {
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    bool ready = false;

    explicit Listening(int backlog) {
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const place = reinterpret_cast<sockaddr*>(&address);
        ready = ::bind(fd, place, size) == 0 && ::listen(fd, backlog) == 0 && ::getsockname(fd, place, &size) == 0;
    }
    Listening(Listening const&) = delete;
    Listening& operator=(Listening const&) = delete;
    ~Listening() { ::close(fd); }

    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)); }
};
