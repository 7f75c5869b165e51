// The callback of a body runs exactly once, whatever becomes of the body.
#include <doctest/doctest.h>

#include "every_shape.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using lastbyte::Outcome;
using namespace shapes;

TEST_CASE_TEMPLATE("a body that is moved before, during and after its consumption ends once", S, EVERY_SHAPE) {
    Seen seen;
    lastbyte::Tracer<Docs> tracer;
    {
        auto first = make<S>(seen, {.chunks = fours(3)}, tracer);
        auto second = std::move(first);
        std::string text;
        if (S::traits.resumes) text = S::drive(second, 1).text;
        auto third = std::move(second);
        text += S::drive(third).text;
        auto const fourth = std::move(third);
        CHECK(text == joined(fours(3)));
        CHECK(seen.calls == (S::traits.at_drop ? 0 : 1));
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 12);
}

TEST_CASE_TEMPLATE("a moved-from body ends nothing, whether it is destroyed first or last", S, EVERY_SHAPE) {
    for (bool const first : {true, false}) {
        Seen seen;
        {
            std::optional<BodyOf<S>> from{make<S>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{})};
            std::optional<BodyOf<S>> to{std::move(*from)};
            if (first) from.reset();
            CHECK(seen.calls == 0);
            CHECK(S::drive(*to).text == joined(fours(3)));
            to.reset();
            CHECK(seen.calls == 1);
        }
        CHECK(seen.calls == 1);
        CHECK(seen.outcome == Outcome::complete);
    }
}

TEST_CASE_TEMPLATE("a moved-from body says that there is no more", S, EVERY_SHAPE) {
    if constexpr (S::traits.inert)
        for (std::size_t const read_before : {0u, 2u}) {
            if (read_before != 0 && !S::traits.resumes) continue;
            Seen seen;
            auto from = make<S>(seen, {.chunks = fours(4)}, lastbyte::Tracer<Docs>{});
            S::drive(from, read_before);
            auto const to = std::move(from);
            CHECK(S::drive(from).text.empty());
            from.told_by_server(Outcome::aborted);
            CHECK(seen.calls == 0);
        }
}

TEST_CASE_TEMPLATE("a body that is moved onto itself stays as it was", S, EVERY_SHAPE) {
    Seen seen;
    {
        auto body = make<S>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{});
        auto& same = body;
        body = std::move(same);
        CHECK(seen.calls == 0);
        CHECK(S::drive(body).text == joined(fours(3)));
    }
    CHECK(seen.calls == 1);
    CHECK(seen.bytes == 12);
}

TEST_CASE_TEMPLATE("bodies that are swapped keep their callbacks", S, EVERY_SHAPE) {
    Seen of_a, of_b;
    {
        auto a = make<S>(of_a, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{});
        auto b = make<S>(of_b, {.chunks = fours(1)}, lastbyte::Tracer<Docs>{});
        std::swap(a, b);
        std::swap(a, a);
        CHECK(of_a.calls + of_b.calls == 0);
        CHECK(S::drive(a).text == joined(fours(1)));
        CHECK(S::drive(b).text == joined(fours(3)));
    }
    CHECK(of_a.calls == 1);
    CHECK(of_a.bytes == 12);
    CHECK(of_b.calls == 1);
    CHECK(of_b.bytes == 4);
}

TEST_CASE_TEMPLATE("a body that another one is moved onto ends first", S, EVERY_SHAPE) {
    Seen replaced, moved;
    {
        auto body = make<S>(replaced, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{});
        body = make<S>(moved, {.chunks = fours(2)}, lastbyte::Tracer<Docs>{});
        CHECK(replaced.calls == 1);
        CHECK(replaced.outcome == Outcome::abandoned);
        CHECK(moved.calls == 0);
        CHECK(S::drive(body).text == joined(fours(2)));
    }
    CHECK(replaced.calls == 1);
    CHECK(moved.calls == 1);
    CHECK(moved.outcome == Outcome::complete);
}

TEST_CASE_TEMPLATE("bodies in a vector that grows end once each", S, EVERY_SHAPE) {
    constexpr std::size_t count = 20;
    std::vector<Seen> seen(count);
    std::vector<BodyOf<S>> bodies;
    int before = 0;
    for (auto& one : seen) bodies.push_back(make<S>(one, {.chunks = fours(2)}, lastbyte::Tracer<Docs>{}));
    for (auto const& one : seen) before += one.calls;
    CHECK(before == 0);
    for (std::size_t i = 0; i < count; i += 2) CHECK(S::drive(bodies[i]).text == joined(fours(2)));
    bodies.clear();
    for (std::size_t i = 0; i < count; ++i) {
        CHECK(seen[i].calls == 1);
        CHECK(seen[i].outcome == (i % 2 == 0 ? Outcome::complete : Outcome::abandoned));
    }
}

