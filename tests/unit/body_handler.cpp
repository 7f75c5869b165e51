// Completion handlers: called late, out of order, on another thread, after the body is gone, or never.
#include <doctest/doctest.h>

#include "every_shape.hpp"

#include <thread>

using lastbyte::Outcome;
using namespace shapes;

namespace {

/// A stream whose reads are completed by the test, in the order that it likes.
class Socket {
public:
    /// What was started and is not completed yet. It outlives the socket, as an io_context does.
    struct Reads {
        std::vector<std::function<void(Error, std::size_t)>> started;
        void complete(std::size_t which, Error error, std::size_t size) {
            auto const handler = std::move(started[which]);
            started.erase(started.begin() + static_cast<std::ptrdiff_t>(which));
            handler(error, size);
        }
    };

    explicit Socket(Reads& reads) : reads_(&reads) {}
    template <class Done>
    void async_read_some(Buffer, Done done) {
        // A library moves handlers about before it calls them.
        auto kept = std::make_shared<Done>(std::move(done));
        auto moved = std::make_shared<Done>(std::move(*kept));
        reads_->started.push_back([moved](Error error, std::size_t size) { (*moved)(error, size); });
    }

private:
    Reads* reads_;
};

/// Starts a read whose handler notes what it was told.
template <class Body>
void start(Body& body, std::string& order, std::string name, std::size_t buffer = 100) {
    body.async_read_some(Buffer{nullptr, buffer}, [&order, name](Error error, std::size_t size) {
        order += name + (error ? "!" : "=" + std::to_string(size)) + " ";
    });
}

}  // namespace

TEST_CASE("handlers that are destroyed without being called leave the body as it was") {
    Seen seen;
    std::string order;
    Socket::Reads reads;
    {
        auto body = lastbyte::defer_until_consumed(Socket{reads}, NotePlain{&seen});
        start(body, order, "a");
        reads.complete(0, {}, 10);
        start(body, order, "b");
        start(body, order, "c");
        reads.started.clear();
        CHECK(seen.calls == 0);
    }
    CHECK(order == "a=10 ");
    CHECK(seen.calls == 1);
    CHECK(seen.bytes == 10);
    CHECK(seen.outcome == Outcome::aborted);
}

TEST_CASE("a body that is destroyed while reads are under way ends once, and their handlers are called all the same") {
    Seen seen;
    std::string order;
    Socket::Reads reads;
    {
        auto body = lastbyte::defer_until_consumed(Socket{reads}, NotePlain{&seen});
        start(body, order, "a");
        start(body, order, "b");
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::aborted);
    reads.complete(0, {Error::aborted}, 0);
    reads.complete(0, {Error::aborted}, 0);
    CHECK(order == "a! b! ");
    CHECK(seen.calls == 1);
}

TEST_CASE("a body that the server has ended counts nothing that completes later") {
    Seen seen;
    std::string order;
    Socket::Reads reads;
    {
        auto body = lastbyte::defer_until_consumed(Socket{reads}, NotePlain{&seen});
        start(body, order, "a");
        body.told_by_server(Outcome::timed_out);
        CHECK(seen.calls == 1);
        reads.complete(0, {}, 10);
        start(body, order, "b");
        CHECK(reads.started.empty());
    }
    CHECK(order == "a=10 ");
    CHECK(seen.calls == 1);
    CHECK(seen.bytes == 0);
    CHECK(seen.outcome == Outcome::timed_out);
}

