// Writes rows through a pipeline to a backend on 127.0.0.1 that misbehaves, and tells what a request paid for it:
//
//     ./interop_stalling PORT SPOOL REQUESTS TIMEOUT_MS SECONDS
//
// Its transport is a plain HTTP/1.1 client, as small as an honest one can be, which gives up after TIMEOUT_MS; SECONDS
// are what it waits at most for everything to be delivered. The answer is one line of numbers by name: how often a write
// gave up the processor of its own accord (as whoever waits must, and nobody else does, however busy the machine is),
// how often its own pauses did, what flush and stop took, and the pipeline's report.
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <lastbyte/pipeline/worker.hpp>

namespace {

/// The status of an answer; 0 when there was none in time that can be understood.
struct Answer {
    int status = 0;
    explicit operator bool() const noexcept { return status >= 200 && status < 300; }
    [[nodiscard]] bool worth_retrying() const noexcept { return status == 0 || status == 429 || status >= 500; }
};

/// POSTs each text on a connection of its own.
class HttpPost {
public:
    HttpPost(int port, int timeout_ms) noexcept : port_(port), timeout_{timeout_ms / 1000, timeout_ms % 1000 * 1000} {}

    [[nodiscard]] Answer write(std::string_view text) const noexcept {
        int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) return {};
        Answer const answer = exchange(fd, text);
        ::close(fd);
        return answer;
    }

private:
    Answer exchange(int fd, std::string_view text) const noexcept {
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout_, sizeof timeout_);
        ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout_, sizeof timeout_);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(static_cast<std::uint16_t>(port_));
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(fd, reinterpret_cast<sockaddr const*>(&to), sizeof to) != 0) return {};
        char head[128];
        int const head_size =
            std::snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", text.size());
        if (!send_all(fd, {head, static_cast<std::size_t>(head_size)}) || !send_all(fd, text)) return {};
        char line[64];
        std::size_t size = 0;
        while (size < sizeof line && std::string_view{line, size}.find("\r\n\r\n") == std::string_view::npos) {
            ssize_t const got = ::recv(fd, line + size, sizeof line - size, 0);
            if (got <= 0) break;
            size += static_cast<std::size_t>(got);
        }
        std::string_view const answer{line, size};
        if (!answer.starts_with("HTTP/1.1 ") || answer.find("\r\n\r\n") == std::string_view::npos) return {};
        Answer parsed;
        std::from_chars(line + 9, line + size, parsed.status);
        return parsed;
    }
    static bool send_all(int fd, std::string_view text) noexcept {
        while (!text.empty()) {
            ssize_t const sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    int port_;
    timeval timeout_;
};

long voluntary_switches() {
    rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    return used.ru_nvcsw;
}

long long ms_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
}

void print(char const* name, std::uint64_t value) {
    std::printf("\"%s\": %llu, ", name, static_cast<unsigned long long>(value));
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 6) return 2;
    int const requests = std::atoi(arguments[3]), most_seconds = std::atoi(arguments[5]);
    lastbyte::Pipeline<> pipeline;
    std::uint64_t accepted = 0;
    long waits = 0, pauses = 0;
    long long flush_ms = 0, stop_ms = 0;
    bool flushed = false, stopped = false;
    {
        lastbyte::Worker<HttpPost> worker{pipeline,
                                          {.spool = arguments[2],
                                           .batch_bytes = 16384,
                                           .linger = lastbyte::milliseconds(5),
                                           .first_pause = lastbyte::milliseconds(20),
                                           .longest_pause = lastbyte::milliseconds(200)},
                                          std::atoi(arguments[1]), std::atoi(arguments[4])};
        if (!worker) return 3;
        std::string const rest(200, 'x');
        long before = voluntary_switches();
        for (int n = 0; n < requests; ++n) {
            std::string const row = "{\"n\":" + std::to_string(n) + ",\"text\":\"" + rest + "\"}\n";
            accepted += pipeline.write(row) ? 1U : 0U;
            if (n % 8 != 7) continue;
            long const written = voluntary_switches();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            waits += written - before;
            before = voluntary_switches();
            pauses += before - written;
        }
        auto start = std::chrono::steady_clock::now();
        while (pipeline.report().pending() != 0 && ms_since(start) < most_seconds * 1000LL)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        start = std::chrono::steady_clock::now();
        flushed = worker.flush(lastbyte::milliseconds(200));
        flush_ms = ms_since(start);
        start = std::chrono::steady_clock::now();
        stopped = worker.stop(lastbyte::milliseconds(800));
        stop_ms = ms_since(start);
    }
    auto const report = pipeline.report();
    std::printf("{");
    print("waits", static_cast<std::uint64_t>(waits));
    print("pauses", static_cast<std::uint64_t>(pauses));
    print("flush_ms", static_cast<std::uint64_t>(flush_ms));
    print("stop_ms", static_cast<std::uint64_t>(stop_ms));
    print("flushed", flushed ? 1 : 0);
    print("stopped", stopped ? 1 : 0);
    print("balanced", report.balanced() ? 1 : 0);
    print("accepted", accepted);
    print("offered", report.offered);
    print("recovered", report.recovered);
    print("delivered", report.delivered);
    print("refused", report.refused);
    print("in_memory", report.in_memory);
    print("in_spool", report.in_spool);
    print("failures", report.failures);
    std::printf("\"lost\": %llu}\n", static_cast<unsigned long long>(report.lost()));
    return 0;
}