TEST_CASE_TEMPLATE("copies of a shared body end it when the last is dropped, in whatever order", S, EVERY_SHAPE) {
    for (std::size_t const count : {1u, 2u, 100u})
        for (int const order : {0, 1, 2}) {
            Seen seen;
            auto body = make<S>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{}).shared();
            std::vector<std::optional<decltype(body)>> copies(count - 1, body);
            copies.emplace_back(std::move(body));
            if (S::traits.resumes) CHECK(S::drive(**copies.front(), 1).text == fours(1)[0]);
            for (std::size_t i = 0; i < count; ++i) {
                CHECK(seen.calls == 0);
                std::size_t const odd_first = i < count / 2 ? 2 * i + 1 : 2 * (i - count / 2);
                copies[order == 0 ? i : order == 1 ? count - 1 - i : odd_first].reset();
            }
            CHECK(seen.calls == 1);
            CHECK(seen.outcome == (S::traits.resumes ? Outcome::aborted : Outcome::abandoned));
        }
}

TEST_CASE_TEMPLATE("copies of a shared body may be made and dropped by several threads", S, EVERY_SHAPE) {
    Seen seen;
    std::atomic<int> waiting = 8;
    std::vector<std::thread> threads;
    {
        auto body = make<S>(seen, {.chunks = fours(2)}, lastbyte::Tracer<Docs>{}).shared();
        CHECK(S::drive(*body).text == joined(fours(2)));
        for (int t = 0; t < 8; ++t)
            threads.emplace_back([body, &waiting]() mutable {
                std::vector<decltype(body)> copies(12, body);
                for (--waiting; waiting != 0;) std::this_thread::yield();
                copies.erase(copies.begin(), copies.begin() + 5);
                auto const last = std::move(body);
                copies.clear();
            });
    }
    for (auto& thread : threads) thread.join();
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("std::function takes a shared body and copies it") {
    Seen seen;
    {
        std::function<std::optional<std::string>()> pull =
            make<Pull>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{}).shared();
        auto const copy = pull;
        CHECK(*pull() == fours(3)[0]);
        CHECK(*copy() == fours(3)[1]);
        pull = nullptr;
        CHECK(seen.calls == 0);
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::aborted);
    CHECK(seen.bytes == 8);
}

TEST_CASE_TEMPLATE("a body that is pulled again after its end says so again", S, EVERY_SHAPE) {
    Seen seen;
    std::size_t pulls = 0;
    {
        auto body =
            make<S>(seen, {.chunks = fours(2), .at_pull = [&](std::size_t) { ++pulls; }}, lastbyte::Tracer<Docs>{});
        CHECK(S::drive(body).text == joined(fours(2)));
        for (int i = 0; i < 3; ++i)
            if (S::traits.stepwise) CHECK(S::drive(body).text.empty());
        if (!S::traits.at_drop) CHECK(pulls == 3);
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 8);
}

TEST_CASE_TEMPLATE("a server that says twice that a body is over ends it once, in the way it said first", S,
                   EVERY_SHAPE) {
    Seen seen;
    {
        auto body = make<S>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{});
        if (S::traits.resumes) (void)S::drive(body, 1);
        body.told_by_server(Outcome::timed_out);
        CHECK(seen.calls == 1);
        body.told_by_server(Outcome::aborted);
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::timed_out);
}

TEST_CASE_TEMPLATE("a server that says too late that a body failed changes nothing", S, EVERY_SHAPE) {
    Seen seen;
    {
        auto body = make<S>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{}, lastbyte::content_length(12));
        CHECK(S::drive(body).text == joined(fours(3)));
        if (S::traits.stepwise) body.told_by_server(Outcome::aborted);
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE_TEMPLATE("a server that says complete, or what it can't know, of a body cut short has said nothing", S,
                   EVERY_SHAPE) {
    for (auto const wrong :
         {Outcome::complete, Outcome::no_body, Outcome::truncated, Outcome::overrun, Outcome::abandoned}) {
        Seen seen;
        {
            auto body = make<S>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{});
            if (S::traits.resumes) (void)S::drive(body, 1);
            body.told_by_server(wrong);
            CHECK(seen.calls == 1);
        }
        CHECK(seen.calls == 1);
        CHECK(seen.outcome == (S::traits.resumes ? Outcome::aborted : Outcome::abandoned));
        CHECK(seen.tier == "unresolved");
    }
}

