// What an OTLP receiver says in its answer's body: how much of an accepted request it rejected, and why; or what was wrong.
//
// A receiver that takes nine spans of ten answers 200, and a client that looks at the status loses the tenth in silence.
// Here the body of ExportTraceServiceResponse and its two sisters, or of google.rpc.Status, is read, as protobuf or as JSON,
// whatever bytes come. Nothing is allocated; a text longer than the room for it is cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lastbyte::detail {

/// Spans, data points or log records that were rejected, and the receiver's words.
class OtlpAnswer {
public:
    static constexpr std::size_t max_message_bytes = 240;

    void clear() noexcept {
        understood_ = true;
        rejected_ = 0;
        message_size_ = 0;
    }
    /// Reads the body of an answer of 200: `partial_success`, or nothing, which is a whole success.
    void read_success(std::string_view body, bool is_json) noexcept;
    /// Reads the body of any other answer: a Status, or whatever text there is.
    void read_failure(std::string_view body, std::string_view content_type) noexcept;

    /// False: the body is not what its type says, and the other two are empty.
    [[nodiscard]] bool understood() const noexcept { return understood_; }
    [[nodiscard]] std::uint64_t rejected() const noexcept { return rejected_; }
    [[nodiscard]] std::string_view message() const noexcept { return {message_, message_size_}; }

private:
    void say(std::string_view text) noexcept;
    bool read_partial(std::string_view message) noexcept;

    std::uint64_t rejected_ = 0;
    std::size_t message_size_ = 0;
    char message_[max_message_bytes];
    bool understood_ = true;
};

/// The fields of a protobuf message, one after the other, out of bytes that nobody has checked.
class ProtobufReader {
public:
    struct Field {
        std::uint32_t number = 0, wire = 0;
        std::uint64_t value = 0;  // of a varint
        std::string_view bytes;   // of a string or a message
    };
    explicit ProtobufReader(std::string_view bytes) noexcept : rest_(bytes) {}

    /// False at the end, and where the bytes are no message.
    bool next(Field& field) noexcept {
        if (rest_.empty()) return false;
        std::uint64_t tag = 0;
        good_ = varint(tag) && tag >> 3 != 0 && tag >> 3 < std::uint64_t{1} << 29;
        field = {static_cast<std::uint32_t>(tag >> 3), static_cast<std::uint32_t>(tag & 7), 0, {}};
        std::uint64_t size = 0;
        if (good_ && field.wire == 0)
            good_ = varint(field.value);
        else if (good_ && field.wire == 2)
            good_ = varint(size);
        else
            size = field.wire == 1 ? 8 : 4;
        good_ = good_ && (field.wire <= 2 || field.wire == 5) && size <= rest_.size();
        if (!good_) return false;
        field.bytes = rest_.substr(0, static_cast<std::size_t>(size));
        rest_.remove_prefix(static_cast<std::size_t>(size));
        return true;
    }
    [[nodiscard]] bool good() const noexcept { return good_; }

private:
    bool varint(std::uint64_t& value) noexcept {
        value = 0;
        for (unsigned shift = 0; shift < 70 && !rest_.empty(); shift += 7) {
            auto const byte = static_cast<unsigned char>(rest_.front());
            rest_.remove_prefix(1);
            if (shift == 63 && byte > 1) return false;
            value |= std::uint64_t{byte & 0x7fu} << shift;
            if (byte < 0x80) return true;
        }
        return false;
    }

    std::string_view rest_;
    bool good_ = true;
};

/// A JSON text, walked through once, out of bytes that nobody has checked. What isn't asked for is passed over.
class JsonReader {
public:
    explicit JsonReader(std::string_view text) noexcept : rest_(text) {}

