// Content providers and push producers: what counts is what the server's sink took, and who is to blame when it took no
// more.
#include <doctest/doctest.h>

#include "every_shape.hpp"

#include <stop_token>

using lastbyte::Outcome;
using namespace shapes;

namespace {

/// A sink that refuses the writes of which its script says so ('-'), and takes the others ('+' or nothing).
struct Sink {
    std::string script = {};
    std::string taken = {};
    std::size_t writes = 0;
    bool finished = false;
    bool write(char const* data, std::size_t size) {
        bool const accepts = writes >= script.size() || script[writes] == '+';
        ++writes;
        if (accepts) taken.append(data, size);
        return accepts;
    }
    void done() { finished = true; }
};

struct Played {
    Seen seen;
    std::string taken;
};

/// Lets a push producer write into the sink, once, and drops it.
template <class Producer, class Given, class... Options>
Played push(Producer producer, Given& sink, Options... options) {
    Played played;
    {
        auto body = lastbyte::defer_until_consumed(std::move(producer), NotePlain{&played.seen}, options...);
        try {
            (void)body(sink);
        } catch (ProducerFailed const&) {
        }
        CHECK(played.seen.calls == 1);
    }
    CHECK(played.seen.calls == 1);
    return played;
}

}  // namespace

TEST_CASE("a push producer that returns has said all, whatever it returns, false excepted") {
    Sink sink;
    CHECK(push([](auto& to) { to.write("text", 4u); }, sink).seen.outcome == Outcome::complete);
    CHECK(push([](auto& to) { return to.write("text", 4u); }, sink).seen.outcome == Outcome::complete);
    auto const failed = push([](auto& to) { return to.write("text", 4u), false; }, sink).seen;
    CHECK(failed.outcome == Outcome::producer_error);
    CHECK(failed.bytes == 4);
}

TEST_CASE("a producer that stops after a refused write has been left by its consumer") {
    for (bool const throws : {false, true}) {
        Sink sink{"++-"};
        auto const [seen, taken] = push(
            [throws](auto& to) {
                while (to.write("text", 4u)) {
                }
                if (throws) throw ProducerFailed{};
            },
            sink);
        CHECK(seen.outcome == Outcome::aborted);
        CHECK(seen.bytes == 8);
        CHECK(seen.chunks == 2);
    }
}

TEST_CASE("a producer that doesn't hear that it is refused, and says that it is done, has been left all the same") {
    Sink sink{"+---"};
    auto const seen = push(
                          [](auto& to) {
                              for (int i = 0; i < 4; ++i) to.write("text", 4u);
                              to.done();
                          },
                          sink)
                          .seen;
    CHECK(sink.finished);
    CHECK(seen.outcome == Outcome::aborted);
    CHECK(seen.bytes == 4);
}

TEST_CASE("a write that is refused and then repeated until it is taken was only late") {
    Sink sink{"--+-+"};
    auto const seen = push(
                          [](auto& to) {
                              for (int i = 0; i < 2; ++i)
                                  while (!to.write("text", 4u)) {
                                  }
                          },
                          sink)
                          .seen;
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 8);
}

TEST_CASE("a content provider gets the offset and the length that the server asks for, and the server its answer") {
    std::string asked;
    Seen seen;
    Sink sink;
    auto body = lastbyte::defer_until_consumed(
        [&](std::size_t offset, std::size_t length, auto& to) {
            asked += std::to_string(offset) + "+" + std::to_string(length) + " ";
            return to.write("text", 4u);
        },
        NotePlain{&seen}, lastbyte::content_length(8));
    CHECK(body(std::size_t{0}, std::size_t{8}, sink));
    CHECK(body(std::size_t{4}, std::size_t{4}, sink));
    CHECK(asked == "0+8 4+4 ");
    CHECK(seen.calls == 0);
    body.told_by_server(Outcome::aborted);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("a content provider of unknown length, which gets no length, ends when it says done") {
    Seen seen;
    Sink sink;
    auto body = lastbyte::defer_until_consumed(
        [](std::size_t offset, auto& to) {
            if (offset == 8) return to.done(), true;
            return to.write("text", 4u);
        },
        NotePlain{&seen});
    for (std::size_t offset = 0; !sink.finished; offset += 4) CHECK(body(offset, sink));
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 8);
    CHECK_FALSE(body(std::size_t{8}, sink));
}

TEST_CASE("a content provider that returns false has failed, unless its sink had said no") {
    for (bool const refused : {false, true}) {
        Seen seen;
        Sink sink{refused ? "+-" : "++"};
        auto body = lastbyte::defer_until_consumed(
            [](std::size_t offset, std::size_t, auto& to) { return to.write("text", 4u) && offset == 0; },
            NotePlain{&seen});
        CHECK(body(std::size_t{0}, std::size_t{8}, sink));
        CHECK_FALSE(body(std::size_t{4}, std::size_t{4}, sink));
        CHECK(seen.calls == 1);
        CHECK(seen.outcome == (refused ? Outcome::aborted : Outcome::producer_error));
        CHECK(seen.bytes == (refused ? 4 : 8));
    }
}

