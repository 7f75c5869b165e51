// Stream buffers and istreams: everything that reads them reads through the wrapper, and what it keeps is counted once.
#include <doctest/doctest.h>

#include "every_shape.hpp"

#include <iterator>
#include <sstream>

using lastbyte::Outcome;
using namespace shapes;

namespace {

template <class Fn>
Seen read_buffer(std::string const& text, Fn fn) {
    Seen seen;
    {
        auto body = lastbyte::defer_until_consumed(std::stringbuf{text, std::ios_base::in}, NotePlain{&seen});
        fn(body);
    }
    CHECK(seen.calls == 1);
    return seen;
}
template <class Fn>
Seen read_stream(std::istringstream stream, Fn fn) {
    Seen seen;
    {
        auto body = lastbyte::defer_until_consumed(std::move(stream), NotePlain{&seen});
        fn(body);
        CHECK(seen.calls == 0);
    }
    CHECK(seen.calls == 1);
    return seen;
}
std::istringstream stream_of(std::string text) { return std::istringstream{std::move(text)}; }

}  // namespace

TEST_CASE("characters, lines, words and whole buffers are read through the wrapper and counted") {
    auto const seen = read_stream(stream_of("one two\nthree 4\nrest"), [](std::istream& in) {
        std::string word, line;
        int number = 0;
        CHECK(in.get() == 'o');
        CHECK((in >> word).good());
        CHECK(word == "ne");
        CHECK((std::getline(in, line)).good());
        CHECK(line == " two");
        CHECK((in >> word >> number).good());
        CHECK(word == "three");
        CHECK(number == 4);
        in.ignore(1);
        char rest[10];
        in.read(rest, sizeof rest);
        CHECK(in.gcount() == 4);
        CHECK(in.eof());
    });
    CHECK(seen.bytes == 20);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("an istreambuf_iterator reads a wrapped buffer to its end") {
    std::string text(5000, 'x');
    auto const seen = read_buffer(text, [&](std::streambuf& buffer) {
        CHECK(std::string{std::istreambuf_iterator<char>{&buffer}, std::istreambuf_iterator<char>{}} == text);
    });
    CHECK(seen.bytes == 5000);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("an istream over a wrapped buffer reads it") {
    auto const seen = read_buffer("a b", [](auto& body) {
        std::istream in{body.rdbuf()};
        std::string a, b;
        in >> a >> b;
        CHECK(a + b == "ab");
        CHECK(in.eof());
    });
    CHECK(seen.bytes == 3);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("what is only looked at is not counted") {
    auto const seen = read_buffer("text", [](std::streambuf& buffer) {
        CHECK(buffer.sgetc() == 't');
        CHECK(buffer.sgetc() == 't');
        CHECK(buffer.in_avail() == 4);
    });
    CHECK(seen.bytes == 0);
    CHECK(seen.outcome == Outcome::aborted);
}

TEST_CASE("what is put back and read again is counted once") {
    auto const seen = read_buffer("text", [](std::streambuf& buffer) {
        CHECK(buffer.sbumpc() == 't');
        CHECK(buffer.sbumpc() == 'e');
        CHECK(buffer.sungetc() == 'e');
        CHECK(buffer.sputbackc('t') == 't');
        char text[4];
        CHECK(buffer.sgetn(text, 4) == 4);
    });
    CHECK(seen.bytes == 4);
}

TEST_CASE("a character that can't be put back is none") {
    auto const seen = read_buffer("text", [](std::streambuf& buffer) {
        CHECK(buffer.sungetc() == std::char_traits<char>::eof());
        CHECK(buffer.sbumpc() == 't');
        CHECK(buffer.sputbackc('x') == std::char_traits<char>::eof());
        CHECK(buffer.sbumpc() == 'e');
    });
    CHECK(seen.bytes == 2);
}

TEST_CASE("a seek moves the stream that is wrapped, and what is read again after it counts again") {
    auto const seen = read_buffer("0123456789", [](std::streambuf& buffer) {
        CHECK(buffer.pubseekoff(0, std::ios_base::end, std::ios_base::in) == 10);
        CHECK(buffer.pubseekpos(4) == 4);
        CHECK(buffer.sbumpc() == '4');
        CHECK(buffer.pubseekoff(-1, std::ios_base::cur, std::ios_base::in) == 4);
        CHECK(buffer.sbumpc() == '4');
    });
    CHECK(seen.bytes == 2);
}

TEST_CASE("a seek forgets what was put back, and asking for the place doesn't") {
    auto const seen = read_buffer("0123456789", [](std::streambuf& buffer) {
        CHECK(buffer.sbumpc() == '0');
        CHECK(buffer.sungetc() == '0');
        CHECK(buffer.pubseekoff(0, std::ios_base::cur, std::ios_base::in) == 0);
        CHECK(buffer.sbumpc() == '0');
        CHECK(buffer.sungetc() == '0');
        CHECK(buffer.pubseekpos(5) == 5);
        CHECK(buffer.sbumpc() == '5');
        CHECK(buffer.sungetc() == '5');
        CHECK(buffer.pubseekoff(3, std::ios_base::cur, std::ios_base::in) == 8);
        CHECK(buffer.sbumpc() == '8');
    });
    CHECK(seen.bytes == 3);
}

TEST_CASE("a server that finds out the length by seeking to the end reads the body all the same") {
    auto const seen = read_stream(stream_of("0123456789"), [](std::istream& in) {
        in.seekg(0, std::ios_base::end);
        CHECK(in.tellg() == 10);
        in.seekg(0);
        CHECK(std::string{std::istreambuf_iterator<char>{in}, {}} == "0123456789");
    });
    CHECK(seen.bytes == 10);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("an istream can be rewound after its end, as the bare one can") {
    auto const seen = read_stream(stream_of("text"), [](std::istream& in) {
        CHECK(std::string{std::istreambuf_iterator<char>{in}, {}} == "text");
        in.clear();
        in.seekg(0);
        CHECK(in.get() == 't');
    });
    CHECK(seen.bytes == 5);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("an istream keeps its format, its exception mask and its locale") {
    auto hexadecimal = stream_of("ff");
    hexadecimal >> std::hex;
    hexadecimal.exceptions(std::ios_base::badbit);
    hexadecimal.width(7);
    auto const seen = read_stream(std::move(hexadecimal), [](std::istream& in) {
        CHECK(in.exceptions() == std::ios_base::badbit);
        CHECK(in.width() == 7);
        int number = 0;
        CHECK_FALSE((in >> number).fail());
        CHECK(number == 255);
    });
    CHECK(seen.bytes == 2);
}

TEST_CASE("an istream that had failed before it was wrapped is a producer error at its first read, and not before") {
    auto failed = stream_of("text");
    failed.setstate(std::ios_base::failbit);
    auto const seen = read_stream(std::move(failed), [](std::istream& in) {
        CHECK(in.good());
        CHECK(in.get() == std::char_traits<char>::eof());
        CHECK(in.eof());
    });
    CHECK(seen.bytes == 0);
    CHECK(seen.outcome == Outcome::producer_error);
}

TEST_CASE("an istream without a buffer is a producer error") {
    struct Empty : std::istream {
        Empty() : std::istream(nullptr) {}
        Empty(Empty&&) noexcept : std::istream(nullptr) {}
    };
    Seen seen;
    {
        auto body = lastbyte::defer_until_consumed(Empty{}, NotePlain{&seen});
        CHECK(body.get() == std::char_traits<char>::eof());
        CHECK(body.tellg() == std::streampos(-1));
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::producer_error);
}

TEST_CASE("a producer's exception sets badbit, and leaves the istream only where its mask says so") {
    for (bool const leaves : {false, true}) {
        Seen seen;
        {
            auto body = make<Istream>(seen, {.chunks = fours(3), .fails_at = 1}, lastbyte::Tracer<Docs>{});
            if (leaves) body.exceptions(std::ios_base::badbit);
            char text[12];
            if (leaves)
                CHECK_THROWS_AS(body.read(text, 12), ProducerFailed);
            else
                CHECK(body.read(text, 12).bad());
        }
        CHECK(seen.calls == 1);
        CHECK(seen.outcome == Outcome::producer_error);
    }
}

TEST_CASE("an istream body that has failed, and throws when it fails, can be moved without throwing") {
    Seen seen;
    {
        auto body = lastbyte::defer_until_consumed(stream_of("x 12"), NotePlain{&seen});
        int number = 0;
        CHECK((body >> number).fail());
        CHECK_THROWS(body.exceptions(std::ios_base::failbit | std::ios_base::eofbit));
        auto moved = std::move(body);
        CHECK(moved.fail());
        CHECK(moved.exceptions() == (std::ios_base::failbit | std::ios_base::eofbit));
        moved.clear();
        CHECK(moved.get() == 'x');
        CHECK_THROWS_AS(moved >> number, std::ios_base::failure);  // at the end, after the number
        CHECK(number == 12);
    }
    CHECK(seen.calls == 1);
    CHECK(seen.bytes == 4);
}

TEST_CASE("an istream body that another is moved onto ends, and goes on as the other") {
    Seen replaced, moved;
    {
        auto body = lastbyte::defer_until_consumed(stream_of("first"), NotePlain{&replaced});
        CHECK(body.get() == 'f');
        auto other = lastbyte::defer_until_consumed(stream_of("second"), NotePlain{&moved});
        CHECK(other.get() == 's');
        body = std::move(other);
        CHECK(replaced.calls == 1);
        std::string rest;
        std::getline(body, rest);
        CHECK(rest == "econd");
    }
    CHECK(replaced.bytes == 1);
    CHECK(replaced.outcome == Outcome::aborted);
    CHECK(moved.calls == 1);
    CHECK(moved.bytes == 6);
    CHECK(moved.outcome == Outcome::complete);
}

TEST_CASE("a stream buffer that is over, or was moved from, is at its end and knows no place") {
    Seen seen;
    auto body = lastbyte::defer_until_consumed(std::stringbuf{"text"}, NotePlain{&seen});
    auto moved = std::move(body);
    CHECK(std::string{std::istreambuf_iterator<char>{&moved}, {}} == "text");
    CHECK(seen.calls == 1);
    for (std::streambuf* const gone : {static_cast<std::streambuf*>(&body), static_cast<std::streambuf*>(&moved)}) {
        char to[4];
        CHECK(gone->sgetc() == std::char_traits<char>::eof());
        CHECK(gone->sbumpc() == std::char_traits<char>::eof());
        CHECK(gone->sgetn(to, 4) == 0);
        CHECK(gone->sungetc() == std::char_traits<char>::eof());
        CHECK(gone->pubseekpos(0) == std::streampos(-1));
        CHECK(gone->in_avail() == -1);
        CHECK(gone->pubsync() == -1);
    }
    CHECK(seen.calls == 1);
}

TEST_CASE("a stream buffer whose server has left in its middle gives no more of its text") {
    Seen seen;
    auto body = lastbyte::defer_until_consumed(std::stringbuf{"text"}, NotePlain{&seen});
    char to[2];
    CHECK(body.sgetn(to, 1) == 1);
    CHECK(body.sgetn(to, 1) == 1);
    body.told_by_server(Outcome::aborted);
    CHECK(body.sgetn(to, 2) == 0);
    CHECK(seen.bytes == 2);
}

TEST_CASE("a buffer that somebody else owns stays open and at its place") {
    std::stringbuf buffer{"text and more"};
    Seen seen;
    {
        auto body = lastbyte::defer_until_consumed(lastbyte::defer_ref(buffer), NotePlain{&seen});
        char text[4];
        CHECK(body.sgetn(text, 4) == 4);
    }
    CHECK(seen.bytes == 4);
    CHECK(seen.outcome == Outcome::aborted);
    CHECK(buffer.sbumpc() == ' ');
}
