// Ranges, iterator pairs and generators: a chunk counts once, when it is looked at, and the end is where the sentinel is
// met.
#include <doctest/doctest.h>

#include "every_shape.hpp"

#include <algorithm>
#include <forward_list>
#include <iterator>
#include <list>
#include <sstream>
#if !defined(__clang__) || __clang_major__ >= 16  // earlier ones can't compile libstdc++'s views
#define LASTBYTE_TEST_VIEWS
#include <ranges>
#endif

using lastbyte::Outcome;
using namespace shapes;

namespace {

using Texts = std::vector<std::string>;

/// What the callback saw of a range that was used in this way and dropped.
template <class Stream, class Fn, class... Options>
Seen use(Stream stream, Fn fn, Options... options) {
    Seen seen;
    {
        auto body = lastbyte::defer_until_consumed(std::move(stream), NotePlain{&seen}, options...);
        fn(body);
        CHECK(seen.calls == 0);
    }
    CHECK(seen.calls == 1);
    return seen;
}

/// Uses it in a range-for loop.
constexpr auto loop = [](auto& body) {
    std::string text;
    for (auto&& chunk : body) text += chunk;
    CHECK(text == joined(fours(3)));
};

void check_complete(Seen const& seen) {
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 12);
    CHECK(seen.chunks == 3);
}

}  // namespace

TEST_CASE("a container of chunks is looped over like the bare one") {
    auto const texts = fours(3);
    check_complete(use(texts, loop));
    check_complete(use(std::list<std::string>(texts.begin(), texts.end()), loop));
    check_complete(use(std::forward_list<std::string>(texts.begin(), texts.end()), loop));
    check_complete(use(std::vector<std::string_view>(texts.begin(), texts.end()), loop));
    check_complete(use(lastbyte::chunks(texts.data(), texts.data() + texts.size()), loop));
}

TEST_CASE("a stream iterator, which is single-pass and its own sentinel, is a pair of iterators") {
    std::istringstream words{joined(fours(1)) + " " + fours(2)[1] + " " + fours(3)[2]};
    using Words = std::istream_iterator<std::string>;
    check_complete(use(lastbyte::chunks(Words{words}, Words{}), loop));
}

#if defined(LASTBYTE_TEST_VIEWS)
TEST_CASE("views are ranges of chunks, lazy ones and ones that make their chunks as they go") {
    static auto const texts = fours(6);
    check_complete(use(texts | std::views::take(3), loop));
    check_complete(use(texts | std::views::filter([](auto const& text) { return text < fours(4)[3]; }), loop));
    check_complete(
        use(texts | std::views::take(3) | std::views::transform([](auto const& text) { return text + ""; }), loop));
    auto const made = std::views::iota(std::size_t{0}, std::size_t{3}) |
                      std::views::transform([](auto i) { return fours(i + 1)[i]; });
    check_complete(use(made, loop));
}
#endif

TEST_CASE("algorithms take a wrapped range") {
    check_complete(use(fours(3), [](auto& body) {
        Texts copy;
        std::ranges::copy(body, std::back_inserter(copy));
        CHECK(copy == fours(3));
    }));
    check_complete(use(fours(3), [](auto& body) { CHECK(std::count(body.begin(), body.end(), fours(2)[1]) == 1); }));
    check_complete(use(fours(3), [](auto& body) {
        Texts const moved(std::make_move_iterator(body.begin()), std::make_move_iterator(body.end()));
        CHECK(moved == fours(3));
    }));
}

TEST_CASE("what an algorithm moves out of a wrapped range counts") {
    check_complete(use(fours(3), [](auto& body) {
        Texts moved(3);
        std::ranges::move(body, moved.begin());
        CHECK(moved == fours(3));
    }));
}

TEST_CASE("a chunk that is looked at twice, by whatever iterator, counts once") {
    check_complete(use(fours(3), [](auto& body) {
        for (int pass = 0; pass < 2; ++pass)
            for (auto at = body.begin(); at != body.end(); ++at) {
                CHECK(at->size() == 4);
                CHECK((*at).size() == 4);
                auto const copy = at;
                CHECK(copy->size() == 4);
            }
    }));
}

