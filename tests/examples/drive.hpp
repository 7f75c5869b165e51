// The self-drive: some hundred requests through a real socket, chosen so that every tier and every way to end occurs.
//
// Cold servers (build their index), restarted ones (read it from disk), a disk that fails while it is read, clients
// that hang up half-way, the protocol's small talk, cancelled calls, HEAD, and a warm server under four clients.
#pragma once

#include "documents.hpp"
#include "http_client.hpp"
#include "http_request.hpp"
#include "json.hpp"
#include "report.hpp"

#include <atomic>
#include <functional>
#include <thread>

/// What the next server finds when it starts.
struct Start {
    bool index_on_disk = true;
    std::string failing_document{};
    int send_buffer_bytes = 0;  ///< 0: the system's choice
};

class Drive {
public:
    /// Stops the server that runs, starts another, and returns its port.
    using Restart = std::function<std::uint16_t(Start const&)>;

    Drive(Restart restart, docs::Folder const& folder, std::vector<docs::Entry> entries, std::size_t requests,
          net::Flag const& interrupted)
        : restart_{std::move(restart)}, requests_{requests}, interrupted_{interrupted} {
        choose_documents(folder, std::move(entries));
    }

    /// Returns when all requests are answered, or the flag is up; what was sent until then.
    std::vector<Sent> run() {
        builds();
        reads_from_disk();
        failing_disk();
        hang_ups();
        restart({});
        small_talk();
        heads();
        warm();
        if (show_progress_) {
            std::fprintf(stderr, "\r%*s\r", 60, "");
        }
        return std::move(sent_);
    }

private:
    /// The largest one for those who leave half-way; to be read to the end, at most 500 that aren't huge.
    void choose_documents(docs::Folder const& folder, std::vector<docs::Entry> entries) {
        std::sort(entries.begin(), entries.end(), [](auto const& a, auto const& b) { return a.bytes > b.bytes; });
        for (docs::Entry const& entry : entries) {
            try {
                folder.open(entry.path);
            } catch (docs::NoDocument const&) {
                continue;  // binary, or gone
            }
            if (largest_.empty()) {
                largest_ = entry.path;
            }
            if (entry.bytes <= std::uint64_t{1} << 20) {
                documents_.push_back(entry.path);
            }
            if (documents_.size() == 500) {
                break;
            }
        }
        if (documents_.empty()) {
            documents_.emplace_back("README.md");  // not there, and answered so
        }
    }

    void restart(Start const& start) {
        if (!is_over()) {
            port_ = restart_(start);
        }
    }

    void begin(char const* phase) {
        phase_ = phase;
        std::lock_guard const lock{mutex_};
        draw_progress();
    }

    /// Each builds the index, in a server that finds none.
    void builds() {
        begin("cold");
        for (std::string const tool : {"search", "orient", "catalog", "get"}) {
            restart({.index_on_disk = false});
            http::Client client{port_};
            perform(client, tool == "orient" ? call(tool) : get(tool, some_arguments(tool, 1)), tool);
        }
    }

    /// Each reads the index from disk, in a server that has only just started.
    void reads_from_disk() {
        begin("restarted");
        for (std::string const tool : {"search", "orient", "catalog", "get", "search", "orient"}) {
            restart({});
            http::Client client{port_};
            auto const ask = tool == "search" ? call(tool, R"({"q":"index"})") : get(tool, some_arguments(tool, 2));
            perform(client, ask, tool);
        }
    }

    void failing_disk() {
        begin("failing disk");
        std::string const document = documents_[documents_.size() / 2];
        restart({.failing_document = document});
        http::Client client{port_};
        std::string const uri = "file:" + document;
        perform(client, get("get", {{"uri", uri}}), "get");
        perform(client, call("get", R"({"uri":)" + json::quoted(uri) + '}'), "get");
        for (int i = 0; i < 2; ++i) {
            // Finds that document among others: the first hits are on their way when the disk fails.
            perform(client, get("search", {{"q", "the a of in to is and or with"}, {"limit", "1000"}}), "search");
        }
    }

    /// What an MCP client says besides calling tools, and a call that it takes back.
    void small_talk() {
        begin("protocol");
        http::Client client{port_};
        constexpr auto hello =
            R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18",)"
            R"("capabilities":{},"clientInfo":{"name":"self-drive","version":"1"}}})";
        auto const welcome = perform(client, post(hello), "initialize");
        session_ = welcome.header("mcp-session-id");
        perform(client, post(R"({"jsonrpc":"2.0","method":"notifications/initialized"})"), "notification");
        perform(client, post(R"({"jsonrpc":"2.0","id":"a","method":"tools/list"})"), "tools/list");
        perform(client, post(R"({"jsonrpc":"2.0","id":"b","method":"ping"})"), "ping");
        perform(client, post(R"({"jsonrpc":"2.0","id":"c","method":"no/such"})"), "no such method");
        perform(client, post(R"({"jsonrpc":)"), "no JSON");
        perform(client, {.target = "/mcp"}, "GET /mcp");
        perform(client, {.target = "/tools/no-such-tool"}, "no such tool");
        for (int i = 0; i < 3; ++i) {
            cancelled_call(client, 100 + i);
        }
    }

