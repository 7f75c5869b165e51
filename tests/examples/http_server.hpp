// A small HTTP/1.1 server on loopback whose responses are streams: the head goes out when the handler returns, and
// the body is pulled afterwards, piece by piece, as fast as the client reads.
//
// A client that leaves, one that is stuck, and a server that stops all end a body early. The body is told which before
// it is dropped, because nobody else knows. One thread a connection; no TLS, no HTTP/2: put a proxy in front for those.
#pragma once

#include "http_request.hpp"
#include "socket.hpp"

#include <array>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <functional>
#include <list>
#include <memory>
#include <stop_token>
#include <thread>

namespace http {

/// Why the server stopped pulling a body before its end.
enum class EarlyEnd { client_left, client_stuck, server_stopped };

/// A response's body: anything that gives pieces when called, its type forgotten. `on_early_end` is called at most
/// once, before the stream is dropped.
class Body {
public:
    Body() = default;

    template <class Stream, class OnEarlyEnd>
    Body(Stream stream, OnEarlyEnd on_early_end)
        : held_{std::make_unique<Held<Stream, OnEarlyEnd>>(std::move(stream), std::move(on_early_end))} {}

    std::optional<std::string_view> next() { return held_ ? held_->next() : std::nullopt; }
    void ends_early(EarlyEnd why) {
        if (held_) {
            held_->ends_early(why);
        }
    }

private:
    struct Any {
        virtual ~Any() = default;
        virtual std::optional<std::string_view> next() = 0;
        virtual void ends_early(EarlyEnd why) = 0;
    };

    template <class Stream, class OnEarlyEnd>
    struct Held final : Any {
        Held(Stream&& s, OnEarlyEnd&& e) : stream{std::move(s)}, on_early_end{std::move(e)} {}
        std::optional<std::string_view> next() override { return stream(); }
        void ends_early(EarlyEnd why) override { on_early_end(why); }
        Stream stream;
        OnEarlyEnd on_early_end;
    };

    std::unique_ptr<Any> held_;
};

struct Response {
    int status = 200;
    Fields headers;
    std::optional<std::size_t> length;  ///< known: Content-Length; unknown: chunked
    Body body;
    std::stop_token cancelled{};  ///< asked before each pull: the rest of the body isn't wanted any more
};

inline std::string_view reason(int status) noexcept {
    switch (status) {
        case 200: return "OK";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 400: return "Bad Request";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 406: return "Not Acceptable";
        case 408: return "Request Timeout";
        case 413: return "Content Too Large";
        case 415: return "Unsupported Media Type";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 503: return "Service Unavailable";
        case 505: return "HTTP Version Not Supported";
        default: return "Response";
    }
}

struct ServerOptions {
    std::uint16_t port = 0;  ///< 0: a free one, see Server::port()
    std::size_t connections = 128;
    std::chrono::milliseconds idle{30'000};          ///< between two requests of a connection
    std::chrono::milliseconds whole_request{10'000};  ///< from a request's first byte to its last
    std::chrono::milliseconds stuck{10'000};         ///< a client may take no byte for this long
    int send_buffer_bytes = 0;                       ///< 0: the system's choice
    Limits limits{};
};

class Server {
public:
    using Handler = std::function<Response(Request const&)>;

    /// Listens and serves at once, on its own threads. Throws std::system_error when it can't listen.
    Server(Handler handler, ServerOptions options)
        : handler_{std::move(handler)}, options_{options}, listener_{net::listen_on(options.port)},
          port_{net::port_of(listener_.get())}, acceptor_{[this] { accept_all(); }} {}

    Server(Server const&) = delete;
    Server& operator=(Server const&) = delete;
    ~Server() { stop(std::chrono::milliseconds{0}); }

    std::uint16_t port() const noexcept { return port_; }

    /// How many requests were answered without the handler: bad ones, slow ones, those over the limits.
    std::size_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }

    /// Takes no new request, gives the running bodies `grace` to end (or until `hurry` is up), ends the others as
    /// `server_stopped`, and returns when every thread has.
    void stop(std::chrono::milliseconds grace, net::Flag const* hurry = nullptr) {
        if (!acceptor_.joinable()) {
            return;
        }
        stopping_.raise();
        acceptor_.join();
        listener_.close();
        auto const deadline = net::Clock::now() + grace;
        while (net::Clock::now() < deadline && !all_over() && (hurry == nullptr || !hurry->is_up())) {
            std::this_thread::sleep_for(std::chrono::milliseconds{2});
        }
        cutting_.raise();
        for (Connection& connection : connections_) {
            connection.thread.join();
        }
        connections_.clear();
    }

private:
    struct Connection {
        Descriptor socket;
        std::atomic<bool> over{false};
        std::thread thread;
    };

    // The list of connections belongs to the acceptor's thread until it is joined, and to stop() afterwards.
    bool all_over() const {
        return std::all_of(connections_.begin(), connections_.end(), [](Connection const& c) { return c.over.load(); });
    }

    void accept_all() {
        while (true) {
            auto const long_from_now = net::Clock::now() + std::chrono::hours{1};
            if (net::wait(listener_.get(), POLLIN, &stopping_, long_from_now) == net::Wait::flagged) {
                return;
            }
            connections_.remove_if([](Connection& connection) {
                bool const over = connection.over.load();
                if (over) {
                    connection.thread.join();
                }
                return over;
            });
            Descriptor socket{::accept(listener_.get(), nullptr, nullptr)};
            if (!socket) {
                // Out of descriptors, most likely: the queue stays readable, so don't spin on it.
                if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
                    stopping_.wait_for(net::Clock::now() + std::chrono::milliseconds{20});
                }
                continue;
            }
            net::prepare(socket.get());
            if (options_.send_buffer_bytes > 0) {
                ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &options_.send_buffer_bytes, sizeof(int));
            }
            if (connections_.size() >= options_.connections) {
                refuse(socket.get(), 503, "too many connections");
                continue;
            }
            Connection& connection = connections_.emplace_back();
            connection.socket = std::move(socket);
            try {
                connection.thread = std::thread{[this, &connection] {
                    serve(connection.socket.get());
                    connection.socket.close();
                    connection.over.store(true);
                }};
            } catch (std::system_error const&) {
                refuse(connection.socket.get(), 503, "no thread to be had");
                connections_.pop_back();
            }
        }
    }

