// The gRPC adapter between a real server and real clients on 127.0.0.1: every end of a call gives one Reading, with the
// right outcome, and the bytes of a complete one are those that the client has got. `--measure` says what the adapter costs.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "grpc_measure.hpp"
#include "grpc_pages.hpp"

#include <grpc/grpc.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using lastbyte::Outcome;
using Clock = std::chrono::system_clock;

namespace {

using Tier = lastbyte::Tier<Source>;

struct Seen {
    std::string query;
    Outcome outcome{};
    std::uint64_t bytes = 0, chunks = 0;
    Tier tier = Tier::unresolved();
};

/// The Readings, as they come.
class Readings {
public:
    void add(Seen seen) {
        std::lock_guard const lock{mutex_};
        seen_.push_back(std::move(seen));
        came_.notify_all();
    }
    /// Waits for `count` of them, for five seconds at most.
    std::vector<Seen> wait_for(std::size_t count) {
        std::unique_lock lock{mutex_};
        came_.wait_for(lock, 5s, [&] { return seen_.size() >= count; });
        return seen_;
    }
    std::size_t count() { return wait_for(0).size(); }

private:
    std::mutex mutex_;
    std::condition_variable came_;
    std::vector<Seen> seen_;
};

constexpr int endless = 1 << 30;

/// Answers a query for each that it reads; one without pages with its status.
class Follower final : public adapt::GrpcReactor<grpc::ServerBidiReactor<Query, Page>> {
public:
    template <class... Call>
    explicit Follower(Call&&... call) : GrpcReactor(std::forward<Call>(call)...) {
        StartRead(&query_);
    }

private:
    void OnReadDone(bool ok) override {
        if (!ok) return Finish(grpc::Status::OK);
        fill(page_, query_, ++number_);
        if (query_.pages() == 0) return StartWriteAndFinish(&page_, {}, grpc::Status::OK);
        StartWrite(&page_);
    }
    void OnWritten(bool ok) override {
        if (ok) return StartRead(&query_);
        Finish(grpc::Status::CANCELLED);
    }

    Query query_;
    Page page_;
    int number_ = 0;
};

class Service final : public Pages::CallbackService {
    auto note(std::string query) {
        return [this, query = std::move(query)](lastbyte::Reading<Traced> const& done) {
            readings.add({query, done.outcome(), done.bytes(), done.chunks(), done.tier<"cache_tier">()});
        };
    }

public:
    /// What a test gives to answer with: called for each message, with its number from 1.
    using Answer = std::function<bool(Query const&, Tracer const&, int number, Page&, grpc::Status&)>;
    Answer answer = [](Query const& query, Tracer const& tracer, int number, Page& page, grpc::Status&) {
        fill(page, query, number);
        if (number > query.pages()) tracer.span<"index">().source(Source::cache);
        return number <= query.pages();
    };
    std::function<grpc::Status(grpc::CallbackServerContext&)> work = [](auto&) { return grpc::Status::OK; };
    Readings readings;
    std::atomic<int> asked{0};
    adapt::GrpcShutdown shutdown;

    grpc::ServerWriteReactor<Page>* Search(grpc::CallbackServerContext* context, Query const* query) override {
        Tracer tracer;
        auto next = [this, query, tracer, number = 0](Page& page, grpc::Status& status) mutable {
            ++asked;
            return answer(*query, tracer, ++number, page, status);
        };
        return adapt::grpc_stream<Page>(context, tracer, std::move(next), note(query->text()), &shutdown);
    }
    grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, Query const* query, Page* page) override {
        Tracer tracer;
        tracer.span<"index">().source(Source::build);
        fill(*page, *query, 1);
        auto const status = work(*context);
        auto* const reactor =
            new adapt::GrpcReactor<grpc::ServerUnaryReactor>(context, tracer, note(query->text()), &shutdown);
        reactor->Finish(status, *page);
        return reactor;
    }
    grpc::ServerBidiReactor<Query, Page>* Follow(grpc::CallbackServerContext* context) override {
        return new Follower{context, Tracer{}, note("follow")};
    }
};

/// A server at a free port, and a client of it.
struct Served {
    Service service;
    int port = 0;
    std::unique_ptr<grpc::Server> server;
    std::unique_ptr<Pages::Stub> stub;

