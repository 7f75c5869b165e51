// JSON strings on their way out: whole ones, and those that come in pieces while a tool is still at work.
//
// A document is not always the UTF-8 that it should be, and a piece may end in the middle of a character: what is no
// UTF-8 becomes U+FFFD, and what is only incomplete waits for the next piece. The reader uses the same look at UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace json {

enum class Utf8 { whole, cut, bad };

/// Looks at the UTF-8 sequence that starts at text[0]: whole (with its length), cut off by the end of the text, or bad.
/// Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
inline std::pair<Utf8, std::size_t> utf8_sequence(std::string_view text) {
    auto const at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    unsigned char const lead = at(0);
    if (lead < 0x80) {
        return {Utf8::whole, 1};
    }
    if (lead < 0xC2 || lead > 0xF4) {
        return {Utf8::bad, 1};
    }
    std::size_t const length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    for (std::size_t i = 1; i < length; ++i) {
        if (i == text.size()) {
            return {Utf8::cut, i};
        }
        unsigned char low = 0x80;
        unsigned char high = 0xBF;
        if (i == 1) {
            low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : low;
            high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : high;
        }
        if (at(i) < low || at(i) > high) {
            return {Utf8::bad, i};
        }
    }
    return {Utf8::whole, length};
}

/// Writes the inside of a JSON string that arrives in pieces, which may be cut anywhere, inside a character too.
class StringWriter {
public:
    void append(std::string& out, std::string_view piece) {
        if (!cut_.empty()) {
            cut_ += piece;
            std::string const joined = std::exchange(cut_, {});
            write(out, joined);
        } else {
            write(out, piece);
        }
    }

    /// The text is over: a character still incomplete is none.
    void finish(std::string& out) {
        if (!std::exchange(cut_, {}).empty()) {
            out += "\xEF\xBF\xBD";
        }
    }

private:
    void write(std::string& out, std::string_view text) {
        while (!text.empty()) {
            auto const [state, length] = utf8_sequence(text);
            if (state == Utf8::cut) {
                cut_ = text;
                return;
            }
            if (state == Utf8::bad) {
                out += "\xEF\xBF\xBD";
            } else if (length > 1) {
                out += text.substr(0, length);
            } else {
                escape(out, text.front());
            }
            text.remove_prefix(length);
        }
    }

    static void escape(std::string& out, char c) {
        constexpr char const* hex = "0123456789abcdef";
        switch (c) {
            case '"': out += "\\\""; return;
            case '\\': out += "\\\\"; return;
            case '\n': out += "\\n"; return;
            case '\r': out += "\\r"; return;
            case '\t': out += "\\t"; return;
            default: break;
        }
        if (auto const code = static_cast<unsigned char>(c); code < 0x20 || code == 0x7F) {
            out += "\\u00";
            out += hex[code >> 4];
            out += hex[code & 15];
        } else {
            out += c;
        }
    }

    std::string cut_;
};

/// `text` as a JSON string, quotes included.
inline std::string quoted(std::string_view text) {
    std::string out{'"'};
    StringWriter writer;
    writer.append(out, text);
    writer.finish(out);
    out += '"';
    return out;
}

}  // namespace json