    /// One connection, from its first request to its last.
    void serve(int fd) {
        RequestParser parser{options_.limits};
        while (true) {
            auto const state = read_request(fd, parser);
            if (state != RequestParser::State::ready) {
                return;
            }
            if (!answer(fd, parser.take())) {
                return;
            }
        }
    }

    RequestParser::State read_request(int fd, RequestParser& parser) {
        std::array<char, 16384> room;
        bool begun = !parser.empty();
        bool continued = false;
        auto deadline = net::Clock::now() + (begun ? options_.whole_request : options_.idle);
        while (true) {
            auto const state = parser.parse();
            if (state == RequestParser::State::bad) {
                refuse(fd, parser.status(), parser.problem());
            }
            if (state != RequestParser::State::more) {
                return state;
            }
            if (!continued && parser.wants_continue()) {
                continued = true;
                net::send_all(fd, "HTTP/1.1 100 Continue\r\n\r\n", &stopping_, options_.stuck);
            }
            auto const received = net::receive(fd, room.data(), room.size(), &stopping_, deadline);
            if (received.io == net::Io::timed_out && begun) {
                refuse(fd, 408, "the request took too long to arrive");
            }
            if (received.io != net::Io::done) {
                return RequestParser::State::bad;
            }
            if (!begun) {
                begun = true;
                deadline = net::Clock::now() + options_.whole_request;
            }
            parser.feed({room.data(), received.bytes});
        }
    }

    /// An answer that no handler gave. What the client still sends is read away for a moment: closing a socket with
    /// unread bytes resets the connection, and the client would never see why.
    void refuse(int fd, int status, std::string_view why) {
        refused_.fetch_add(1, std::memory_order_relaxed);
        std::string text = std::string{why} + '\n';
        Fields const headers{{"Content-Type", "text/plain; charset=utf-8"}};
        text = head_of(status, headers, length_field(text.size()), false) + text;
        if (net::send_all(fd, text, &cutting_, options_.stuck) != net::Io::done || ::shutdown(fd, SHUT_WR) != 0) {
            return;
        }
        std::array<char, 4096> unread;
        auto const deadline = net::Clock::now() + std::chrono::milliseconds{200};
        for (std::size_t left = std::size_t{1} << 20; left > unread.size(); left -= unread.size()) {
            if (net::receive(fd, unread.data(), unread.size(), &cutting_, deadline).io != net::Io::done) {
                return;
            }
        }
    }