namespace {

struct ThrowingDocs : Docs {};

struct Thrower {
    int* calls;
    template <class Facts>
    void operator()(Facts const&) const {
        ++*calls;
        throw std::runtime_error("the callback failed");
    }
};

}  // namespace

TEST_CASE_TEMPLATE("a callback that throws is swallowed and counted, and the request goes on", S, EVERY_SHAPE) {
    auto const before = lastbyte::ledger<ThrowingDocs>().callbacks_threw;
    auto const untraced_before = lastbyte::ledger<lastbyte::Untraced>().callbacks_threw;
    int calls = 0;
    {
        lastbyte::Tracer<ThrowingDocs> tracer;
        auto body =
            lastbyte::defer_until_consumed(tracer.body(S::stream(Producer{{.chunks = fours(2)}})), Thrower{&calls});
        CHECK(S::drive(body).text == joined(fours(2)));
        auto untraced = lastbyte::defer_until_consumed(S::stream(Producer{{.chunks = fours(2)}}), Thrower{&calls});
        CHECK(S::drive(untraced).text == joined(fours(2)));
    }
    CHECK(calls == 2);
    CHECK(lastbyte::ledger<ThrowingDocs>().callbacks_threw == before + 1);
    CHECK(lastbyte::ledger<lastbyte::Untraced>().callbacks_threw == untraced_before + 1);
    CHECK(lastbyte::ledger<ThrowingDocs>().balanced());
}

TEST_CASE_TEMPLATE("a callback that throws while a producer's exception unwinds leaves that exception alone", S,
                   EVERY_SHAPE) {
    if constexpr (S::traits.stepwise) {
        int calls = 0;
        auto const run = [&] {
            auto body = lastbyte::defer_until_consumed(S::stream(Producer{{.chunks = fours(2), .fails_at = 1}}),
                                                       Thrower{&calls});
            (void)S::drive(body);
        };
        CHECK_THROWS_AS(run(), ProducerFailed);
        CHECK(calls == 1);
    }
}

namespace {

/// Destroys what holds its own body.
struct Destroyer {
    std::shared_ptr<void>* holder;
    std::string long_enough_for_the_heap = "a callback that outlives the place in which it was kept";
    Seen* seen;
    void operator()(lastbyte::Reading<Docs> const& done) const {
        holder->reset();
        Note<Docs>{seen}(done);
        if (long_enough_for_the_heap.size() != 55) seen->calls += 100;
    }
};

}  // namespace

TEST_CASE_TEMPLATE("a callback may destroy the body that runs it", S, EVERY_SHAPE) {
    for (std::size_t const fails_at : {all, std::size_t{1}}) {
        if (!S::traits.stepwise && fails_at != all) continue;
        Seen seen;
        std::shared_ptr<void> holder;
        bool dead = false;
        lastbyte::Tracer<Docs> tracer;
        auto stream = S::stream(Producer{{.chunks = fours(2), .fails_at = fails_at, .at_death = [&] { dead = true; }}});
        auto body =
            std::make_shared<decltype(lastbyte::defer_until_consumed(tracer.body(std::move(stream)), Destroyer{}))>(
                lastbyte::defer_until_consumed(tracer.body(std::move(stream)),
                                               Destroyer{.holder = &holder, .seen = &seen}));
        auto& pulled = *body;
        holder = std::move(body);
        try {
            (void)S::drive(pulled);
        } catch (ProducerFailed const&) {
        }
        holder.reset();
        CHECK(seen.calls == 1);
        CHECK(dead);
    }
}

