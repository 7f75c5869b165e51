// What the gRPC adapter costs: calls a second beside those of a bare server, turn by turn in one process.
#pragma once

#include "grpc_pages.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <utility>
#include <vector>

/// What a service looks like without us: the same pages, from a reactor of gRPC's own.
class Bare final : public Pages::CallbackService {
    class Writer final : public grpc::ServerWriteReactor<Page> {
    public:
        explicit Writer(Query const& query) : query_(query) { OnWriteDone(true); }

    private:
        void OnWriteDone(bool ok) override {
            page_.Clear();
            fill(page_, query_, ++number_);
            if (!ok || number_ > query_.pages()) return Finish(ok ? grpc::Status::OK : grpc::Status::CANCELLED);
            StartWrite(&page_);
        }
        void OnDone() override { delete this; }
        Query const& query_;
        Page page_;
        int number_ = 0;
    };

    grpc::ServerWriteReactor<Page>* Search(grpc::CallbackServerContext*, Query const* query) override {
        return new Writer{*query};
    }
};

/// With a span for each call, a tier and a Reading that is read.
class Watched final : public Pages::CallbackService {
    grpc::ServerWriteReactor<Page>* Search(grpc::CallbackServerContext* context, Query const* query) override {
        Tracer tracer;
        auto next = [query, tracer, number = 0](Page& page, grpc::Status&) mutable {
            if (number == 0) tracer.span<"index">().source(Source::cache);
            fill(page, *query, ++number);
            return number <= query->pages();
        };
        return adapt::grpc_stream<Page>(context, tracer, std::move(next), [this](lastbyte::Reading<Traced> const& done) {
            bytes.fetch_add(done.tier<"cache_tier">().value() == Source::cache ? done.bytes().value() : 0);
        });
    }

public:
    std::atomic<std::uint64_t> bytes{0};
};

inline double calls_a_second(Pages::Stub& stub, Query const& asked, std::chrono::milliseconds time) {
    auto const start = std::chrono::steady_clock::now();
    std::chrono::duration<double> spent{};
    for (int calls = 0;; ++calls) {
        spent = std::chrono::steady_clock::now() - start;
        if (spent >= time) return calls / spent.count();
        grpc::ClientContext context;
        auto const stream = stub.Search(&context, asked);
        Got{}.rest(*stream);
    }
}

/// Medians and quartiles of many short turns. The bare server's twin shows what the machine's noise makes of nothing.
inline int measure() {
    constexpr std::size_t rounds = 151;
    for (int pages : {1, 20}) {
        Bare bare, twin;
        Watched watched;
        std::array<int, 3> ports{};
        std::array const servers{serve(bare, ports[0]), serve(twin, ports[1]), serve(watched, ports[2])};
        std::array const stubs{client_of(ports[0]), client_of(ports[1]), client_of(ports[2])};
        std::array<std::vector<double>, 3> calls;  // a second; in times of the bare server's, but for its own
        for (std::size_t round = 0; round <= rounds; ++round) {
            std::array<double, 3> found{};
            for (std::size_t turn = 0; turn < 3; ++turn) {
                auto const which = (round + turn) % 3;
                found[which] = calls_a_second(*stubs[which], query(pages, 1000), 40ms);
            }
            if (round == 0) continue;  // connects
            calls[0].push_back(found[0]);
            for (std::size_t which : {1u, 2u}) calls[which].push_back(found[which] / found[0]);
        }
        for (auto& found : calls) std::ranges::sort(found);
        std::cout << pages << " messages of 1000 bytes, " << calls[0][rounds / 2] << " calls/s from the bare server\n";
        for (std::size_t which : {1u, 2u})
            std::cout << (which == 1 ? "    its twin: " : "    watched:  ") << calls[which][rounds / 2]
                      << " times as many, quartiles " << calls[which][rounds / 4] << " to " << calls[which][rounds * 3 / 4]
                      << std::endl;
        if (watched.bytes == 0) return 1;
    }
    return 0;
}
