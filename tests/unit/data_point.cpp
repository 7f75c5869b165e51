// Point and Row: values in and out, bounds that are met exactly, drops counted by cause, and copies that cost what is
// used.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

#include <lastbyte/telemetry/data_point.hpp>

#include "point.hpp"

using namespace lastbyte;
using seed::Plain;

namespace {

struct Narrow : StoreLimits {
    static constexpr std::size_t blob_bytes = 40;
    static constexpr std::size_t index_bytes = 5;
};
using Small = SchemaWithin<Narrow, "small", Blob<1, "a">, Blob<2, "b">, Blob<3, "c">, Double<1, "n">, IndexOf<1, "a">>;

/// The slow way: every character decoded, and held against what may be encoded in so many bytes.
bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        auto const c = static_cast<unsigned char>(text[at]);
        std::size_t const length = c < 0x80 ? 1 : (c >> 5) == 6 ? 2 : (c >> 4) == 14 ? 3 : (c >> 3) == 30 ? 4 : 0;
        if (length == 0 || at + length > text.size()) return false;
        std::uint32_t code = length == 1 ? c : c & (0x7fu >> length);
        for (std::size_t i = 1; i < length; ++i) {
            auto const next = static_cast<unsigned char>(text[at + i]);
            if ((next >> 6) != 2) return false;
            code = code << 6 | (next & 0x3f);
        }
        constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
        at += length;
    }
    return true;
}
std::string random_text(std::mt19937& random, std::size_t characters) {
    static constexpr char const* alphabet[] = {"a", "B", " ", "\"", "\n", "é", "ß", "€", "語", "𝄞", "🙂"};
    std::string text;
    for (std::size_t i = 0; i < characters; ++i) text += alphabet[random() % std::size(alphabet)];
    return text;
}

enum class Colour { red };
constexpr std::string_view name(Colour) { return "red"; }

}  // namespace

TEST_CASE("unset fields are empty and 0; a second set replaces the first") {
    seed::ToolCall::Point point;
    CHECK(point.get<"method">().empty());
    CHECK(point.get<"count">() == 0);
    point.set<"method">("tools/list");
    point.set<"tool_name">("search");
    point.set<"method">("tools/call and more");
    point.set<"tool_name">("get");
    point.set<"count">(1);
    point.set<"count">(2);
    CHECK(point.get<"method">() == "tools/call and more");
    CHECK(point.get<"tool_name">() == "get");
    CHECK(point.get<"count">() == 2);
    point.set<"method">("");
    CHECK(point.get<"method">().empty());
    CHECK(point.get<"tool_name">() == "get");
    CHECK(point.drops().total() == 0);
}

TEST_CASE("fields take every kind of text and number") {
    Plain::Point point;
    auto const holds = [&](auto const& value, std::string_view text) {
        point.set<"text">(value);
        return point.get<"text">() == text;
    };
    char array[] = "array";
    char* pointer = array;
    CHECK(holds("literal", "literal"));
    CHECK(holds(std::string("string"), "string"));
    CHECK(holds(std::string_view("view"), "view"));
    CHECK(holds(array, "array"));
    CHECK(holds(pointer, "array"));
    CHECK(holds(static_cast<char const*>(nullptr), ""));
    CHECK(holds(Outcome::aborted, "aborted"));
    CHECK(holds(Colour::red, "red"));
    CHECK(holds(Tier<seed::Source>{seed::Source::r2}, "r2"));
    CHECK(holds(Tier<seed::Source>::none(), "none"));
    auto const number = [&](auto value) {
        point.set<"number">(value);
        return point.get<"number">();
    };
    CHECK(number(true) == 1);
    CHECK(number(-3) == -3);
    CHECK(number(3u) == 3);
    CHECK(number(std::int8_t{-8}) == -8);
    CHECK(number(std::uint64_t{1} << 53) == 9007199254740992.0);
    CHECK(number(1.5f) == 1.5);
    CHECK(number(0.1L) == 0.1);
}

