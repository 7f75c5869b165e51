// What HTTP's and OTLP's texts are read as, in any pieces and against a reader written the slow way; when retry() tries
// again; and that a warm request allocates nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <sys/wait.h>

#include <lastbyte/transport/http_answer.hpp>
#include <lastbyte/transport/http_date.hpp>
#include <lastbyte/transport/http_retry.hpp>
#include <lastbyte/transport/http_url.hpp>
#include <lastbyte/transport/otlp_answer.hpp>
#include <lastbyte/transport/otlp_http.hpp>

#include "counting_new.hpp"
#include "listening.hpp"

using lastbyte::HttpFailure, lastbyte::HttpResult, lastbyte::retry, lastbyte::detail::OtlpAnswer,
    lastbyte::detail::headers_problem, lastbyte::detail::HttpAnswer, lastbyte::detail::parse_http_date,
    lastbyte::detail::parse_http_url, lastbyte::detail::retry_after_ns, lastbyte::detail::target_problem,
    lastbyte::detail::value_problem;

namespace {

constexpr std::uint64_t second = 1'000'000'000;

/// An answer with memory of its own.
struct Answer : HttpAnswer {
    explicit Answer(std::size_t head_bytes = 256, std::size_t body_bytes = 64) : memory(head_bytes + body_bytes) {
        keep_in(memory.data(), head_bytes, body_bytes);
    }
    std::vector<char> memory;
};

struct Outcome {
    bool good = false;
    int status = 0;
    std::string body;
    bool keeps = false;
    std::size_t taken = 0;
    bool operator==(Outcome const&) const = default;
};

/// Feeds `text` in pieces of at most `piece` bytes, then closes the connection.
Outcome read(std::string_view text, std::size_t piece = std::string_view::npos, std::size_t head_bytes = 256,
             std::size_t body_bytes = 64) {
    Answer answer{head_bytes, body_bytes};
    answer.begin();
    std::size_t taken = 0;
    while (taken < text.size() && !answer.is_done() && !answer.is_broken()) {
        auto const part = text.substr(taken, piece);
        // Memory of its very own, so that a sanitizer sees a read behind the piece.
        std::vector<char> const own(part.begin(), part.end());
        taken += answer.feed({own.data(), own.size()});
    }
    if (!answer.is_done()) answer.end_of_connection();
    if (!answer.is_done()) return {false, 0, {}, false, 0};
    return {true, answer.status(), std::string{answer.body()}, answer.keeps_connection(), taken};
}
bool is_broken(std::string_view text) { return !read(text).good; }

std::string problem_of(std::string_view text) {
    Answer answer;
    answer.begin();
    (void)answer.feed(text);
    answer.end_of_connection();
    return answer.problem();
}

// The reference: has all of the text at once, splits it into lines, and never looks at a state.
std::optional<std::string> take_line(std::string_view& text) {
    auto const end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    std::string line{text.substr(0, end)};
    text.remove_prefix(end + 1);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
}
std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return text;
}
std::string strip(std::string const& text) {
    auto const begin = text.find_first_not_of(" \t");
    return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<Outcome> slow_read(std::string_view const whole, std::size_t body_bytes = 64) {
    std::string_view text = whole;
    for (;;) {
        auto const line = take_line(text);
        if (!line || line->size() < 12 || line->substr(0, 7) != "HTTP/1." || line->find_first_of("0123456789", 7) != 7 ||
            (*line)[8] != ' ' || (line->size() > 12 && (*line)[12] != ' '))
            return std::nullopt;
        for (int i : {9, 10, 11})
            if ((*line)[static_cast<std::size_t>(i)] < '0' || (*line)[static_cast<std::size_t>(i)] > '9') return std::nullopt;
        int const status = std::stoi(line->substr(9, 3));
        if (status < 100 || status > 599 || status == 101) return std::nullopt;
        bool keep = (*line)[7] != '0', close = false, chunked = false;
        std::optional<std::uint64_t> length;
        for (;;) {
            auto const header = take_line(text);
            if (!header) return std::nullopt;
            if (header->empty()) break;
            auto const colon = header->find(':');
            if (colon == std::string::npos || colon == 0) return std::nullopt;
            for (char const c : header->substr(0, colon))
                if (c <= ' ' || c > '~' || std::strchr("\"(),/:;<=>?@[\\]{}", c)) return std::nullopt;
            for (char const c : *header)
                if ((c >= 0 && c < ' ' && c != '\t') || c == 127) return std::nullopt;
            auto const name = lower(header->substr(0, colon)), value = lower(strip(header->substr(colon + 1)));
            if (name == "content-length") {
                if (value.empty() || value.size() > 18 || value.find_first_not_of("0123456789") != std::string::npos)
                    return std::nullopt;
                if (length && *length != std::stoull(value)) return std::nullopt;
                length = std::stoull(value);
            } else if (name == "transfer-encoding") {
                if (chunked || value != "chunked") return std::nullopt;
                chunked = true;
            } else if (name == "connection") {
                std::string rest = value + ",";
                for (std::size_t comma; (comma = rest.find(',')) != std::string::npos; rest.erase(0, comma + 1)) {
                    close = close || strip(rest.substr(0, comma)) == "close";
                    keep = keep || strip(rest.substr(0, comma)) == "keep-alive";
                }
            }
        }
        if (status < 200) continue;
        auto const done = [&](std::string body, bool reusable) {
            if (body.size() > body_bytes) return Outcome{true, status, body.substr(0, body_bytes), false, 0};
            return Outcome{true, status, body, reusable && keep && !close, whole.size() - text.size()};
        };
        if (status == 204 || status == 304) return done("", !(chunked && length));
        if (!chunked && !length) {
            std::string body{text};
            text = {};
            return done(body, false);
        }
        if (!chunked) {
            if (text.size() < *length) {
                if (text.size() > body_bytes) return done(std::string{text}, false);
                return std::nullopt;
            }
            std::string body{text.substr(0, *length)};
            text.remove_prefix(*length);
            return done(body, true);
        }
        std::string body;
        for (;;) {
            auto const end = text.find('\n');
            if (end == std::string_view::npos) return std::nullopt;
            std::string size{text.substr(0, end)};
            text.remove_prefix(end + 1);
            if (!size.empty() && size.back() == '\r') size.pop_back();
            auto const digits = size.find_first_not_of("0123456789abcdefABCDEF");
            auto const behind = digits == std::string::npos ? "" : size.substr(digits);
            std::string const number = size.substr(0, digits);
            if (number.empty() || number.size() > 15 || behind.find('\r') != std::string::npos) return std::nullopt;
            if (!strip(behind).empty() && strip(behind)[0] != ';') return std::nullopt;
            std::uint64_t const bytes = std::stoull(number, nullptr, 16);
            if (bytes == 0) break;
            body += text.substr(0, bytes);
            if (body.size() > body_bytes) return done(body, false);
            if (text.size() < bytes) return std::nullopt;
            text.remove_prefix(bytes);
            if (text.substr(0, 1) == "\r") text.remove_prefix(1);
            if (text.substr(0, 1) != "\n") return std::nullopt;
            text.remove_prefix(1);
        }
        for (;;) {
            // A trailer is passed over whatever is in it; a line of nothing but CRs ends it.
            auto const end = text.find('\n');
            if (end == std::string_view::npos) return std::nullopt;
            bool const empty = text.substr(0, end).find_first_not_of('\r') == std::string_view::npos;
            text.remove_prefix(end + 1);
            if (empty) return done(body, !length);
        }
    }
}

// What retry() needs, without any time passing.
struct Clock {
    std::uint64_t now = 1'000;
    double chance = 1;  // of the largest that is asked for
    std::vector<std::uint64_t> slept{};

    std::uint64_t now_ns() const { return now; }
    void sleep_ns(std::uint64_t ns) {
        slept.push_back(ns);
        now += ns;
    }
    std::uint64_t random(std::uint64_t bound) const {
        return static_cast<std::uint64_t>(chance * static_cast<double>(bound - 1));
    }
};
/// Gives these results, then the last one for ever; each attempt takes a millisecond.
struct Backend {
    Clock& clock;
    std::vector<HttpResult> results;
    std::uint64_t takes_ns = 1'000'000;
    std::vector<std::uint64_t> left{};

    HttpResult write(std::string_view body, std::uint64_t within_ns) {
        CHECK(body == "body");
        left.push_back(within_ns);
        clock.now += takes_ns;
        return results[left.size() <= results.size() ? left.size() - 1 : results.size() - 1];
    }
};
constexpr HttpResult fine{HttpFailure::none, 200}, busy{HttpFailure::busy, 503}, refused{HttpFailure::refused, 400};
constexpr std::uint64_t ms = 1'000'000;

}  // namespace