TEST_CASE("a callback may drop the last copy of the shared body that runs it") {
    Seen seen;
    std::shared_ptr<void> holder;
    lastbyte::Tracer<Docs> tracer;
    auto pull = std::make_shared<std::function<std::optional<std::string>()>>(
        lastbyte::defer_until_consumed(tracer.body(Pull::stream(Producer{{.chunks = fours(2)}})),
                                       Destroyer{.holder = &holder, .seen = &seen})
            .shared());
    auto& pulled = *pull;
    holder = std::move(pull);
    CHECK(Pull::drive(pulled).text == joined(fours(2)));
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE_TEMPLATE("a callback may pull from its own body, which is over", S, EVERY_SHAPE) {
    if constexpr (S::traits.inert) {
        int calls = 0;
        std::string more = "not asked";
        std::function<std::string()> pull_again;
        {
            auto body = lastbyte::defer_until_consumed(S::stream(Producer{{.chunks = fours(2)}}),
                                                       [&](lastbyte::Consumption const&) {
                                                           ++calls;
                                                           more = pull_again();
                                                       });
            pull_again = [&body] { return S::drive(body).text; };
            (void)S::drive(body);
            body.told_by_server(Outcome::aborted);
        }
        CHECK(calls == 1);
        CHECK(more.empty());
    }
}

TEST_CASE_TEMPLATE("a callback may start another request", S, EVERY_SHAPE) {
    Seen inner;
    int calls = 0;
    lastbyte::Tracer<Docs> tracer;
    {
        auto body = lastbyte::defer_until_consumed(tracer.body(S::stream(Producer{{.chunks = fours(2)}})),
                                                   [&](lastbyte::Reading<Docs> const& done) {
                                                       ++calls;
                                                       lastbyte::Tracer<Docs> next;
                                                       next.span<"index">().source(Source::memory);
                                                       {
                                                           auto another = make<S>(inner, {.chunks = fours(1)}, next);
                                                           CHECK(S::drive(another).text == joined(fours(1)));
                                                       }
                                                       CHECK(done.tier<"cache_tier">().value().name() == "cache");
                                                       CHECK(done.bytes() == 8u);
                                                   });
        tracer.span<"index">().source(Source::cache);
        (void)S::drive(body);
    }
    CHECK(calls == 1);
    CHECK(inner.calls == 1);
    CHECK(inner.tier == "memory");
    CHECK(inner.bytes == 4);
}

namespace {

/// Kept until the program exits.
template <class S>
struct AtExit {
    struct Tell {
        int pipe;
        void operator()(lastbyte::Reading<Docs> const& done) const {
            std::string_view const told = name(done.outcome().value());
            (void)!write(pipe, told.data(), told.size());
        }
    };
    using Body = decltype(lastbyte::defer_until_consumed(
        std::declval<lastbyte::Tracer<Docs> const&>().body(S::stream(Producer{Script{}})), Tell{}));
    static std::optional<Body>& kept() {
        static std::optional<Body> body;
        return body;
    }
};

}  // namespace

TEST_CASE_TEMPLATE("a body that a static keeps ends once, at exit", S, EVERY_SHAPE) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    std::fflush(nullptr);  // or the child prints what this process has printed
    pid_t const child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        lastbyte::Tracer<Docs> tracer;
        tracer.span<"index">().source(Source::cache);
        auto& kept = AtExit<S>::kept();
        kept.emplace(lastbyte::defer_until_consumed(tracer.body(S::stream(Producer{{.chunks = fours(3)}})),
                                                    typename AtExit<S>::Tell{ends[1]}));
        if (S::traits.resumes) (void)S::drive(*kept, 1);
        std::exit(0);
    }
    close(ends[1]);
    std::string told;
    char buffer[32];
    for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;)
        told.append(buffer, static_cast<std::size_t>(count));
    close(ends[0]);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(told == (S::traits.resumes ? "aborted" : "abandoned"));
}

TEST_CASE_TEMPLATE("a body may end on a thread that made none of it", S, EVERY_SHAPE) {
    for (bool const consumed : {false, true}) {
        Seen seen;
        auto body = make<S>(seen, {.chunks = fours(2)}, lastbyte::Tracer<Docs>{});
        std::thread other{[body = std::move(body), consumed]() mutable {
            if (consumed) (void)S::drive(body);
            auto const dropped = std::move(body);
        }};
        other.join();
        CHECK(seen.calls == 1);
        CHECK(seen.outcome == (consumed ? Outcome::complete : Outcome::abandoned));
    }
}

namespace {

/// Throws when it is moved, while `*fails` says so.
struct FailsToMove {
    bool* fails;
    explicit FailsToMove(bool* when) : fails(when) {}
    FailsToMove(FailsToMove&& other) : fails(other.fails) {
        if (*fails) throw std::bad_alloc{};
    }
};
struct CallbackThatFailsToMove {
    FailsToMove what;
    Seen* seen;
    void operator()(lastbyte::Consumption const& done) const { NotePlain{seen}(done); }
};
struct StreamThatFailsToMove {
    FailsToMove what;
    int left = 2;
    std::optional<std::string> operator()() { return left-- > 0 ? std::optional<std::string>{"text"} : std::nullopt; }
};

}  // namespace