    /// The call is under way once its head has come; the word that takes it back comes on a second connection.
    void cancelled_call(http::Client& other, int id) {
        http::Client client{port_};
        constexpr auto call_time =
            R"(,"method":"tools/call","params":{"name":"time","arguments":{"ticks":200,"every_ms":5}}})";
        auto const ask = post(R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + call_time);
        perform(client, ask, "time", [&] {
            auto const take_back = R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)";
            perform(other, post(take_back + std::to_string(id) + "}}"), "notification");
        });
    }

    /// Small buffers on both sides, so that the kernels can't take in a whole body for a client that has left.
    void hang_ups() {
        begin("hang-ups");
        restart({.send_buffer_bytes = 16 << 10});
        http::Ask const asks[] = {get("time", {{"ticks", "400"}, {"every_ms", "3"}}),
                                  call("time", R"({"ticks":400,"every_ms":3})"),
                                  get("search", {{"q", "the a of in to is and"}, {"limit", "1000"}}),
                                  get("catalog", {}), get("get", {{"uri", "file:" + largest_}})};
        for (bool const by_reset : {true, false}) {
            for (http::Ask ask : asks) {
                http::Client client{port_, 4096};
                ask.leave_after = 1;
                ask.leave_by_reset = by_reset;
                perform(client, ask, ask.target);
            }
        }
    }

    void heads() {
        begin("HEAD");
        http::Client client{port_};
        for (std::string const tool : {"search", "orient", "catalog", "get", "version", "time"}) {
            auto ask = get(tool, some_arguments(tool, 3));
            ask.method = "HEAD";
            perform(client, ask, tool);
        }
    }

    /// Four clients at once, until every request is sent.
    void warm() {
        begin("warm");
        std::vector<std::thread> threads;
        for (std::size_t seed = 0; seed < 4; ++seed) {
            threads.emplace_back([this, seed] {
                http::Client client{port_};
                for (std::size_t i = seed; !is_over(); i += 4) {
                    // Of 25 calls: 10 search, 8 get a file, 2 get by name, 2 orient, 1 catalog, 1 version, 1 time.
                    constexpr std::string_view mix = "sgsgosgsgvsgsnsgosgcsgngt";
                    char const letter = mix[i * 7 % mix.size()];
                    std::string const tool = tool_of(letter);
                    auto const arguments = some_arguments(letter == 'g' ? "get file" : tool, i);
                    perform(client, i % 3 == 0 ? call(tool, as_json(arguments)) : get(tool, arguments), tool);
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
    }

    static std::string tool_of(char letter) {
        switch (letter) {
            case 's': return "search";
            case 'o': return "orient";
            case 'c': return "catalog";
            case 'v': return "version";
            case 't': return "time";
            default: return "get";
        }
    }

    http::Fields some_arguments(std::string_view tool, std::size_t i) const {
        std::string const& path = documents_[i % documents_.size()];
        auto const file = path.substr(path.rfind('/') + 1);
        if (tool == "search") {
            constexpr std::string_view words[] = {"index", "body stream", "telemetry", "license copyright", "test"};
            return {{"q", i % 2 == 0 ? std::string{words[i % std::size(words)]} : file.substr(0, file.rfind('.'))}};
        }
        if (tool == "get file") {
            return {{"uri", "file:" + path}};
        }
        return tool == "get" ? http::Fields{{"uri", file}} : http::Fields{};
    }

    static std::string as_json(http::Fields const& arguments) {
        std::string out;
        for (auto const& [name, value] : arguments) {
            out += (out.empty() ? "" : ",") + json::quoted(name) + ':' + json::quoted(value);
        }
        return '{' + out + '}';
    }

    static http::Ask get(std::string const& tool, http::Fields const& arguments) {
        http::Ask ask{.target = "/tools/" + tool};
        for (auto const& [name, value] : arguments) {
            ask.target += ask.target.find('?') == std::string::npos ? '?' : '&';
            ask.target += http::encode(name) + '=' + http::encode(value);
        }
        return ask;
    }

    http::Ask post(std::string body) const {
        http::Ask ask{.method = "POST", .target = "/mcp", .body = std::move(body)};
        ask.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json, text/event-stream"}};
        if (!session_.empty()) {
            ask.headers.emplace_back("Mcp-Session-Id", session_);
        }
        return ask;
    }

    http::Ask call(std::string const& tool, std::string const& arguments = "{}") const {
        return post(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":)" + json::quoted(tool) +
                    R"(,"arguments":)" + arguments + "}}");
    }

    bool is_over() const { return interrupted_.is_up() || next_number_.load() > requests_; }

    /// Sends one request, with a number that its point can be found by, and notes what came back. `meanwhile` is called
    /// between the response's head and its body.
    http::Reply perform(http::Client& client, http::Ask ask, std::string const& what,
                        std::function<void()> const& meanwhile = [] {}) {
        auto const number = next_number_.fetch_add(1);
        if (number > requests_ || interrupted_.is_up()) {
            return {};
        }
        ask.headers.emplace_back("X-Request-Number", std::to_string(number));
        ask.headers.emplace_back("X-Consumer", "self-drive");
        auto reply = client.begin(ask);
        meanwhile();
        client.finish(ask, reply);
        note({number, what, reply.status, reply.body.size(), reply.complete, ask.leave_after.has_value()});
        return reply;
    }

    void note(Sent sent) {
        std::lock_guard const lock{mutex_};
        sent_.push_back(std::move(sent));
        if (sent_.size() % 10 == 0) {
            draw_progress();
        }
    }

    void draw_progress() const {
        if (show_progress_) {
            std::fprintf(stderr, "\r%5zu of %zu requests, %s%*s", sent_.size(), requests_, phase_, 16, "");
        }
    }

    Restart restart_;
    std::vector<std::string> documents_;
    std::string largest_;
    std::size_t requests_;
    net::Flag const& interrupted_;
    bool const show_progress_ = ::isatty(STDERR_FILENO) == 1;
    char const* phase_ = "";
    std::uint16_t port_ = 0;
    std::string session_;
    std::atomic<std::size_t> next_number_{1};
    std::mutex mutex_;
    std::vector<Sent> sent_;
};
