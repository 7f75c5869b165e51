// Async generators: the body of a coroutine that is resumed, cancelled, destroyed where it waits, or fails where it likes.
#include <doctest/doctest.h>

#include "every_shape.hpp"

#include <stop_token>
#include <thread>

using lastbyte::Outcome;
using namespace shapes;

TEST_CASE("a coroutine that is destroyed while it waits has left the body, which ends when it is dropped") {
    for (bool const cancelled : {false, true}) {
        Seen seen;
        bool dead = false;
        std::stop_source stop;
        {
            auto body = make<Async>(seen, {.chunks = fours(3), .at_death = [&] { dead = true; }},
                                    lastbyte::Tracer<Docs>{}, lastbyte::cancelled_by(stop.get_token()));
            Taken taken;
            {
                auto const task = consume(body, all, taken);
                ready().back().resume();
                ready().pop_back();
                CHECK(taken.chunks == 1);
                CHECK_FALSE(task.done());
                if (cancelled) stop.request_stop();
            }
            CHECK(seen.calls == 0);
        }
        ready().clear();
        CHECK(dead);
        CHECK(seen.calls == 1);
        CHECK(seen.bytes == 4);
        CHECK(seen.outcome == (cancelled ? Outcome::cancelled : Outcome::aborted));
    }
}

TEST_CASE("a body goes on with another coroutine where a destroyed one has left it") {
    Seen seen;
    {
        auto body = make<Async>(seen, {.chunks = fours(3)}, lastbyte::Tracer<Docs>{});
        Taken first;
        {
            auto const task = consume(body, 1, first);
            run_loop();
        }
        CHECK(first.text == fours(1)[0]);
        CHECK(Async::drive(body).chunks == 2);
    }
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 12);
}

namespace {

/// What an awaitable may do, other than what a generator does.
enum class Suspends { never, with_void, with_bool, with_handle };
enum class Fails { never, in_next, in_ready, in_suspend, in_resume };

/// An awaiter that is its own awaitable. It counts how many there are.
struct Waiter {
    static inline int alive = 0;
    std::optional<std::string>* chunk;
    Suspends suspends;
    Fails fails;

    Waiter(std::optional<std::string>* given, Suspends how, Fails where) : chunk(given), suspends(how), fails(where) {
        ++alive;
    }
    Waiter(Waiter const&) = delete;
    ~Waiter() { --alive; }

    bool await_ready() const {
        if (fails == Fails::in_ready) throw ProducerFailed{};
        return suspends == Suspends::never;
    }
    std::optional<std::string> await_resume() const {
        if (fails == Fails::in_resume) throw ProducerFailed{};
        return std::move(*chunk);
    }
};
struct VoidWaiter : Waiter {
    using Waiter::Waiter;
    void await_suspend(std::coroutine_handle<> handle) const {
        if (fails == Fails::in_suspend) throw ProducerFailed{};
        ready().push_back(handle);
    }
};
struct BoolWaiter : Waiter {
    using Waiter::Waiter;
    bool await_suspend(std::coroutine_handle<>) const {
        if (fails == Fails::in_suspend) throw ProducerFailed{};
        return false;
    }
};
struct HandleWaiter : Waiter {
    using Waiter::Waiter;
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> handle) const {
        if (fails == Fails::in_suspend) throw ProducerFailed{};
        return handle;
    }
};
template <class Awaiter>
struct WithMember {
    std::optional<std::string>* chunk;
    Suspends suspends;
    Fails fails;
    Awaiter operator co_await() && { return {chunk, suspends, fails}; }
};
template <class Awaiter>
struct WithFree {
    std::optional<std::string>* chunk;
    Suspends suspends;
    Fails fails;
    friend Awaiter operator co_await(WithFree&& self) { return {self.chunk, self.suspends, self.fails}; }
};

