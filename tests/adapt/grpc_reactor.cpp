// The reactors of the gRPC adapter in the hands of a server that does things in the order that the test likes.
#include <doctest/doctest.h>

#include <lastbyte/adapt/grpc.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <grpcpp/support/slice.h>

namespace adapt = lastbyte::adapt;
using lastbyte::Outcome;
using namespace std::chrono_literals;

namespace {

enum class Source { memory, cache, miss };

struct Traced : lastbyte::DefaultPolicy {
    using Tiers =
        lastbyte::TierRules<Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index">, lastbyte::Never<Source::miss>>>;
};
struct Off : Traced {
    static constexpr bool enabled = false;
};

/// A message of which the adapter needs no more than this.
struct Message {
    std::size_t size = 0;
    [[nodiscard]] std::size_t ByteSizeLong() const { return size; }
    void Clear() { size = 0; }
};

/// What the callback saw.
struct Seen {
    int calls = 0;
    Outcome outcome{};
    std::uint64_t bytes = 0, chunks = 0;
    lastbyte::Tier<Source> tier = lastbyte::Tier<Source>::unresolved();
};

auto note(Seen& seen) {
    return [&seen](lastbyte::Reading<Traced> const& done) {
        seen = {seen.calls + 1, done.outcome(), done.bytes(), done.chunks(), done.tier<"cache_tier">()};
    };
}

/// What stands for gRPC's own writer: it notes what was started, and lets the test say when it has come to an end.
template <class Message>
class Server final : public grpc::ServerCallbackWriter<Message> {
public:
    explicit Server(grpc::ServerWriteReactor<Message>* reactor) : reactor_(reactor) { this->BindReactor(reactor); }

    void Finish(grpc::Status given) override { status = std::move(given); }
    void SendInitialMetadata() override {}
    void Write(Message const* message, grpc::WriteOptions) override {
        written.push_back(lastbyte::detail::grpc_bytes(*message));
    }
    void WriteAndFinish(Message const* message, grpc::WriteOptions options, grpc::Status given) override {
        Write(message, options);
        Finish(std::move(given));
    }

    void taken() { reactor_->OnWriteDone(true); }
    void refused() { reactor_->OnWriteDone(false); }
    void cancelled() { reactor_->OnCancel(); }
    void done() { std::exchange(reactor_, nullptr)->OnDone(); }

    std::vector<std::size_t> written;
    std::optional<grpc::Status> status;

private:
    grpc::internal::ServerReactor* reactor() override { return reactor_; }
    void CallOnDone() override { done(); }
    grpc::ServerWriteReactor<Message>* reactor_;
};

/// Messages of 1, 2, 3, … bytes, and then a status.
auto messages(std::size_t count, grpc::Status end = {}) {
    return [count, end, number = std::size_t{0}](Message& message, grpc::Status& status) mutable {
        message.size = ++number;
        if (number > count) status = end;
        return number <= count;
    };
}

/// A call that is answered by a producer, and what became of it.
struct Call {
    Seen seen;
    grpc::CallbackServerContext context;
    lastbyte::Tracer<Traced> tracer;
    Server<Message> server;

    template <class Next>
    explicit Call(Next next) : server(adapt::grpc_stream<Message>(&context, tracer, std::move(next), note(seen))) {}
};

/// A reactor that starts its own writes, driven by the test.
struct Own final : adapt::GrpcReactor<grpc::ServerWriteReactor<Message>> {
    using GrpcReactor::GrpcReactor;
    std::vector<bool> told;
    int told_of_cancel = 0;
    std::function<void()> at_end = [] {};
    ~Own() override { at_end(); }
    void OnWritten(bool ok) override { told.push_back(ok); }
    void OnCancelled() override { ++told_of_cancel; }
};

struct OwnCall {
    Seen seen;
    grpc::CallbackServerContext context;
    lastbyte::Tracer<Traced> tracer;
    Own* reactor = new Own{&context, tracer, note(seen)};
    Server<Message> server{reactor};
    Message message{10};
};

}  // namespace

TEST_CASE("a call is complete when each write was taken and the producer has no more, and is read at OnDone") {
    Call call{messages(2)};
    CHECK(call.server.written == std::vector<std::size_t>{1});
    call.server.taken();
    CHECK(call.server.written == std::vector<std::size_t>{1, 2});
    CHECK_FALSE(call.server.status);
    call.server.taken();
    REQUIRE(call.server.status);
    CHECK(call.server.status->ok());
    CHECK(call.seen.calls == 0);
    call.server.done();
    CHECK(call.seen.calls == 1);
    CHECK(call.seen.outcome == Outcome::complete);
    CHECK(call.seen.bytes == 3);
    CHECK(call.seen.chunks == 2);
}

TEST_CASE("a stream without messages is complete, and no tier is none") {
    Call call{messages(0)};
    call.server.done();
    CHECK(call.seen.outcome == Outcome::complete);
    CHECK(call.seen.chunks == 0);
    CHECK(call.seen.tier == lastbyte::Tier<Source>::none());
}

