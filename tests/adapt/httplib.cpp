// A cpp-httplib server whose every body is made to order by its query, and that prints one line for each Reading.
//
//     httplib [--bare]     prints `listening PORT VERSION`, then `ID OUTCOME BYTES TIER` a body, and `stopped`
//
// GET /body?id=ID&kind=chunked|sized|plain|text|off&size=N&chunks=N and what is to go wrong; nothing is printed without an
// id. With --bare the adapter is not used, for a comparison of requests a second.
#include <lastbyte/adapt/httplib.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "readings.hpp"

namespace {

httplib::Server server;
std::mutex kept_lock;
std::deque<httplib::Response> kept;  // copies that nobody drops before the end
std::deque<std::jthread> others;     // drop copies while the server drops its own

std::size_t number(httplib::Request const& request, char const* name, std::size_t otherwise) {
    return request.has_param(name) ? std::strtoull(request.get_param_value(name).c_str(), nullptr, 10) : otherwise;
}

struct Order {
    explicit Order(httplib::Request const& request)
        : size(number(request, "size", 1000)),
          chunks(number(request, "chunks", 3)),
          stop_at(number(request, "stop_at", ~std::size_t{0})),
          pause_ms(number(request, "pause_ms", 0)),
          then(request.get_param_value("then")),
          id(request.get_param_value("id")) {}

    std::size_t size, chunks, stop_at, pause_ms;
    std::string then, id;
};

/// The tracer outlives the provider, whose last span is recorded when it is destroyed: a Reading made earlier has no tier.
template <class Policy>
struct Provider {
    Provider(Order given, lastbyte::Tracer<Policy> its) : order(std::move(given)), tracer(std::move(its)) {}
    Provider(Provider&& other) noexcept = default;
    Provider(Provider const&) = delete;
    ~Provider() {
        if (!order.id.empty()) tracer.template span<"index">().source(Source::cache);
    }

    bool operator()(std::size_t, httplib::DataSink& sink) { return write(sink, order.size); }
    bool operator()(std::size_t, std::size_t left, httplib::DataSink& sink) {
        return write(sink, order.then == "over" ? order.size : std::min(left, order.size));
    }

private:
    bool write(httplib::DataSink& sink, std::size_t size) {
        std::this_thread::sleep_for(std::chrono::milliseconds(order.pause_ms));
        if (calls == 1 && order.then == "release") {
            std::lock_guard const lock{kept_lock};
            kept.clear();
        }
        if (calls++ == order.stop_at) server.stop();
        if (calls > order.chunks && order.then != "endless") {
            if (order.then == "false") return false;
            if (order.then == "throw") throw std::runtime_error("made to order");
            if (order.then == "cancel") return tracer.note_end(lastbyte::Outcome::cancelled), false;
            if (order.then == "empty") return sink.write("", 0);
            if (order.then == "ask") return sink.is_writable();
            sink.done();
            return true;
        }
        std::string const text(size, 'x');
        if (order.then == "os") {
            sink.os << text;
            return true;
        }
        bool const taken = sink.write(text.data(), text.size());
        if (!taken && order.then == "throw") throw std::runtime_error("after the client has left");
        return taken || order.then == "ignore";
    }

    Order order;
    lastbyte::Tracer<Policy> tracer;
    std::size_t calls = 0;
};

/// The server's own means, without telemetry.
void give_bare(httplib::Response& response, bool sized, std::size_t length, Provider<Off> provider) {
    auto const shared = std::make_shared<Provider<Off>>(std::move(provider));
    auto const ranged = [shared](std::size_t offset, std::size_t left, httplib::DataSink& sink) {
        return (*shared)(offset, left, sink);
    };
    auto const chunked = [shared](std::size_t offset, httplib::DataSink& sink) { return (*shared)(offset, sink); };
    sized ? response.set_content_provider(length, "text/plain", ranged)
          : response.set_chunked_content_provider("text/plain", chunked);
}

bool bare = false;

template <class Policy>
void answer(httplib::Request const& request, httplib::Response& response) {
    Order const order{request};
    auto const kind = request.get_param_value("kind");
    auto const length = number(request, "length", order.size * order.chunks);
    for (int turn = request.has_param("twice") ? 2 : 1; turn > 0; --turn) {  // the first of two is overwritten
        if (bare) {
            give_bare(response, kind == "sized", length, Provider<Off>{order, lastbyte::Tracer<Off>{}});
            continue;
        }
        lastbyte::Tracer<Policy> tracer;
        auto print = [id = order.id](lastbyte::Reading<Policy> const& done) {
            if (!id.empty()) print_reading<Policy>(id, done);
        };
        if (kind == "text") tracer.template span<"index">().source(Source::cache);
        using namespace lastbyte::adapt;
        Provider<Policy> provider{order, tracer};
        if (kind == "text")
            set_content(request, response, std::string(order.size * order.chunks, 'x'), "text/plain", tracer, print);
        else if (kind == "sized")
            set_content_provider(request, response, length, "text/plain", tracer, std::move(provider), print);
        else if (kind == "plain")
            set_content_provider(request, response, "text/plain", tracer, std::move(provider), print);
        else
            set_chunked_content_provider(request, response, "text/plain", tracer, std::move(provider), print);
    }
    if (request.has_param("copy")) { httplib::Response const copy = response; }  // released here, before the first byte
    if (request.has_param("keep")) {
        std::lock_guard const lock{kept_lock};
        kept.push_back(response);
    }
    if (request.has_param("replace")) response.set_content("another answer", "text/plain");
}

}  // namespace

int main(int count, char** arguments) {
    bare = count > 1 && std::string_view{arguments[1]} == "--bare";
    server.Get("/body", [](httplib::Request const& request, httplib::Response& response) {
        request.get_param_value("kind") == "off" ? answer<Off>(request, response) : answer<Telemetry>(request, response);
    });
    server.Get("/stop", [](httplib::Request const&, httplib::Response&) { server.stop(); });
    server.Get("/drop", [](httplib::Request const&, httplib::Response&) {
        std::lock_guard const lock{kept_lock};
        kept.clear();
    });
    // A logger runs before the body in newer versions, and after it in older ones. To have both orders in all of them, the
    // same is called once more from where it is always before.
    auto const log = [](httplib::Request const& request, httplib::Response const& response) {
        httplib::Response const copy = response;  // releases, when it is dropped
        if (request.has_param("logged")) std::printf("%s logged\n", request.get_param_value("id").c_str());
        if (!request.has_param("stop_at")) return;
        std::lock_guard const lock{kept_lock};
        for (int i = 0; i < 2; ++i) others.emplace_back([other = std::make_unique<httplib::Response>(response)] {});
    };
    server.set_logger(log);
    server.set_post_routing_handler(
        [log](httplib::Request const& request, httplib::Response const& response) { log(request, response); });
    server.set_tcp_nodelay(true);  // or small answers wait 40 ms for an acknowledgement
    int const port = server.bind_to_any_port("127.0.0.1");
    std::printf("listening %d " CPPHTTPLIB_VERSION "\n", port);
    std::fflush(stdout);
    server.listen_after_bind();
    others.clear();
    auto const ledger = lastbyte::ledger<Telemetry>();
    std::printf("stopped\n");
    return ledger.callbacks_threw == 0 ? 0 : 1;
}
