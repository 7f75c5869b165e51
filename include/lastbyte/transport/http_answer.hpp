// An HTTP/1 answer, read as it comes, in whatever pieces: its status, its headers, and a bounded part of its body.
//
// A client that looks for the end of an answer where its first read ended takes half of one for the whole, and the next
// answer for the rest of this one. Here the answer itself says where it ends (RFC 9112 section 6.3), and one that doesn't
// keep to its own words is broken, never guessed at. Two buffers of fixed size; nothing is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <lastbyte/transport/http_url.hpp>

namespace lastbyte::detail {

class HttpAnswer {
public:
    /// The memory for the head and for the body, whose sizes are their bounds.
    void keep_in(char* memory, std::size_t head_bytes, std::size_t body_bytes) noexcept {
        head_ = memory;
        body_ = memory + head_bytes;
        max_head_ = head_bytes;
        max_body_ = body_bytes;
    }
    void begin() noexcept {
        HttpAnswer fresh;
        fresh.keep_in(head_, max_head_, max_body_);
        *this = fresh;
    }

    /// Takes bytes until the answer is over; how many it took.
    std::size_t feed(std::string_view bytes) noexcept;
    /// The connection has ended: so does an answer that has no other end, and any other is broken.
    void end_of_connection() noexcept {
        if (part_ == Part::until_close) part_ = Part::done;
        if (part_ != Part::done && part_ != Part::broken) fail("the connection ended in the middle of the answer");
    }

    /// It is broken, for this reason.
    void fail(char const* problem) noexcept {
        problem_ = problem;
        part_ = Part::broken;
    }

    [[nodiscard]] bool is_done() const noexcept { return part_ == Part::done; }
    [[nodiscard]] bool is_broken() const noexcept { return part_ == Part::broken; }
    /// The head of the final answer is there, whatever becomes of the body.
    [[nodiscard]] bool has_head() const noexcept { return part_ != Part::head && part_ != Part::broken; }
    [[nodiscard]] char const* problem() const noexcept { return problem_; }
    /// The status, once the head is there.
    [[nodiscard]] int status() const noexcept { return has_head() ? status_ : 0; }
    [[nodiscard]] std::string_view body() const noexcept { return {body_, body_size_}; }
    /// There was more of the body than there is room.
    [[nodiscard]] bool is_cut() const noexcept { return cut_; }
    /// The connection can take another request.
    [[nodiscard]] bool keeps_connection() const noexcept { return is_done() && keep_ && !close_; }
    /// A header's value by its name; empty without one.
    [[nodiscard]] std::string_view header(std::string_view name) const noexcept {
        return has_head() ? header_value({head_, head_size_}, name) : std::string_view{};
    }

private:
    enum class Part : std::uint8_t { head, length, chunk_size, chunk, chunk_end, trailer, until_close, done, broken };

    void take_head(char c) noexcept;
    void status_line(std::string_view line) noexcept;
    void header_line(std::string_view line) noexcept;
    void end_of_head() noexcept;
    void take_framing(char c) noexcept;
    void end_of_size() noexcept;
    void content_length(std::string_view value) noexcept;
    void connection(std::string_view tokens) noexcept;
    std::size_t take_body(std::string_view bytes) noexcept;

    char *head_ = nullptr, *body_ = nullptr;
    std::size_t max_head_ = 0, max_body_ = 0;
    std::size_t head_size_ = 0, line_begin_ = 0, body_size_ = 0;
    std::size_t framing_ = 0;  // bytes of the line that says a chunk's size, or of the trailer
    std::uint64_t left_ = 0;   // of the body or of its chunk
    std::uint64_t length_ = 0;
    char const* problem_ = "";
    int status_ = 0;
    Part part_ = Part::head;
    bool has_length_ = false, chunked_ = false, keep_ = false, close_ = false, cut_ = false;
    char behind_size_ = '\0';  // what follows the digits of a chunk's size: a blank, an extension (;), the line's end (CR)
    bool line_empty_ = true;  // of the trailer
};

inline std::size_t HttpAnswer::feed(std::string_view bytes) noexcept {
    std::size_t at = 0;
    while (at < bytes.size() && part_ != Part::done && part_ != Part::broken) {
        switch (part_) {
            case Part::head:
                take_head(bytes[at++]);
                break;
            case Part::length:
            case Part::chunk:
            case Part::until_close:
                at += take_body(bytes.substr(at));
                break;
            default:
                take_framing(bytes[at++]);
        }
    }
    return at;
}

inline void HttpAnswer::take_head(char c) noexcept {
    if (head_size_ == max_head_) return fail("its head is longer than the option max_head_bytes");
    head_[head_size_++] = c;
    if (c != '\n') return;
    std::string_view line{head_ + line_begin_, head_size_ - line_begin_ - 1};
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line_begin_ == 0)
        status_line(line);
    else if (line.empty())
        end_of_head();
    else
        header_line(line);
    if (part_ == Part::head && status_ != 0) line_begin_ = head_size_;
}