TEST_CASE("what a Reading gives completes a point") {
    seed::ToolCall::Point point;
    point.set<"consumer_label">("acme");
    seed::after_a_body([&](Reading<seed::Policy> const& done) {
        auto const row = seed::completed(point, done);
        CHECK(row.get<"cache_tier">() == "cache");
        CHECK(row.get<"duration_ms">() == 40.5);
        CHECK(row.get<"bytes_out">() == 5);
        CHECK(row.get<"tokens_out">() == 7);
        CHECK(row.get<"cache_hits">() == 1);
        CHECK(row.get<"cache_lookups">() == 1);
        CHECK(row.get<"consumer_label">() == "acme");
        CHECK(row.index() == "acme");

        using Facts = Schema<"facts", Blob<1, "outcome", after_body>, Blob<2, "note", after_body>, Blob<3, "before">,
                             Double<1, "late", after_body>>;
        Facts::Point facts;
        facts.set<"before">(done.outcome());  // a final value fits everywhere
        auto const other = facts.complete(set<"late">(done.final_value(true)), set<"outcome">(done.outcome()),
                                          set<"note">(done.final_value(std::string("own"))));
        CHECK(other.get<"outcome">() == "complete");
        CHECK(other.get<"note">() == "own");
        CHECK(other.get<"before">() == "complete");
        CHECK(other.get<"late">() == 1);
    });
}

TEST_CASE("a point can be completed more than once, and stays as it was") {
    seed::ToolCall::Point point;
    point.set<"method">("tools/call");
    auto const first = seed::row_of(point);
    point.set<"method">("other");
    auto const second = seed::row_of(point);
    CHECK(first.get<"method">() == "tools/call");
    CHECK(second.get<"method">() == "other");
    CHECK(point.drops().total() == 0);
}

TEST_CASE("texts together end at the store's bound, between two characters, and each cause is counted") {
    Small::Point point;
    point.set<"a">(std::string(39, 'x'));
    point.set<"b">("é");  // one byte is left
    CHECK(point.get<"b">().empty());
    CHECK(point.drops().texts_dropped == 1);
    point.set<"b">("y");
    CHECK(point.get<"b">() == "y");
    point.set<"c">("z");
    CHECK(point.drops().texts_dropped == 2);
    point.set<"a">("aa");  // makes room
    point.set<"c">(std::string(36, 'c') + "€");
    CHECK(point.get<"c">() == std::string(36, 'c'));
    CHECK(point.drops().texts_cut == 1);
    CHECK(point.get<"b">() == "y");
    CHECK(point.get<"a">() == "aa");
    CHECK(point.drops().total() == 3);
}

TEST_CASE("exactly 16 KB of texts fit, and one byte more is cut") {
    Plain::Point point;
    point.set<"text">(std::string(10000, 'x'));
    point.set<"more">(std::string(6384, 'y'));
    CHECK(point.drops().total() == 0);
    CHECK(point.get<"more">().size() == 6384);
    point.set<"more">(std::string(6385, 'y'));
    CHECK(point.drops().texts_cut == 1);
    CHECK(point.get<"more">().size() == 6384);
}

TEST_CASE("a document's endless name doesn't push the tier out of the row") {
    seed::ToolCall::Point point;
    point.set<"document_uri">(std::string(1u << 20u, 'u'));
    point.set<"method">("lost");
    CHECK(point.drops().texts_cut == 1);
    CHECK(point.drops().texts_dropped == 1);
    auto const row = seed::row_of(point);
    CHECK(row.get<"cache_tier">() == "cache");
    CHECK(row.get<"document_uri">().size() == 16 * 1024 - 64);
    CHECK(row.drops().total() == 2);
}

TEST_CASE("the index is cut at 96 bytes, between two characters, and counted; the text it copies is not cut") {
    auto const row_with = [](std::string const& label) {
        Plain::Point point;
        point.set<"text">(label);
        return point.complete();
    };
    CHECK(row_with(std::string(96, 'x')).drops().total() == 0);
    CHECK(row_with(std::string(96, 'x')).index().size() == 96);
    auto const cut = row_with(std::string(95, 'x') + "é");
    CHECK(cut.index() == std::string(95, 'x'));
    CHECK(cut.get<"text">().size() == 97);
    CHECK(cut.drops().indexes_cut == 1);
    CHECK(cut.drops().total() == 1);
}

TEST_CASE("bytes that are no UTF-8 become U+FFFD where they are set, one each, and the text is counted") {
    Plain::Point point;
    point.set<"text">("a\xff\xc3(\xed\xa0\x80");
    CHECK(point.get<"text">() == "a\ufffd\ufffd(\ufffd\ufffd\ufffd");
    point.set<"more">("é is fine");
    CHECK(point.drops().texts_repaired == 1);
    CHECK(point.drops().total() == 1);
}

