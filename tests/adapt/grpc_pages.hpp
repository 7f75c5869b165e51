// The service of grpc.proto as its tests and its measurement have it: a policy, pages, a server at a free port, a client.
#pragma once

#include <lastbyte/adapt/grpc.hpp>

#include "grpc.grpc.pb.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace adapt = lastbyte::adapt;
using lastbyte::test::Page;
using lastbyte::test::Pages;
using lastbyte::test::Query;
using namespace std::chrono_literals;

enum class Source { memory, cache, build, miss };

struct Traced : lastbyte::DefaultPolicy {
    using Tiers =
        lastbyte::TierRules<Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index">, lastbyte::Never<Source::miss>>>;
};
using Tracer = lastbyte::Tracer<Traced>;

inline Query query(int pages, int page_bytes = 100, std::string text = "q") {
    Query made;
    made.set_text(std::move(text));
    made.set_pages(pages);
    made.set_page_bytes(page_bytes);
    return made;
}
inline void fill(Page& page, Query const& query, int number) {
    page.set_text(std::string(static_cast<std::size_t>(query.page_bytes()), 'x'));
    page.set_number(number);
}

inline std::unique_ptr<grpc::Server> serve(grpc::Service& service, int& port, int largest_message = -1) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    builder.SetMaxSendMessageSize(largest_message);
    return builder.BuildAndStart();
}
/// On a connection of its own, which is there: a deadline isn't spent on it.
inline std::unique_ptr<Pages::Stub> client_of(int port) {
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    own.SetMaxReceiveMessageSize(-1);
    auto const channel =
        grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), own);
    channel->WaitForConnected(std::chrono::system_clock::now() + 10s);
    return Pages::NewStub(channel);
}

/// What a client got of a stream.
struct Got {
    std::uint64_t bytes = 0;
    int pages = 0;

    void count(Page const& page) {
        bytes += page.ByteSizeLong();
        ++pages;
    }
    template <class Stream>
    bool one(Stream& stream) {
        Page page;
        if (!stream.Read(&page)) return false;
        count(page);
        return true;
    }
    /// The status, behind all that is left.
    template <class Stream>
    grpc::Status rest(Stream& stream) {
        while (one(stream)) {
        }
        return stream.Finish();
    }
};
