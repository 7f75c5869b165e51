// Schema: what a declaration says, and that the limits are met exactly at their bounds (beyond them:
// tests/rejects/r17*).
#include <doctest/doctest.h>

#include <lastbyte/telemetry/data_point.hpp>

#include "point.hpp"

using namespace lastbyte;

namespace {

using Full = Schema<"full", Blob<1, "b1">, Blob<2, "b2">, Blob<3, "b3">, Blob<4, "b4">, Blob<5, "b5">, Blob<6, "b6">,
                    Blob<7, "b7">, Blob<8, "b8">, Blob<9, "b9">, Blob<10, "b10">, Blob<11, "b11">, Blob<12, "b12">,
                    Blob<13, "b13">, Blob<14, "b14">, Blob<15, "b15">, Blob<16, "b16">, Blob<17, "b17">,
                    Blob<18, "b18">, Blob<19, "b19">, Blob<20, "b20">, Double<1, "d1">, Double<2, "d2">,
                    Double<3, "d3">, Double<4, "d4">, Double<5, "d5">, Double<6, "d6">, Double<7, "d7">,
                    Double<8, "d8">, Double<9, "d9">, Double<10, "d10">, Double<11, "d11">, Double<12, "d12">,
                    Double<13, "d13">, Double<14, "d14">, Double<15, "d15">, Double<16, "d16">, Double<17, "d17">,
                    Double<18, "d18">, Double<19, "d19">, Double<20, "d20">, IndexOf<1, "b20">>;

struct Roomy : StoreLimits {
    static constexpr std::size_t indexes = 2;
    static constexpr std::size_t blob_bytes = 100;
};

}  // namespace

TEST_CASE("the seed's data point has its nine texts, eight numbers and one index, each in its column") {
    static_assert(seed::ToolCall::name == "tool_calls");
    static_assert(seed::ToolCall::blobs == 9);
    static_assert(seed::ToolCall::doubles == 8);
    static_assert(seed::ToolCall::indexes == 1);
    seed::ToolCall::Point point;
    point.set<"event_type">("tool_call");
    point.set<"worker_version">("1.2.3");
    point.set<"count">(1);
    point.set<"tokens_in">(5);
    auto const row = seed::row_of(point);
    CHECK(row.blob(1) == "tool_call");
    CHECK(row.blob(8) == "1.2.3");
    CHECK(row.blob(9) == "cache");
    CHECK(row.number(1) == 1);
    CHECK(row.number(5) == 5);
    CHECK(row.number(8) == 1);
}

TEST_CASE("a schema may use the store's limits up") {
    Full::Point point;
    point.set<"b20">("last");
    point.set<"d20">(20);
    auto const row = point.complete();
    CHECK(row.blob(20) == "last");
    CHECK(row.number(20) == 20);
    CHECK(row.index(1) == "last");
    CHECK(row.blob(1).empty());
    CHECK(row.number(1) == 0);
}

TEST_CASE("columns that a schema doesn't have read as empty") {
    auto const row = seed::Plain::Point{}.complete();
    CHECK(row.blob(0).empty());
    CHECK(row.blob(3).empty());
    CHECK(row.number(0) == 0);
    CHECK(row.number(2) == 0);
    CHECK(row.index(0).empty());
    CHECK(row.index(2).empty());
}

TEST_CASE("the order of declaration is free, and limits are a type of one's own") {
    using Mixed = SchemaWithin<Roomy, "mixed", IndexOf<2, "a">, Double<2, "y">, Blob<2, "b">, Blob<1, "a">,
                               Double<1, "x">, IndexOf<1, "b">>;
    Mixed::Point point;
    point.set<"a">("A");
    point.set<"b">("B");
    point.set<"x">(1);
    point.set<"y">(2);
    auto const row = point.complete();
    CHECK(row.blob(1) == "A");
    CHECK(row.blob(2) == "B");
    CHECK(row.number(1) == 1);
    CHECK(row.number(2) == 2);
    CHECK(row.index(1) == "B");
    CHECK(row.index(2) == "A");
    static_assert(sizeof(Mixed::Point) < 300);
}

TEST_CASE("a schema without fields is one, and has rows") {
    using Nothing = Schema<"nothing">;
    CHECK(Nothing::Point{}.complete().drops().total() == 0);
}
