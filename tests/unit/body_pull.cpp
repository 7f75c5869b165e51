// Pull and read functions: what a chunk, the end and an error look like, whatever type says so.
#include <doctest/doctest.h>

#include "every_shape.hpp"

using lastbyte::Outcome;
using namespace shapes;

namespace {

/// What the callback saw of a pull function that was called until it gave nothing.
template <class Stream>
Seen pull(Stream stream) {
    Seen seen;
    auto body = lastbyte::defer_until_consumed(std::move(stream), NotePlain{&seen});
    while (body()) {
    }
    CHECK(seen.calls == 1);
    return seen;
}

/// Gives a value a few times, and then nothing.
template <class Result>
auto times(int count, Result value) {
    return [count, value]() mutable { return count-- > 0 ? value : Result{}; };
}

std::optional<std::string> say_nothing() { return std::nullopt; }

}  // namespace

TEST_CASE("a chunk is text or bytes, owned, viewed or pointed to") {
    std::string const text = "text";
    CHECK(pull(times(3, std::optional<std::string>{"text"})).bytes == 12);
    CHECK(pull(times(3, std::optional<std::string_view>{"text"})).bytes == 12);
    CHECK(pull(times(3, std::optional<char const*>{"text"})).bytes == 12);
    CHECK(pull(times(3, std::optional<std::vector<std::byte>>{std::in_place, 4u})).bytes == 12);
    CHECK(pull(times(3, std::optional<std::vector<std::uint32_t>>{std::in_place, 2u})).bytes == 24);
    CHECK(pull(times(3, &text)).bytes == 12);
    CHECK(pull(times(3, std::make_shared<std::string>(text))).bytes == 12);
}

TEST_CASE("a unique pointer to a chunk is handed on") {
    int left = 2;
    auto const seen = pull([left]() mutable { return left-- > 0 ? std::make_unique<std::string>("text") : nullptr; });
    CHECK(seen.bytes == 8);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("a null text inside a chunk is empty") {
    CHECK(pull(times(1, std::optional<char const*>{nullptr})).bytes == 0);
}

TEST_CASE("an empty chunk is neither the end nor a chunk, and the first byte comes after it") {
    Seen seen;
    auto body = lastbyte::defer_until_consumed(Pull::stream(Producer{{.chunks = {"", "text", ""}}}), NotePlain{&seen});
    for (int i = 0; i < 3; ++i) CHECK(body());
    CHECK_FALSE(body());
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 4);
    CHECK(seen.chunks == 1);
}

TEST_CASE("a function, a std::function and a function object may be pulled from") {
    CHECK(pull(&say_nothing).outcome == Outcome::complete);
    CHECK(pull(std::function<std::optional<std::string>()>{say_nothing}).outcome == Outcome::complete);
    CHECK(pull(Pull::stream(Producer{Script{}})).outcome == Outcome::complete);
}

TEST_CASE("a read of nothing into no room is not the end") {
    Seen seen;
    auto body = lastbyte::defer_until_consumed(Read::stream(Producer{{.chunks = fours(1)}}), NotePlain{&seen});
    char text[4];
    CHECK(body(text, 0) == 0);
    CHECK(seen.calls == 0);
    CHECK(body(text, 4) == 4);
    CHECK(body(text, 4) == 0);
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 4);
}

TEST_CASE("a read that gives a negative number has failed, as read(2) does") {
    Seen seen;
    auto body = lastbyte::defer_until_consumed(
        [left = 2](char*, std::size_t) mutable -> long { return left-- > 0 ? 3 : -1; }, NotePlain{&seen});
    char text[4];
    CHECK(body(text, 4) == 3);
    CHECK(body(text, 4) == 3);
    CHECK(body(text, 4) == -1);
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::producer_error);
    CHECK(seen.bytes == 6);
    CHECK(body(text, 4) == 0);
}

TEST_CASE("a read function may fill std::byte or unsigned char") {
    Seen seen;
    std::byte bytes[4];
    unsigned char octets[4];
    CHECK(lastbyte::defer_until_consumed([](std::byte*, std::size_t) -> long { return 3; }, NotePlain{&seen})(bytes,
                                                                                                              4) == 3);
    CHECK(seen.bytes == 3);
    CHECK(lastbyte::defer_until_consumed([](unsigned char*, std::size_t) { return 2; }, NotePlain{&seen})(octets, 4) ==
          2);
    CHECK(seen.bytes == 2);
}

TEST_CASE("a read function may take its buffer as void*, and a pointer to one may be wrapped") {
    auto read = +[](void*, std::size_t) -> std::size_t { return 0; };
    Seen seen;
    auto body = lastbyte::defer_until_consumed(std::move(read), NotePlain{&seen});
    char text[4];
    CHECK(body(text, 4) == 0);
    CHECK(seen.outcome == Outcome::complete);
}
