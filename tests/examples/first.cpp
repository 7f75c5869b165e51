// The smallest program that shows the point: what happens while a body streams is read when the last byte is out.
//
//     c++ -std=c++20 -Iinclude tests/examples/first.cpp -o first && ./first
//
// It prints `Hello` and `cache, 6 bytes, complete`.

#include <lastbyte/lastbyte.hpp>

#include <iostream>

enum class Source { memory, cache, build, miss };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "file:*">, lastbyte::Never<Source::miss>>>;
};

int main() {
    lastbyte::Tracer<Telemetry> tracer;
    auto tool = [tracer](auto& sink) {  // runs when the server wants the body, not now
        tracer.span<"index">().source(Source::cache);
        sink.write("Hello\n");
    };

    // tracer.tier<"cache_tier">();  // does not compile: nothing has run yet, so it would be "none"
    auto body = lastbyte::defer_until_consumed(
        tracer.body(std::move(tool)), [](lastbyte::Reading<Telemetry> const& done) {
            std::cout << done.tier<"cache_tier">() << ", " << done.bytes() << " bytes, " << done.outcome() << '\n';
        });

    body(std::cout);  // what the server does with it
}