TEST_CASE("a callback whose move throws at the end runs all the same") {
    Seen seen;
    bool fails = false;
    auto body = lastbyte::defer_until_consumed(Pull::stream(Producer{{.chunks = fours(2)}}),
                                               CallbackThatFailsToMove{FailsToMove{&fails}, &seen});
    fails = true;
    (void)Pull::drive(body);
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("a body whose callback can't be moved stays where it was") {
    Seen seen;
    bool fails = false;
    auto body = lastbyte::defer_until_consumed(Pull::stream(Producer{{.chunks = fours(2)}}),
                                               CallbackThatFailsToMove{FailsToMove{&fails}, &seen});
    static_assert(!std::is_nothrow_move_constructible_v<decltype(body)>);
    static_assert(!std::is_move_assignable_v<decltype(body)>, "it would have to be destroyed before the other is here");
    fails = true;
    CHECK_THROWS_AS((void)decltype(body){std::move(body)}, std::bad_alloc);
    CHECK(seen.calls == 0);
    fails = false;
    CHECK(Pull::drive(body).text == joined(fours(2)));
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("a body whose stream can't be moved ends there, once, and is read as over") {
    Seen seen;
    bool fails = false;
    {
        auto body = lastbyte::defer_until_consumed(StreamThatFailsToMove{FailsToMove{&fails}}, NotePlain{&seen});
        fails = true;
        CHECK_THROWS_AS((void)decltype(body){std::move(body)}, std::bad_alloc);
        CHECK(seen.calls == 1);
        CHECK(seen.outcome == Outcome::abandoned);
        CHECK_FALSE(body());
    }
    CHECK(seen.calls == 1);
}

TEST_CASE("a body onto which a stream can't be moved is over, and the other one goes on") {
    Seen replaced, kept;
    bool fails = false;
    {
        auto body = lastbyte::defer_until_consumed(StreamThatFailsToMove{FailsToMove{&fails}}, NotePlain{&replaced});
        auto other = lastbyte::defer_until_consumed(StreamThatFailsToMove{FailsToMove{&fails}}, NotePlain{&kept});
        static_assert(!std::is_nothrow_move_assignable_v<decltype(body)>);
        fails = true;
        CHECK_THROWS_AS(body = std::move(other), std::bad_alloc);
        CHECK(replaced.calls == 1);
        CHECK_FALSE(body());
        CHECK(Pull::drive(other).chunks == 2);
        CHECK(kept.calls == 1);
        fails = false;
        body = lastbyte::defer_until_consumed(StreamThatFailsToMove{FailsToMove{&fails}}, NotePlain{&replaced});
        CHECK(Pull::drive(body).chunks == 2);
    }
    CHECK(replaced.calls == 2);
    CHECK(kept.calls == 1);
    CHECK(kept.outcome == Outcome::complete);
}

TEST_CASE("a body that can't be moved to where copies share it stays where it was") {
    Seen seen;
    bool fails = false;
    auto body = lastbyte::defer_until_consumed(Pull::stream(Producer{{.chunks = fours(2)}}),
                                               CallbackThatFailsToMove{FailsToMove{&fails}, &seen});
    fails = true;
    CHECK_THROWS_AS((void)std::move(body).shared(), std::bad_alloc);
    CHECK(seen.calls == 0);
    CHECK(Pull::drive(body).text == joined(fours(2)));
    CHECK(seen.calls == 1);
}

TEST_CASE("a bound body that was moved from is over at once, and its first body is not disturbed") {
    int first_calls = 0;
    int second_calls = 0;
    lastbyte::Tracer<Docs> tracer;
    auto bound = tracer.body(Pull::stream(Producer{{.chunks = {"abcd"}}}));
    auto first = lastbyte::defer_until_consumed(std::move(bound), [&](lastbyte::Reading<Docs> const& done) {
        ++first_calls;
        CHECK(done.outcome() == Outcome::complete);
    });
    auto second = lastbyte::defer_until_consumed(std::move(bound), [&](lastbyte::Reading<Docs> const& done) {
        ++second_calls;
        CHECK(done.outcome() == Outcome::abandoned);
    });
    CHECK(second_calls == 1);
    CHECK_FALSE(second().has_value());
    CHECK(Pull::drive(first).text == "abcd");
    CHECK(first_calls == 1);
    CHECK(second_calls == 1);
}
