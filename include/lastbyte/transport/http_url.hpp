// The text of an HTTP request that somebody else writes: its URL, its target and its header lines, checked before one byte
// is sent.
//
// A line break in a URL or in a header's value is a header of somebody else's, or a second request; a typing error that is
// found at the first export is found at night. Here both are refused where they are given, and the refusal says which byte,
// why, and what to write instead. Constant expressions; nothing is decoded, and nothing is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lastbyte::detail {

/// Why a text is refused, and from which byte on. Nothing: it is not.
struct TextProblem {
    char const* what = nullptr;
    std::size_t at = 0;
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return what != nullptr; }
};

/// A URL to post to, in pieces of the text that it was given as (RFC 9110 section 4.2.1, RFC 3986).
struct HttpUrl {
    std::string_view authority;  ///< for the Host header
    std::string_view host;       ///< a name or an address, without brackets
    std::string_view target;     ///< path and query; without a path it is empty, or begins with `?`
    std::uint16_t port = 80;
    TextProblem problem;
};
[[nodiscard]] constexpr HttpUrl parse_http_url(std::string_view url) noexcept;

/// What stands between "POST " and " HTTP/1.1": it begins with a slash, and whatever isn't visible ASCII is
/// percent-encoded.
[[nodiscard]] constexpr TextProblem target_problem(std::string_view target) noexcept;

/// The value of one header: no line break, no other control character.
[[nodiscard]] constexpr TextProblem value_problem(std::string_view value) noexcept;

/// Lines of the user's own, "Name: value", each with its CR LF (the last may lack it).
[[nodiscard]] constexpr TextProblem headers_problem(std::string_view lines) noexcept;

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr char lowered(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool is_letter(char c) noexcept { return lowered(c) >= 'a' && lowered(c) <= 'z'; }
constexpr bool is_hex(char c) noexcept { return is_digit(c) || (lowered(c) >= 'a' && lowered(c) <= 'f'); }

/// Equal but for the case of ASCII letters, as header names and schemes are compared.
constexpr bool same_word(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lowered(a[i]) != lowered(b[i])) return false;
    return true;
}
constexpr std::string_view without_blanks(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}
/// A character of a header's name (RFC 9110 section 5.6.2).
constexpr bool is_token(char c) noexcept {
    return is_digit(c) || is_letter(c) || std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

constexpr TextProblem visible_problem(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '#') return {"a request has no fragment: leave out what begins with #, or write %23", i};
        if (text[i] <= ' ' || text[i] > '~') return {"not a visible ASCII character: percent-encode it", i};
    }
    return {};
}

constexpr TextProblem target_problem(std::string_view target) noexcept {
    if (target.empty() || target[0] != '/') return {"a target is a path, and begins with /", 0};
    return visible_problem(target);
}

constexpr TextProblem value_problem(std::string_view value) noexcept {
    for (std::size_t i = 0; i < value.size(); ++i) {
        auto const byte = static_cast<unsigned char>(value[i]);
        if ((byte < ' ' && byte != '\t') || byte == 0x7F)
            return {"a line break or another control character in a header: leave it out", i};
    }
    return {};
}

constexpr TextProblem headers_problem(std::string_view lines) noexcept {
    for (std::size_t at = 0; at < lines.size();) {
        std::size_t const found = lines.find("\r\n", at), end = found < lines.size() ? found : lines.size();
        auto const line = lines.substr(at, end - at);
        if (line.empty()) return {"an empty line would end the head: leave it out", at};
        std::size_t const colon = line.find(':');
        if (colon == 0 || colon == std::string_view::npos)
            return {"not a header: write \"Name: value\\r\\n\", one a line", at};
        for (std::size_t i = 0; i < colon; ++i)
            if (!is_token(line[i])) return {"a character that no header's name may have", at + i};
        auto const name = line.substr(0, colon);
        for (char const* const own : {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Upgrade"})
            if (same_word(name, own)) return {"a header that the transport writes itself: leave it out", at};
        if (same_word(name, "Content-Type")) return {"the option content_type sets this header: leave it out here", at};
        if (auto const problem = value_problem(line.substr(colon))) return {problem.what, at + colon + problem.at};
        at = end + 2;
    }
    return {};
}

/// The value of a header's line among `lines`, without the blanks around it; the first one counts. Null without one.
constexpr std::string_view header_value(std::string_view lines, std::string_view name) noexcept {
    while (!lines.empty()) {
        std::size_t const found = lines.find('\n'), end = found < lines.size() ? found : lines.size();
        auto line = lines.substr(0, end);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (line.size() > name.size() && line[name.size()] == ':' && same_word(line.substr(0, name.size()), name))
            return without_blanks(line.substr(name.size() + 1));
        lines.remove_prefix(end < lines.size() ? end + 1 : end);
    }
    return {};
}

constexpr HttpUrl parse_http_url(std::string_view url) noexcept {
    HttpUrl parts;
    auto const refused = [&](char const* what, std::size_t at) {
        parts.problem = {what, at};
        return parts;
    };
    if (url.size() >= 8 && same_word(url.substr(0, 8), "https://"))
        return refused(
            "TLS is not spoken here: put a collector or a proxy on loopback in front, which speaks it, and give its "
            "http:// URL",
            0);
    if (url.size() < 7 || !same_word(url.substr(0, 7), "http://"))
        return refused("not an HTTP URL: write http://host:port/path", 0);
    if (auto const problem = visible_problem(url)) return refused(problem.what, problem.at);
    std::size_t const begin = 7;
    std::size_t const found = url.find_first_of("/?", begin), end = found < url.size() ? found : url.size();
    parts.target = url.substr(end);
    parts.authority = url.substr(begin, end - begin);
    if (std::size_t const at = parts.authority.find('@'); at != std::string_view::npos)
        return refused(
            "no name and password in a URL: it ends in logs; give the header \"Authorization: ...\" in the option headers",
            begin);
    bool const is_v6 = !parts.authority.empty() && parts.authority[0] == '[';
    std::size_t after_host = parts.authority.find(is_v6 ? ']' : ':');
    if (is_v6) {
        if (after_host == std::string_view::npos) return refused("no ] behind the IPv6 address", begin);
        parts.host = parts.authority.substr(1, after_host - 1);
        ++after_host;
    } else {
        parts.host = parts.authority.substr(0, after_host);
    }
    if (parts.host.empty()) return refused("no host: write http://host:port/path", begin);
    if (parts.host.size() > 253) return refused("a host's name has 253 characters at most", begin);
    for (std::size_t i = 0; i < parts.host.size(); ++i) {
        char const c = parts.host[i];
        bool const allowed =
            is_v6 ? is_hex(c) || c == ':' || c == '.' : is_digit(c) || is_letter(c) || c == '-' || c == '.' || c == '_';
        if (!allowed) return refused("a character that no host has", begin + i + (is_v6 ? 1 : 0));
    }
    if (after_host >= parts.authority.size()) return parts;
    auto const port = parts.authority.substr(after_host);
    std::uint32_t number = 0;
    bool good = port.size() >= 2 && port.size() <= 6 && port[0] == ':';
    for (char const c : good ? port.substr(1) : std::string_view{}) {
        good = good && is_digit(c);
        number = number * 10 + static_cast<std::uint32_t>(c - '0');
    }
    if (!good || number == 0 || number > 65'535) return refused("a port is a number from 1 to 65535", begin + after_host);
    parts.port = static_cast<std::uint16_t>(number);
    return parts;
}

}  // namespace lastbyte::detail
