// A request of HTTP/1.1, read from bytes that arrive in any pieces (RFC 9112), with a limit on everything.
//
// A parser that guesses is how requests are smuggled: whatever has two readings (two lengths, a folded header, a bare
// newline in a name) is refused with the status that says so. A pipelined request stays in the buffer for the next.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

using Fields = std::vector<std::pair<std::string, std::string>>;

inline char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

inline bool same_word(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

/// One element of a comma-separated list is that word, its parameters (`;q=0.5`) aside.
inline bool lists(std::string_view list, std::string_view word) noexcept {
    while (!list.empty()) {
        auto const comma = std::min(list.find(','), list.size());
        auto item = list.substr(0, comma);
        item = item.substr(0, item.find(';'));
        while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) {
            item.remove_prefix(1);
        }
        while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) {
            item.remove_suffix(1);
        }
        if (same_word(item, word)) {
            return true;
        }
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return false;
}

/// Undoes percent-encoding; nothing when a `%` isn't followed by two hexadecimal digits.
inline std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            out += ' ';
        } else if (text[i] != '%') {
            out += text[i];
        } else {
            constexpr std::string_view digits = "0123456789abcdef";
            auto const high = i + 2 < text.size() ? digits.find(lower(text[i + 1])) : std::string_view::npos;
            auto const low = i + 2 < text.size() ? digits.find(lower(text[i + 2])) : std::string_view::npos;
            if (high == std::string_view::npos || low == std::string_view::npos) {
                return std::nullopt;
            }
            out += static_cast<char>(static_cast<unsigned char>(high * 16 + low));
            i += 2;
        }
    }
    return out;
}

/// The Origin header names a page that was loaded from this machine (its port aside).
inline bool is_local(std::string_view origin) noexcept {
    for (std::string_view const host : {"http://127.0.0.1", "http://localhost", "http://[::1]"}) {
        if (origin.starts_with(host) && (origin.size() == host.size() || origin[host.size()] == ':')) {
            return true;
        }
    }
    return false;
}

/// For a query: letters, digits and `-._~` stay, every other byte becomes %XX.
inline std::string encode(std::string_view text) {
    constexpr char const* hex = "0123456789ABCDEF";
    std::string out;
    for (char const c : text) {
        bool const is_letter = lower(c) >= 'a' && lower(c) <= 'z';
        if (is_letter || (c >= '0' && c <= '9') || std::string_view{"-._~"}.find(c) != std::string_view::npos) {
            out += c;
        } else {
            auto const byte = static_cast<unsigned char>(c);
            out += '%';
            out += hex[byte >> 4];
            out += hex[byte & 15];
        }
    }
    return out;
}

struct Request {
    std::string method;
    std::string target;  ///< as it came
    std::string path;    ///< decoded
    Fields query;        ///< decoded, in order
    Fields headers;
    std::string body;
    bool keep_alive = true;
    bool http_1_0 = false;

    /// The first header of that name, letters' case aside, or an empty text.
    std::string_view header(std::string_view name) const noexcept {
        for (auto const& [field, value] : headers) {
            if (same_word(field, name)) {
                return value;
            }
        }
        return {};
    }
};

struct Limits {
    std::size_t head_bytes = std::size_t{32} << 10;
    std::size_t fields = 100;
    std::size_t body_bytes = std::size_t{1} << 20;
};

/// Reads requests one after another from what `feed` was given.
class RequestParser {
public:
    enum class State { more, ready, bad };

    explicit RequestParser(Limits limits = {}) : limits_{limits} {}

    void feed(std::string_view bytes) { buffer_ += bytes; }
    bool empty() const noexcept { return buffer_.empty(); }

    /// Tries to read one whole request. `more`: feed it; `bad`: answer `status()` and close; `ready`: `take()` it.
    State parse() {
        if (!head_read_) {
            // An empty line before a request is passed over (RFC 9112, 2.2).
            while (buffer_.starts_with("\r\n")) {
                buffer_.erase(0, 2);
            }
            auto const end = buffer_.find("\r\n\r\n");
            if (std::min(end, buffer_.size()) > limits_.head_bytes) {
                return bad(431, "the head is too large");
            }
            if (end == std::string::npos) {
                return State::more;
            }
            std::string const head = buffer_.substr(0, end + 2);
            buffer_.erase(0, end + 4);
            if (!read_head(head) || !read_framing()) {
                return State::bad;
            }
            head_read_ = true;
        }
        return chunked_ ? read_chunks() : read_sized();
    }