    /// Calls `member(name)` for each member of the object that comes next; it has to take the value. False: no object.
    template <class Member>
    bool object(Member const& member) noexcept {
        if (!take('{')) return false;
        if (take('}')) return true;
        do {
            std::string_view name;
            if (!string(name) || !take(':') || !member(name)) return false;
        } while (take(','));
        return take('}');
    }
    /// The contents between the quotes as they stand, escapes included.
    bool string(std::string_view& contents) noexcept {
        if (!take('"')) return false;
        for (std::size_t i = 0; i < rest_.size(); ++i) {
            if (static_cast<unsigned char>(rest_[i]) < ' ') return false;
            if (rest_[i] == '\\') {
                ++i;
            } else if (rest_[i] == '"') {
                contents = rest_.substr(0, i);
                rest_.remove_prefix(i + 1);
                return true;
            }
        }
        return false;
    }
    /// A whole number that is not negative, as a number or as a text, as protobuf's JSON has 64 bits.
    bool count(std::uint64_t& number) noexcept {
        bool const quoted = take('"');
        bool const minus = !rest_.empty() && rest_.front() == '-';
        if (minus) rest_.remove_prefix(1);
        std::size_t digits = 0;
        number = 0;
        for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits)
            number = number * 10 + static_cast<std::uint64_t>(rest_[digits] - '0');
        rest_.remove_prefix(digits);
        if (minus) number = 0;
        return digits != 0 && digits < 20 && (!quoted || take('"'));
    }
    /// Passes over the value that comes next, down to 32 values inside each other.
    bool skip(int depth = 0) noexcept {
        std::string_view ignored;
        skip_blanks();
        if (rest_.empty() || depth == 32) return false;
        if (rest_.front() == '"') return string(ignored);
        if (rest_.front() == '{') return object([&](std::string_view) { return skip(depth + 1); });
        if (!take('[')) return word();
        if (take(']')) return true;
        do {
            if (!skip(depth + 1)) return false;
        } while (take(','));
        return take(']');
    }
    [[nodiscard]] bool at_end() noexcept {
        skip_blanks();
        return rest_.empty();
    }

private:
    void skip_blanks() noexcept {
        while (!rest_.empty() && std::string_view{" \t\r\n"}.find(rest_.front()) != std::string_view::npos)
            rest_.remove_prefix(1);
    }
    bool take(char c) noexcept {
        skip_blanks();
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    /// A number, true, false or null: whatever ends where none of them goes on.
    bool word() noexcept {
        std::size_t const found = rest_.find_first_not_of("+-.0123456789abcdefghijklmnopqrstuvwxyzE");
        std::size_t const size = found < rest_.size() ? found : rest_.size();
        rest_.remove_prefix(size);
        return size != 0;
    }

    std::string_view rest_;
};

/// Printable, and cut where a character ends: it goes to a log.
inline void OtlpAnswer::say(std::string_view text) noexcept {
    message_size_ = text.size() < max_message_bytes ? text.size() : max_message_bytes;
    auto const inside = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; };
    while (message_size_ < text.size() && message_size_ > 0 && inside(message_size_)) --message_size_;
    for (std::size_t i = 0; i < message_size_; ++i)
        message_[i] = static_cast<unsigned char>(text[i]) < ' ' || text[i] == '\x7f' ? ' ' : text[i];
}

/// ExportTracePartialSuccess and its sisters are laid out alike: a count, and a text.
inline bool OtlpAnswer::read_partial(std::string_view message) noexcept {
    ProtobufReader reader{message};
    for (ProtobufReader::Field field; reader.next(field);) {
        if (field.number == 1 && field.wire == 0) rejected_ = field.value >> 63 == 0 ? field.value : 0;
        if (field.number == 2 && field.wire == 2) say(field.bytes);
    }
    return reader.good();
}

inline void OtlpAnswer::read_success(std::string_view body, bool is_json) noexcept {
    clear();
    if (is_json && !body.empty()) {
        JsonReader reader{body};
        auto const partial = [&](std::string_view name) {
            std::string_view text;
            if (name == "rejectedSpans" || name == "rejectedDataPoints" || name == "rejectedLogRecords")
                return reader.count(rejected_);
            if (name != "errorMessage") return reader.skip();
            bool const good = reader.string(text);
            if (good) say(text);
            return good;
        };
        understood_ = reader.object([&](std::string_view name) {
            return name == "partialSuccess" ? reader.object(partial) || reader.skip() : reader.skip();
        }) && reader.at_end();
    } else {
        ProtobufReader reader{body};
        for (ProtobufReader::Field field; reader.next(field);)
            if (field.number == 1 && field.wire == 2) understood_ = read_partial(field.bytes) && understood_;
        understood_ = understood_ && reader.good();
    }
    if (understood_) return;
    clear();
    understood_ = false;
}

inline void OtlpAnswer::read_failure(std::string_view body, std::string_view content_type) noexcept {
    clear();
    if (content_type.starts_with("application/x-protobuf")) {
        ProtobufReader reader{body};
        for (ProtobufReader::Field field; reader.next(field);)
            if (field.number == 2 && field.wire == 2) say(field.bytes);
        understood_ = reader.good();
        if (!understood_) message_size_ = 0;
        return;
    }
    JsonReader reader{body};
    std::string_view text;
    bool const has_message = reader.object([&](std::string_view name) {
        return name == "message" && text.empty() ? reader.string(text) : reader.skip();
    });
    say(has_message && !text.empty() ? text : body);
}

}  // namespace lastbyte::detail