TEST_CASE("a cancel after the end has been seen changes nothing") {
    Call call{messages(1)};
    call.server.taken();
    call.server.cancelled();
    call.server.done();
    CHECK(call.seen.outcome == Outcome::complete);
}

TEST_CASE("a cancel while the last write is under way is seen, and the producer is not asked again") {
    int asked = 0;
    Call call{[&](Message& message, grpc::Status&) {
        message.size = 5;
        return ++asked == 1;
    }};
    call.server.cancelled();
    CHECK_FALSE(call.server.status);
    call.server.taken();
    CHECK(asked == 1);
    REQUIRE(call.server.status);
    CHECK(call.server.status->error_code() == grpc::StatusCode::CANCELLED);
    call.server.done();
    CHECK(call.seen.outcome == Outcome::cancelled);
    CHECK(call.seen.bytes == 5);
}

TEST_CASE("a write that was refused is a cancel and not counted, whether OnCancel comes before it, behind it or never") {
    for (int cancel : {0, 1, 2}) {
        Call call{messages(2)};
        call.server.taken();
        if (cancel == 1) call.server.cancelled();
        call.server.refused();
        if (cancel == 2) call.server.cancelled();
        call.server.done();
        CHECK(call.seen.outcome == Outcome::cancelled);
        CHECK(call.seen.bytes == 1);
    }
}

TEST_CASE("a producer that throws ends the call as gRPC's own handlers do, at the first message and later") {
    for (std::size_t good : {0u, 1u}) {
        Call call{[next = messages(good)](Message& message, grpc::Status& status) mutable {
            if (next(message, status)) return true;
            throw std::runtime_error{"the disk is gone"};
        }};
        if (good == 1) call.server.taken();
        REQUIRE(call.server.status);
        CHECK(call.server.status->error_code() == grpc::StatusCode::UNKNOWN);
        CHECK(call.server.status->error_message().find("disk") == std::string::npos);
        call.server.done();
        CHECK(call.seen.calls == 1);
        CHECK(call.seen.outcome == Outcome::producer_error);
        CHECK(call.seen.bytes == good);
    }
}

TEST_CASE("a producer's status that is not OK is its error, and a cancel afterwards changes nothing") {
    Call call{messages(1, {grpc::StatusCode::NOT_FOUND, "no such page"})};
    call.server.taken();
    REQUIRE(call.server.status);
    CHECK(call.server.status->error_code() == grpc::StatusCode::NOT_FOUND);
    call.server.cancelled();
    call.server.done();
    CHECK(call.seen.outcome == Outcome::producer_error);
}

TEST_CASE("a producer's status is what it was told to be") {
    Call call{messages(0, {grpc::StatusCode::UNAVAILABLE, "going down"})};
    call.tracer.note_end(Outcome::shutdown);
    call.server.done();
    CHECK(call.seen.outcome == Outcome::shutdown);
}

TEST_CASE("a producer's status is a cancel when the client had gone before, which it may have noticed") {
    Server<Message>* server = nullptr;
    Call call{[&, next = messages(1, grpc::Status::CANCELLED)](Message& message, grpc::Status& status) mutable {
        bool const more = next(message, status);
        if (!more) server->cancelled();
        return more;
    }};
    server = &call.server;
    call.server.taken();
    call.server.done();
    CHECK(call.seen.outcome == Outcome::cancelled);
}

TEST_CASE("what the producer's own destructor records is in the Reading") {
    struct AtEnd {
        std::optional<lastbyte::Tracer<Traced>> tracer;
        AtEnd(lastbyte::Tracer<Traced> const& given) : tracer(given) {}
        AtEnd(AtEnd&& other) noexcept : tracer(std::exchange(other.tracer, std::nullopt)) {}
        ~AtEnd() {
            if (tracer) tracer->span<"index">().source(Source::cache);
        }
        bool operator()(Message&, grpc::Status&) const { return false; }
    };
    Seen seen;
    grpc::CallbackServerContext context;
    lastbyte::Tracer<Traced> tracer;
    Server<Message> server{adapt::grpc_stream<Message>(&context, tracer, AtEnd{tracer}, note(seen))};
    CHECK(seen.calls == 0);
    server.done();
    CHECK(seen.tier == Source::cache);
}

TEST_CASE("a reactor that never reaches gRPC reports when it is deleted") {
    Seen seen;
    grpc::CallbackServerContext context;
    lastbyte::Tracer<Traced> tracer;
    delete adapt::grpc_stream<Message>(&context, tracer, messages(1), note(seen));
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::aborted);
    CHECK(seen.bytes == 0);
}

TEST_CASE("a message comes cleared, and is one chunk unless it is empty") {
    Call call{[number = 0](Message& message, grpc::Status&) mutable {
        CHECK(message.size == 0);
        if (++number != 2) message.size = 3;
        return number <= 3;
    }};
    for (int i = 0; i < 3; ++i) call.server.taken();
    call.server.done();
    CHECK(call.seen.outcome == Outcome::complete);
    CHECK(call.seen.bytes == 6);
    CHECK(call.seen.chunks == 2);
}