    explicit Served(int largest = -1) : server(serve(service, port, largest)), stub(client_of(port)) { REQUIRE(server); }
    ~Served() { stop(2s); }
    void stop(std::chrono::milliseconds grace) {
        if (server) service.shutdown(*server, Clock::now() + grace);
        server.reset();
    }
    /// The Readings, which are `count`: one more, up to the server's end, is an error.
    std::vector<Seen> readings(std::size_t count) {
        service.readings.wait_for(count);
        stop(2s);
        auto seen = service.readings.wait_for(0);
        REQUIRE(seen.size() == count);
        std::ranges::sort(seen, {}, &Seen::query);
        return seen;
    }
    Seen only() { return readings(1).front(); }
};

/// A client's call that is a stream of pages.
struct Search {
    grpc::ClientContext context;
    Got got;
    std::unique_ptr<grpc::ClientReader<Page>> stream;

    Search(Served& served, Query const& query, std::chrono::milliseconds time = 1h) {
        context.set_deadline(Clock::now() + time);
        stream = served.stub->Search(&context, query);
    }
    bool one() { return got.one(*stream); }
    grpc::Status rest() { return got.rest(*stream); }
    grpc::StatusCode leave() {
        context.TryCancel();
        return rest().error_code();
    }
};

/// Ends the client's side of the connections to a port, as when its process dies.
void cut(int port) {
    for (int fd = 3; fd < 1024; ++fd) {
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || ntohs(peer.sin_port) != port) continue;
        ::shutdown(fd, SHUT_RDWR);
    }
}

}  // namespace

TEST_CASE("a stream that is read to its end is complete, with the bytes that the client has got") {
    for (int pages : {50, 0}) {
        Served served;
        Search search{served, query(pages)};
        CHECK(search.rest().ok());
        auto const seen = served.only();
        CHECK(seen.outcome == Outcome::complete);
        CHECK(seen.bytes == search.got.bytes);
        CHECK(seen.chunks == static_cast<std::uint64_t>(pages));
        CHECK(seen.tier == Source::cache);
    }
}

