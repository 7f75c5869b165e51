// The other end: a client over a real socket that counts what it really received, and can leave half-way.
//
// It is the witness for the server's books, so it shares none of the server's code for bodies. It can hang up as a
// browser does (close), or as a crash does (reset).
#pragma once

#include "socket.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

/// What the client saw of one response.
struct Reply {
    int status = 0;  ///< 0: no response at all
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    bool complete = false;  ///< the end of the body was seen, and it was where it had to be

    std::string_view header(std::string_view lower_case_name) const {
        for (auto const& [name, value] : headers) {
            if (name == lower_case_name) {
                return value;
            }
        }
        return {};
    }
};

struct Ask {
    std::string method = "GET";
    std::string target = "/";
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string body{};
    /// Leave once this many bytes of the body have come.
    std::optional<std::size_t> leave_after{};
    bool leave_by_reset = true;
};

class Client {
public:
    /// `receive_buffer_bytes` keeps the kernel from taking in a whole body on behalf of a client that has left.
    explicit Client(std::uint16_t port, int receive_buffer_bytes = 0)
        : port_{port}, receive_buffer_bytes_{receive_buffer_bytes} {}

    /// Sends a request and reads the head of its response, whose status is 0 when none came; connects when there is no
    /// connection to use again. Never throws for what the server does.
    Reply begin(Ask const& ask, std::chrono::milliseconds patience = std::chrono::seconds{20}) {
        deadline_ = net::Clock::now() + patience;
        bool const reused = static_cast<bool>(socket_);
        Reply reply;
        if (!exchange_heads(ask, reply)) {
            socket_.close();
            // The server may have closed an idle connection meanwhile.
            if (reused && !exchange_heads(ask, reply)) {
                socket_.close();
            }
        }
        return reply;
    }

    /// Reads the body, or as much of it as was asked for.
    void finish(Ask const& ask, Reply& reply) {
        if (!socket_) {
            return;
        }
        leave_after_ = ask.leave_after;
        reply.complete = read_body(ask, reply);
        if (!reply.complete && leave_after_ && reply.body.size() >= *leave_after_) {
            leave(ask.leave_by_reset);
        } else if (!reply.complete || reply.header("connection") == "close") {
            socket_.close();
        }
    }

private:
    bool connect() {
        buffer_.clear();
        socket_ = Descriptor{::socket(AF_INET, SOCK_STREAM, 0)};
        if (!socket_) {
            return false;
        }
        if (receive_buffer_bytes_ > 0) {
            ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes_, sizeof(int));
        }
        net::prepare(socket_.get());
        auto const address = net::loopback(port_);
        if (::connect(socket_.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0) {
            int error = errno;
            if (error == EINPROGRESS && net::wait(socket_.get(), POLLOUT, nullptr, deadline_) == net::Wait::ready) {
                socklen_t size = sizeof error;
                ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
            }
            if (error != 0) {
                socket_.close();
                return false;
            }
        }
        return true;
    }

    bool exchange_heads(Ask const& ask, Reply& reply) {
        reply = {};
        if (!socket_ && !connect()) {
            return false;
        }
        std::string request = ask.method + ' ' + ask.target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
        for (auto const& [name, value] : ask.headers) {
            request += name + ": " + value + "\r\n";
        }
        if (!ask.body.empty() || ask.method == "POST") {
            request += "Content-Length: " + std::to_string(ask.body.size()) + "\r\n";
        }
        request += "\r\n" + ask.body;
        auto const io = net::send_all(socket_.get(), request, nullptr, std::chrono::seconds{20});
        return io == net::Io::done && read_head(reply);
    }

    void leave(bool by_reset) {
        if (by_reset) {
            linger const at_once{1, 0};
            ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        socket_.close();
    }

    bool more() {
        std::array<char, 16384> room;
        auto const received = net::receive(socket_.get(), room.data(), room.size(), nullptr, deadline_);
        buffer_.append(room.data(), received.bytes);
        return received.io == net::Io::done;
    }

    bool read_head(Reply& reply) {
        std::size_t end;
        while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
            if (!more()) {
                return false;
            }
        }
        std::string_view head{buffer_.data(), end + 2};
        if (!head.starts_with("HTTP/1.1 ") || head.size() < 14) {
            return false;
        }
        std::from_chars(head.data() + 9, head.data() + 12, reply.status);
        head.remove_prefix(head.find("\r\n") + 2);
        while (!head.empty()) {
            auto const line = head.substr(0, head.find("\r\n"));
            head.remove_prefix(line.size() + 2);
            auto const colon = line.find(": ");
            if (colon == std::string_view::npos) {
                return false;
            }
            std::string name{line.substr(0, colon)};
            std::transform(name.begin(), name.end(), name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
            reply.headers.emplace_back(std::move(name), line.substr(colon + 2));
        }
        buffer_.erase(0, end + 4);
        return true;
    }

    bool read_body(Ask const& ask, Reply& reply) {
        if (ask.method == "HEAD" || reply.status == 204 || reply.status == 304) {
            return true;
        }
        if (reply.header("transfer-encoding") == "chunked") {
            return read_chunks(reply);
        }
        if (auto const text = reply.header("content-length"); !text.empty()) {
            std::size_t length = 0;
            std::from_chars(text.data(), text.data() + text.size(), length);
            return take(reply, length);
        }
        while (take(reply, buffer_.size()) && more()) {
        }
        socket_.close();
        return true;  // an unsized body ends where the connection does
    }

    bool read_chunks(Reply& reply) {
        while (true) {
            std::size_t line_end;
            while ((line_end = buffer_.find("\r\n")) == std::string::npos) {
                if (!more()) {
                    return false;
                }
            }
            std::size_t size = 0;
            auto const read = std::from_chars(buffer_.data(), buffer_.data() + line_end, size, 16);
            if (read.ec != std::errc{}) {
                return false;
            }
            buffer_.erase(0, line_end + 2);
            if (!take(reply, size) || !skip_line_end()) {
                return false;
            }
            if (size == 0) {
                return true;
            }
        }
    }

    /// Moves `n` bytes from the connection into the body; false when they don't all come, or it is time to leave.
    bool take(Reply& reply, std::size_t n) {
        while (n > 0) {
            if (buffer_.empty() && !more()) {
                return false;
            }
            auto const now = std::min(n, buffer_.size());
            reply.body.append(buffer_, 0, now);
            buffer_.erase(0, now);
            n -= now;
            if (leave_after_ && reply.body.size() >= *leave_after_) {
                return false;
            }
        }
        return true;
    }

    bool skip_line_end() {
        while (buffer_.size() < 2) {
            if (!more()) {
                return false;
            }
        }
        bool const right = buffer_.starts_with("\r\n");
        buffer_.erase(0, 2);
        return right;
    }

    std::uint16_t port_;
    int receive_buffer_bytes_;
    Descriptor socket_;
    std::string buffer_;
    std::optional<std::size_t> leave_after_;
    net::Clock::time_point deadline_;
};

}  // namespace http