TEST_CASE("a producer that gives up with false has failed, unless somebody said why") {
    struct Case {
        Outcome noted;
        bool calls_off;
        Outcome seen;
    };
    for (auto const& given : {
             Case{Outcome::complete, false, Outcome::producer_error},  // nothing that can be told
             Case{Outcome::timed_out, false, Outcome::timed_out},
             Case{Outcome::cancelled, false, Outcome::cancelled},
             Case{Outcome::complete, true, Outcome::cancelled},
             Case{Outcome::shutdown, true, Outcome::shutdown},
         })
        for (bool const pushes : {false, true}) {
            Seen seen;
            Sink sink;
            std::stop_source stop;
            lastbyte::Tracer<Docs> tracer;
            auto give_up = [&](auto& to) {
                to.write("text", 4u);
                tracer.note_end(given.noted);
                if (given.calls_off) stop.request_stop();
                return false;
            };
            auto provide = [&](std::size_t, std::size_t, auto& to) { return give_up(to); };
            auto const until = lastbyte::cancelled_by(stop.get_token());
            if (pushes) {
                auto body = lastbyte::defer_until_consumed(tracer.body(std::move(give_up), until), Note<Docs>{&seen});
                CHECK_FALSE(body(sink));
            } else {
                auto body = lastbyte::defer_until_consumed(tracer.body(std::move(provide), until), Note<Docs>{&seen});
                CHECK_FALSE(body(std::size_t{0}, std::size_t{8}, sink));
            }
            CHECK(seen.calls == 1);
            CHECK(seen.outcome == given.seen);
            CHECK(seen.bytes == 4);
        }
}

TEST_CASE("a server that stops asking after a refusal has left, and one that goes on has not") {
    for (bool const goes_on : {false, true}) {
        Seen seen;
        Sink sink{"-"};
        {
            auto body = lastbyte::defer_until_consumed(
                [](std::size_t, std::size_t, auto& to) {
                    if (to.write("text", 4u)) to.done();
                    return true;
                },
                NotePlain{&seen});
            CHECK(body(std::size_t{0}, std::size_t{4}, sink));
            CHECK(seen.calls == 0);
            if (goes_on) CHECK(body(std::size_t{0}, std::size_t{4}, sink));
        }
        CHECK(seen.calls == 1);
        CHECK(seen.outcome == (goes_on ? Outcome::complete : Outcome::aborted));
    }
}

namespace {

struct SinkWithMore : Sink {
    std::vector<std::string> trailer = {};
    bool open = true;
    [[nodiscard]] bool is_writable() const { return open; }
    void done_with_trailer(std::vector<std::string> const& given) { trailer = given; }
};
struct FailingSink {
    bool write(char const*, std::size_t) { throw ProducerFailed{}; }
};

}  // namespace

TEST_CASE("a trailer reaches the server and is the end") {
    Seen seen;
    SinkWithMore sink;
    auto body = lastbyte::defer_until_consumed(
        [](std::size_t, std::size_t, auto& to) {
            to.write("text", 4u);
            to.done_with_trailer(std::vector<std::string>{"Digest: x"});
            return true;
        },
        NotePlain{&seen});
    CHECK(body(std::size_t{0}, std::size_t{0}, sink));
    CHECK(sink.trailer == std::vector<std::string>{"Digest: x"});
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("a producer that asks whether its sink is writable, hears no and stops, has been left by its consumer") {
    SinkWithMore sink;
    auto const seen = push(
                          [&sink](auto& to) {
                              for (int i = 0; to.is_writable(); ++i) {
                                  to.write("text", 4u);
                                  if (i == 1) sink.open = false;
                              }
                          },
                          sink)
                          .seen;
    CHECK(seen.outcome == Outcome::aborted);
    CHECK(seen.bytes == 8);
}

TEST_CASE("a sink that throws is the server's failing, and the exception goes on") {
    Seen seen;
    FailingSink sink;
    auto body = lastbyte::defer_until_consumed([](auto& to) { to.write("text", 4u); }, NotePlain{&seen});
    CHECK_THROWS_AS(body(sink), ProducerFailed);
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::aborted);
    CHECK(seen.bytes == 0);
}