TEST_CASE("a text of any length is kept byte by byte, and a byte that is no UTF-8 is found wherever it stands") {
    for (std::size_t size = 0; size <= 70; ++size) {
        std::string text;
        for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('!' + i);
        Plain::Point point;
        point.set<"more">("before");
        point.set<"text">(text);
        CHECK(point.get<"text">() == text);
        CHECK(point.get<"more">() == "before");
        CHECK(point.drops().total() == 0);
        for (std::size_t bad = 0; bad < size; ++bad) {
            auto broken = text;
            broken[bad] = '\x80';
            Plain::Point repaired;
            repaired.set<"text">(broken);
            CHECK(repaired.get<"text">() == broken.replace(bad, 1, "\ufffd"));
        }
    }
}

TEST_CASE("the store's bound holds for a text as it is repaired, and so does the index's") {
    Plain::Point point;
    point.set<"text">(std::string(16 * 1024, '\xff'));
    CHECK(point.get<"text">().size() == 16 * 1024 - 1);  // 5461 characters of three bytes
    CHECK(point.drops().texts_cut == 1);
    CHECK(point.drops().texts_repaired == 1);
    CHECK(point.complete().index().size() == 96);
    CHECK(is_utf8(point.complete().index()));
}

TEST_CASE("a final value may be cut, repaired or refused as well, and the row counts it") {
    using Late = SchemaWithin<Narrow, "late", Blob<1, "a", after_body>, Double<1, "n", after_body>>;
    seed::after_a_body([](Reading<seed::Policy> const& done) {
        Late::Point const point;
        auto const row = point.complete(set<"n">(done.final_value(std::nan(""))),
                                        set<"a">(done.final_value("\xff" + std::string(50, 'x'))));
        CHECK(row.get<"n">() == 0);
        CHECK(row.get<"a">() == "\ufffd" + std::string(37, 'x'));
        CHECK(row.drops().numbers_not_finite == 1);
        CHECK(row.drops().texts_cut == 1);
        CHECK(row.drops().texts_repaired == 1);
        CHECK(point.drops().total() == 0);
    });
}

TEST_CASE("NaN and the infinities are refused and counted, and the field keeps what it had") {
    Plain::Point point;
    point.set<"number">(std::nan(""));
    CHECK(point.get<"number">() == 0);
    point.set<"number">(4);
    point.set<"number">(std::numeric_limits<double>::infinity());
    point.set<"number">(-std::numeric_limits<float>::infinity());
    CHECK(point.get<"number">() == 4);
    CHECK(point.drops().numbers_not_finite == 3);
    point.set<"number">(std::numeric_limits<double>::max());
    CHECK(point.drops().total() == 3);
}

TEST_CASE("a text may come from the point itself") {
    Small::Point point;
    point.set<"a">("abcdef");
    point.set<"b">("ghijkl");
    point.set<"c">(point.get<"a">());
    CHECK(point.get<"c">() == "abcdef");
    point.set<"a">(point.get<"a">().substr(2));  // a part of itself
    CHECK(point.get<"a">() == "cdef");
    point.set<"a">(point.get<"b">());  // before and behind it in memory
    CHECK(point.get<"a">() == "ghijkl");
    point.set<"b">(point.get<"a">().substr(1, 2));
    CHECK(point.get<"b">() == "hi");
    point.set<"c">(point.get<"c">());
    CHECK(point.get<"c">() == "abcdef");
    CHECK(point.drops().total() == 0);
}

TEST_CASE("a part of a field's own text is cut to whole characters") {
    Plain::Point point;
    point.set<"more">("m");
    point.set<"text">("é€x🙂");
    point.set<"text">(point.get<"text">().substr(1, 8));
    CHECK(point.get<"text">() == "€x");
    CHECK(point.get<"more">() == "m");
    CHECK(point.drops().texts_repaired == 1);
    point.set<"text">(point.get<"text">().substr(1, 1));
    CHECK(point.get<"text">().empty());
}