TEST_CASE("a URL is taken apart") {
    auto const url = parse_http_url("http://collector.example:4318/v1/traces?tenant=a");
    CHECK_FALSE(url.problem);
    CHECK(url.host == "collector.example");
    CHECK(url.authority == "collector.example:4318");
    CHECK(url.port == 4318);
    CHECK(url.target == "/v1/traces?tenant=a");

    CHECK(parse_http_url("HTTP://a").port == 80);
    CHECK(parse_http_url("http://a").target == "");
    CHECK(parse_http_url("http://a?q=/").target == "?q=/");
    CHECK(parse_http_url("http://[::1]:65535/x").host == "::1");
    CHECK(parse_http_url("http://[::1]:65535/x").port == 65535);
    CHECK(parse_http_url("http://[::1]").authority == "[::1]");
    CHECK_FALSE(parse_http_url("http://user.example/a@b").problem);
}

TEST_CASE("a URL that can't be used is refused where it is wrong") {
    struct {
        char const* url;
        std::size_t at;
    } const wrong[] = {{"", 0},
                       {"localhost:4318", 0},
                       {"ftp://a/", 0},
                       {"http:/a", 0},
                       {"http://", 7},
                       {"http:///path", 7},
                       {"http://:80/", 7},
                       {"http://a b/", 8},
                       {"http://a/b c", 10},
                       {"http://a/\r\nX-Evil: 1", 9},
                       {"http://a/\n", 9},
                       {"http://a/\x7f", 9},
                       {"http://a/\xc3\xa9", 9},
                       {"http://a/#part", 9},
                       {"http://user:secret@a/", 7},
                       {"http://a:/", 8},
                       {"http://a:0/", 8},
                       {"http://a:65536/", 8},
                       {"http://a:8o/", 8},
                       {"http://a:-1/", 8},
                       {"http://a:000080/", 8},
                       {"http://[::1/", 7},
                       {"http://[]/", 7},
                       {"http://[::g]/", 10},
                       {"http://[::1]x/", 12},
                       {"http://a%41/", 8}};
    for (auto const& one : wrong) {
        CAPTURE(one.url);
        auto const problem = parse_http_url(one.url).problem;
        CHECK(problem);
        CHECK(problem.at == one.at);
    }
    CHECK(parse_http_url("http://a/" + std::string(1, '\0')).problem);
    CHECK(parse_http_url("http://" + std::string(254, 'a')).problem);
    CHECK_FALSE(parse_http_url("http://" + std::string(253, 'a')).problem);
}

