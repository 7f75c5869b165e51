// The production bug, replayed: 306 calls read when the handler returns, and the same calls read after their bodies.
#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "../unit/seed.hpp"

using lastbyte::milliseconds;
using seed::Source;

namespace {

using Answers = std::map<std::string, int>;

std::string tier_so_far(lastbyte::Tracer<seed::Policy> const& tracer) {
    return std::string{tracer.snapshot().tier<"cache_tier">().value().name()};
}

/// What the three reads of one tracer said: the debug envelope inside the action, the handler's end, the body's end.
struct Reads {
    Answers envelope, early, after;
};

/// A streaming tool: it reads the index while its body is produced, from memory once it is warm.
auto run_tool(lastbyte::Tracer<seed::Policy> const& tracer, int call, Answers& envelope) {
    return [tracer, call, &envelope, step = 0]() mutable -> std::optional<std::string> {
        switch (step++) {
            case 0:
                if (call == 0) tracer.record<"index-build">(milliseconds(900), Source::build);
                tracer.record<"index">(milliseconds(1), call < 20 ? Source::cache : Source::memory);
                ++envelope[tier_so_far(tracer)];
                return "event: message\n";
            case 1: return "data: {}\n\n";
            default: return std::nullopt;
        }
    };
}

/// Handles calls as the server does.
void handle(int calls, Reads& reads) {
    for (int call = 0; call < calls; ++call) {
        lastbyte::Tracer<seed::Policy> tracer;
        auto response = lastbyte::defer_until_consumed(
            tracer.body(run_tool(tracer, call, reads.envelope)), [&](lastbyte::Reading<seed::Policy> const& done) {
                ++reads.after[std::string{done.tier<"cache_tier">().value().name()}];
            });
        ++reads.early[tier_so_far(tracer)];                              // the handler returns here
        CHECK(seed::drain(response) == "event: message\ndata: {}\n\n");  // the server sends the body
    }
}

/// The rule before its first mend: files are not in it.
struct IndexOnly : seed::Policy {
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "index-build">, lastbyte::Never<Source::miss>>>;
};

/// `get` of a document by its path: a fast path that loads files and no index.
template <class P>
std::string tier_of_a_get() {
    std::string tier;
    lastbyte::Tracer<P> tracer;
    auto response = lastbyte::defer_until_consumed(
        tracer.body([tracer, step = 0]() mutable -> std::optional<std::string> {
            if (step++ == 1) return std::nullopt;
            tracer.template record<"file-r2:*">("canon/foo.md", milliseconds(40), Source::miss);
            tracer.template record<"file:*">("canon/foo.md", milliseconds(700), Source::build, "zip-extract");
            return "# foo\n";
        }),
        [&](lastbyte::Reading<P> const& done) { tier = done.template tier<"cache_tier">().value().name(); });
    (void)seed::drain(response);
    return tier;
}

}  // namespace

TEST_CASE("286 search and 20 orient calls say none 306 times when read early, and what happened when read after the body") {
    Reads reads;
    handle(286, reads);
    handle(20, reads);
    CHECK(reads.early == Answers{{"none", 306}});
    CHECK(reads.after == Answers{{"build", 2}, {"cache", 38}, {"memory", 266}});
}

TEST_CASE("the debug envelope inside the action says what the data point says") {
    Reads reads;
    handle(286, reads);
    handle(20, reads);
    CHECK(reads.envelope == reads.after);
}

TEST_CASE("a get that never loads the index is answered by its files, which the rule without files could not see") {
    CHECK(tier_of_a_get<IndexOnly>() == "none");
    CHECK(tier_of_a_get<seed::Policy>() == "build");
}