    Request take() {
        head_read_ = false;
        return std::exchange(request_, {});
    }

    /// The head is here, the body isn't, and the client waits for a word before it sends it.
    bool wants_continue() const noexcept {
        return head_read_ && buffer_.empty() && same_word(request_.header("Expect"), "100-continue");
    }
    int status() const noexcept { return status_; }
    char const* problem() const noexcept { return problem_; }

private:
    State bad(int status, char const* problem) {
        status_ = status;
        problem_ = problem;
        return State::bad;
    }
    bool refuse(int status, char const* problem) {
        bad(status, problem);
        return false;
    }

    static bool is_token(std::string_view text) {
        return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
            return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') ||
                   std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
        });
    }

    bool read_head(std::string_view head) {
        request_ = {};
        auto const line = head.substr(0, head.find("\r\n"));
        head.remove_prefix(line.size() + 2);
        auto const first = line.find(' ');
        auto const last = line.rfind(' ');
        if (first == std::string_view::npos || first == last || !is_token(line.substr(0, first))) {
            return refuse(400, "the request line isn't `METHOD target HTTP/1.1`");
        }
        auto const version = line.substr(last + 1);
        if (!version.starts_with("HTTP/")) {
            return refuse(400, "the request line isn't `METHOD target HTTP/1.1`");
        }
        if (version != "HTTP/1.1" && version != "HTTP/1.0") {
            return refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
        }
        request_.http_1_0 = version == "HTTP/1.0";
        request_.method = line.substr(0, first);
        request_.target = line.substr(first + 1, last - first - 1);
        return read_fields(head) && read_target();
    }

    bool read_fields(std::string_view head) {
        std::size_t hosts = 0;
        while (!head.empty()) {
            auto const line = head.substr(0, head.find("\r\n"));
            head.remove_prefix(line.size() + 2);
            auto const colon = line.find(':');
            // This refuses a folded line too: its name would begin with a space.
            if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
                return refuse(400, "a header isn't `Name: value`");
            }
            auto value = line.substr(colon + 1);
            while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) {
                value.remove_prefix(1);
            }
            while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) {
                value.remove_suffix(1);
            }
            if (value.find_first_of(std::string_view{"\r\n\0", 3}) != std::string_view::npos) {
                return refuse(400, "a header's value holds a line end or a NUL");
            }
            if (request_.headers.size() == limits_.fields) {
                return refuse(431, "too many headers");
            }
            hosts += same_word(line.substr(0, colon), "Host") ? 1U : 0U;
            request_.headers.emplace_back(line.substr(0, colon), value);
        }
        if (hosts > 1 || (hosts == 0 && !request_.http_1_0)) {
            return refuse(400, "a request has one Host header");
        }
        auto const connection = request_.header("Connection");
        request_.keep_alive = request_.http_1_0 ? lists(connection, "keep-alive") : !lists(connection, "close");
        return true;
    }

    bool read_target() {
        std::string_view target = request_.target;
        for (std::string_view const scheme : {"http://", "https://"}) {
            if (target.starts_with(scheme)) {
                target.remove_prefix(std::min(target.find('/', scheme.size()), target.size()));
                target = target.empty() ? "/" : target;
            }
        }
        auto const is_visible = [](char c) { return c > ' ' && c != '\x7F'; };
        if (!std::all_of(target.begin(), target.end(), is_visible)) {
            return refuse(400, "a space, a control or a raw non-ASCII byte in the target");
        }
        if (!target.starts_with('/') && target != "*") {
            return refuse(400, "the target isn't a path");
        }
        target = target.substr(0, target.find('#'));
        auto const mark = std::min(target.find('?'), target.size());
        auto path = decode(target.substr(0, mark), false);
        if (!path) {
            return refuse(400, "a % in the path isn't followed by two hexadecimal digits");
        }
        request_.path = *std::move(path);
        target.remove_prefix(std::min(mark + 1, target.size()));
        while (!target.empty()) {
            auto const pair = target.substr(0, target.find('&'));
            target.remove_prefix(std::min(pair.size() + 1, target.size()));
            if (pair.empty()) {
                continue;
            }
            auto const equals = std::min(pair.find('='), pair.size());
            auto name = decode(pair.substr(0, equals), true);
            auto value = decode(pair.substr(std::min(equals + 1, pair.size())), true);
            if (!name || !value) {
                return refuse(400, "a % in the query isn't followed by two hexadecimal digits");
            }
            request_.query.emplace_back(*std::move(name), *std::move(value));
        }
        return true;
    }

    /// How long the body is (RFC 9112, 6.3). Both spellings at once are an attack or a mistake.
    bool read_framing() {
        std::optional<std::string_view> length;
        chunked_ = false;
        for (auto const& [name, value] : request_.headers) {
            if (same_word(name, "Transfer-Encoding")) {
                if (!same_word(value, "chunked") || chunked_ || request_.http_1_0) {
                    return refuse(501, "the only transfer coding understood is `chunked`");
                }
                chunked_ = true;
            } else if (same_word(name, "Content-Length")) {
                if (length && *length != value) {
                    return refuse(400, "two lengths");
                }
                length = value;
            }
        }
        if (chunked_ && length) {
            return refuse(400, "both Content-Length and Transfer-Encoding");
        }
        left_ = 0;
        if (length) {
            auto const n = number(*length, 10);
            if (!n) {
                return refuse(400, "Content-Length isn't a number");
            }
            left_ = *n;
        }
        return left_ <= limits_.body_bytes || refuse(413, "the body is too large");
    }

    /// Digits only, and few enough that nothing overflows.
    static std::optional<std::size_t> number(std::string_view text, std::size_t radix) {
        if (text.empty() || text.size() > 12) {
            return std::nullopt;
        }
        std::size_t n = 0;
        for (char const c : text) {
            auto const digit = std::string_view{"0123456789abcdef"}.substr(0, radix).find(lower(c));
            if (digit == std::string_view::npos) {
                return std::nullopt;
            }
            n = n * radix + digit;
        }
        return n;
    }

    State read_sized() {
        auto const n = std::min(left_, buffer_.size());
        request_.body.append(buffer_, 0, n);
        buffer_.erase(0, n);
        left_ -= n;
        return left_ == 0 ? State::ready : State::more;
    }

    State read_chunks() {
        while (true) {
            auto const line_end = buffer_.find("\r\n");
            if (line_end == std::string::npos) {
                return buffer_.size() > limits_.head_bytes ? bad(400, "a chunk without a size") : State::more;
            }
            std::string_view size_text{buffer_.data(), line_end};
            size_text = size_text.substr(0, size_text.find_first_of("; \t"));
            auto const size = number(size_text, 16);
            if (!size) {
                return bad(400, "a chunk's size isn't a hexadecimal number");
            }
            if (*size > limits_.body_bytes - request_.body.size()) {
                return bad(413, "the body is too large");
            }
            if (*size == 0) {
                return read_trailers(line_end);
            }
            if (buffer_.size() < line_end + 2 + *size + 2) {
                return State::more;
            }
            if (buffer_.compare(line_end + 2 + *size, 2, "\r\n") != 0) {
                return bad(400, "a chunk is longer than its size");
            }
            request_.body.append(buffer_, line_end + 2, *size);
            buffer_.erase(0, line_end + 2 + *size + 2);
        }
    }

    /// Trailers are read past: nothing here needs one.
    State read_trailers(std::size_t last_chunk_end) {
        auto const end = buffer_.find("\r\n\r\n", last_chunk_end);
        if (end == std::string::npos) {
            return buffer_.size() > limits_.head_bytes ? bad(431, "the trailers are too large") : State::more;
        }
        buffer_.erase(0, end + 4);
        return State::ready;
    }

    Limits limits_;
    std::string buffer_;
    Request request_;
    bool head_read_ = false;
    bool chunked_ = false;
    std::size_t left_ = 0;
    int status_ = 400;
    char const* problem_ = "";
};

}  // namespace http
