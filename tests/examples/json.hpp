// A small strict JSON reader (RFC 8259).
//
// It takes what a stranger posted: its depth is bounded, a bad byte is an answer with its place and not an exception,
// and a number keeps its own spelling, so that a JSON-RPC id goes back exactly as it came.
#pragma once

#include "json_text.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace json {

enum class Kind { null, boolean, number, string, array, object };

struct Member;

struct Value {
    Kind kind = Kind::null;
    bool truth = false;
    std::string text;             ///< a string's text, a number's own spelling
    std::vector<Value> items;     ///< of an array
    std::vector<Member> members;  ///< of an object, in their order

    /// The member of that name (the last, where a name repeats), or nullptr. Of anything but an object: nullptr.
    Value const* find(std::string_view name) const;
    /// The text of a string member, or nothing.
    std::optional<std::string_view> string_at(std::string_view name) const;
};

struct Member {
    std::string name;
    Value value;
};

struct Parsed {
    std::optional<Value> value;
    std::size_t byte = 0;        ///< where it went wrong, when there is no value
    char const* problem = "";    ///< and why
};

inline constexpr std::size_t max_depth = 64;

inline Value const* Value::find(std::string_view name) const {
    Value const* found = nullptr;
    for (Member const& member : members) {
        if (member.name == name) {
            found = &member.value;
        }
    }
    return found;
}

inline std::optional<std::string_view> Value::string_at(std::string_view name) const {
    Value const* const member = find(name);
    if (member == nullptr || member->kind != Kind::string) {
        return std::nullopt;
    }
    return member->text;
}

namespace detail {

class Parser {
public:
    explicit Parser(std::string_view text) : text_{text} {}

    Parsed document() {
        Value value;
        space();
        if (!element(value, 0)) {
            return {std::nullopt, at_, problem_};
        }
        space();
        if (at_ != text_.size()) {
            return {std::nullopt, at_, "something follows the document"};
        }
        return {std::move(value), at_, ""};
    }

private:
    bool fail(char const* problem) {
        problem_ = problem;
        return false;
    }
    bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
    bool take(char c) {
        bool const taken = next_is(c);
        at_ += taken ? 1U : 0U;
        return taken;
    }
    bool take(std::string_view word) {
        bool const taken = text_.substr(at_).starts_with(word);
        at_ += taken ? word.size() : 0U;
        return taken;
    }
    void space() {
        while (next_is(' ') || next_is('\t') || next_is('\n') || next_is('\r')) {
            ++at_;
        }
    }
    bool digits() {
        std::size_t const from = at_;
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
            ++at_;
        }
        return at_ > from;
    }

    bool element(Value& value, std::size_t depth) {
        if (depth == max_depth) {
            return fail("nested too deeply");
        }
        if (take('{')) {
            return object(value, depth);
        }
        if (take('[')) {
            return array(value, depth);
        }
        if (take('"')) {
            value.kind = Kind::string;
            return string(value.text);
        }
        if (take("true") || take("false")) {
            value.kind = Kind::boolean;
            value.truth = text_[at_ - 2] == 'u';
            return true;
        }
        if (take("null")) {
            return true;
        }
        return number(value);
    }

    bool object(Value& value, std::size_t depth) {
        value.kind = Kind::object;
        space();
        if (take('}')) {
            return true;
        }
        do {
            space();
            Member& member = value.members.emplace_back();
            if (!take('"')) {
                return fail("a member's name was expected");
            }
            if (!string(member.name)) {
                return false;
            }
            space();
            if (!take(':')) {
                return fail("a colon was expected");
            }
            space();
            if (!element(member.value, depth + 1)) {
                return false;
            }
            space();
        } while (take(','));
        return take('}') || fail("a comma or a closing brace was expected");
    }

    bool array(Value& value, std::size_t depth) {
        value.kind = Kind::array;
        space();
        if (take(']')) {
            return true;
        }
        do {
            space();
            if (!element(value.items.emplace_back(), depth + 1)) {
                return false;
            }
            space();
        } while (take(','));
        return take(']') || fail("a comma or a closing bracket was expected");
    }

    bool number(Value& value) {
        std::size_t const from = at_;
        take('-');
        if (!take('0') && !digits()) {
            return fail("a value was expected");
        }
        if (take('.') && !digits()) {
            return fail("digits were expected after the point");
        }
        if (take('e') || take('E')) {
            if (!take('+')) {
                take('-');
            }
            if (!digits()) {
                return fail("digits were expected in the exponent");
            }
        }
        value.kind = Kind::number;
        value.text = text_.substr(from, at_ - from);
        return true;
    }

    bool string(std::string& out) {
        while (at_ < text_.size()) {
            if (take('"')) {
                return true;
            }
            if (take('\\')) {
                if (!escape(out)) {
                    return false;
                }
                continue;
            }
            if (static_cast<unsigned char>(text_[at_]) < 0x20) {
                return fail("a control character in a string");
            }
            auto const [state, length] = utf8_sequence(text_.substr(at_));
            if (state != Utf8::whole) {
                return fail("invalid UTF-8 in a string");
            }
            out += text_.substr(at_, length);
            at_ += length;
        }
        return fail("a string without its end");
    }

    bool escape(std::string& out) {
        constexpr std::string_view letters = "\"\\/bfnrt";
        constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
        if (at_ < text_.size()) {
            if (auto const i = letters.find(text_[at_]); i != std::string_view::npos) {
                ++at_;
                out += meant[i];
                return true;
            }
        }
        if (!take('u')) {
            return fail("an unknown escape");
        }
        auto const first = four_digits();
        if (!first) {
            return fail("four hexadecimal digits were expected");
        }
        std::uint32_t code = *first;
        if (code >= 0xDC00 && code < 0xE000) {
            return fail("half a surrogate pair");
        }
        if (code >= 0xD800 && code < 0xDC00) {
            auto const second = take("\\u") ? four_digits() : std::nullopt;
            if (!second || *second < 0xDC00 || *second > 0xDFFF) {
                return fail("half a surrogate pair");
            }
            code = 0x10000 + ((code - 0xD800) << 10) + (*second - 0xDC00);
        }
        encode(out, code);
        return true;
    }

    std::optional<std::uint32_t> four_digits() {
        std::uint32_t code = 0;
        for (int i = 0; i < 4; ++i, ++at_) {
            if (at_ == text_.size()) {
                return std::nullopt;
            }
            char const c = text_[at_];
            auto const digit = c >= '0' && c <= '9'   ? c - '0'
                               : c >= 'a' && c <= 'f' ? c - 'a' + 10
                               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                      : -1;
            if (digit < 0) {
                return std::nullopt;
            }
            code = code * 16 + static_cast<std::uint32_t>(digit);
        }
        return code;
    }

    static void encode(std::string& out, std::uint32_t code) {
        auto const byte = [&](std::uint32_t b) { out += static_cast<char>(static_cast<unsigned char>(b)); };
        if (code < 0x80) {
            byte(code);
        } else if (code < 0x800) {
            byte(0xC0 | code >> 6);
            byte(0x80 | (code & 0x3F));
        } else if (code < 0x10000) {
            byte(0xE0 | code >> 12);
            byte(0x80 | (code >> 6 & 0x3F));
            byte(0x80 | (code & 0x3F));
        } else {
            byte(0xF0 | code >> 18);
            byte(0x80 | (code >> 12 & 0x3F));
            byte(0x80 | (code >> 6 & 0x3F));
            byte(0x80 | (code & 0x3F));
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    char const* problem_ = "";
};

}  // namespace detail

inline Parsed parse(std::string_view text) { return detail::Parser{text}.document(); }

}  // namespace json