TEST_CASE("a message of bytes, as a generic service has it, counts its length") {
    Seen seen;
    grpc::CallbackServerContext context;
    lastbyte::Tracer<Traced> tracer;
    auto const next = [left = 1](grpc::ByteBuffer& message, grpc::Status&) mutable {
        std::array const slices{grpc::Slice{"12345"}, grpc::Slice{"67"}};
        message = grpc::ByteBuffer{slices.data(), slices.size()};
        return left-- == 1;
    };
    Server<grpc::ByteBuffer> server{adapt::grpc_stream<grpc::ByteBuffer>(&context, tracer, next, note(seen))};
    server.taken();
    server.done();
    CHECK(server.written == std::vector<std::size_t>{7});
    CHECK(seen.bytes == 7);
}

TEST_CASE("under a policy that is off the stream is answered as it stands, and nothing is called") {
    auto const fail = [](lastbyte::Reading<Off> const&) { FAIL("called"); };
    grpc::CallbackServerContext context;
    Server<Message> server{adapt::grpc_stream<Message>(&context, lastbyte::Tracer<Off>{}, messages(1), fail)};
    server.taken();
    REQUIRE(server.status);
    CHECK(server.status->ok());
    server.done();
}

TEST_CASE("a reactor of one's own is told of its writes and its cancel, and deleted before its Reading") {
    OwnCall call;
    call.reactor->at_end = [&] { call.tracer.span<"index">().source(Source::memory); };
    call.reactor->StartWrite(&call.message);
    call.server.taken();
    CHECK(call.reactor->told == std::vector<bool>{true});
    call.server.cancelled();
    CHECK(call.reactor->told_of_cancel == 1);
    call.reactor->Finish(grpc::Status::CANCELLED);
    call.server.done();
    CHECK(call.seen.calls == 1);
    CHECK(call.seen.outcome == Outcome::cancelled);
    CHECK(call.seen.bytes == 10);
    CHECK(call.seen.tier == Source::memory);
}

TEST_CASE("a cancelled call that is finished with OK is cancelled") {
    OwnCall call;
    call.server.cancelled();
    call.reactor->Finish(grpc::Status::OK);
    call.server.done();
    CHECK(call.seen.outcome == Outcome::cancelled);
}

TEST_CASE("a last write may be under way when the call is finished, and counts when it is taken") {
    for (bool ok : {true, false}) {
        OwnCall call;
        call.reactor->StartWriteLast(&call.message, {});
        call.reactor->Finish(grpc::Status::OK);
        ok ? call.server.taken() : call.server.refused();
        call.server.done();
        CHECK(call.seen.outcome == (ok ? Outcome::complete : Outcome::cancelled));
        CHECK(call.seen.bytes == (ok ? 10u : 0u));
    }
}

TEST_CASE("a message that goes out with the status is taken with it") {
    for (bool ok : {true, false}) {
        OwnCall call;
        call.reactor->StartWriteAndFinish(&call.message, {}, ok ? grpc::Status::OK : grpc::Status{grpc::DATA_LOSS, ""});
        CHECK(call.server.written.size() == 1);
        call.server.done();
        CHECK(call.seen.outcome == (ok ? Outcome::complete : Outcome::producer_error));
        CHECK(call.seen.bytes == 10);
        CHECK(call.seen.chunks == 1);
    }
}

TEST_CASE("a deadline has passed 10 ms or a hundredth of its time before the server's own clock says so") {
    using Time = std::chrono::system_clock::time_point;
    constexpr auto passed = [](auto now, auto deadline) {
        Time const start{1000h};
        return lastbyte::detail::GrpcEnd::passed(start + now, start + deadline, start);
    };
    static_assert(passed(990ms, 1s) && !passed(989ms, 1s));
    static_assert(passed(59'400ms, 60s) && !passed(59'399ms, 60s));
    static_assert(!lastbyte::detail::GrpcEnd::passed(Time{1000h}, (Time::max)(), Time{1000h}));
    CHECK(passed(2s, 1s));
}

TEST_CASE("a cancel on one thread and a write's end on another leave one Reading, of the one or of the other") {
    int complete = 0;
    constexpr int rounds = 400;
    for (int i = 0; i < rounds; ++i) {
        Call call{messages(1)};
        std::atomic<int> ready{0};
        auto const together = [&] {
            ready.fetch_add(1);
            while (ready.load() != 2) {
            }
        };
        std::thread canceller{[&] {
            together();
            call.server.cancelled();
        }};
        together();
        call.server.taken();
        canceller.join();
        CHECK(call.seen.calls == 0);
        call.server.done();
        REQUIRE(call.seen.calls == 1);
        bool const whole = call.seen.outcome == Outcome::complete;
        CHECK((whole || call.seen.outcome == Outcome::cancelled));
        CHECK((!whole || call.server.status->ok()));
        complete += whole ? 1 : 0;
    }
    MESSAGE(complete, " of ", rounds, " were complete");
}
