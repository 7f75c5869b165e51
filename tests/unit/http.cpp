// HttpTransport and OtlpTransport against a server that does as it is told: right, wrong, slow, or gone.
#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lastbyte/pipeline/worker.hpp>
#include <lastbyte/transport/http.hpp>
#include <lastbyte/transport/http_retry.hpp>
#include <lastbyte/transport/otlp_http.hpp>

#include "listening.hpp"

using lastbyte::HttpFailure, lastbyte::HttpTransport, lastbyte::OtlpSignal, lastbyte::OtlpTransport;

namespace {

using namespace std::chrono_literals;
constexpr std::uint64_t ms = 1'000'000;
constexpr auto ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string answer(int status, std::string const& lines = "", std::string const& body = "") {
    return "HTTP/1.1 " + std::to_string(status) + " Status\r\n" + lines + "Content-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

/// The server's end of one connection.
class Connection {
public:
    explicit Connection(int fd) : fd_(fd) {}
    ~Connection() { close(); }
    Connection(Connection const&) = delete;
    Connection& operator=(Connection const&) = delete;

    /// The next request, whole; empty when the client has closed.
    std::string request() {
        std::size_t end;
        while ((end = rest_.find("\r\n\r\n")) == std::string::npos)
            if (!more()) return {};
        end += 4;
        std::size_t const size = end + std::stoul(rest_.substr(rest_.find("Content-Length: ") + 16, 20));
        while (rest_.size() < size)
            if (!more()) return {};
        std::string const one = rest_.substr(0, size);
        rest_.erase(0, size);
        return one;
    }
    bool send(std::string_view text) {
        while (!text.empty()) {
            ssize_t const sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    /// Until the client closes.
    void wait_for_end() {
        while (more()) rest_.clear();
    }
    /// How many bytes come within this time.
    std::size_t take_for(std::chrono::milliseconds time) {
        std::size_t all = 0;
        std::vector<char> bytes(1u << 20);
        for (auto const end = std::chrono::steady_clock::now() + time; std::chrono::steady_clock::now() < end;) {
            ssize_t const size = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
            if (size > 0) all += static_cast<std::size_t>(size);
        }
        return all;
    }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    void reset() {
        linger const at_once{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close();
    }

private:
    bool more() {
        char bytes[65'536];
        ssize_t const size = ::recv(fd_, bytes, sizeof bytes, 0);
        if (size > 0) rest_.append(bytes, static_cast<std::size_t>(size));
        return size > 0;
    }
    int fd_;
    std::string rest_;
};

/// Serves one connection after the other, each by what was given for it; none is left unserved.
class Server {
public:
    using Script = std::function<void(Connection&)>;

    explicit Server(std::vector<Script> scripts, int family = AF_INET) : scripts_(std::move(scripts)) {
        fd_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_storage address{};
        address.ss_family = static_cast<sa_family_t>(family);
        socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        if (family == AF_INET)
            reinterpret_cast<sockaddr_in&>(address).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        else
            reinterpret_cast<sockaddr_in6&>(address).sin6_addr = in6addr_loopback;
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_, 16) != 0) return;
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(family == AF_INET ? reinterpret_cast<sockaddr_in&>(address).sin_port
                                        : reinterpret_cast<sockaddr_in6&>(address).sin6_port);
        thread_ = std::thread{[this] {
            for (auto const& script : scripts_) {
                Connection connection{::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)};
                script(connection);
            }
        }};
    }
    ~Server() {
        ::shutdown(fd_, SHUT_RDWR);
        if (thread_.joinable()) thread_.join();
        ::close(fd_);
    }
    [[nodiscard]] bool listens() const { return port_ != 0; }
    [[nodiscard]] std::string url(std::string const& path = "/") const {
        return "http://127.0.0.1:" + std::to_string(port_) + path;
    }
    [[nodiscard]] int port() const { return port_; }

private:
    std::vector<Script> scripts_;
    int fd_ = -1, port_ = 0;
    std::thread thread_;
};

/// Answers the requests of one connection with these, one after the other, then waits for the client to close.
Server::Script answers(std::vector<std::string> texts) {
    return [texts](Connection& connection) {
        for (auto const& text : texts) {
            if (connection.request().empty()) return;
            connection.send(text);
        }
        connection.wait_for_end();
    };
}

double seconds(std::function<void()> const& work) {
    auto const begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
void wait_until(std::function<bool()> const& so) {
    for (int i = 0; i < 5'000 && !so(); ++i) std::this_thread::sleep_for(1ms);
}

}  // namespace

TEST_CASE("a request is these bytes") {
    std::vector<std::string> seen;
    std::string port;
    {
        Server server{{[&](Connection& connection) {
            for (int i = 0; i < 2; ++i) {
                seen.push_back(connection.request());
                connection.send(ok);
            }
        }}};
        port = std::to_string(server.port());
        HttpTransport http{server.url("/v1/traces?tenant=a"),
                           {.content_type = "application/x-protobuf", .headers = "X-Key: v\r\nAuthorization: Basic QQ=="}};
        REQUIRE(http);
        CHECK(http.write(std::string_view{"\0\r\n\xff", 4}));
        CHECK(http.post("/?query=INSERT%20INTO", ""));
        CHECK(http.url() == server.url("/v1/traces?tenant=a"));
        CHECK(http.report().accepted == 2);
        CHECK(http.report().accepted_bytes == 4);
        CHECK(http.report().connections == 1);
        CHECK_FALSE(http.error());
    }
    std::string const lines = " HTTP/1.1\r\nHost: 127.0.0.1:" + port +
                              "\r\nUser-Agent: lastbyte\r\nContent-Type: application/x-protobuf\r\nX-Key: v\r\n"
                              "Authorization: Basic QQ==\r\nContent-Length: ";
    REQUIRE(seen.size() == 2);
    CHECK(seen[0] == "POST /v1/traces?tenant=a" + lines + "4\r\n\r\n" + std::string{"\0\r\n\xff", 4});
    CHECK(seen[1] == "POST /?query=INSERT%20INTO" + lines + "0\r\n\r\n");
}

TEST_CASE("a URL without a path asks for the root, and a User-Agent of one's own goes before") {
    std::string seen;
    {
        Server server{{[&](Connection& connection) {
            seen = connection.request();
            connection.send(ok);
        }}};
        HttpTransport http{"http://127.0.0.1:" + std::to_string(server.port()) + "?q=1", {.headers = "user-agent: mine\r\n"}};
        CHECK(http.write("x"));
    }
    CHECK(seen.starts_with("POST /?q=1 HTTP/1.1\r\n"));
    CHECK(seen.find("lastbyte") == std::string::npos);
    CHECK(seen.find("user-agent: mine\r\n") != std::string::npos);
}

TEST_CASE("names, IPv6 addresses and Unix sockets lead to a server") {
    {
        Server server{{answers({ok})}};
        CHECK(HttpTransport{"http://localhost:" + std::to_string(server.port())}.write("x"));
    }
    Server v6{{answers({ok})}, AF_INET6};
    if (v6.listens()) CHECK(HttpTransport{"http://[::1]:" + std::to_string(v6.port())}.write("x"));

    std::string directory = "/tmp/lastbyte-http-XXXXXX";
    REQUIRE(::mkdtemp(directory.data()) != nullptr);
    std::string const path = directory + "/socket";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    int const fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd, 4) == 0);
    std::string seen;
    std::thread serve{[&] {
        Connection connection{::accept(fd, nullptr, nullptr)};
        seen = connection.request();
        connection.send(ok);
    }};
    CHECK(HttpTransport{"http://collector/v1/logs", {.unix_socket = path}}.write("x"));
    serve.join();
    CHECK(seen.starts_with("POST /v1/logs HTTP/1.1\r\nHost: collector\r\n"));
    std::thread leave{[&] {
        Connection connection{::accept(fd, nullptr, nullptr)};
        std::this_thread::sleep_for(20ms);
    }};
    HttpTransport left{"http://collector/", {.unix_socket = path}};
    CHECK(left.write(std::string(1u << 20, 'x')).failure() == HttpFailure::closed);
    leave.join();
    ::close(fd);
    ::unlink(path.c_str());
    ::rmdir(directory.c_str());
    HttpTransport const too_long{"http://c/", {.unix_socket = "/" + std::string(108, 'x')}};
    CHECK_FALSE(too_long);
}

TEST_CASE("an answer's status, body and headers can be read until the next request") {
    Server server{{answers({answer(200, "X-ClickHouse-Exception-Code: 60\r\n", "first"),
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsec\r\n3\r\nond\r\n0\r\n\r\n"})}};
    HttpTransport http{server.url()};
    CHECK(http.response() == "");
    auto result = http.write("x");
    CHECK(result.status() == 200);
    CHECK(http.response() == "first");
    CHECK(http.header("x-clickhouse-exception-code") == "60");
    result = http.write("x");
    CHECK(http.response() == "second");
    CHECK(http.header("X-ClickHouse-Exception-Code") == "");
    CHECK_FALSE(http.post("no path", "x"));
    CHECK(http.response() == "");
    CHECK(http.header("Transfer-Encoding") == "");
}

TEST_CASE("what is worth retrying is what OTLP/HTTP says") {
    for (int const status : {200, 202, 204, 299, 300, 301, 307, 400, 401, 404, 408, 413, 425, 429, 500, 501, 502, 503, 504, 599}) {
        CAPTURE(status);
        Server server{{answers({answer(status, "Location: /\r\nRetry-After: 7\r\n")})}};
        HttpTransport http{server.url()};
        auto const result = http.write("x");
        bool const good = status < 300, busy = status == 429 || (status >= 502 && status <= 504);
        CHECK(result.status() == status);
        CHECK(static_cast<bool>(result) == good);
        CHECK(result.worth_retrying() == busy);
        CHECK(result.retry_after_ns() == (busy ? 7'000 * ms : 0));
        CHECK(http.report().accepted == (good ? 1 : 0));
        CHECK(http.report().busy == (busy ? 1 : 0));
        CHECK(http.report().refused == (good || busy ? 0 : 1));
        CHECK(http.report().connections == 1);  // a redirect is not followed
        CHECK(static_cast<bool>(http.error()) == !good);
        if (!good) CHECK(std::string{http.error().text}.find(std::to_string(status)) != std::string::npos);
    }
}

TEST_CASE("a URL that can't be used sends nothing, and says why") {
    HttpTransport http{"https://collector:4318/v1/traces"};
    CHECK_FALSE(http);
    CHECK(http.report().failed() == 0);
    std::string const why = http.error().text;
    CHECK(why.starts_with("https://collector:4318/v1/traces: TLS is not spoken here: put a collector or a proxy on loopback"));
    auto const result = http.write("x");
    CHECK_FALSE(result);
    CHECK_FALSE(result.worth_retrying());
    CHECK(result.status() == 0);
    CHECK(http.report().invalid == 1);
    CHECK(std::string{http.error().text} == why);
}

TEST_CASE("an error keeps no password, and no line break") {
    HttpTransport const secret{"http://user:secret@collector/"};
    CHECK(std::string{secret.error().text}.find("secret") == std::string::npos);
    CHECK(secret.url().find("secret") == std::string_view::npos);
    HttpTransport const broken{"http://collector/\r\nlevel=info all is well"};
    CHECK(std::strchr(broken.error().text, '\n') == nullptr);
}

TEST_CASE("header injection by an option or a target is refused before a connection is made") {
    Server server{{}};
    HttpTransport const by_type{server.url(), {.content_type = "text/plain\r\nX: y"}};
    CHECK_FALSE(by_type);
    HttpTransport const by_lines{server.url(), {.headers = "X: y\r\n\r\nPOST / HTTP/1.1\r\n"}};
    CHECK_FALSE(by_lines);
    HttpTransport http{server.url()};
    CHECK_FALSE(http.post("/ HTTP/1.1\r\nX: y", "x").worth_retrying());
    CHECK(http.report().invalid == 1);
    CHECK(http.report().connections == 0);
    CHECK(std::string{http.error().text}.find("percent-encode it (byte 1)") != std::string::npos);
}

TEST_CASE("no memory for the answers is an error, and no crash") {
    HttpTransport http{"http://127.0.0.1:1/", {.max_body_bytes = ~std::size_t{0}}};
    CHECK_FALSE(http);
    CHECK(std::string{http.error().text}.find("max_body_bytes") != std::string::npos);
    CHECK_FALSE(http.write("x"));
}

TEST_CASE("a connection that the server closed while it rested is noticed before a byte is sent") {
    Server server{{[](Connection& connection) {
                       (void)connection.request();
                       connection.send(ok);
                   },
                   answers({ok})}};
    HttpTransport http{server.url()};
    CHECK(http.write("one"));
    std::this_thread::sleep_for(50ms);
    CHECK(http.write("two"));
    CHECK(http.report().connections == 2);
    CHECK(http.report().resent == 0);
}

TEST_CASE("a request that a rested connection's end met goes once more over a fresh one") {
    for (bool const reset : {false, true}) {
        std::vector<std::string> seen;
        {
            Server server{{[reset](Connection& connection) {
                               (void)connection.request();
                               connection.send(ok);
                               (void)connection.request();  // whole, and no answer
                               reset ? connection.reset() : connection.close();
                           },
                           [&](Connection& connection) {
                               seen.push_back(connection.request());
                               connection.send(ok);
                           }}};
            HttpTransport http{server.url()};
            CHECK(http.write("one"));
            CHECK(http.write("two"));
            CHECK(http.report().resent == 1);
            CHECK(http.report().connections == 2);
            CHECK(http.report().accepted == 2);
            CHECK(http.report().failed() == 0);
        }
        REQUIRE(seen.size() == 1);
        CHECK(seen[0].ends_with("\r\n\r\ntwo"));
    }
}

TEST_CASE("it goes once more, and no third time") {
    Server server{{[](Connection& connection) {
                       (void)connection.request();
                       connection.send(ok);
                       (void)connection.request();
                   },
                   [](Connection& connection) { (void)connection.request(); }, answers({ok})}};
    HttpTransport http{server.url()};
    CHECK(http.write("one"));
    auto const result = http.write("two");
    CHECK(result.status() == 0);
    CHECK(result.worth_retrying());
    CHECK(result.failure() == HttpFailure::closed);
    CHECK(http.report().resent == 1);
    CHECK(http.report().closed == 1);
    CHECK(http.write("three"));
}

TEST_CASE("a fresh connection's end, and one after the first byte of an answer, is a failure at once") {
    Server server{{[](Connection& connection) { (void)connection.request(); },
                   [](Connection& connection) {
                       (void)connection.request();
                       connection.send(ok);
                       (void)connection.request();
                       connection.send("H");
                   }}};
    HttpTransport http{server.url()};
    CHECK(http.write("one").failure() == HttpFailure::closed);
    CHECK(std::string{http.error().text}.find("the connection ended before the answer did: closed by the server") !=
          std::string::npos);
    CHECK(http.write("two"));
    CHECK(http.write("three").failure() == HttpFailure::closed);
    CHECK(http.report().resent == 0);
    CHECK(http.report().closed == 2);
}

TEST_CASE("a 408 that was said to a resting connection is not the request's") {
    Server server{{[](Connection& connection) {
                       (void)connection.request();
                       connection.send(ok);
                       (void)connection.request();
                       connection.send(answer(408, "Connection: close\r\n"));
                   },
                   answers({ok, answer(408), ok})}};
    HttpTransport http{server.url()};
    CHECK(http.write("one"));
    CHECK(http.write("two"));
    CHECK(http.report().resent == 1);
    CHECK(http.report().refused == 0);
}

TEST_CASE("a connection is not used again when the answer forbids it, or is not all that came") {
    for (std::string const& last :
         {answer(200, "Connection: close\r\n"), std::string{"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"},
          std::string{ok} + "HTTP/1.1 200 OK\r\n"}) {
        auto const once = [last](Connection& connection) {
            (void)connection.request();
            connection.send(last);
            connection.wait_for_end();
        };
        Server server{{once, once}};
        HttpTransport http{server.url()};
        CHECK(http.write("one"));
        CHECK(http.write("two"));
        CHECK(http.report().connections == 2);
        CHECK(http.report().resent == 0);
    }
}

TEST_CASE("a server that is silent, that trickles, or that never comes to the point ends at the deadline") {
    using Way = std::function<bool(Connection&, int)>;
    std::string const head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nX: " + std::string(4'000, 'y') + "\r\n\r\n";
    for (Way const& way : {Way{[](Connection&, int) { return true; }},
                           Way{[&](Connection& c, int i) { return c.send(head.substr(static_cast<std::size_t>(i), 1)); }},
                           Way{[](Connection& c, int i) { return c.send(i == 0 ? "HTTP/1.1 200 OK\r\n\r\n" : "x"); }},
                           Way{[](Connection& c, int) { return c.send("HTTP/1.1 100 Continue\r\n\r\n"); }}}) {
        std::atomic<bool> over{false};
        {
            Server server{{[&](Connection& connection) {
                (void)connection.request();
                for (int i = 0; !over && way(connection, i); ++i) std::this_thread::sleep_for(2ms);
            }}};
            HttpTransport http{server.url(), {.within_ms = 100}};
            lastbyte::HttpResult result;
            double const took = seconds([&] { result = http.write("x"); });
            over = true;
            CHECK(result.status() == 0);
            CHECK(result.worth_retrying());
            CHECK(result.failure() == HttpFailure::answer_timed_out);
            CHECK(http.report().answer_timed_out == 1);
            CHECK(took > 0.09);
            CHECK(took < 9);
            CHECK(std::string{http.error().text}.find("no whole answer within the deadline (within_ms: 100)") !=
                  std::string::npos);
        }
    }
}

TEST_CASE("a call may be given less time than the option") {
    Server server{{[](Connection& connection) { connection.wait_for_end(); }}};
    HttpTransport http{server.url()};
    CHECK(seconds([&] { CHECK(http.write("x", 50 * ms).failure() == HttpFailure::answer_timed_out); }) < 9);
}

TEST_CASE("a late answer is not taken for the next one's") {
    Server server{{[](Connection& connection) {
                       (void)connection.request();
                       std::this_thread::sleep_for(100ms);
                       connection.send(answer(200, "", "late"));
                       connection.wait_for_end();
                   },
                   answers({answer(200, "", "mine")})}};
    HttpTransport http{server.url()};
    CHECK_FALSE(http.write("one", 20 * ms));
    std::this_thread::sleep_for(150ms);
    CHECK(http.write("two"));
    CHECK(http.response() == "mine");
}

TEST_CASE("a request that nobody takes ends at the deadline") {
    std::atomic<bool> over{false};
    Server server{{[&](Connection&) { wait_until([&] { return over.load(); }); }}};
    HttpTransport http{server.url(), {.within_ms = 100}};
    std::string const large(32u << 20, 'x');
    double const took = seconds([&] { CHECK(http.write(large).failure() == HttpFailure::send_timed_out); });
    over = true;
    CHECK(took < 9);
    CHECK(http.report().send_timed_out == 1);
}

TEST_CASE("a host that doesn't answer a connect is left at connect_ms") {
    Listening const full{0};  // room for one, who is never accepted; the next one's SYN is dropped
    REQUIRE(full.ready);
    std::vector<int> fillers;
    for (int i = 0; i < 4; ++i) {
        fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        (void)::connect(fillers.back(), reinterpret_cast<sockaddr const*>(&full.address), sizeof full.address);
    }
    HttpTransport http{full.url(), {.connect_ms = 50}};
    double const took = seconds([&] {
        auto const result = http.write("x");
        CHECK(result.failure() == HttpFailure::connect_timed_out);
        CHECK(result.worth_retrying());
    });
    CHECK(took < 9);
    CHECK(http.report().connect_timed_out == 1);
    for (int const filler : fillers) ::close(filler);
}

TEST_CASE("a port where nobody listens, and a name that nobody has, are told apart") {
    int closed_port;
    {
        Server server{{}};
        closed_port = server.port();
    }
    HttpTransport nobody{"http://127.0.0.1:" + std::to_string(closed_port)};
    CHECK(nobody.write("x").worth_retrying());
    CHECK(nobody.report().not_connected == 1);
    CHECK(std::string{nobody.error().text}.find("not connected: Connection refused. Does the server run there?") !=
          std::string::npos);
    HttpTransport nameless{"http://..:4318/"};  // no resolver asks the network for it
    CHECK(nameless.write("x").worth_retrying());
    CHECK(nameless.report().not_found == 1);
    CHECK(std::string{nameless.error().text}.find("Is the name right?") != std::string::npos);
}

TEST_CASE("an answer that comes before all of the request is sent is taken, and ends the sending") {
    Server server{{[](Connection& connection) {
                       connection.send(answer(413, "", "too large"));
                       std::this_thread::sleep_for(100ms);
                       connection.reset();
                   },
                   answers({ok})}};
    HttpTransport http{server.url()};
    std::string const large(32u << 20, 'x');
    auto const result = http.write(large);
    CHECK(result.status() == 413);
    CHECK_FALSE(result.worth_retrying());
    CHECK(http.response() == "too large");
    CHECK(http.write("x"));
    CHECK(http.report().connections == 2);
}

TEST_CASE("what is refused before it is sent is not sent to its end") {
    std::size_t taken = 0;
    {
        Server server{{[&](Connection& connection) {
            connection.send("HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\n");
            std::this_thread::sleep_for(50ms);
            taken = connection.take_for(100ms);
            connection.send("too large");
            connection.wait_for_end();
        }}};
        HttpTransport http{server.url(), {.within_ms = 60'000}};
        CHECK(http.write(std::string(32u << 20, 'x')).status() == 413);
        CHECK(http.response() == "too large");
    }
    CHECK(taken < 32u << 20);
}

TEST_CASE("a server that accepts what it doesn't have yet is not believed") {
    std::atomic<bool> over{false};
    Server server{{[&](Connection& connection) {
        connection.send(ok);
        wait_until([&] { return over.load(); });
    }}};
    HttpTransport http{server.url()};
    auto const result = http.write(std::string(32u << 20, 'x'));
    over = true;
    CHECK(result.failure() == HttpFailure::bad_answer);
    CHECK(result.worth_retrying());
    CHECK(std::string{http.error().text}.find("it accepts a request before it has it") != std::string::npos);
}

TEST_CASE("a head that comes early doesn't keep a request from being sent whole") {
    std::size_t taken = 0;
    {
        Server server{{[&](Connection& connection) {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
            taken = connection.request().size();
            connection.send("late");
        }}};
        HttpTransport http{server.url(), {.within_ms = 60'000}};
        CHECK(http.write(std::string(16u << 20, 'x')));
        CHECK(http.response() == "late");
    }
    CHECK(taken > 16u << 20);
}

TEST_CASE("a reset is a failure with the system's word for it") {
    Server server{{[](Connection& connection) {
                       (void)connection.request();
                       connection.send("HTTP/1.1 200 OK\r\n\r\nhalf");
                       std::this_thread::sleep_for(20ms);
                       connection.reset();
                   },
                   [](Connection& connection) {
                       std::this_thread::sleep_for(20ms);
                       connection.reset();
                   }}};
    HttpTransport http{server.url()};
    CHECK(http.write("x").failure() == HttpFailure::closed);  // an end by reset is no end of a body
    CHECK(std::string{http.error().text}.find("Connection reset by peer") != std::string::npos);
    CHECK(http.write(std::string(32u << 20, 'x')).failure() == HttpFailure::closed);
    CHECK(http.report().closed == 2);
}

TEST_CASE("what is no HTTP, and a head without end, is a bad answer") {
    for (std::string const& text : {std::string{"SSH-2.0-OpenSSH_9.2\r\n"}, "HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'y')}) {
        Server server{{[&](Connection& connection) {
            (void)connection.request();
            connection.send(text);
            connection.wait_for_end();
        }}};
        HttpTransport http{server.url()};
        auto const result = http.write("x");
        CHECK(result.failure() == HttpFailure::bad_answer);
        CHECK(result.worth_retrying());
        CHECK(result.status() == 0);
        CHECK(http.report().bad_answer == 1);
        CHECK(std::string{http.error().text}.find("not an answer to be understood: it") != std::string::npos);
    }
}

TEST_CASE("of a long answer the bound is kept, and the status counts") {
    Server server{{answers({answer(200, "", std::string(100'000, 'z'))}), answers({ok})}};
    HttpTransport http{server.url(), {.max_body_bytes = 1'000}};
    CHECK(http.write("x").status() == 200);
    CHECK(http.response() == std::string(1'000, 'z'));
    CHECK(http.response_is_cut());
    CHECK(http.report().answers_cut == 1);
    CHECK(http.write("x"));
    CHECK_FALSE(http.response_is_cut());
}

TEST_CASE("signals that interrupt every call don't end a request, and lengthen no deadline") {
    struct sigaction noted {
    }, before{};
    noted.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &noted, &before);
    itimerval const often{{0, 500}, {0, 500}}, never{};
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, nullptr);  // for the server's thread, which is not what is tested
    Server server{{[](Connection& connection) {
        (void)connection.request();
        std::this_thread::sleep_for(50ms);
        connection.send(ok);
        (void)connection.request();
        connection.wait_for_end();
    }}};
    pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);
    HttpTransport http{server.url()};
    ::setitimer(ITIMER_REAL, &often, nullptr);
    auto const answered = http.write(std::string(4u << 20, 'x'));
    double const took = seconds([&] { CHECK(http.write("x", 100 * ms).failure() == HttpFailure::answer_timed_out); });
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::sigaction(SIGALRM, &before, nullptr);
    CHECK(answered);
    CHECK(took < 9);
}

TEST_CASE("errno stays as it was, and no descriptor is left behind or inherited") {
    auto const open = [](int fd) { return ::fcntl(fd, F_GETFD) >= 0; };
    std::vector<bool> before;
    for (int fd = 0; fd < 64; ++fd) before.push_back(open(fd));
    {
        Server server{{answers({ok}), answers({ok})}};
        HttpTransport http{server.url()};
        errno = 1234;
        CHECK(http.write("x"));
        CHECK_FALSE(http.post("bad", "x"));
        CHECK(errno == 1234);
        for (int fd = 0; fd < 64; ++fd)
            if (open(fd) && !before[static_cast<std::size_t>(fd)]) CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
    for (int fd = 0; fd < 64; ++fd) CHECK(open(fd) == before[static_cast<std::size_t>(fd)]);
}

TEST_CASE("a forked child makes a connection of its own") {
    Server server{{[](Connection& connection) {
                       for (int i = 0; i < 2; ++i) {
                           (void)connection.request();
                           connection.send(answer(200, "", "parent"));
                       }
                       connection.wait_for_end();
                   }}};
    HttpTransport http{server.url()};
    CHECK(http.write("x"));
    std::fflush(nullptr);
    pid_t const child = ::fork();
    if (child == 0) {
        ::alarm(60);
        (void)http.write("child", 50 * ms);  // waits to be accepted, in a connection of its own
        ::_exit(http.report().connections == 2 && http.report().resent == 0 ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    CHECK(http.write("x"));
    CHECK(http.response() == "parent");
    CHECK(http.report().connections == 1);
}

TEST_CASE("report and error may be read by another thread") {
    Server server{{answers(std::vector<std::string>(50, answer(500)))}};
    HttpTransport http{server.url()};
    std::atomic<bool> over{false};
    std::thread reader{[&] {
        while (!over) {
            (void)http.report();
            (void)http.error();
        }
    }};
    for (int i = 0; i < 50; ++i) (void)http.write("x");
    over = true;
    reader.join();
    CHECK(http.report().refused == 50);
}

TEST_CASE("a Worker delivers by it, drops what is refused, and brings again what met a busy server") {
    std::vector<std::string> seen;
    {
        Server server{{[&](Connection& connection) {
            for (std::string const& text : {answer(503, "Retry-After: 0\r\n"), answer(200), answer(400), answer(200)}) {
                std::string const request = connection.request();
                seen.push_back(request.substr(request.find("\r\n\r\n") + 4));
                connection.send(text);
            }
        }}};
        lastbyte::Pipeline<> pipeline;
        lastbyte::Worker<HttpTransport> worker{pipeline, {.first_pause = lastbyte::milliseconds(1)}, server.url()};
        for (char const* const record : {"one", "two", "three"}) pipeline.write(record);
        CHECK(worker.flush(lastbyte::milliseconds(5'000)));
        CHECK(worker.stop(lastbyte::milliseconds(5'000)));
        CHECK(pipeline.report().delivered == 2);
        CHECK(pipeline.report().refused == 1);
        CHECK(worker.transport()->report().accepted == 2);
        CHECK(worker.transport()->report().busy == 1);
    }
    CHECK(seen == std::vector<std::string>{"one", "one", "two", "three"});
}

TEST_CASE("retry gives each attempt what is left of the time") {
    Server server{{[](Connection& connection) {
                       (void)connection.request();
                       connection.send(answer(503));
                       connection.wait_for_end();
                   }}};
    HttpTransport http{server.url()};
    double const took = seconds([&] {
        auto const sent = lastbyte::retry(http, "x", {.within_ms = 150, .first_pause_ms = 20});
        CHECK_FALSE(sent);
        CHECK(sent.attempts >= 2);
    });
    CHECK(took < 9);
}

TEST_CASE("a signal's path is put behind a base URL, and behind no other") {
    auto const url = [](OtlpSignal signal, std::string_view given, bool whole = false) {
        OtlpTransport const collector{signal, given, {.whole_url = whole}};
        return collector ? std::string{collector.url()} : "refused: " + std::string{collector.error().text};
    };
    CHECK(url(OtlpSignal::traces, "http://c:4318") == "http://c:4318/v1/traces");
    CHECK(url(OtlpSignal::metrics, "http://c:4318/") == "http://c:4318/v1/metrics");
    CHECK(url(OtlpSignal::logs, "http://c/my/collector/") == "http://c/my/collector/v1/logs");
    CHECK(url(OtlpSignal::traces, "http://c:4318/v1/traces") == "http://c:4318/v1/traces");
    CHECK(url(OtlpSignal::traces, "http://c/in?tenant=a", true) == "http://c/in?tenant=a");
    CHECK(url(OtlpSignal::traces, "http://c/", true) == "http://c/");
    CHECK(url(OtlpSignal::traces, "http://c:4318/v1/metrics").find("the path of another signal") != std::string::npos);
    CHECK(url(OtlpSignal::traces, "http://c/?tenant=a").find("give the whole URL") != std::string::npos);
    CHECK(url(OtlpSignal::traces, "http://" + std::string(1'100, 'c')).find("1000 characters") != std::string::npos);
    CHECK(url(OtlpSignal::traces, "https://c").find("TLS is not spoken here") != std::string::npos);
}

TEST_CASE("a collector that can't be reached for its URL takes nothing, and counts it") {
    OtlpTransport collector{OtlpSignal::traces, "http://c:4318/v1/metrics"};
    CHECK_FALSE(collector);
    auto const result = collector.write("x");
    CHECK_FALSE(result);
    CHECK_FALSE(result.worth_retrying());
    CHECK(collector.report().http.invalid == 1);
}

TEST_CASE("what a collector rejects of an accepted request is counted, told, and not worth retrying") {
    std::string const type = "Content-Type: application/x-protobuf\r\n";
    std::string const partial = std::string{"\x0a\x0a\x08\x03\x12\x06"} + "bad id";
    Server server{{answers({answer(200, type), answer(200, type, partial),
                            answer(200, "Content-Type: application/json; charset=utf-8\r\n",
                                   R"({"partialSuccess":{"rejectedSpans":"2","errorMessage":"old"}})"),
                            answer(200, type, std::string{"\x0a\x06\x12\x04"} + "soon"),
                            answer(200, "Content-Type: text/html\r\n", "<p>"), answer(200, type, "\xff\xff"),
                            answer(400, type, std::string{"\x08\x03\x12\x03"} + "why"),
                            answer(500, "", "plain\nwords"), answer(503, "Content-Type: application/json\r\n", R"({"message":"full"})")})}};
    OtlpTransport collector{OtlpSignal::traces, server.url()};
    CHECK(collector.write("").status() == 0);  // nothing is sent
    auto result = collector.write("1");
    CHECK(result);
    CHECK(result.rejected() == 0);
    CHECK(result.message() == "");
    result = collector.write("2");
    CHECK(result);
    CHECK_FALSE(result.worth_retrying());
    CHECK(result.rejected() == 3);
    CHECK(result.message() == "bad id");
    result = collector.write("3");
    CHECK(result.rejected() == 2);
    CHECK(result.message() == "old");
    result = collector.write("4");
    CHECK(result.rejected() == 0);
    CHECK(result.message() == "soon");
    CHECK(collector.write("5"));
    CHECK(collector.write("6"));
    result = collector.write("7");
    CHECK_FALSE(result);
    CHECK_FALSE(result.worth_retrying());
    CHECK(result.message() == "why");
    CHECK(collector.write("8").message() == "plain words");
    result = collector.write("9");
    CHECK(result.worth_retrying());
    CHECK(result.message() == "full");

    auto const report = collector.report();
    CHECK(report.http.accepted == 6);
    CHECK(report.http.refused == 2);
    CHECK(report.http.busy == 1);
    CHECK(report.partial == 2);
    CHECK(report.rejected == 5);
    CHECK(report.warnings == 1);
    CHECK(report.not_understood == 2);
    CHECK(report.http.connections == 1);
}

TEST_CASE("an OTLP request says its encoding") {
    std::vector<std::string> seen;
    {
        auto const one = [&](Connection& connection) {
            seen.push_back(connection.request());
            connection.send(ok);
        };
        Server server{{one, one}};
        CHECK(OtlpTransport{OtlpSignal::metrics, server.url(), {.http = {.headers = "X-Tenant: a\r\n"}}}.write("x"));
        CHECK(OtlpTransport{OtlpSignal::logs, server.url(), {.json = true}}.write("{}"));
    }
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].find("POST /v1/metrics HTTP/1.1\r\n") == 0);
    CHECK(seen[0].find("\r\nContent-Type: application/x-protobuf\r\nX-Tenant: a\r\n") != std::string::npos);
    CHECK(seen[1].find("POST /v1/logs HTTP/1.1\r\n") == 0);
    CHECK(seen[1].find("\r\nContent-Type: application/json\r\n") != std::string::npos);
}

TEST_CASE("a Worker joins protobuf requests, and never resends what was accepted in part") {
    std::vector<std::string> seen;
    {
        Server server{{[&](Connection& connection) {
            std::string const request = connection.request();
            seen.push_back(request.substr(request.find("\r\n\r\n") + 4));
            connection.send(answer(200, "Content-Type: application/x-protobuf\r\n", std::string{"\x0a\x02\x08\x01"}));
            connection.wait_for_end();
        }}};
        lastbyte::Pipeline<> pipeline;
        pipeline.write("ab");
        pipeline.write("cd");
        lastbyte::Worker<OtlpTransport> worker{pipeline, {.batch_bytes = 1'000}, OtlpSignal::traces, server.url()};
        CHECK(worker.flush(lastbyte::milliseconds(5'000)));
        CHECK(pipeline.report().delivered == 2);
        CHECK(worker.transport()->report().rejected == 1);
    }
    CHECK(seen == std::vector<std::string>{"abcd"});
}