template <class Awaitable>
struct Stream {
    int left;
    Suspends suspends = Suspends::with_void;
    Fails fails = Fails::never;
    std::optional<std::string> chunk = {};
    Awaitable next() {
        bool const last = left == 0;
        chunk = last ? std::nullopt : std::optional<std::string>{"text"};
        if (last && fails == Fails::in_next) throw ProducerFailed{};
        left -= last ? 0 : 1;
        return Awaitable{&chunk, suspends, last ? fails : Fails::never};
    }
};

}  // namespace

#define EVERY_AWAITABLE                                                                                           \
    VoidWaiter, BoolWaiter, HandleWaiter, WithMember<VoidWaiter>, WithMember<HandleWaiter>, WithFree<BoolWaiter>, \
        WithFree<HandleWaiter>

TEST_CASE_TEMPLATE("an awaitable of any kind is awaited as the stream means it, whether it suspends or not", A,
                   EVERY_AWAITABLE) {
    for (auto const suspends : {Suspends::never, Suspends::with_void}) {
        Seen seen;
        auto body = lastbyte::defer_until_consumed(Stream<A>{3, suspends}, NotePlain{&seen});
        CHECK(Async::drive(body).chunks == 3);
        CHECK(seen.calls == 1);
        CHECK(seen.bytes == 12);
        CHECK(seen.outcome == Outcome::complete);
        CHECK(Waiter::alive == 0);
    }
}

TEST_CASE_TEMPLATE("wherever an awaitable throws, the producer has failed, once, and the consumer hears of it", A,
                   EVERY_AWAITABLE) {
    for (auto const fails : {Fails::in_next, Fails::in_ready, Fails::in_suspend, Fails::in_resume}) {
        Seen seen;
        auto body = lastbyte::defer_until_consumed(Stream<A>{2, Suspends::with_void, fails}, NotePlain{&seen});
        CHECK_THROWS_AS((void)Async::drive(body), ProducerFailed);
        CHECK(seen.calls == 1);
        CHECK(seen.bytes == 8);
        CHECK(seen.outcome == Outcome::producer_error);
        CHECK(Waiter::alive == 0);
        CHECK(Async::drive(body).end);
        CHECK(seen.calls == 1);
    }
}

TEST_CASE("a chunk may be given by pointer, and null is the end") {
    struct Pointers {
        struct Next {
            std::string const* chunk;
            bool await_ready() const noexcept { return true; }
            void await_suspend(std::coroutine_handle<>) const noexcept {}
            std::string const* await_resume() const noexcept { return chunk; }
        };
        std::vector<std::string> chunks = fours(2);
        std::size_t at = 0;
        Next next() { return {at == chunks.size() ? nullptr : &chunks[at++]}; }
    };
    Seen seen;
    {
        auto body = lastbyte::defer_until_consumed(Pointers{}, NotePlain{&seen});
        CHECK(Async::drive(body).text == joined(fours(2)));
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == 8);
}

TEST_CASE("the callback runs at the end of the co_await that brings the end, when the stream's awaiter is gone") {
    std::string order;
    struct Note {
        std::string* order;
        void operator()(lastbyte::Consumption const&) const {
            *order += Waiter::alive == 0 ? "callback " : "too early ";
        }
    };
    auto const last_pull = [&order](auto& body) -> Task {
        auto const chunk = co_await body.next();
        order += chunk ? "a chunk " : "the end ";
    };
    auto body = lastbyte::defer_until_consumed(Stream<VoidWaiter>{0}, Note{&order});
    auto const task = last_pull(body);
    run_loop();
    CHECK(order == "callback the end ");
}

TEST_CASE("a coroutine may be resumed on another thread, and its body end there") {
    Seen seen;
    auto body = make<Async>(seen, {.chunks = fours(20)}, lastbyte::Tracer<Docs>{});
    Taken taken;
    auto const task = consume(body, all, taken);
    std::thread other{run_loop};
    other.join();
    CHECK(task.done());
    CHECK(taken.text == joined(fours(20)));
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
}
