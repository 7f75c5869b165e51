// A Boost.Beast server whose every body is made to order by its target, and that prints one line for each Reading.
//
//     beast      prints `listening PORT`, then `ID OUTCOME BYTES TIER` a body, and `stopped`
//
// GET /ID?size=N&chunks=N&then=… by callbacks, /ID?co=1 by a coroutine; /stop drops its io_context in mid-write.
#include <lastbyte/adapt/beast.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "readings.hpp"

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

/// The query of a target.
struct Order {
    explicit Order(std::string const& target) : query(target.substr(target.find('?') + 1) + '&') {
        id = target.substr(1, target.find('?') - 1);
    }
    [[nodiscard]] std::string text(std::string const& key) const {
        auto const at = ('&' + query).find('&' + key + '=');
        if (at == std::string::npos) return {};
        auto const begin = at + key.size() + 1;
        return query.substr(begin, query.find('&', begin) - begin);
    }
    [[nodiscard]] std::size_t number(std::string const& key, std::size_t otherwise) const {
        auto const found = text(key);
        return found.empty() ? otherwise : std::stoull(found);
    }
    std::string query, id;
};

/// Records its last span when it is destroyed: a Reading that is made earlier has no tier.
template <class Policy>
struct Chunks {
    Chunks(Order given, lastbyte::Tracer<Policy> its) : order(std::move(given)), tracer(std::move(its)) {}
    Chunks(Chunks&&) noexcept = default;
    ~Chunks() {
        if (!order.id.empty()) tracer.template span<"index">().source(Source::cache);
    }
    std::optional<std::string> operator()() {
        auto const then = order.text("then");
        if (left-- == 0) {
            if (then == "throw") throw std::runtime_error("made to order");
            if (then == "cancel") tracer.note_end(lastbyte::Outcome::cancelled);
            return std::nullopt;
        }
        if (then == "shutdown") tracer.note_end(lastbyte::Outcome::shutdown);
        if (then == "empties" && left % 2 == 0) return std::string{};
        return std::string(order.number("size", 1000), 'x');
    }

    Order order;
    lastbyte::Tracer<Policy> tracer;
    std::size_t left = order.number("chunks", 3);
};

template <class Policy>
http::response<lastbyte::adapt::BeastBody> answer(Order const& order, http::verb verb) {
    lastbyte::Tracer<Policy> tracer;
    auto const print = [id = order.id](lastbyte::Reading<Policy> const& done) {
        print_reading<Policy>(id, done);
    };
    Chunks<Policy> chunks{order, tracer};
    http::response<lastbyte::adapt::BeastBody> response{http::status::ok, 11};
    response.keep_alive(false);
    auto const length = order.number("length", 0);
    length == 0 ? response.chunked(true) : response.content_length(length);
    using namespace lastbyte::adapt;
    if (verb == http::verb::head)
        response.body() = beast_body(tracer, std::move(chunks), print, lastbyte::no_body);
    else if (length != 0)
        response.body() = beast_body(tracer, std::move(chunks), print, lastbyte::content_length(length));
    else
        response.body() = beast_body(tracer, std::move(chunks), print);
    return response;
}

http::response<lastbyte::adapt::BeastBody> answer(http::request<http::empty_body> const& request) {
    Order const order{std::string{request.target()}};
    return order.text("off").empty() ? answer<Telemetry>(order, request.method()) : answer<Off>(order, request.method());
}

/// One request of one connection, by callbacks. Whatever is under way keeps it alive.
struct Session : std::enable_shared_from_this<Session> {
    Session(tcp::socket socket, asio::io_context& io_context) : stream(std::move(socket)), context(io_context) {}

    void run() {
        http::async_read(stream, buffer, request, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (!error) self->write();
        });
    }
    void write() {
        if (request.target() == "/stop") return context.stop();
        Order const order{std::string{request.target()}};
        if (!order.text("co").empty())
            return asio::co_spawn(context, write_as_coroutine(), [](std::exception_ptr thrown) {
                if (thrown) std::rethrow_exception(thrown);
            });
        response = answer(request);
        if (auto const limit = order.number("timeout_ms", 0)) stream.expires_after(std::chrono::milliseconds(limit));
        serializer.emplace(response);
        auto done = [self = shared_from_this(), told = order.text("tell") == "1"](beast::error_code error, std::size_t) {
            if (told) self->response.body().ended(error);
            beast::error_code ignored;
            self->stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
        };
        bool const header_alone = request.method() == http::verb::head && order.text("whole").empty();
        header_alone ? http::async_write_header(stream, *serializer, std::move(done))
                     : http::async_write(stream, *serializer, std::move(done));
    }
    asio::awaitable<void> write_as_coroutine() {
        auto const self = shared_from_this();
        auto own = answer(request);
        co_await http::async_write(stream, own, asio::use_awaitable);
    }

    beast::tcp_stream stream;
    asio::io_context& context;
    beast::flat_buffer buffer;
    http::request<http::empty_body> request;
    http::response<lastbyte::adapt::BeastBody> response;
    std::optional<http::response_serializer<lastbyte::adapt::BeastBody>> serializer;
};

void accept(tcp::acceptor& acceptor, asio::io_context& context) {
    acceptor.async_accept([&](beast::error_code error, tcp::socket socket) {
        if (!error) std::make_shared<Session>(std::move(socket), context)->run();
        accept(acceptor, context);
    });
}

}  // namespace

int main() {
    {
        asio::io_context context{1};
        tcp::acceptor acceptor{context, {asio::ip::make_address("127.0.0.1"), 0}};
        std::printf("listening %d\n", acceptor.local_endpoint().port());
        std::fflush(stdout);
        accept(acceptor, context);
        while (!context.stopped()) {
            try {
                context.run();
            } catch (std::runtime_error const& error) {
                std::printf("threw: %s\n", error.what());
            }
        }
    }
    std::puts("stopped");
    return lastbyte::ledger<Telemetry>().callbacks_threw == 0 ? 0 : 1;
}
