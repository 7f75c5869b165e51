// Rows as lines: the exact text, read back by a strict parser of its own, and sinks that neither cut nor allocate.
#include <doctest/doctest.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <lastbyte/encode/ndjson.hpp>
#include <lastbyte/transport/file.hpp>

#include "point.hpp"

using namespace lastbyte;
using seed::Plain;

namespace {

/// One flat object of strings and numbers, by the letter of RFC 8259; anything else, a key twice or bad UTF-8 is no
/// row.
class StrictLine {
public:
    std::map<std::string, std::string> texts;
    std::map<std::string, double> numbers;
    std::vector<std::string> keys;

    explicit StrictLine(std::string_view line) : rest_(line) { valid_ = object() && rest_ == "\n"; }
    explicit operator bool() const { return valid_; }

private:
    bool take(char c) {
        if (rest_.empty() || rest_[0] != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool object() {
        if (!take('{')) return false;
        if (take('}')) return true;
        do {
            std::string key, text;
            double number = 0;
            if (!string(key) || !take(':')) return false;
            for (auto const& known : keys)
                if (known == key) return false;
            keys.push_back(key);
            if (!rest_.empty() && rest_[0] == '"') {
                if (!string(text)) return false;
                texts[key] = text;
            } else {
                if (!digits(number)) return false;
                numbers[key] = number;
            }
        } while (take(','));
        return take('}');
    }
    bool digits(double& number) {
        std::size_t at = 0;
        auto const some = [&] {
            auto const from = at;
            while (at < rest_.size() && rest_[at] >= '0' && rest_[at] <= '9') ++at;
            return at != from;
        };
        if (rest_.starts_with('-')) ++at;
        if (rest_.substr(at).starts_with('0'))
            ++at;
        else if (!some())
            return false;
        if (rest_.substr(at).starts_with('.') && (++at, !some())) return false;
        if (rest_.substr(at).starts_with('e')) {
            ++at;
            if (rest_.substr(at).starts_with('+') || rest_.substr(at).starts_with('-')) ++at;
            if (!some()) return false;
        }
        number = std::strtod(std::string(rest_.substr(0, at)).c_str(), nullptr);
        rest_.remove_prefix(at);
        return true;
    }
    bool string(std::string& text) {
        if (!take('"')) return false;
        while (!rest_.empty() && rest_[0] != '"') {
            auto const c = static_cast<unsigned char>(rest_[0]);
            if (c < 0x20) return false;
            rest_.remove_prefix(1);
            if (c == '\\') {
                if (rest_.empty()) return false;
                char const what = rest_[0];
                rest_.remove_prefix(1);
                auto const at = std::string_view("\"\\/bfnrt").find(what);
                if (at != std::string_view::npos) {
                    text += "\"\\/\b\f\n\r\t"[at];
                } else {
                    int code = 0;
                    if (what != 'u' || rest_.size() < 4) return false;
                    auto const end = std::from_chars(rest_.data(), rest_.data() + 4, code, 16).ptr;
                    if (end != rest_.data() + 4 || code >= 0x20) return false;  // nothing else needs an escape
                    text += static_cast<char>(code);
                    rest_.remove_prefix(4);
                }
                continue;
            }
            int more = c < 0x80                ? 0
                       : c >= 0xc2 && c < 0xe0 ? 1
                       : c >= 0xe0 && c < 0xf0 ? 2
                       : c >= 0xf0 && c < 0xf5 ? 3
                                               : -1;
            if (more < 0 || rest_.size() < static_cast<std::size_t>(more)) return false;
            text += static_cast<char>(c);
            for (; more > 0; --more) {
                if ((static_cast<unsigned char>(rest_[0]) & 0xc0) != 0x80) return false;
                text += rest_[0];
                rest_.remove_prefix(1);
            }
        }
        return take('"');
    }

    std::string_view rest_;
    bool valid_ = false;
};

template <Keys Spelling = by_name, class Row>
std::string line_of(Row const& row) {
    std::string out;
    write_ndjson<Spelling>(out, row);
    return out;
}
Plain::Row plain(std::string_view text, double number = 0) {
    Plain::Point point;
    point.set<"text">(text);
    point.set<"number">(number);
    return point.complete();
}
std::string number_text(double number) {
    std::string out;
    detail::append_json_number(out, number);
    return out;
}

/// What well-formed UTF-8 a text is read as: each byte that begins no character becomes U+FFFD. The slow way.
std::string repaired(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        std::size_t kept = 0;
        for (std::size_t length = 1; length <= 4 && length <= text.size() && kept == 0; ++length) {
            auto const byte = [&](std::size_t i) {
                return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
            };
            constexpr std::uint32_t lead[] = {0, 0x00, 0xc0, 0xe0, 0xf0}, mask[] = {0, 0x80, 0xe0, 0xf0, 0xf8};
            constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
            if ((byte(0) & mask[length]) != lead[length]) continue;
            std::uint32_t code = byte(0) & ~mask[length];
            bool good = true;
            for (std::size_t i = 1; i < length; ++i) {
                good = good && (byte(i) & 0xc0) == 0x80;
                code = code << 6 | (byte(i) & 0x3f);
            }
            if (good && code >= least[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) kept = length;
        }
        out += kept == 0 ? "\xef\xbf\xbd" : std::string(text.substr(0, kept));
        text.remove_prefix(kept == 0 ? 1 : kept);
    }
    return out;
}

/// A transport that keeps what it gets, or refuses it.
struct Memory {
    bool open = true;
    std::vector<std::string> lines{};
    explicit operator bool() const noexcept { return open; }
    bool write(std::string_view line) noexcept {
        if (open) lines.emplace_back(line);
        return open;
    }
};
}  // namespace

TEST_CASE("by name: the fields in the schema's order, all of them, without the index") {
    seed::ToolCall::Point point;
    point.set<"event_type">("tool_call");
    point.set<"method">("tools/call");
    point.set<"tool_name">("search");
    point.set<"consumer_label">("acme");
    point.set<"document_uri">("klappy://canon/\"foo\".md");
    point.set<"count">(1);
    point.set<"bytes_in">(100000);
    CHECK(
        line_of(seed::row_of(point)) ==
        R"({"event_type":"tool_call","method":"tools/call","tool_name":"search","consumer_label":"acme",)"
        R"("consumer_source":"","knowledge_base_url":"","document_uri":"klappy://canon/\"foo\".md","worker_version":"",)"
        R"("cache_tier":"cache","count":1,"duration_ms":40.5,"bytes_in":100000,"bytes_out":5,"tokens_in":0,)"
        R"("tokens_out":7,"cache_hits":1,"cache_lookups":1})"
        "\n");
}

TEST_CASE("by slot: the store's columns, the index among them") {
    seed::ToolCall::Point point;
    point.set<"event_type">("tool_call");
    point.set<"consumer_label">("acme");
    point.set<"count">(1);
    CHECK(line_of<by_slot>(seed::row_of(point)) ==
          R"({"blob1":"tool_call","blob2":"","blob3":"","blob4":"acme","blob5":"","blob6":"","blob7":"","blob8":"",)"
          R"("blob9":"cache","double1":1,"double2":40.5,"double3":0,"double4":5,"double5":0,"double6":7,"double7":1,)"
          R"("double8":1,"index1":"acme"})"
          "\n");
}

TEST_CASE("names are escaped, an index may be declared first, and no field at all is an empty object") {
    using Odd = Schema<"odd", IndexOf<1, "a\"b\\">, Blob<1, "a\"b\\">, Double<1, "é">>;
    auto const row = Odd::Point{}.complete();
    CHECK(line_of(row) == "{\"a\\\"b\\\\\":\"\",\"é\":0}\n");
    CHECK(line_of<by_slot>(row) == "{\"index1\":\"\",\"blob1\":\"\",\"double1\":0}\n");
    CHECK(line_of(Schema<"none">::Point{}.complete()) == "{}\n");
    CHECK(line_of<by_slot>(Schema<"none">::Point{}.complete()) == "{}\n");
}

TEST_CASE("numbers are written as people write them, and as short as they can be") {
    CHECK(number_text(0) == "0");
    CHECK(number_text(-0.0) == "-0");
    CHECK(number_text(1) == "1");
    CHECK(number_text(-1) == "-1");
    CHECK(number_text(100000) == "100000");
    CHECK(number_text(999999999999999) == "999999999999999");
    CHECK(number_text(9007199254740991) == "9007199254740991");
    CHECK(number_text(-9007199254740992) == "-9007199254740992");
    CHECK(number_text(9007199254740994) == "9007199254740994");
    CHECK(number_text(1e16) == "1e+16");
    CHECK(number_text(-1e22) == "-1e+22");
    CHECK(number_text(0.1) == "0.1");
    CHECK(number_text(33.25) == "33.25");
    CHECK(number_text(1e-7) == "1e-07");
    CHECK(number_text(5e-324) == "5e-324");
    CHECK(number_text(std::numeric_limits<double>::max()) == "1.7976931348623157e+308");
    CHECK(number_text(std::nan("")) == "null");
    CHECK(number_text(-std::numeric_limits<double>::infinity()) == "null");
}

TEST_CASE("any double reads back as itself, in at most 24 characters") {
    std::mt19937_64 random{20261124};
    for (int i = 0; i < 20000; ++i) {
        double number = std::bit_cast<double>(random());
        if (i % 3 == 1) number = static_cast<double>(static_cast<std::int64_t>(random()) >> (random() % 64));
        if (i % 3 == 2) number = static_cast<double>(random() % 1000000) / 1000;
        if (!std::isfinite(number)) continue;
        StrictLine const line{line_of(plain("", number))};
        REQUIRE(line);
        REQUIRE(std::bit_cast<std::uint64_t>(line.numbers.at("number")) == std::bit_cast<std::uint64_t>(number));
        REQUIRE(number_text(number).size() <= 24);
    }
}

TEST_CASE("any bytes make a line that a strict parser takes, and well-formed text comes back as it was") {
    std::mt19937 random{20261124};
    static constexpr std::string_view pieces[] = {
        "a", "\"",        "\\",   "\n",   "\t",           "\x01",     "\x7f",     "é",    "€",   "🙂",
        "/", "</script>", "\xc0", "\x80", "\xed\xa0\x80", "\xf4\x90", "\xe2\x82", "\xff", "\xc3"};
    for (int i = 0; i < 20000; ++i) {
        std::string text;
        for (auto n = random() % 12; n > 0; --n)
            text += random() % 4 == 0 ? std::string(1, static_cast<char>(random()))
                                      : std::string(pieces[random() % std::size(pieces)]);
        std::string const out = line_of<by_slot>(plain(text));
        StrictLine const line{out};
        CAPTURE(out);
        REQUIRE(line);
        REQUIRE(out.find('\n') == out.size() - 1);
        REQUIRE(line.texts.at("blob1") == repaired(text));
        REQUIRE(line.texts.at("index1") == repaired(text));
    }
}

TEST_CASE("a cut text is still well-formed, wherever the cut falls") {
    std::mt19937 random{7};
    static constexpr std::string_view pieces[] = {"a", "é", "€", "🙂"};
    for (int i = 0; i < 300; ++i) {
        std::string text;
        while (text.size() < 16 * 1024 + 10) text += pieces[random() % std::size(pieces)];
        StrictLine const line{line_of<by_slot>(plain(text))};
        REQUIRE(line);
        std::string const& kept = line.texts.at("blob1");
        REQUIRE(text.starts_with(kept));
        REQUIRE(kept.size() > 16 * 1024 - 4);
        REQUIRE(repaired(kept) == kept);
        REQUIRE(line.texts.at("index1").size() > 96 - 4);
        REQUIRE(repaired(line.texts.at("index1")) == line.texts.at("index1"));
    }
}

TEST_CASE("a sink writes each row as one line, and counts") {
    NdjsonSink<Plain, Memory> sink;
    CHECK(sink.write(plain("one", 1)));
    CHECK(sink.write(plain(std::string(97, 'x'))));
    CHECK(sink.write(plain("\xff", std::nan(""))));
    CHECK(sink);
    CHECK(sink.transport().lines.size() == 3);
    CHECK(sink.transport().lines[0] == "{\"text\":\"one\",\"more\":\"\",\"number\":1}\n");
    sink.transport().open = false;
    CHECK_FALSE(sink);
    CHECK_FALSE(sink.write(plain("lost")));
    auto const report = sink.report();
    CHECK(report.rows_written == 3);
    CHECK(report.rows_lost == 1);
    CHECK(report.indexes_cut == 1);
    CHECK(report.texts_repaired == 1);
    CHECK(report.numbers_not_finite == 1);
    CHECK(report.texts_cut + report.texts_dropped + report.out_of_memory == 0);
}

TEST_CASE("a row that grows sixfold is written whole") {
    NdjsonSink<Plain, Memory, by_slot> sink;
    std::string const worst(16 * 1024, '\x01');
    for (std::size_t const size : {600u, 670u, 680u, 690u, 700u, 5000u, 16384u}) {  // around 4 KB, and far above
        auto const row = plain(std::string_view(worst).substr(0, size), -1.7976931348623157e+308);
        CHECK(sink.write(row));
        CHECK(sink.transport().lines.back() == line_of<by_slot>(row));
    }
    CHECK(sink.report().rows_written == 7);
    CHECK(sink.report().out_of_memory == 0);
    CHECK(sink.transport().lines.back().size() > 98304);
}

TEST_CASE("several threads write long and short rows through one sink into one file") {
    char path[] = "/tmp/lastbyte-ndjson-XXXXXX";
    int const fd = ::mkstemp(path);
    REQUIRE(fd >= 0);
    ::close(fd);
    constexpr int threads = 4, each = 200;
    {
        NdjsonSink<Plain, FileSink> sink{path};
        REQUIRE(sink);
        std::vector<std::thread> writers;
        for (int writer = 0; writer < threads; ++writer)
            writers.emplace_back([&sink, writer] {
                for (int n = 0; n < each; ++n)
                    sink.write(plain(std::string(n % 5 == 0 ? 9000 : 20, static_cast<char>('a' + writer)), n));
            });
        for (auto& writer : writers) writer.join();
        CHECK(sink.report().rows_written == threads * each);
        CHECK(sink.transport().report().lines == threads * each);
    }
    std::ifstream file{path};
    int whole = 0;
    for (std::string text; std::getline(file, text);) {
        StrictLine const line{text + "\n"};
        REQUIRE(line);
        auto const& value = line.texts.at("text");
        bool const is_long = static_cast<int>(line.numbers.at("number")) % 5 == 0;
        REQUIRE(value == std::string(is_long ? 9000 : 20, value[0]));
        ++whole;
    }
    CHECK(whole == threads * each);
    ::unlink(path);
}
