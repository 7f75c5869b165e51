// A gRPC server, callback API, that says of each call when it is over how it ended, and four clients of it.
//
//     protoc -Itests/adapt --cpp_out=. --grpc_out=. --plugin=protoc-gen-grpc=$(command -v grpc_cpp_plugin) grpc.proto
//     c++ -std=c++20 -Iinclude -I. tests/examples/grpc_server.cpp grpc*.cc $(pkg-config --libs grpc++ protobuf) -o server
//     ./server
//
// One client reads all, one cancels, one has a deadline, and one is cut off when the server shuts down.

#include <lastbyte/adapt/grpc.hpp>

#include "grpc.grpc.pb.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <iostream>
#include <limits>
#include <string>
#include <syncstream>
#include <thread>
#include <utility>

using lastbyte::test::Page;
using lastbyte::test::Pages;
using lastbyte::test::Query;
using Clock = std::chrono::system_clock;
using namespace std::chrono_literals;

enum class Source { memory, cache, build };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index">>>;
};

class Service final : public Pages::CallbackService {
    grpc::ServerWriteReactor<Page>* Search(grpc::CallbackServerContext* context, Query const* query) override {
        lastbyte::Tracer<Telemetry> tracer;
        auto next = [tracer, query, number = 0](Page& page, grpc::Status&) mutable {  // runs while the call streams
            if (number == query->pages()) return false;
            if (number == 0) tracer.span<"index">().source(Source::cache);
            page.set_number(++number);
            page.set_text("a page of hits");
            return true;
        };
        return lastbyte::adapt::grpc_stream<Page>(
            context, tracer, std::move(next),
            [name = query->text()](lastbyte::Reading<Telemetry> const& done) {
                std::osyncstream{std::cout} << name << ": " << done.tier<"cache_tier">() << ", " << done.chunks()
                                            << " pages, " << done.bytes() << " bytes, " << done.outcome() << std::endl;
            },
            &shutdown);
    }

public:
    lastbyte::adapt::GrpcShutdown shutdown;
};

constexpr int no_end = std::numeric_limits<int>::max();

/// A call that stays until its last page, its deadline, or `leaves_after` pages.
void call(Pages::Stub& stub, std::string name, int pages, int leaves_after = no_end, std::chrono::seconds time = 1h) {
    grpc::ClientContext context;
    context.set_deadline(Clock::now() + time);
    Query query;
    query.set_text(std::move(name));
    query.set_pages(pages);
    auto const stream = stub.Search(&context, query);
    Page page;
    while (stream->Read(&page))
        if (page.number() == leaves_after) context.TryCancel();
    stream->Finish();
}

int main() {
    Service service;
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    auto const server = builder.BuildAndStart();
    auto const stub =
        Pages::NewStub(grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));

    call(*stub, "whole", 100);
    call(*stub, "left", no_end, 3);
    call(*stub, "late", no_end, no_end, 1s);
    std::thread cut{[&] { call(*stub, "cut", no_end); }};
    std::this_thread::sleep_for(100ms);
    service.shutdown(*server, Clock::now() + 100ms);  // in place of server->Shutdown
    cut.join();
}