TEST_CASE(
    "iterators of a multi-pass range compare, and stand where they were when they are advanced behind one's back") {
    auto const seen = use(fours(3), [](auto& body) {
        auto at = body.begin();
        auto const before = at++;
        CHECK(before == body.begin());
        CHECK(at != before);
        CHECK(*before == fours(1)[0]);
        CHECK(*at == fours(2)[1]);
    });
    CHECK(seen.bytes == 8);
    CHECK(seen.outcome == Outcome::aborted);
}

TEST_CASE("to count the chunks of a multi-pass range is not to consume them") {
    auto const counted = use(fours(3), [](auto& body) {
        int count = 0;
        for (auto at = body.begin(); at != body.end(); ++at) ++count;
        CHECK(count == 3);
        CHECK(body.size() == 3);
    });
    CHECK(counted.outcome == Outcome::aborted);
    CHECK(counted.bytes == 0);
    check_complete(use(fours(3), [](auto& body) {
        for (auto at = body.begin(); at != body.end(); ++at) {
        }
        loop(body);
    }));
}

TEST_CASE("a loop that is left early has left the body, and one that meets the announced length has not") {
    auto const first = [](auto& body) {
        for (auto const& chunk : body)
            if (chunk == fours(2)[1]) break;
    };
    CHECK(use(fours(3), first).outcome == Outcome::aborted);
    CHECK(use(fours(3), first, lastbyte::content_length(8)).outcome == Outcome::complete);
}

TEST_CASE("a generator that is destroyed in the middle records from its frame, and the body has been left") {
    Seen seen;
    lastbyte::Tracer<Docs> tracer;
    {
        auto body = make<SyncGenerator>(
            seen, {.chunks = fours(3), .at_death = [&] { tracer.span<"index">().source(Source::cache); }}, tracer);
        (void)SyncGenerator::drive(body, 2);
    }
    CHECK(seen.calls == 1);
    CHECK(seen.bytes == 8);
    CHECK(seen.outcome == Outcome::aborted);
    CHECK(seen.tier == "cache");
}

namespace {

/// An iterator that fails where it is told to.
struct Failing {
    enum Where { nowhere, in_begin, in_star, in_step, in_compare } where = nowhere;
    struct Iterator {
        using difference_type = std::ptrdiff_t;
        using value_type = std::string;
        Where where = nowhere;
        int at = 0;
        std::string operator*() const {
            if (where == in_star && at == 1) throw ProducerFailed{};
            return "text";
        }
        Iterator& operator++() {
            if (where == in_step && at == 1) throw ProducerFailed{};
            return ++at, *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const {
            if (where == in_compare && at == 1) throw ProducerFailed{};
            return at == 3;
        }
    };
    Iterator begin() const {
        if (where == in_begin) throw ProducerFailed{};
        return {where};
    }
    std::default_sentinel_t end() const { return {}; }
};

}  // namespace

TEST_CASE("wherever an iterator throws, the producer has failed, and the loop hears of it") {
    for (auto const where : {Failing::in_begin, Failing::in_star, Failing::in_step, Failing::in_compare}) {
        auto const seen = use(Failing{where}, [](auto& body) {
            auto const run = [&] {
                for (auto const& chunk : body) (void)chunk;
            };
            CHECK_THROWS_AS(run(), ProducerFailed);
        });
        CHECK(seen.outcome == Outcome::producer_error);
    }
    CHECK(use(Failing{}, [](auto& body) {
              for (auto const& chunk : body) (void)chunk;
          }).bytes == 12);
}

namespace {

/// The least that a range-for loop takes: !=, ++ and *, none of them const.
struct Bare {
    struct Iterator {
        int left;
        bool operator!=(Iterator& other) { return left != other.left; }
        Iterator& operator++() { return --left, *this; }
        char const* operator*() { return "text"; }
    };
    Iterator begin() { return {3}; }
    Iterator end() { return {0}; }
};

}  // namespace

TEST_CASE("an iterator needs no more than a loop asks for") {
    check_complete(use(Bare{}, [](auto& body) {
        int count = 0;
        auto end = body.end();
        for (auto at = body.begin(); at != end; ++at) count += *at == std::string_view{"text"};
        CHECK(count == 3);
    }));
}

TEST_CASE("a shared range is looped over by whoever holds a copy") {
    Seen seen;
    {
        auto const shared = lastbyte::defer_until_consumed(fours(3), NotePlain{&seen}).shared();
        auto const copy = shared;
        loop(copy);
    }
    CHECK(seen.calls == 1);
    check_complete(seen);
}
