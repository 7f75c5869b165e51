// A Boost.Beast server, a coroutine a connection, that says of each answer after its last byte how it ended.
//
//     c++ -std=c++20 -Iinclude -pthread tests/examples/beast_server.cpp -o beast_server
//     ./beast_server 8080         serves until Ctrl-C: curl -N localhost:8080/search
//
// Ctrl-C in the middle of an answer destroys it with the io_context; it is reported all the same, as shutdown.

#include <lastbyte/adapt/beast.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <list>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

enum class Source { memory, cache, build };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index">>>;
};

/// The answers under way, so that Ctrl-C can tell each of them why it will end.
struct Server {
    std::list<lastbyte::Tracer<Telemetry>> under_way;

    void stop() {
        for (auto const& tracer : under_way) tracer.note_end(lastbyte::Outcome::shutdown);
    }
};

/// A hundred hits, looked up while they are sent.
auto hits(lastbyte::Tracer<Telemetry> const& tracer) {
    return [tracer, hit = 0]() mutable -> std::optional<std::string> {
        if (hit == 0) tracer.span<"index">().source(Source::cache);
        if (hit++ == 100) return std::nullopt;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return "a hit\n";
    };
}

asio::awaitable<void> serve(tcp::socket socket, Server& server) {
    boost::beast::tcp_stream stream{std::move(socket)};
    boost::beast::flat_buffer buffer;
    for (;;) {
        http::request<http::empty_body> request;
        co_await http::async_read(stream, buffer, request, asio::use_awaitable);

        auto const mine = server.under_way.emplace(server.under_way.end());
        http::response<lastbyte::adapt::BeastBody> response{http::status::ok, request.version()};
        response.keep_alive(request.keep_alive());
        response.chunked(true);
        response.body() = lastbyte::adapt::beast_body(
            *mine, hits(*mine),
            [target = std::string{request.target()}, &server, mine](lastbyte::Reading<Telemetry> const& done) {
                std::cout << target << ": " << done.tier<"cache_tier">() << ", " << done.bytes() << " bytes, "
                          << done.outcome() << std::endl;
                server.under_way.erase(mine);
            });
        co_await http::async_write(stream, response, asio::use_awaitable);
        if (!request.keep_alive()) co_return;
    }
}

asio::awaitable<void> listen(tcp::acceptor& acceptor, Server& server) {
    for (;;) {
        tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), server), asio::detached);
    }
}

int main(int count, char** arguments) {
    Server server;  // outlives the context, whose destruction ends what is under way
    asio::io_context context{1};
    auto const port = static_cast<unsigned short>(count > 1 ? std::atoi(arguments[1]) : 8080);
    tcp::acceptor acceptor{context, {asio::ip::make_address("127.0.0.1"), port}};
    asio::signal_set signals{context, SIGINT, SIGTERM};
    signals.async_wait([&](boost::system::error_code, int) {
        server.stop();
        context.stop();
    });
    std::cout << "listening on http://127.0.0.1:" << acceptor.local_endpoint().port() << std::endl;
    asio::co_spawn(context, listen(acceptor, server), asio::detached);
    context.run();
}