    static std::string length_field(std::size_t n) { return "Content-Length: " + std::to_string(n) + "\r\n"; }

    static std::string head_of(int status, Fields const& headers, std::string const& framing, bool keep_alive) {
        std::string head = "HTTP/1.1 " + std::to_string(status) + ' ' + std::string{reason(status)} + "\r\n";
        std::array<char, 64> date{};
        std::time_t const now = std::time(nullptr);
        std::tm utc{};
        ::gmtime_r(&now, &utc);
        std::strftime(date.data(), date.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
        head += date.data();
        for (auto const& [name, value] : headers) {
            head += name + ": " + value + "\r\n";
        }
        return head + framing + (keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
    }

    /// Calls the handler and sends what it returned; true when the connection can take another request.
    bool answer(int fd, Request const& request) {
        Response response;
        try {
            response = handler_(request);
        } catch (...) {
            refuse(fd, 500, "the handler failed");
            return false;
        }
        bool const bodyless = response.status == 204 || response.status == 304;
        bool const chunked = !response.length && !request.http_1_0 && !bodyless;
        bool const keep_alive = request.keep_alive && (response.length || chunked || bodyless) && !stopping_.is_up();
        auto const framing = bodyless          ? ""
                             : response.length ? length_field(*response.length)
                             : chunked         ? "Transfer-Encoding: chunked\r\n"
                                               : "";
        auto const head = head_of(response.status, response.headers, framing, keep_alive);
        auto io = net::send_all(fd, head, &cutting_, options_.stuck);
        if (io == net::Io::done && (request.method == "HEAD" || bodyless)) {
            return keep_alive;
        }
        bool whole = false;
        if (io == net::Io::done) {
            try {
                io = send_body(fd, response, chunked, whole);
            } catch (...) {
                // The head said 200 and is gone. All that is left is to end without the end's mark, so that the
                // client knows that it doesn't have everything.
                return false;
            }
        }
        switch (io) {
            case net::Io::done: break;
            case net::Io::closed: response.body.ends_early(EarlyEnd::client_left); break;
            case net::Io::timed_out: response.body.ends_early(EarlyEnd::client_stuck); break;
            case net::Io::flagged: response.body.ends_early(EarlyEnd::server_stopped); break;
        }
        return io == net::Io::done && whole && keep_alive;
    }

    net::Io send_body(int fd, Response& response, bool chunked, bool& whole) {
        std::string frame;
        auto left = response.length;
        while (!left || *left > 0) {
            if (cutting_.is_up()) {
                return net::Io::flagged;
            }
            if (net::peer_is_gone(fd)) {
                return net::Io::closed;
            }
            if (response.cancelled.stop_requested()) {
                break;
            }
            auto piece = response.body.next();
            if (!piece) {
                break;
            }
            if (piece->empty()) {
                continue;  // a chunk of size 0 would end the body
            }
            if (left) {
                *piece = piece->substr(0, *left);
                *left -= piece->size();
            }
            if (chunked) {
                std::array<char, 20> size{};
                std::snprintf(size.data(), size.size(), "%zx\r\n", piece->size());
                frame = size.data();
                frame += *piece;
                frame += "\r\n";
                piece = frame;
            }
            if (auto const io = net::send_all(fd, *piece, &cutting_, options_.stuck); io != net::Io::done) {
                return io;
            }
        }
        whole = !left || *left == 0;
        return chunked ? net::send_all(fd, "0\r\n\r\n", &cutting_, options_.stuck) : net::Io::done;
    }

    Handler handler_;
    ServerOptions options_;
    net::Flag stopping_;  ///< take no new request
    net::Flag cutting_;   ///< end what still runs
    std::atomic<std::size_t> refused_{0};
    std::list<Connection> connections_;
    Descriptor listener_;
    std::uint16_t port_;
    std::thread acceptor_;
};

}  // namespace http
