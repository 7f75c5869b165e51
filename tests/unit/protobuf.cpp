// Protobuf primitives and the memory that they are written into: exact bytes, and the same bytes into every output.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include <lastbyte/encode/protobuf.hpp>

#include "wire.hpp"

using namespace lastbyte::detail;
using namespace lastbyte::detail::protobuf;

namespace {

constexpr std::size_t plenty = std::size_t{1} << 22;

std::string varint(std::uint64_t value) {
    std::string out;
    append_varint(out, value);
    return out;
}
std::string text_field(std::string_view text, std::string_view more = {}) {
    std::string out;
    append_text_field(out, 1, text, more);
    return out;
}
/// What a text is in the wire's message.
std::string written(std::string_view text, std::string_view more = {}) {
    return wire::Message{text_field(text, more)}.text(1);
}

/// A message in a message in a message, around so many bytes.
template <class Out>
void nested(Out& out, std::string const& inside) {
    append_message(out, 1, [&](auto& a) {
        append_varint_field(a, 1, 7);
        append_message(a, 2, [&](auto& b) {
            append_message(b, 3, [&](auto& c) { append_text_field(c, 4, inside); });
            append_fixed64_field(b, 5, 9);
        });
    });
}

}  // namespace

TEST_CASE("varints are those of the protobuf documentation") {
    CHECK(varint(0) == std::string(1, '\0'));
    CHECK(varint(1) == "\x01");
    CHECK(varint(127) == "\x7f");
    CHECK(varint(128) == "\x80\x01");
    CHECK(varint(150) == "\x96\x01");
    CHECK(varint(300) == "\xac\x02");
    CHECK(varint(~std::uint64_t{0}) == "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST_CASE("a varint of every width reads back, is as short as it can be, and is counted right") {
    for (unsigned bit = 0; bit < 64; ++bit)
        for (std::uint64_t const value :
             {std::uint64_t{1} << bit, (std::uint64_t{1} << bit) - 1, (std::uint64_t{1} << bit) + 1}) {
            std::string const bytes = varint(value);
            std::string_view rest = bytes;
            CHECK(wire::take_varint(rest) == value);
            CHECK(rest.empty());
            CHECK(varint_size(value) == bytes.size());
            Counter counted;
            append_varint(counted, value);
            CHECK(counted.size == bytes.size());
        }
}

TEST_CASE("fixed numbers are little-endian, ids big-endian") {
    std::string out;
    append_fixed64_field(out, 7, 0x0102030405060708);
    CHECK(out == "\x39\x08\x07\x06\x05\x04\x03\x02\x01");
    out.clear();
    append_fixed32_field(out, 6, 0x01020304);
    CHECK(out == "\x35\x04\x03\x02\x01");
    out.clear();
    append_big_endian(out, 0x0102030405060708);
    CHECK(out == "\x01\x02\x03\x04\x05\x06\x07\x08");
    out.clear();
    append_double_field(out, 4, 1.0);
    CHECK(out == std::string("\x21\0\0\0\0\0\0\xf0\x3f", 9));
}

TEST_CASE("a field number above 15 has a tag of two bytes") {
    std::string out;
    append_varint_field(out, 16, 1);
    CHECK(out == "\x80\x01\x01");
}

TEST_CASE("a text in two parts is one string") {
    CHECK(text_field("file:", "a.md") ==
          "\x0a\x09"
          "file:a.md");
    CHECK(text_field("") == std::string("\x0a\0", 2));
    CHECK(written("index") == "index");
}

TEST_CASE("what is no UTF-8 becomes U+FFFD, byte by byte, and the rest stays") {
    std::string const bad = "\xef\xbf\xbd";
    CHECK(written("a\xffz") == "a" + bad + "z");
    CHECK(written("\xc3\xa9\xc3") == "\xc3\xa9" + bad);
    CHECK(written("\xed\xa0\x80") == bad + bad + bad);                   // a surrogate
    CHECK(written("\xc0\xaf") == bad + bad);                             // overlong
    CHECK(written("\xf4\x90\x80\x80!") == bad + bad + bad + bad + "!");  // above U+10FFFF
    CHECK(written("12345678\x80", "\x80tail") == "12345678" + bad + bad + "tail");
    CHECK(written("\xf0\x9f\x98\x80 is fine") == "\xf0\x9f\x98\x80 is fine");
    CHECK(written(std::string_view{"nul\0inside", 10}) == std::string("nul\0inside", 10));
}

TEST_CASE("random bytes become a valid string that every output gets alike") {
    std::mt19937 random{7};
    for (int round = 0; round < 20'000; ++round) {
        std::string text(random() % 40, ' ');
        for (char& c : text) c = static_cast<char>(random() % (round % 3 == 0 ? 256 : 0x90));
        std::string const field = text_field(text);
        std::string const found = wire::Message{field}.text(1);
        REQUIRE(wire::is_utf8(found));
        if (wire::is_utf8(text)) REQUIRE(found == text);
        if (!wire::is_utf8(text)) REQUIRE(found.find("\xef\xbf\xbd") != std::string::npos);
        Counter counted;
        append_text_field(counted, 1, text);
        REQUIRE(counted.size == field.size());
        BoundedBuffer buffer{plenty};
        append_text_field(buffer, 1, text);
        REQUIRE(buffer.view() == field);
    }
}

TEST_CASE("what is stored directly has the bytes of what is appended, and knows whether its texts were UTF-8") {
    std::mt19937_64 random{5};
    for (int round = 0; round < 20'000; ++round) {
        std::uint64_t const number = random() >> random() % 64;
        std::string text(random() % 40, ' ');
        for (char& c : text) c = static_cast<char>(random() % 0x80);
        if (round % 2 == 0 && !text.empty()) text[random() % text.size()] = static_cast<char>(random() % 256);
        if (round % 5 == 0) text += "\xc3\xa9";
        std::string appended;
        append_varint(appended, number);
        append_fixed64_field(appended, 1, number);
        append_big_endian(appended, number);
        append(appended, text);

        char stored[128];
        Direct to{stored};
        to.varint(number);
        to.byte(1 << 3 | 1);
        to.little_endian(number);
        to.big_endian(number);
        to.text(text);
        REQUIRE(std::string_view{stored, to.at} == appended);
        REQUIRE(to.utf8 == wire::is_utf8(text));
        to.text("fine");
        REQUIRE(to.utf8 == wire::is_utf8(text));
    }
}

TEST_CASE("messages have the same bytes whether their length is counted first or put right afterwards") {
    std::vector<std::size_t> sizes{0, 1, 2'000'000};
    for (std::size_t edge : {127u, 128u, 16'383u, 16'384u, 2'097'151u})
        for (std::size_t below = 0; below < 24; ++below) sizes.push_back(edge - below);
    for (std::size_t const size : sizes) {
        std::string const inside(size, 'x');
        std::string text;
        nested(text, inside);
        BoundedBuffer buffer{plenty};
        nested(buffer, inside);
        Counter counted;
        nested(counted, inside);
        CHECK(buffer.view() == text);
        CHECK(counted.size == text.size());
        CHECK(wire::Message{text}.message(1).message(2).message(3).text(4) == inside);
        CHECK(wire::Message{text}.message(1).message(2).at(5).value == 9);
    }
}

TEST_CASE("a message that doesn't fit overflows its buffer, however little is missing") {
    for (std::size_t const inside : {std::size_t{10}, std::size_t{130}, std::size_t{5'000}}) {
        std::string whole;
        nested(whole, std::string(inside, 'x'));
        for (std::size_t room = 0; room <= whole.size() + 2; ++room) {
            BoundedBuffer buffer{room};
            nested(buffer, std::string(inside, 'x'));
            REQUIRE(buffer.overflowed() == (room < whole.size()));
            if (room >= whole.size()) REQUIRE(buffer.view() == whole);
        }
    }
}

TEST_CASE("after something was refused nothing fits, until the buffer is cut") {
    BoundedBuffer buffer{10};
    append(buffer, "12345");
    append(buffer, "too long");
    append(buffer, "6");
    CHECK(buffer.overflowed());
    CHECK(buffer.view() == "12345");
    CHECK_FALSE(buffer.reserve(1));
    buffer.cut(5);
    append(buffer, "67890");
    CHECK_FALSE(buffer.overflowed());
    CHECK(buffer.view() == "1234567890");
}

TEST_CASE("a buffer that is cut keeps its memory") {
    BoundedBuffer buffer{plenty};
    append(buffer, std::string(100'000, 'x'));
    auto const* const memory = buffer.data();
    for (int i = 0; i < 10; ++i) {
        buffer.cut(0);
        append(buffer, std::string(100'000, 'y'));
    }
    CHECK(buffer.data() == memory);
}

TEST_CASE("a buffer holds nothing beyond its bound, and all up to it") {
    for (std::size_t const bound :
         {std::size_t{0}, std::size_t{1}, std::size_t{4095}, std::size_t{4097}, std::size_t{100'000}}) {
        BoundedBuffer buffer{bound};
        append(buffer, std::string(bound, 'x'));
        CHECK_FALSE(buffer.overflowed());
        CHECK(buffer.size() == bound);
        append(buffer, "");
        CHECK_FALSE(buffer.overflowed());
        append(buffer, "x");
        CHECK(buffer.overflowed());
    }
}
