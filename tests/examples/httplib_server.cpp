// A cpp-httplib server that says of each answer, after its last byte, what it was served from and how it ended.
//
//     c++ -std=c++20 -Iinclude tests/examples/httplib_server.cpp -o httplib_server $(pkg-config --cflags --libs cpp-httplib)
//     ./httplib_server            answers a few requests of its own, and prints a line for each
//     ./httplib_server 8080       serves until /stop is asked for: curl -N localhost:8080/search?q=tier

#include <lastbyte/adapt/httplib.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <utility>

enum class Source { memory, cache, build, miss };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "file:*">, lastbyte::Never<Source::miss>>>;
};

/// What happens after the last byte: one line, in one piece, since answers end on several threads.
auto report(httplib::Request const& request) {
    return [request = request.method + ' ' + request.path](lastbyte::Reading<Telemetry> const& done) {
        std::string line = request + ": ";
        (line += done.tier<"cache_tier">().value().name()) += ", ";
        line += std::to_string(done.bytes().value()) + " bytes, ";
        std::cout << (line += name(done.outcome())) + '\n' << std::flush;
    };
}

/// Streams ten hits. The index is looked up while the body is sent, long after the handler has returned.
void search(httplib::Request const& request, httplib::Response& response) {
    lastbyte::Tracer<Telemetry> tracer;
    auto hits = [tracer, hit = 0](std::size_t, httplib::DataSink& sink) mutable {
        if (hit == 0) tracer.span<"index">().source(Source::cache);
        if (hit++ == 10) return sink.done(), true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return sink.write("a hit\n", 6);
    };
    lastbyte::adapt::set_chunked_content_provider(request, response, "text/plain", tracer, std::move(hits), report(request));
}

/// A gigabyte, of which clients may ask for ranges, and which few read to its end.
void file(httplib::Request const& request, httplib::Response& response) {
    lastbyte::Tracer<Telemetry> tracer;
    std::string const piece(1 << 16, '.');
    auto pieces = [tracer, piece](std::size_t offset, std::size_t left, httplib::DataSink& sink) {
        if (offset == 0) tracer.span<"file:*">("a.txt").source(Source::build);
        return sink.write(piece.data(), std::min(left, piece.size()));
    };
    lastbyte::adapt::set_content_provider(request, response, std::size_t{1} << 30, "text/plain", tracer, std::move(pieces),
                                          report(request));
}

/// A text that is there already.
void version(httplib::Request const& request, httplib::Response& response) {
    lastbyte::Tracer<Telemetry> tracer;
    lastbyte::adapt::set_content(request, response, "1.4.0\n", "text/plain", tracer, report(request));
}

int main(int count, char** arguments) {
    httplib::Server server;
    server.Get("/search", search);
    server.Get("/file", file);
    server.Get("/version", version);
    server.Get("/stop", [&server](httplib::Request const&, httplib::Response&) { server.stop(); });
    if (count > 1) return server.listen("127.0.0.1", std::atoi(arguments[1])) ? 0 : 1;

    int const port = server.bind_to_any_port("127.0.0.1");
    std::thread serving([&server] { server.listen_after_bind(); });
    {
        httplib::Client client("127.0.0.1", port);
        client.Get("/file", [](char const*, std::size_t) { return false; });  // hangs up
        client.Get("/file", {httplib::make_range_header({{0, 99}})});
        client.Get("/search");
        client.Head("/search");
        client.Get("/version");
        client.Get("/stop");
    }
    serving.join();
}
