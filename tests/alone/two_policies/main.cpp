// Translation units with different policies in one program: each trace has its own policy's tiers and spans, and a policy that
// they share is the same in all of them.
#include "two_policies.hpp"

#include <cstdio>

namespace {

std::string shared_source() {
    std::string resolved = "the callback never ran";
    lastbyte::Tracer<SharedTelemetry> tracer;
    {
        auto stream = lastbyte::defer_until_consumed(
            tracer.body(std::string("text")),
            [&resolved](lastbyte::Reading<SharedTelemetry> const& done) { resolved = done.tier<"tier">().value().name(); });
        fetch_remotely(tracer);
        static_cast<void>(stream.data());
    }
    return resolved;
}

}  // namespace

int main() {
    bool const right = cached_source() == "cache" && peer_source() == "peer" && shared_source() == "remote";
    if (!right) std::fputs("one policy answered for the other\n", stderr);
    return right ? 0 : 1;
}