TEST_CASE("an https URL is refused with what to do instead") {
    std::string const why = parse_http_url("https://collector:4318").problem.what;
    CHECK(why.find("put a collector or a proxy on loopback in front") != std::string::npos);
    CHECK(parse_http_url("HttpS://a").problem.what == why);
}

TEST_CASE("a target is a path of visible characters") {
    CHECK_FALSE(target_problem("/?query=INSERT%20INTO"));
    for (char const* const target : {"", "x", "?a", "/a b", "/a\r\n", "/a\n", "/\t", "/\x80", "/a#b", "http://a/"})
        CHECK(target_problem(target));
}

TEST_CASE("header lines are taken with or without the last line's end") {
    CHECK_FALSE(headers_problem(""));
    CHECK_FALSE(headers_problem("X-Key: v\r\n"));
    CHECK_FALSE(headers_problem("X-Key: v\r\nAuthorization: Basic QQ==\t \xc3\xa9\r\nEmpty:"));
}

TEST_CASE("a header line that would end the head, hide another or contradict the transport's own is refused") {
    for (std::string_view const lines :
         {"X: a\r\n\r\nPOST / HTTP/1.1\r\n", "\r\n", "X: a\nY: b\r\n", "X: a\rY: b\r\n", "X: a\n", "no colon\r\n", ": v\r\n",
          "X Y: v\r\n", "X : v\r\n", " X: folded\r\n", "X: a\r\n b\r\n", "host: h\r\n", "Content-length: 3\r\n",
          "TRANSFER-ENCODING: chunked\r\n", "Connection: close\r\n", "Content-Type: a/b\r\n", "Expect: 100-continue\r\n",
          "Upgrade: h2c\r\n", "X: \x7f\r\n", "\xc3\xa9: v\r\n"})
        CHECK(headers_problem(lines));
    CHECK(headers_problem(std::string_view{"X: \0\r\n", 7}));
    CHECK(headers_problem("A: b\r\nX: \x01\r\n").at == 9);
    CHECK(std::string{headers_problem("A: b\r\n\r\n").what}.find("would end the head") != std::string::npos);
    CHECK(value_problem("text/plain\r\nX: y"));
    CHECK_FALSE(value_problem("application/x-protobuf"));
}

