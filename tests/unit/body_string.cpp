// Strings and bytes: a body that is all there is handed over when its data is taken, and sent when it is dropped.
#include <doctest/doctest.h>

#include "every_shape.hpp"

#include <array>
#include <span>

using lastbyte::Outcome;
using namespace shapes;

namespace {

/// What the callback saw of a text that was used in this way and dropped.
template <class Stream, class Fn, class... Options>
Seen use(Stream stream, Fn fn, Options... options) {
    Seen seen;
    {
        auto body = lastbyte::defer_until_consumed(std::move(stream), NotePlain{&seen}, options...);
        fn(body);
    }
    CHECK(seen.calls == 1);
    return seen;
}

}  // namespace

TEST_CASE("a string is taken by its data, as a view, by conversion or as a range, and is complete when it is dropped") {
    std::string const text = "text";
    auto const complete = [](Seen const& seen) {
        CHECK(seen.outcome == Outcome::complete);
        CHECK(seen.bytes == 4);
        CHECK(seen.chunks == 1);
    };
    complete(use(text, [](auto& body) { CHECK(std::string_view(body.data(), body.size()) == "text"); }));
    complete(use(text, [](auto& body) { CHECK(body.view() == "text"); }));
    complete(use(text, [](auto& body) { CHECK(std::string{std::string_view{body}} == "text"); }));
    complete(use(text, [](auto& body) { CHECK(std::string(body.begin(), body.end()) == "text"); }));
    complete(use(text, [](auto& body) { CHECK(std::span<char const>{body.data(), body.size()}.size() == 4); }));
    complete(use(std::string_view{text}, [](auto& body) { CHECK(body.view().data() != nullptr); }));
    complete(use("text", [](auto& body) { CHECK(body.view() == "text"); }));
}

TEST_CASE("bytes of any kind are a string") {
    auto const taken = [](auto& body) { CHECK(static_cast<void const*>(body.data()) != nullptr); };
    CHECK(use(std::vector<std::byte>(5), taken).bytes == 5);
    CHECK(use(std::vector<unsigned char>(5), taken).bytes == 5);
    CHECK(use(std::vector<char>(5), taken).bytes == 5);
    CHECK(use(std::array<char, 5>{}, taken).bytes == 5);
    static std::array<std::byte, 5> const bytes{};
    CHECK(use(std::span<std::byte const>{bytes}, taken).bytes == 5);
    using Body =
        decltype(lastbyte::defer_until_consumed(std::vector<std::byte>{}, [](lastbyte::Consumption const&) {}));
    static_assert(std::is_same_v<decltype(std::declval<Body&>().data()), std::byte const*>);
}

TEST_CASE("asking for the length takes nothing") {
    auto const seen = use(std::string{"text"}, [](auto& body) {
        CHECK(body.size() == 4);
        CHECK_FALSE(body.empty());
    });
    CHECK(seen.outcome == Outcome::abandoned);
    CHECK(seen.bytes == 0);
}

TEST_CASE("a text that is taken twice is counted once") {
    auto const seen = use(std::string{"text"}, [](auto& body) {
        (void)body.data();
        CHECK(body.view() == "text");
    });
    CHECK(seen.bytes == 4);
    CHECK(seen.chunks == 1);
}

TEST_CASE("an empty text is complete when it was taken") {
    auto const seen = use(std::string{}, [](auto& body) {
        CHECK(body.empty());
        CHECK(body.view().empty());
    });
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 0);
}

TEST_CASE("whoever knows that a text that was handed over was not sent is believed until it is dropped") {
    Seen seen;
    lastbyte::Tracer<Docs> tracer;
    {
        auto body = lastbyte::defer_until_consumed(tracer.body(std::string{"text"}), Note<>{&seen});
        (void)body.data();
        tracer.note_end(Outcome::timed_out);
    }
    CHECK(seen.outcome == Outcome::timed_out);
    auto const told = use(std::string{"text"}, [](auto& body) {
        (void)body.data();
        body.told_by_server(Outcome::aborted);
        CHECK(body.data() == nullptr);
        CHECK(body.size() == 0);
    });
    CHECK(told.outcome == Outcome::aborted);
    auto const sized = use(
        std::string{"text"},
        [](auto& body) {
            (void)body.data();
            body.told_by_server(Outcome::aborted);
        },
        lastbyte::content_length(4));
    CHECK(sized.outcome == Outcome::aborted);
}

TEST_CASE("a server that says complete of a text that was taken confirms it, and of one that was not says nothing") {
    CHECK(use(std::string{"text"}, [](auto& body) {
              (void)body.data();
              body.told_by_server(Outcome::complete);
          }).outcome == Outcome::complete);
    CHECK(use(std::string{"text"}, [](auto& body) { body.told_by_server(Outcome::complete); }).outcome ==
          Outcome::abandoned);
}

TEST_CASE("a text of another length than was announced is truncated or an overrun") {
    auto const taken = [](auto& body) { (void)body.data(); };
    CHECK(use(std::string{"text"}, taken, lastbyte::content_length(4)).outcome == Outcome::complete);
    CHECK(use(std::string{"text"}, taken, lastbyte::content_length(5)).outcome == Outcome::truncated);
    CHECK(use(std::string{"text"}, taken, lastbyte::content_length(3)).outcome == Outcome::overrun);
    CHECK(use(std::string{"text"}, taken, lastbyte::content_length(0)).outcome == Outcome::overrun);
}

TEST_CASE("the text of a HEAD response may be measured and even taken: nothing was to be sent") {
    auto const seen = use(
        std::string{"text"}, [](auto& body) { CHECK(body.view().size() == 4); }, lastbyte::no_body,
        lastbyte::content_length(4));
    CHECK(seen.outcome == Outcome::no_body);
}

TEST_CASE("a shared text is taken through any of its copies") {
    Seen seen;
    {
        auto const shared = lastbyte::defer_until_consumed(std::string{"text"}, NotePlain{&seen}).shared();
        auto const copy = shared;
        CHECK(std::string_view{copy} == "text");
        CHECK(std::string_view(shared.data(), shared.size()) == "text");
    }
    CHECK(seen.calls == 1);
    CHECK(seen.bytes == 4);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("a view of the text is valid as long as the body, wherever that is moved before it is taken") {
    Seen seen;
    auto body = lastbyte::defer_until_consumed(std::string{"short"}, NotePlain{&seen});
    auto moved = std::move(body);
    auto const view = moved.view();
    CHECK(view == "short");
    CHECK(body.view().empty());
    CHECK(body.size() == 0);
    CHECK(view == "short");
}