TEST_CASE("reads under way follow a body that is moved, and complete in any order") {
    Seen seen;
    std::string order;
    Socket::Reads reads;
    {
        auto first = lastbyte::defer_until_consumed(Socket{reads}, NotePlain{&seen});
        start(first, order, "a");
        start(first, order, "b");
        start(first, order, "c");
        auto second = std::move(first);
        start(second, order, "d");
        reads.complete(1, {}, 1);
        auto third = std::move(second);
        reads.complete(2, {}, 2);
        reads.complete(0, {}, 4);
        auto& same = third;
        third = std::move(same);
        reads.complete(0, {Error::eof}, 8);
        CHECK(seen.calls == 0);
    }
    CHECK(order == "b=1 d=2 a=4 c! ");
    CHECK(seen.calls == 1);
    CHECK(seen.bytes == 15);
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("a body that another is moved onto forgets its own reads and takes over the other's") {
    Seen replaced, moved;
    std::string order;
    Socket::Reads reads;
    {
        auto body = lastbyte::defer_until_consumed(Socket{reads}, NotePlain{&replaced});
        start(body, order, "a");
        {
            auto other = lastbyte::defer_until_consumed(Socket{reads}, NotePlain{&moved});
            start(other, order, "b");
            body = std::move(other);
        }
        CHECK(replaced.calls == 1);
        reads.complete(0, {}, 1);
        reads.complete(0, {}, 2);
        CHECK(moved.calls == 0);
    }
    CHECK(replaced.bytes == 0);
    CHECK(moved.calls == 1);
    CHECK(moved.bytes == 2);
}

TEST_CASE("success with no byte is the end, unless nothing was asked for") {
    Seen seen;
    std::string order;
    Socket::Reads reads;
    {
        auto body = lastbyte::defer_until_consumed(Socket{reads}, NotePlain{&seen});
        start(body, order, "a", 0);
        reads.complete(0, {}, 0);
        body.told_by_server(Outcome::aborted);
    }
    CHECK(seen.outcome == Outcome::aborted);
    {
        auto body = lastbyte::defer_until_consumed(Socket{reads}, NotePlain{&seen});
        start(body, order, "a");
        reads.complete(0, {}, 0);
        body.told_by_server(Outcome::aborted);
    }
    CHECK(seen.outcome == Outcome::complete);
}

TEST_CASE("an error is the producer's failing, except for the library's end of stream, and its bytes count") {
    for (auto const code : {Error::failed, Error::eof}) {
        Seen seen;
        std::string order;
        Socket::Reads reads;
        {
            auto body = lastbyte::defer_until_consumed(Socket{reads}, NotePlain{&seen});
            start(body, order, "a");
            reads.complete(0, {code}, 3);
        }
        CHECK(seen.bytes == 3);
        CHECK(seen.outcome == (code == Error::eof ? Outcome::complete : Outcome::producer_error));
    }
}

namespace {

/// An error code without a word for the end of a stream.
struct Code {
    int number;
    explicit operator bool() const { return number != 0; }
};
struct FailsWithCode {
    template <class Done>
    void async_read_some(Buffer, Done done) {
        done(Code{2}, std::size_t{0});
    }
};

}  // namespace

TEST_CASE("of a library that has no word for the end, every error is an error") {
    Seen seen;
    {
        auto body = lastbyte::defer_until_consumed(FailsWithCode{}, NotePlain{&seen});
        body.async_read_some(Buffer{nullptr, 1}, [](Code, std::size_t) {});
    }
    CHECK(seen.outcome == Outcome::producer_error);
}

TEST_CASE("a handler may destroy its body, and start the next read") {
    Seen seen;
    Socket::Reads reads;
    using Body = decltype(lastbyte::defer_until_consumed(Socket{reads}, NotePlain{&seen}));
    auto body = std::make_unique<Body>(lastbyte::defer_until_consumed(Socket{reads}, NotePlain{&seen}));
    body->async_read_some(Buffer{nullptr, 1}, [&](Error, std::size_t) {
        body->async_read_some(Buffer{nullptr, 1}, [&](Error, std::size_t) { body.reset(); });
    });
    reads.complete(0, {}, 1);
    CHECK(seen.calls == 0);
    reads.complete(0, {}, 1);
    CHECK(seen.calls == 1);
    CHECK(seen.bytes == 2);
}

namespace {

struct Executor {
    int number;
};
struct Allocator {
    int number;
};
struct Slot {
    int number;
};
struct RichHandler {
    using executor_type = Executor;
    using allocator_type = Allocator;
    using cancellation_slot_type = Slot;
    std::unique_ptr<int> only_movable;
    [[nodiscard]] executor_type get_executor() const noexcept { return {1}; }
    [[nodiscard]] allocator_type get_allocator() const noexcept { return {2}; }
    [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return {3}; }
    void operator()(Error, std::size_t) && { ++*only_movable; }
};
/// A stream that asks its handler what Asio asks, and completes at once.
struct Asking {
    int* asked;
    template <class Done>
    void async_read_some(Buffer, Done done) {
        if constexpr (requires { typename Done::executor_type; }) {
            static_assert(std::is_same_v<typename Done::executor_type, Executor>);
            static_assert(std::is_same_v<typename Done::allocator_type, Allocator>);
            static_assert(std::is_same_v<typename Done::cancellation_slot_type, Slot>);
            *asked = done.get_executor().number * 100 + done.get_allocator().number * 10 +
                     done.get_cancellation_slot().number;
        }
        std::move(done)(Error{}, std::size_t{1});
    }
};
struct FailsToStart {
    template <class Done>
    void async_read_some(Buffer, Done) {
        throw ProducerFailed{};
    }
};

}  // namespace

TEST_CASE(
    "a handler's executor, allocator and cancellation slot are passed on, and it is called as the rvalue that it is") {
    int asked = 0;
    auto body = lastbyte::defer_until_consumed(Asking{&asked}, [](lastbyte::Consumption const&) {});
    body.async_read_some(Buffer{nullptr, 1}, RichHandler{std::make_unique<int>(0)});
    CHECK(asked == 123);
    asked = 0;
    body.async_read_some(Buffer{nullptr, 1}, [](Error, std::size_t) {});
    CHECK(asked == 0);
}

TEST_CASE("a read that can't be started is the producer's failing, and the exception goes on") {
    Seen seen;
    {
        auto body = lastbyte::defer_until_consumed(FailsToStart{}, NotePlain{&seen});
        CHECK_THROWS_AS(body.async_read_some(Buffer{nullptr, 1}, [](Error, std::size_t) {}), ProducerFailed);
        CHECK(seen.calls == 0);
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::producer_error);
}

TEST_CASE("a handler may be called on another thread, when its body is long gone") {
    Seen seen;
    std::string order;
    Socket::Reads reads;
    {
        auto body = lastbyte::defer_until_consumed(Socket{reads}, NotePlain{&seen});
        start(body, order, "a");
    }
    std::thread other{[&] { reads.complete(0, {Error::aborted}, 0); }};
    other.join();
    CHECK(order == "a! ");
    CHECK(seen.calls == 1);
}