TEST_CASE("a date is read in all three forms") {
    CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784'111'777);
    CHECK(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == 784'111'777);
    CHECK(parse_http_date("Sun Nov  6 08:49:37 1994") == 784'111'777);
    CHECK(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT") == 0);
    CHECK(parse_http_date("Tue, 29 Feb 2028 23:59:60 GMT") == 1'835'481'600);
    CHECK(parse_http_date("Wednesday, 09-Nov-69 08:49:37 GMT") == 3'151'212'577);  // of this century
    CHECK(parse_http_date("Mon, 01 Mar 2100 00:00:00 GMT") == 4'107'542'400);      // no leap year
}

TEST_CASE("what is no date is none") {
    for (char const* const text :
         {"", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 24:00:00 GMT",
          "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
          "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nob 1994 08:49:37 GMT", "Sun, 06 anF 1994 08:49:37 GMT",
          "Sun, 06 Nov 1969 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMTx", "Sun, 06 Nov 19x4 08:49:37 GMT",
          "Sun Nov  6 08:49:37", "Sunday, 06 Nov 94 08:49:37 GMT", ",", "Sun,", "Sun", "Sun,06 Nov 1994 08:49:37 GMT"})
        CHECK(parse_http_date(text) == -1);
}

TEST_CASE("Retry-After is obeyed in seconds, and as a date by the server's own clock") {
    CHECK(retry_after_ns("120", "", 0) == 120 * second);
    CHECK(retry_after_ns(" 0 ", "", 0) == 0);
    constexpr auto later = "Sun, 06 Nov 1994 08:49:37 GMT", now = "Sun, 06 Nov 1994 08:49:30 GMT";
    CHECK(retry_after_ns(later, now, 0) == 7 * second);  // whatever our clock says
    CHECK(retry_after_ns(later, now, 4'000'000'000) == 7 * second);
    CHECK(retry_after_ns(later, "", 784'111'770) == 7 * second);
    CHECK(retry_after_ns(now, later, 0) == 0);
    CHECK(retry_after_ns("99999999999999999999999", "", 0) == 366ull * 24 * 3600 * second);
    CHECK(retry_after_ns("Fri, 31 Dec 9999 23:59:59 GMT", now, 0) == 366ull * 24 * 3600 * second);
    for (char const* const text : {"", "-1", "1.5", "1s", "soon", "0x10"}) CHECK(retry_after_ns(text, now, 0) == 0);
}

TEST_CASE("an answer ends where it says") {
    auto const sized = read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhellorest");
    CHECK(sized == Outcome{true, 200, "hello", true, 43});
    auto const chunked = read("HTTP/1.1 503 \r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\n, w\r\n0\r\nT: r\r\n\r\nrest");
    CHECK(chunked.body == "hello, w");
    CHECK(chunked.keeps);
    CHECK(chunked.taken == 78);
    CHECK(read("HTTP/1.1 200\r\n\r\nto the end") == Outcome{true, 200, "to the end", false, 26});
    CHECK(read("HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\nrest").body == "");
    CHECK(read("HTTP/1.1 304 No\r\n\r\n").keeps);
    CHECK(read("HTTP/1.1 200 OK\nContent-Length: 1\n\nx").body == "x");
    // A chunk's size may have zeroes in front, up to fifteen figures.
    std::string const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    CHECK(read(head + "000000000000005\r\nhello\r\n0\r\n\r\n").body == "hello");
    CHECK(is_broken(head + "0000000000000005\r\nhello\r\n0\r\n\r\n"));
}

TEST_CASE("interim answers are passed over") {
    auto const answer = read(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"
        "HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n\r\n");
    CHECK(answer.status == 429);
    CHECK(answer.keeps);
}

TEST_CASE("a connection is kept only by an answer that allows it") {
    auto const keeps = [](std::string const& version, std::string const& lines) {
        return read("HTTP/1." + version + " 200 OK\r\nContent-Length: 0\r\n" + lines + "\r\n").keeps;
    };
    CHECK(keeps("1", ""));
    CHECK_FALSE(keeps("1", "Connection: close\r\n"));
    CHECK_FALSE(keeps("1", "connection: x, CLOSE\r\n"));
    CHECK_FALSE(keeps("1", "Connection: keep-alive, close\r\n"));
    CHECK_FALSE(keeps("0", ""));
    CHECK(keeps("0", "Connection: Keep-Alive\r\n"));
    CHECK_FALSE(keeps("1", "Transfer-Encoding: chunked\r\n\r\n0\r\n"));  // two ends: nothing behind them is trusted
}

TEST_CASE("an answer that doesn't keep to its own words is broken") {
    for (std::string_view const text :
         {"", "HTTP/1.1 200 OK\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 99 x\r\n\r\n", "HTTP/1.1 600 x\r\n\r\n",
          "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 20a OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "SSH-2.0-OpenSSH\r\n",
          "\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
          "HTTP/1.1 200 OK\r\n: v\r\n\r\n", "HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n",
          "HTTP/1.1 200 OK\r\nX : y\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"})
        CHECK(is_broken(text));
    for (std::string_view const chunks :
         {"", "5\r\nhel", "5\r\nhello", "5\r\nhello\r\n", "5\r\nhellox\r\n0\r\n\r\n", "5\r\nhello\r\r\n0\r\n\r\n", "\r\n", "\n",
          "g\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5 5\r\nhello\r\n0\r\n\r\n", "5\rx\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n",
          "0\r\n", "0\r\nT: r\r\n", "fffffffffffffffff\r\nx", "0x5\r\nhello\r\n0\r\n\r\n"})
        CHECK(is_broken("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string{chunks}));
    CHECK(problem_of("SSH-2.0-OpenSSH\r\n") == "it does not begin as an HTTP/1 answer does");
    CHECK(problem_of("HTTP/1.1 200 OK\r\n") == "the connection ended in the middle of the answer");
}

TEST_CASE("a head is bounded, and so is what stands between chunks") {
    std::string const begin = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ";
    CHECK(read(begin + std::string(256 - begin.size() - 4, 'x') + "\r\n\r\n").good);
    CHECK_FALSE(read(begin + std::string(256 - begin.size() - 3, 'x') + "\r\n\r\n").good);
    std::string const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    CHECK(read(chunked + "1;" + std::string(200, 'x') + "\r\na\r\n0\r\n\r\n").good);
    CHECK_FALSE(read(chunked + "1;" + std::string(300, 'x') + "\r\na\r\n0\r\n\r\n").good);
    CHECK_FALSE(read(chunked + "0\r\n" + std::string(300, 'x') + "\r\n\r\n").good);
}

TEST_CASE("of a longer body only the first bytes are kept, and its end is not waited for") {
    for (std::string const head :
         {"Content-Length: 999999999\r\n\r\n", "\r\n", "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n"}) {
        Answer answer{256, 10};
        answer.begin();
        (void)answer.feed("HTTP/1.1 400 Bad\r\n" + head + "0123456789");
        CHECK_FALSE(answer.is_done());
        (void)answer.feed("x");
        CHECK(answer.is_done());
        CHECK(answer.is_cut());
        CHECK(answer.body() == "0123456789");
        CHECK_FALSE(answer.keeps_connection());
    }
    CHECK(read("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", 1, 256, 10).keeps);
}

TEST_CASE("headers are found by name in any case") {
    Answer answer;
    answer.begin();
    (void)answer.feed("HTTP/1.1 200 OK\r\nX-Key:  first \r\nx-key: second\r\nX-Keys: no\r\nEmpty:\r\nContent-Length: 0\r\n\r\n");
    CHECK(answer.header("x-KEY") == "first");
    CHECK(answer.header("X-Keys") == "no");
    CHECK(answer.header("Empty") == "");
    CHECK(answer.header("X-Ke") == "");
    CHECK(answer.header("HTTP/1.1 200 OK") == "");
    answer.begin();
    CHECK(answer.header("X-Key") == "");
}

TEST_CASE("an answer is the same in whatever pieces it comes, and as a slow reader has it") {
    std::vector<std::string> const seeds = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello",
        "HTTP/1.0 404 Not Found\r\nConnection: keep-alive, x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1 \r\n,\r\n0\r\nT: r\r\n\r\n",
        "HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\nuntil the end",
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: 3\n\na\n0123456789\n0\n\n",
        "HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n" + std::string(70, 'z')};
    std::mt19937 random{5};
    std::string const alphabet = "\r\n :;,05aF\t\x7f\xff"
                                 "HTTP/1.";
    int good = 0;
    for (int round = 0; round < 60'000; ++round) {
        std::string text = seeds[random() % seeds.size()];
        for (auto edits = random() % 4; edits > 0; --edits) {
            std::size_t const at = random() % (text.size() + 1);
            switch (random() % 4) {
                case 0:
                    text.insert(at, 1, alphabet[random() % alphabet.size()]);
                    break;
                case 1:
                    text.erase(at, random() % 3);
                    break;
                case 2:
                    if (at < text.size()) text[at] = alphabet[random() % alphabet.size()];
                    break;
                default:
                    text = text.substr(0, at) + seeds[random() % seeds.size()].substr(random() % 20);
            }
        }
        auto const whole = read(text, std::string_view::npos, 4096);
        auto const pieces = read(text, 1 + random() % 7, 4096);
        auto const slow = slow_read(text);
        bool const cut = slow && whole.body.size() == 64 && !whole.keeps;
        bool const same = whole.good == slow.has_value() && whole.good == pieces.good && whole.body == pieces.body &&
                          whole.status == pieces.status && whole.keeps == pieces.keeps &&
                          (!slow || (whole.status == slow->status && whole.body == slow->body && whole.keeps == slow->keeps &&
                                     (cut || (whole.taken == slow->taken && pieces.taken == slow->taken))));
        if (!same) {
            CAPTURE(text);
            CAPTURE(whole.good);
            CAPTURE(whole.body);
            CAPTURE((slow ? slow->body : "none"));
            REQUIRE(same);
        }
        good += whole.good ? 1 : 0;
    }
    CHECK(good > 10'000);
    CHECK(good < 50'000);
}

TEST_CASE("retry pauses twice as long each time, up to the longest pause, and stops with the first success") {
    Clock clock;
    Backend backend{clock, {busy, busy, busy, busy, fine}};
    auto const sent = retry(backend, "body", {.within_ms = 10'000, .first_pause_ms = 100, .longest_pause_ms = 350}, clock);
    CHECK(sent);
    CHECK(sent.attempts == 5);
    CHECK_FALSE(sent.gave_up);
    CHECK(clock.slept == std::vector<std::uint64_t>{100 * ms, 200 * ms, 350 * ms, 350 * ms});
    CHECK(sent.paused_ns == 1'000 * ms);
    // Each attempt is told what is left of the time.
    CHECK(backend.left == std::vector<std::uint64_t>{10'000 * ms, 9'899 * ms, 9'698 * ms, 9'347 * ms, 8'996 * ms});
}

TEST_CASE("a half of each pause is chance") {
    for (double const chance : {0.0, 0.5}) {
        Clock clock{.chance = chance};
        Backend backend{clock, {busy, fine}};
        CHECK(retry(backend, "body", {.first_pause_ms = 100}, clock));
        CHECK(clock.slept == std::vector<std::uint64_t>{chance == 0 ? 50 * ms : 75 * ms});
    }
    std::vector<std::uint64_t> drawn;
    for (int i = 0; i < 1'000; ++i) drawn.push_back(lastbyte::RetryClock{}.random(1'000'000));
    for (auto const one : drawn) CHECK(one < 1'000'000);
    std::sort(drawn.begin(), drawn.end());
    CHECK(std::unique(drawn.begin(), drawn.end()) - drawn.begin() > 900);
    CHECK(drawn.front() < 100'000);
    CHECK(lastbyte::RetryClock{}.random(1) == 0);
}

TEST_CASE("retry waits as long as the server asks for, and never less than that") {
    Clock clock;
    HttpResult const in_seven{HttpFailure::busy, 429, 7'000 * ms}, at_once{HttpFailure::busy, 429, 1};
    Backend backend{clock, {in_seven, at_once, fine}};
    CHECK(retry(backend, "body", {.first_pause_ms = 100, .longest_pause_ms = 100}, clock));
    CHECK(clock.slept == std::vector<std::uint64_t>{7'000 * ms, 100 * ms});
}

TEST_CASE("what is refused is tried once") {
    Clock clock;
    Backend backend{clock, {refused, fine}};
    auto const sent = retry(backend, "body", {}, clock);
    CHECK_FALSE(sent);
    CHECK(sent.attempts == 1);
    CHECK_FALSE(sent.gave_up);
    CHECK(sent.last.status() == 400);
    CHECK(clock.slept.empty());
}

TEST_CASE("retry gives up when the next pause would end behind the deadline") {
    Clock clock;
    Backend backend{clock, {busy}};
    auto sent = retry(backend, "body", {.within_ms = 1'000, .first_pause_ms = 300}, clock);
    CHECK(sent.gave_up);
    CHECK_FALSE(sent);
    CHECK(sent.attempts == 3);  // after 300 and 600 ms; 1200 more are too many
    CHECK(clock.slept == std::vector<std::uint64_t>{300 * ms, 600 * ms});

    Clock other;
    Backend later{other, {HttpResult{HttpFailure::busy, 503, 2'000 * ms}}};
    sent = retry(later, "body", {.within_ms = 1'000}, other);
    CHECK(sent.gave_up);
    CHECK(sent.attempts == 1);
    CHECK(other.slept.empty());

    Clock third;
    Backend slow{third, {busy}, 5'000 * ms};
    sent = retry(slow, "body", {.within_ms = 1'000}, third);
    CHECK(sent.gave_up);
    CHECK(sent.attempts == 1);
}

TEST_CASE("retry takes a transport that only says true or false") {
    struct Plain {
        int calls = 0;
        bool write(std::string_view) { return ++calls == 3; }
    } plain;
    Clock clock;
    auto const sent = retry(plain, "body", {}, clock);
    CHECK(sent);
    CHECK(sent.attempts == 3);
}

namespace {

struct Said {
    bool understood;
    std::uint64_t rejected;
    std::string message;
    bool operator==(Said const&) const = default;
};
Said success(std::string_view body, bool json = false) {
    OtlpAnswer answer;
    std::vector<char> const own(body.begin(), body.end());
    answer.read_success({own.data(), own.size()}, json);
    return {answer.understood(), answer.rejected(), std::string{answer.message()}};
}
std::string failure(std::string_view body, std::string_view type) {
    OtlpAnswer answer;
    answer.read_failure(body, type);
    return std::string{answer.message()};
}
constexpr std::string_view protobuf = "application/x-protobuf", json = "application/json";
using namespace std::string_literals;

}  // namespace

TEST_CASE("a whole success, a partial one and a warning are told apart, as protobuf and as JSON") {
    CHECK(success("") == Said{true, 0, ""});
    CHECK(success("\x0a\x00"s) == Said{true, 0, ""});
    CHECK(success("\x0a\x07\x08\xac\x02\x12\x02no"s) == Said{true, 300, "no"});
    CHECK(success("\x0a\x04\x12\x02no"s) == Said{true, 0, "no"});
    // Unknown fields of every type are passed over.
    CHECK(success("\x10\x01\x19" "12345678" "\x25" "1234" "\x2a\x01z\x0a\x09\x18\x05\x08\x02\x1a\x03xyz"s) == Said{true, 2, ""});
    CHECK(success("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s) == Said{true, 0, ""});  // -1

    CHECK(success("{}", true) == Said{true, 0, ""});
    CHECK(success(" { \"partialSuccess\" : { } } ", true) == Said{true, 0, ""});
    CHECK(success("{\"partialSuccess\":null}", true) == Said{true, 0, ""});
    CHECK(success(R"({"partialSuccess":{"rejectedSpans":"300","errorMessage":"no"}})", true) == Said{true, 300, "no"});
    CHECK(success(R"({"partialSuccess":{"rejectedDataPoints":7}})", true) == Said{true, 7, ""});
    CHECK(success(R"({"partialSuccess":{"rejectedLogRecords":"1"}})", true) == Said{true, 1, ""});
    CHECK(success(R"({"x":[1,-2.5e3,{"partialSuccess":{"rejectedSpans":9}},"a\"]}"],"partialSuccess":{"y":[[]],"rejectedSpans":2}})",
                  true) == Said{true, 2, ""});
    CHECK(success(R"({"partialSuccess":{"rejectedSpans":-4}})", true) == Said{true, 0, ""});
}

TEST_CASE("an answer that is not what it says is not understood, and says nothing") {
    for (auto const& body : {"\x0a"s, "\x0a\x05\x08\x02"s, "\x0a\x02\x08\x80"s, "\x0a\x02\x12\x05"s, "\x00"s, "\x0b\x0c"s, "\x0c"s,
                             "\x19" "1234567"s, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,
                             "\x0a\x04\x08\x02\x12\x09"s})
        CHECK(success(body) == Said{false, 0, ""});
    for (std::string const& body :
         {"{"s, "[]"s, "{}x"s, "{\"partialSuccess\":{\"rejectedSpans\":\"3\"}"s, "{\"partialSuccess\":{\"rejectedSpans\":\"3}}"s,
          "{\"partialSuccess\":{\"rejectedSpans\":true}}"s, "{\"partialSuccess\":{\"errorMessage\":7}}"s, "{\"a\":}"s, "{\"a\"}"s,
          "{'a':1}"s, "{\"a\":1,}"s, "\x0a\x02\x08\x01"s, "{\"a\":\"\n\"}"s, "{\"a\":" + std::string(100'000, '[') + "}"})
        CHECK(success(body, true) == Said{false, 0, ""});
}

TEST_CASE("a failure's text is found in a Status, in JSON, or as it stands, and fits a line of a log") {
    CHECK(failure("\x08\x03\x12\x05wrong"s, protobuf) == "wrong");
    CHECK(failure("\x08\x03\x12\x09wrong"s, protobuf) == "");
    CHECK(failure(R"({"code":3,"message":"wrong","details":[]})", json) == "wrong");
    CHECK(failure("Code: 60. DB::Exception\r\n", "text/plain") == "Code: 60. DB::Exception  ");
    CHECK(failure("", "") == "");
    CHECK(failure("\x1b[31m\x7f", "") == " [31m ");
    CHECK(failure(std::string(1'000, 'x'), "").size() == OtlpAnswer::max_message_bytes);
    std::string const cut = failure(std::string(239, 'x') + "\xc3\xa9", "");
    CHECK(cut == std::string(239, 'x'));  // not half a character
}

TEST_CASE("whatever bytes come, reading them ends") {
    std::vector<std::string> const seeds = {"\x0a\x09\x08\xac\x02\x12\x04" "none"s,
                                            R"({"partialSuccess":{"rejectedSpans":"300","errorMessage":"n\"o","x":[{}]}})"};
    std::mt19937 random{7};
    int understood = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text = seeds[random() % 2];
        for (auto edits = random() % 4; edits > 0; --edits) text[random() % text.size()] = static_cast<char>(random());
        text.resize(random() % 3 == 0 ? random() % (text.size() + 1) : text.size());
        bool const as_json = random() % 8 == 0 ? random() % 2 == 0 : text[0] == '{';
        auto const said = success(text, as_json);
        understood += said.understood ? 1 : 0;
        bool const quiet = said.understood || (said.rejected == 0 && said.message.empty());
        REQUIRE(quiet);
    }
    CHECK(understood > 4'000);
    CHECK(understood < 19'000);
}

TEST_CASE("a warm request allocates nothing, over the same connection or a new one") {
    // The server is a process of its own: what it allocates is not counted.
    Listening const listening{4};
    REQUIRE(listening.ready);
    std::fflush(nullptr);
    pid_t const child = ::fork();
    if (child == 0) {
        ::alarm(60);
        constexpr std::string_view partial = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x0a\x02\x08\x01";
        for (;;) {
            int const client = ::accept(listening.fd, nullptr, nullptr);
            char bytes[65'536];
            for (int requests = 0; requests < 3 && ::recv(client, bytes, sizeof bytes, 0) > 0; ++requests)
                (void)!::write(client, partial.data(), partial.size());
            ::close(client);
        }
    }
    {
        lastbyte::OtlpTransport collector{lastbyte::OtlpSignal::traces, listening.url()};
        CHECK(collector.write("first"));
        auto const before = allocations;
        bool good = true;
        for (int i = 0; i < 20; ++i) good = collector.write("again") && good;
        good = !collector.write("again", 0) && collector.error() && good;
        auto const after = allocations;
        CHECK(good);
        CHECK(after == before);
        CHECK(collector.report().http.connections > 5);
        CHECK(collector.report().rejected == 21);
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}