TEST_CASE("any sequence of sets does what separate strings would do") {
    std::mt19937 random{20261124};
    for (int round = 0; round < 300; ++round) {
        Small::Point point;
        std::string model[3];
        Drops drops;
        for (int step = 0; step < 60; ++step) {
            auto const slot = random() % 3;
            std::string text = random_text(random, random() % 12);
            if (random() % 4 == 0) text = model[random() % 3];
            if (random() % 8 == 0) text.insert(random() % (text.size() + 1), 1, static_cast<char>(random()));
            std::string_view given = text;
            if (random() % 4 == 0) {  // from the point itself
                std::string_view const own[] = {point.get<"a">(), point.get<"b">(), point.get<"c">()};
                auto const from_slot = random() % 3;
                given = own[from_slot];
                auto const from = random() % (given.size() + 1);
                given = given.substr(from, random() % (given.size() - from + 1));
                if (from_slot == slot && !is_utf8(given)) continue;
                text = given;
            }
            std::size_t room = 40 - (model[0].size() + model[1].size() + model[2].size() - model[slot].size());
            std::string kept;
            bool repaired = false;
            std::size_t at = 0;
            while (at < text.size()) {
                std::size_t length = 1;
                while (length < 4 && at + length <= text.size() && !is_utf8(text.substr(at, length))) ++length;
                bool const valid = at + length <= text.size() && is_utf8(text.substr(at, length));
                std::string const piece = valid ? text.substr(at, length) : "\ufffd";
                if (piece.size() > room) break;
                room -= piece.size();
                kept += piece;
                at += valid ? length : 1;
                repaired = repaired || !valid;
            }
            if (repaired) ++drops.texts_repaired;
            if (at != text.size()) ++(at == 0 ? drops.texts_dropped : drops.texts_cut);
            slot == 0 ? point.set<"a">(given) : slot == 1 ? point.set<"b">(given) : point.set<"c">(given);
            model[slot] = kept;
            REQUIRE(point.get<"a">() == model[0]);
            REQUIRE(point.get<"b">() == model[1]);
            REQUIRE(point.get<"c">() == model[2]);
        }
        CHECK(point.drops().texts_cut == drops.texts_cut);
        CHECK(point.drops().texts_dropped == drops.texts_dropped);
        CHECK(point.drops().texts_repaired == drops.texts_repaired);
        auto const row = point.complete();
        CHECK(row.get<"b">() == model[1]);
        CHECK(is_utf8(row.index()));
        CHECK(row.drops().indexes_cut == (model[0].size() > 5 ? 1 : 0));
    }
}

TEST_CASE("copies are independent") {
    Plain::Point point;
    point.set<"text">("hello");
    Plain::Point copy = point;
    copy.set<"text">("changed");
    CHECK(point.get<"text">() == "hello");
    copy = point;
    CHECK(copy.get<"text">() == "hello");
    copy = *&copy;
    CHECK(copy.get<"text">() == "hello");
    std::vector<Plain::Row> rows;
    for (int i = 0; i < 5; ++i) rows.push_back(copy.complete());
    CHECK(rows[0].get<"text">() == "hello");
}

TEST_CASE("neither making nor copying a point touches the bytes that are not in use") {
    alignas(Plain::Point) static unsigned char memory[2][sizeof(Plain::Point)];
    std::memset(memory[0], 0xee, sizeof memory[0]);
    std::memset(memory[1], 0x11, sizeof memory[1]);
    __asm__ volatile("" : : "r"(memory) : "memory");  // what is there before an object begins is dead to the compiler
    auto* point = new (memory[0]) Plain::Point;
    point->set<"text">("hello");
    auto* copy = new (memory[1]) Plain::Point{*point};
    *copy = *point;
    CHECK(copy->get<"text">() == "hello");
    auto const touched = [](unsigned char const* bytes, unsigned char filled) {
        return std::count_if(bytes, bytes + sizeof(Plain::Point), [=](unsigned char byte) { return byte != filled; });
    };
    CHECK(touched(memory[0], 0xee) < 200);
    CHECK(touched(memory[1], 0x11) < 200);
}

TEST_CASE("a row can't be made but by complete(), nor out of bytes") {
    using Row = seed::ToolCall::Row;
    static_assert(!std::is_default_constructible_v<Row>);
    static_assert(!std::is_constructible_v<Row, seed::ToolCall::Point>);
    static_assert(!std::is_aggregate_v<Row>);
    static_assert(!std::is_trivially_copyable_v<Row>);
    static_assert(std::is_nothrow_copy_constructible_v<Row>);
    static_assert(std::is_nothrow_move_assignable_v<Row>);
}