namespace {

struct VoidSink {
    std::string taken = {};
    void write(std::string_view text) { taken += text; }
};
/// Takes at most three bytes at a time, and nothing at all once it is full.
struct PartialSink {
    std::string taken = {};
    long write(char const* data, std::size_t size) {
        if (taken.size() >= 7) return -1;
        std::size_t const count = size < 3 ? size : 3;
        taken.append(data, count);
        return static_cast<long>(count);
    }
};
/// An ostream: write returns the stream, which says whether it is still good.
struct ChainedSink {
    std::string taken = {};
    bool good = true;
    ChainedSink& write(char const* data, std::size_t size) {
        if (good) taken.append(data, size);
        return *this;
    }
    explicit operator bool() const { return good; }
};
struct ByteSink {
    std::size_t taken = 0;
    bool write(std::vector<std::byte> const& bytes) {
        taken += bytes.size();
        return true;
    }
};

}  // namespace

TEST_CASE("a sink whose write returns nothing takes all") {
    VoidSink sink;
    auto const seen = push(
                          [](auto& to) {
                              to.write("a literal");
                              to.write(std::string{" a string"});
                              to.write(" and a pointer", std::size_t{14});
                              static_assert(std::is_void_v<decltype(to.write("text"))>);
                          },
                          sink)
                          .seen;
    CHECK(sink.taken == "a literal a string and a pointer");
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == sink.taken.size());
    CHECK(seen.chunks == 3);
}

TEST_CASE("a sink whose write returns a number took so many, and none when that is 0 or less") {
    PartialSink sink;
    auto const seen = push(
                          [](auto& to) {
                              std::string_view left = "abcdefgh";
                              while (!left.empty()) {
                                  auto const count = to.write(left.data(), left.size());
                                  static_assert(std::is_same_v<decltype(count), long const>);
                                  if (count < 0) return;
                                  left.remove_prefix(static_cast<std::size_t>(count));
                              }
                          },
                          sink)
                          .seen;
    CHECK(sink.taken == "abcdefgh");
    CHECK(seen.bytes == 8);
    CHECK(seen.outcome == Outcome::complete);
    auto const more = push([](auto& to) { (void)to.write("more", std::size_t{4}); }, sink).seen;
    CHECK(more.bytes == 0);
    CHECK(more.outcome == Outcome::aborted);
}

TEST_CASE("a write of nothing is neither a chunk nor a refusal") {
    PartialSink sink;
    auto const seen = push(
                          [](auto& to) {
                              (void)to.write("abc", std::size_t{3});
                              CHECK(to.write("", std::size_t{0}) == 0);
                          },
                          sink)
                          .seen;
    CHECK(seen.chunks == 1);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("a sink whose write returns itself took all while it was good") {
    ChainedSink sink;
    auto const seen = push(
                          [&sink](auto& to) {
                              ChainedSink& same = to.write("text", std::size_t{4});
                              CHECK(&same == &sink);
                              sink.good = false;
                              to.write("text", std::size_t{4});
                          },
                          sink)
                          .seen;
    CHECK(seen.bytes == 4);
    CHECK(seen.outcome == Outcome::aborted);
}

TEST_CASE("a sink of bytes is written to as it is") {
    ByteSink sink;
    auto const seen = push([](auto& to) { to.write(std::vector<std::byte>(5)); }, sink).seen;
    CHECK(sink.taken == 5);
    CHECK(seen.bytes == 5);
}

TEST_CASE("a producer finds in its sink what the server's has, and can go around the count") {
    Sink sink;
    SinkWithMore more;
    auto const asks = [](auto& to) {
        bool const knows = requires { to.is_writable(); }
        &&requires { to.done_with_trailer(std::vector<std::string>{}); };
        to.write(knows ? "more" : "less", 4u);
        to.inner().write("(uncounted)", 11u);
    };
    CHECK(push(asks, sink).seen.bytes == 4);
    CHECK(push(asks, more).seen.bytes == 4);
    CHECK(sink.taken == "less(uncounted)");
    CHECK(more.taken == "more(uncounted)");
}

TEST_CASE("the length that was announced counts against what the sink took") {
    Sink sink{"+-"};
    auto const two = [](auto& to) {
        to.write("text", 4u);
        to.write("text", 4u);
    };
    CHECK(push(two, sink, lastbyte::content_length(8)).seen.outcome == Outcome::aborted);
    Sink second;
    CHECK(push(two, second, lastbyte::content_length(8)).seen.outcome == Outcome::complete);
    Sink third;
    CHECK(push(two, third, lastbyte::content_length(4)).seen.outcome == Outcome::overrun);
    Sink fourth;
    CHECK(push(two, fourth, lastbyte::content_length(9)).seen.outcome == Outcome::truncated);
}

TEST_CASE("std::function takes a shared content provider, as servers keep them") {
    Seen seen;
    {
        std::function<bool(std::size_t, std::size_t, Sink&)> kept =
            make<Provider>(seen, {.chunks = fours(2)}, lastbyte::Tracer<Docs>{}).shared();
        auto const copy = kept;
        Sink sink;
        while (!sink.finished) CHECK(copy(std::size_t{0}, std::size_t{4}, sink));
        CHECK(sink.taken == joined(fours(2)));
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
}