inline void HttpAnswer::status_line(std::string_view line) noexcept {
    bool good = line.size() >= 12 && line.starts_with("HTTP/1.") && is_digit(line[7]) && line[8] == ' ';
    for (std::size_t i = 9; good && i < 12; ++i) {
        good = is_digit(line[i]);
        status_ = status_ * 10 + (line[i] - '0');
    }
    good = good && (line.size() == 12 || line[12] == ' ') && status_ >= 100 && status_ <= 599;
    if (!good) return fail("it does not begin as an HTTP/1 answer does");
    keep_ = line[7] != '0';
}

inline void HttpAnswer::header_line(std::string_view line) noexcept {
    std::size_t const colon = line.find(':');
    bool good = colon != 0 && colon != std::string_view::npos && !value_problem(line);
    for (std::size_t i = 0; good && i < colon; ++i) good = is_token(line[i]);
    if (!good) return fail("a line of its head is no header");
    auto const name = line.substr(0, colon), value = without_blanks(line.substr(colon + 1));
    if (same_word(name, "Content-Length")) content_length(value);
    if (same_word(name, "Connection")) connection(value);
    if (!same_word(name, "Transfer-Encoding")) return;
    if (chunked_ || !same_word(value, "chunked")) return fail("it has a transfer coding that was not asked for");
    chunked_ = true;
}

inline void HttpAnswer::content_length(std::string_view value) noexcept {
    std::uint64_t length = 0;
    bool good = !value.empty() && value.size() <= 18;
    for (std::size_t i = 0; good && i < value.size(); ++i) {
        good = is_digit(value[i]);
        length = length * 10 + static_cast<std::uint64_t>(value[i] - '0');
    }
    if (!good || (has_length_ && length != length_)) return fail("its Content-Length is no number, or two numbers");
    has_length_ = true;
    length_ = length;
}

inline void HttpAnswer::connection(std::string_view tokens) noexcept {
    while (!tokens.empty()) {
        std::size_t const comma = tokens.find(','), end = comma < tokens.size() ? comma : tokens.size();
        auto const token = without_blanks(tokens.substr(0, end));
        if (same_word(token, "close")) close_ = true;
        if (same_word(token, "keep-alive")) keep_ = true;
        tokens.remove_prefix(end < tokens.size() ? end + 1 : end);
    }
}

inline void HttpAnswer::end_of_head() noexcept {
    if (status_ == 101) return fail("it changes to a protocol that was not asked for");
    if (status_ < 200) return begin();  // 100 Continue, 103 Early Hints: the final answer follows
    if (chunked_) {
        if (has_length_) close_ = true;  // two ends: the first counts, and nothing behind it is trusted
        part_ = Part::chunk_size;
    } else if (status_ == 204 || status_ == 304 || (has_length_ && length_ == 0)) {
        part_ = Part::done;
    } else if (has_length_) {
        part_ = Part::length;
        left_ = length_;
    } else {
        part_ = Part::until_close;
        close_ = true;
        left_ = ~std::uint64_t{0};
    }
    if (status_ == 204 || status_ == 304) part_ = Part::done;
}

inline std::size_t HttpAnswer::take_body(std::string_view bytes) noexcept {
    std::size_t const mine = bytes.size() < left_ ? bytes.size() : static_cast<std::size_t>(left_);
    std::size_t const room = max_body_ - body_size_, kept = mine < room ? mine : room;
    std::memcpy(body_ + body_size_, bytes.data(), kept);
    body_size_ += kept;
    left_ -= mine;
    if (kept < mine) {  // the rest isn't waited for: it may have no end
        cut_ = close_ = true;
        part_ = Part::done;
    } else if (left_ == 0) {
        part_ = part_ == Part::chunk ? Part::chunk_end : Part::done;
    }
    return mine;
}

/// A chunk's size, the line break behind a chunk, and the trailer.
inline void HttpAnswer::take_framing(char c) noexcept {
    if (++framing_ > max_head_) return fail("a line between its chunks is longer than the option max_head_bytes");
    if (part_ == Part::chunk_end) {
        if (c == '\r' && framing_ == 1) return;
        if (c != '\n') return fail("a chunk is longer than it said");
        framing_ = 0;
        part_ = Part::chunk_size;
    } else if (part_ == Part::trailer) {
        if (c == '\n' && line_empty_) part_ = Part::done;
        if (c != '\r') line_empty_ = c == '\n';
    } else if (c == '\n') {
        end_of_size();
    } else if (behind_size_ == '\0' && is_hex(c)) {
        if (framing_ > 15) return fail("a chunk's size is too large");
        left_ = left_ * 16 + static_cast<std::uint64_t>(is_digit(c) ? c - '0' : lowered(c) - 'a' + 10);
    } else {
        bool const blank = c == ' ' || c == '\t';
        bool const good = behind_size_ == ';' || ((blank || c == ';' || c == '\r') && behind_size_ != '\r');
        if (framing_ == 1 || !good) return fail("a chunk's size is no number");
        if (c == '\r' || behind_size_ != ';') behind_size_ = blank ? ' ' : c;
    }
}

inline void HttpAnswer::end_of_size() noexcept {
    if (framing_ == 1) return fail("a chunk's size is no number");
    framing_ = 0;
    behind_size_ = '\0';
    line_empty_ = true;
    part_ = left_ == 0 ? Part::trailer : Part::chunk;
}

}  // namespace lastbyte::detail
