// Sources: the names of an enum, wherever and however it is declared.
#include <doctest/doctest.h>

#include <cstdint>
#include <string>

#include <lastbyte/core/tier.hpp>

enum class Global { memory, cache, miss };

namespace outer::inner {
enum class Nested { first, second };
struct Holder {
    enum class Inside { a, b, c };
};
template <class, int>
struct Templated {
    enum class Inside { left, right };
};
}  // namespace outer::inner

namespace {
enum class Hidden { here, there };
namespace deeper {
enum class HiddenTwice { one, two };
}
}  // namespace

enum class Sparse { three = 3, seventeen = 17, sixty_three = 63 };
enum class Signed : std::int8_t { minus = -1, zero = 0, one = 1 };
enum class Narrow : unsigned char { low = 1, high = 200 };
enum class Wide : std::uint64_t { one = 1, huge = 1'000'000'000'000 };
enum class Beyond { last = 63, outside = 64 };
enum class Shared { first = 2, again = 2, other = 3 };
enum class Empty {};
enum class Underscored { _x, x_2, VERY_LONG_NAME_WITH_DIGITS_0123456789 };

using lastbyte::source_name;

TEST_CASE("a global enum has its names") {
    CHECK(source_name(Global::memory) == "memory");
    CHECK(source_name(Global::cache) == "cache");
    CHECK(source_name(Global::miss) == "miss");
}

TEST_CASE("namespaces, classes and templates are no part of the name") {
    CHECK(source_name(outer::inner::Nested::second) == "second");
    CHECK(source_name(outer::inner::Holder::Inside::c) == "c");
    CHECK(source_name(outer::inner::Templated<std::string, 3>::Inside::right) == "right");
    CHECK(source_name(outer::inner::Templated<outer::inner::Templated<int, 1>, -1>::Inside::left) == "left");
}

TEST_CASE("an enum in an anonymous namespace has its names") {
    CHECK(source_name(Hidden::there) == "there");
    CHECK(source_name(deeper::HiddenTwice::one) == "one");
}

TEST_CASE("an enum inside a function or a lambda has its names") {
    enum class Local { x, y };
    CHECK(source_name(Local::y) == "y");
    auto const in_lambda = [](auto, int (*)(char)) {
        enum class Deep { p, q };
        return source_name(Deep::q);
    };
    CHECK(in_lambda(1, nullptr) == "q");
}

TEST_CASE("sparse values keep their places") {
    CHECK(source_name(Sparse::three) == "three");
    CHECK(source_name(Sparse::seventeen) == "seventeen");
    CHECK(source_name(Sparse::sixty_three) == "sixty_three");
    CHECK(source_name(static_cast<Sparse>(0)).empty());
    CHECK(source_name(static_cast<Sparse>(18)).empty());
    CHECK(lastbyte::detail::Names<Sparse>::table.known == (1ull << 3 | 1ull << 17 | 1ull << 63));
}

TEST_CASE("the underlying type doesn't matter") {
    CHECK(source_name(Signed::zero) == "zero");
    CHECK(source_name(Signed::one) == "one");
    CHECK(source_name(Narrow::low) == "low");
    CHECK(source_name(Wide::one) == "one");
}

TEST_CASE("a value outside 0..63 has no name") {
    CHECK(source_name(Signed::minus).empty());
    CHECK(source_name(Narrow::high).empty());
    CHECK(source_name(Wide::huge).empty());
    CHECK(source_name(Beyond::last) == "last");
    CHECK(source_name(Beyond::outside).empty());
    CHECK(source_name(static_cast<Global>(-1)).empty());
}

TEST_CASE("two enumerators of one value have one name") {
    CHECK(source_name(Shared::first) == source_name(Shared::again));
    CHECK_FALSE(source_name(Shared::first).empty());
    CHECK(source_name(Shared::other) == "other");
}

TEST_CASE("an enum without enumerators has no names") {
    CHECK(lastbyte::detail::Names<Empty>::table.known == 0);
    CHECK(source_name(lastbyte::NoSource{}).empty());
}

TEST_CASE("underscores, digits and length are kept") {
    CHECK(source_name(Underscored::_x) == "_x");
    CHECK(source_name(Underscored::x_2) == "x_2");
    CHECK(source_name(Underscored::VERY_LONG_NAME_WITH_DIGITS_0123456789) == "VERY_LONG_NAME_WITH_DIGITS_0123456789");
}

TEST_CASE("names are there at compile time") {
    static_assert(source_name(Global::cache) == "cache");
    static_assert(source_name(outer::inner::Templated<char, 0>::Inside::left) == "left");
}

TEST_CASE("a tier is a source, none or unresolved, and never two of them") {
    using Tier = lastbyte::Tier<Global>;
    CHECK(Tier{Global::cache}.name() == "cache");
    CHECK(Tier{Global::cache} == Global::cache);
    CHECK_FALSE(Tier{Global::cache} == Global::memory);
    CHECK(Tier::none().name() == "none");
    CHECK(Tier::unresolved().name() == "unresolved");
    CHECK(Tier::none() != Tier::unresolved());
    CHECK_FALSE(Tier::none().has_source());
    CHECK_FALSE(Tier::unresolved().has_source());
    CHECK(sizeof(Tier) == 1);
}

TEST_CASE("no value of the enum compares equal to none or unresolved") {
    for (int value = -300; value < 600; ++value) {
        CHECK_FALSE(lastbyte::Tier<Global>::none() == static_cast<Global>(value));
        CHECK_FALSE(lastbyte::Tier<Global>::unresolved() == static_cast<Global>(value));
        CHECK((lastbyte::Tier<Global>{Global::cache} == static_cast<Global>(value)) == (value == 1));
    }
}