TEST_CASE("a client that cancels after three messages leaves a cancelled call behind, which stops") {
    Served served;
    Search search{served, query(endless, 10'000)};
    for (int i = 0; i < 3; ++i) CHECK(search.one());
    CHECK(search.leave() == grpc::StatusCode::CANCELLED);
    auto const seen = served.only();
    CHECK(seen.outcome == Outcome::cancelled);
    CHECK(seen.bytes >= search.got.bytes);
    CHECK(seen.tier == Tier::unresolved());
    int const asked = served.service.asked;
    std::this_thread::sleep_for(20ms);
    CHECK(served.service.asked == asked);
}

TEST_CASE("a call that outlives its deadline has timed out, whichever side sees it first") {
    for (auto const slow : {0ms, 50ms}) {
        Served served;
        served.service.answer = [slow](Query const& query, auto const&, int number, Page& page, auto&) {
            std::this_thread::sleep_for(slow);
            fill(page, query, number);
            return true;
        };
        Search search{served, query(endless, 1'000'000), 150ms};
        search.one();
        if (slow == 0ms) std::this_thread::sleep_for(200ms);
        CHECK(search.rest().error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
        CHECK(served.only().outcome == Outcome::timed_out);
    }
}

TEST_CASE("a client that cancels before its deadline is cancelled, also when its producer notices only after it") {
    Served served;
    served.service.answer = [](Query const& query, auto const&, int number, Page& page, auto&) {
        if (number == 2) std::this_thread::sleep_for(400ms);
        fill(page, query, number);
        return number == 1;
    };
    Search search{served, query(endless), 300ms};
    CHECK(search.one());
    CHECK(search.leave() == grpc::StatusCode::CANCELLED);
    CHECK(served.only().outcome == Outcome::cancelled);
}

TEST_CASE("a connection that is gone is what gRPC calls cancelled") {
    Served served;
    Search search{served, query(endless, 10'000)};
    for (int i = 0; i < 3; ++i) CHECK(search.one());
    cut(served.port);
    CHECK(search.rest().error_code() == grpc::StatusCode::UNAVAILABLE);
    CHECK(served.only().outcome == Outcome::cancelled);
}

TEST_CASE("a call that a server's shutdown cuts off is a shutdown; one that ends or is cancelled while it waits is not") {
    Served served;
    Search ends{served, query(3, 1'000'000, "a")}, leaves{served, query(endless, 10'000, "b")},
        stays{served, query(endless, 10'000, "c")};
    for (auto* search : {&ends, &leaves, &stays}) search->one();
    std::thread stopper{[&] { served.stop(600ms); }};
    std::this_thread::sleep_for(50ms);
    CHECK(ends.rest().ok());
    leaves.leave();
    CHECK_FALSE(stays.rest().ok());
    stopper.join();
    auto const seen = served.readings(3);
    CHECK(seen[0].outcome == Outcome::complete);
    CHECK(seen[1].outcome == Outcome::cancelled);
    CHECK(seen[2].outcome == Outcome::shutdown);
}

TEST_CASE("a producer that throws or gives a status in the middle has failed, and what it threw stays in the house") {
    for (bool throws : {false, true}) {
        Served served;
        served.service.answer = [throws](Query const& query, auto const&, int number, Page& page, grpc::Status& status) {
            if (number == 3 && throws) throw std::runtime_error{"/etc/secret is gone"};
            if (number == 3) status = {grpc::StatusCode::NOT_FOUND, "no page 3"};
            fill(page, query, number);
            return number < 3;
        };
        Search search{served, query(5)};
        auto const status = search.rest();
        CHECK(status.error_code() == (throws ? grpc::StatusCode::UNKNOWN : grpc::StatusCode::NOT_FOUND));
        CHECK(status.error_message() == (throws ? "Unexpected error in RPC handling" : "no page 3"));
        auto const seen = served.only();
        CHECK(seen.outcome == Outcome::producer_error);
        CHECK(seen.bytes == search.got.bytes);
        CHECK(search.got.pages == 2);
    }
}

TEST_CASE("a client that doesn't read holds the producer back, and its call isn't over") {
    Served served;
    Search search{served, query(8, 2'000'000)};
    search.stream->WaitForInitialMetadata();
    std::this_thread::sleep_for(100ms);
    CHECK(served.service.asked < 8);
    CHECK(served.service.readings.count() == 0);
    CHECK(search.rest().ok());
    auto const seen = served.only();
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == search.got.bytes);
    CHECK(seen.chunks == 8);
}

TEST_CASE("a message that is larger than the server may send is not counted") {
    Served served{1000};
    Search search{served, query(2, 5000)};
    CHECK(search.rest().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
    auto const seen = served.only();
    CHECK(seen.outcome == Outcome::cancelled);
    CHECK(seen.bytes == 0);
}

TEST_CASE("a unary call is one chunk, when its response went out") {
    auto const wait_for_cancel = [](grpc::CallbackServerContext& context) {
        while (!context.IsCancelled()) std::this_thread::sleep_for(1ms);
        return grpc::Status::OK;
    };
    auto const fail = [](auto&) { return grpc::Status{grpc::StatusCode::NOT_FOUND, "no page"}; };
    struct Case {
        std::function<grpc::Status(grpc::CallbackServerContext&)> work;
        grpc::StatusCode code;
        Outcome outcome;
    };
    for (auto const& [work, code, outcome] :
         {Case{[](auto&) { return grpc::Status::OK; }, grpc::StatusCode::OK, Outcome::complete},
          Case{fail, grpc::StatusCode::NOT_FOUND, Outcome::producer_error},
          Case{wait_for_cancel, grpc::StatusCode::DEADLINE_EXCEEDED, Outcome::timed_out}}) {
        Served served;
        served.service.work = work;
        grpc::ClientContext context;
        context.set_deadline(Clock::now() + (outcome == Outcome::timed_out ? 200ms : 10'000ms));
        Page got;
        CHECK(served.stub->Get(&context, query(1), &got).error_code() == code);
        auto const seen = served.only();
        CHECK(seen.outcome == outcome);
        CHECK(seen.bytes == got.ByteSizeLong());
        CHECK(seen.chunks == (code == grpc::StatusCode::OK ? 1 : 0));
        CHECK(seen.tier == Source::build);
    }
}

TEST_CASE("a reactor of one's own, which answers each query, is complete when the client has no more") {
    Served served;
    grpc::ClientContext context;
    Got got;
    auto const stream = served.stub->Follow(&context);
    for (int i = 0; i < 20; ++i) {
        CHECK(stream->Write(query(1, i)));
        CHECK(got.one(*stream));
    }
    CHECK(served.service.readings.count() == 0);
    stream->WritesDone();
    CHECK(got.rest(*stream).ok());
    auto const seen = served.only();
    CHECK(seen.outcome == Outcome::complete);
    CHECK(seen.bytes == got.bytes);
    CHECK(seen.chunks == 20);
}

TEST_CASE("a reactor of one's own whose client leaves while it reads is cancelled") {
    Served served;
    grpc::ClientContext context;
    Got got;
    auto const stream = served.stub->Follow(&context);
    CHECK(stream->Write(query(1)));
    CHECK(got.one(*stream));
    context.TryCancel();
    stream->Finish();
    auto const seen = served.only();
    CHECK(seen.outcome == Outcome::cancelled);
    CHECK(seen.bytes == got.bytes);
}

TEST_CASE("a message with the status counts when it went out, and not when its client left without reading it") {
    for (bool reads : {true, false}) {
        Served served;
        grpc::ClientContext context;
        Got got;
        auto const stream = served.stub->Follow(&context);
        CHECK(stream->Write(query(0, 8'000'000)));
        stream->WaitForInitialMetadata();
        if (!reads) {
            std::this_thread::sleep_for(50ms);
            context.TryCancel();
        }
        got.rest(*stream);
        auto const seen = served.only();
        CHECK(seen.outcome == (reads ? Outcome::complete : Outcome::cancelled));
        CHECK(seen.bytes == got.bytes);
    }
}

TEST_CASE("a hundred streams at once give a hundred Readings, each with its own bytes and tier") {
    /// Reads to the end, or cancels at its fifth page.
    struct Reader final : grpc::ClientReadReactor<Page> {
        grpc::ClientContext context;
        Query asked;
        Page page;
        Got got;
        bool leaves = false;
        grpc::Status status;
        std::atomic<bool> done{false};
        void OnReadDone(bool ok) override {
            if (!ok) return;
            got.count(page);
            if (leaves && got.pages == 5) context.TryCancel();
            StartRead(&page);
        }
        void OnDone(grpc::Status const& given) override {
            status = given;
            done = true;
            done.notify_one();
        }
    };
    Served served;
    // The span that names the tier is recorded behind the last message, long after the handler returned.
    served.service.answer = [](Query const& query, Tracer const& tracer, int number, Page& page, auto&) {
        fill(page, query, number);
        bool const more = number <= query.pages();
        if (!more) tracer.span<"index">().source(query.pages() % 2 == 0 ? Source::memory : Source::build);
        return more;
    };
    std::vector<Reader> readers(100);
    for (int i = 0; Reader& reader : readers) {
        reader.leaves = i % 10 == 9;
        reader.asked = query(reader.leaves ? endless : 20 + i, 10 * i, std::to_string(i));
        served.stub->async()->Search(&reader.context, &reader.asked, &reader);
        reader.StartRead(&reader.page);
        reader.StartCall();
        ++i;
    }
    for (Reader& reader : readers) reader.done.wait(false);
    std::map<std::string, Seen> seen;
    for (Seen const& one : served.readings(readers.size())) CHECK(seen.emplace(one.query, one).second);
    for (Reader const& reader : readers) {
        REQUIRE(seen.contains(reader.asked.text()));
        Seen const& one = seen.at(reader.asked.text());
        CHECK(one.outcome == (reader.leaves ? Outcome::cancelled : Outcome::complete));
        CHECK(reader.status.ok() == !reader.leaves);
        if (reader.leaves) continue;
        CHECK(one.bytes == reader.got.bytes);
        CHECK(one.chunks == static_cast<std::uint64_t>(reader.got.pages));
        CHECK(one.tier == (reader.asked.pages() % 2 == 0 ? Source::memory : Source::build));
    }
}

int main(int count, char** arguments) {
    grpc_init();  // for good: without it the last object of each test shuts the library down, which takes up to ten seconds
    if (count == 2 && std::string_view{arguments[1]} == "--measure") return measure();
    return doctest::Context{count, arguments}.run();
}
