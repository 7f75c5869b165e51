// Tier rules: several questions over the same spans, and what answers them.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "seed.hpp"

using lastbyte::FirstWins;
using lastbyte::milliseconds;
using lastbyte::Never;
using lastbyte::On;
using seed::Source;

namespace {

struct Several : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, FirstWins<"cache_tier", On<"index", "file:*">, Never<Source::miss>>,
                                      FirstWins<"index_tier", On<"index">, Never<Source::miss>>,
                                      FirstWins<"first_look", On<"*">>>;
    using Hits = lastbyte::Hits<Source::memory, Source::cache>;
};

/// Two lines of one name: the index may answer with anything but a miss, files only from the outside.
struct TwoLines : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source, FirstWins<"tier", On<"index">, Never<Source::miss>>,
        FirstWins<"tier", On<"file:*">, Never<Source::miss, Source::memory, Source::cache>>>;
    static constexpr std::size_t max_spans = 2;
};

struct ByTail : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, FirstWins<"canon", On<"file:canon/*", "file:index">>,
                                      FirstWins<"files", On<"file:*">>>;
};

template <lastbyte::FixedString Rule, class Tracer>
std::string tier(Tracer const& tracer) {
    return std::string{tracer.snapshot().template tier<Rule>().value().name()};
}

struct Closed : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, seed::CacheTier>;
    using Labels = lastbyte::ClosedLabels<"action:*">;
};

struct ShortTails : ByTail {
    static constexpr std::size_t max_text_bytes = 4;
};
struct Few : Several {
    static constexpr std::size_t max_spans = 3;
};

}  // namespace

TEST_CASE("several names are several answers") {
    lastbyte::Tracer<Several> tracer;
    tracer.record<"lookup">(milliseconds(1), Source::miss);
    tracer.record<"file:*">("a", milliseconds(1), Source::r2);
    tracer.record<"index">(milliseconds(1), Source::cache);
    CHECK(tier<"cache_tier">(tracer) == "r2");
    CHECK(tier<"index_tier">(tracer) == "cache");
    CHECK(tier<"first_look">(tracer) == "miss");
}

TEST_CASE("a Never source is passed over, and the next span answers") {
    lastbyte::Tracer<Several> tracer;
    tracer.record<"index">(milliseconds(1), Source::miss);
    CHECK(tier<"index_tier">(tracer) == "none");
    tracer.record<"index">(milliseconds(1), Source::build);
    CHECK(tier<"index_tier">(tracer) == "build");
}

TEST_CASE("the first answer stays") {
    lastbyte::Tracer<Several> tracer;
    for (auto source : {Source::kv, Source::cache, Source::memory}) {
        tracer.record<"index">(milliseconds(1), source);
        CHECK(tier<"index_tier">(tracer) == "kv");
    }
}

TEST_CASE("a span without a source answers nothing") {
    lastbyte::Tracer<Several> tracer;
    tracer.record<"index">(milliseconds(1));
    CHECK(tier<"first_look">(tracer) == "none");
}

TEST_CASE("the order of recording decides, not the order of starting") {
    lastbyte::Tracer<Several> tracer;
    {
        auto outer = tracer.span<"index">();
        outer.source(Source::r2);
        auto inner = tracer.span<"index">();
        inner.source(Source::memory);
    }
    CHECK(tier<"index_tier">(tracer) == "memory");
}

TEST_CASE("two lines of one name are one question, each with its own Never") {
    lastbyte::Tracer<TwoLines> tracer;
    tracer.record<"file:*">("a", milliseconds(1), Source::cache);
    CHECK(tier<"tier">(tracer) == "none");
    tracer.record<"index">(milliseconds(1), Source::cache);
    CHECK(tier<"tier">(tracer) == "cache");
}

TEST_CASE("beyond the bound the first span still wins, whichever line it answered") {
    lastbyte::Tracer<TwoLines> tracer;
    for (int i = 0; i < 2; ++i) tracer.record<"other">(milliseconds(1));
    tracer.record<"file:*">("a", milliseconds(1), Source::r2);
    tracer.record<"index">(milliseconds(1), Source::memory);
    CHECK(tier<"tier">(tracer) == "r2");

    lastbyte::Tracer<TwoLines> reversed;
    for (int i = 0; i < 2; ++i) reversed.record<"other">(milliseconds(1));
    reversed.record<"index">(milliseconds(1), Source::memory);
    reversed.record<"file:*">("a", milliseconds(1), Source::r2);
    CHECK(tier<"tier">(reversed) == "memory");
}

TEST_CASE("the tail decides where a rule is narrower than the family") {
    lastbyte::Tracer<ByTail> tracer;
    tracer.record<"file:*">("tmp/a", milliseconds(1), Source::kv);
    CHECK(tier<"canon">(tracer) == "none");
    CHECK(tier<"files">(tracer) == "kv");
    tracer.record<"file:*">("canon/a", milliseconds(1), Source::r2);
    CHECK(tier<"canon">(tracer) == "r2");
}

TEST_CASE("a plain label of a rule is met by a family whose tail completes it") {
    lastbyte::Tracer<ByTail> tracer;
    tracer.record<"file:*">("index", milliseconds(1), Source::github);
    CHECK(tier<"canon">(tracer) == "github");
    lastbyte::Tracer<ByTail> any;
    any.record<"*">("file:index2", milliseconds(1), Source::github);
    CHECK(tier<"canon">(any) == "none");
    any.record<"*">("file:index", milliseconds(1), Source::r2);
    CHECK(tier<"canon">(any) == "r2");
}

TEST_CASE("a tail that is too long to be kept still decides whole") {
    lastbyte::Tracer<ShortTails> tracer;
    tracer.record<"file:*">("canon/a", milliseconds(1), Source::r2);
    CHECK(tier<"canon">(tracer) == "r2");
}

TEST_CASE("tiers and the tally don't depend on how many spans are kept") {
    std::mt19937 random{7};
    for (int round = 0; round < 500; ++round) {
        lastbyte::Tracer<Several> all;
        lastbyte::Tracer<Few> few;
        auto const spans = random() % 12;
        for (unsigned i = 0; i < spans; ++i) {
            auto const source = static_cast<Source>(random() % 7);
            auto const both = [&](auto put) { put(all), put(few); };
            switch (random() % 4) {
                case 0: both([&](auto& t) { t.template record<"index">(milliseconds(1), source); }); break;
                case 1: both([&](auto& t) { t.template record<"file:*">("a", milliseconds(1), source); }); break;
                case 2: both([&](auto& t) { t.template record<"index">(milliseconds(1)); }); break;
                default: both([&](auto& t) { t.template record<"*">("sha", milliseconds(1), source); });
            }
        }
        CHECK(tier<"cache_tier">(all) == tier<"cache_tier">(few));
        CHECK(tier<"index_tier">(all) == tier<"index_tier">(few));
        CHECK(tier<"first_look">(all) == tier<"first_look">(few));
        auto const a = all.snapshot().tally().value();
        auto const b = few.snapshot().tally().value();
        CHECK(a.hits() == b.hits());
        CHECK(a.lookups() == b.lookups());
        for (int i = 0; i < 7; ++i) CHECK(a.of(static_cast<Source>(i)) == b.of(static_cast<Source>(i)));
    }
}

TEST_CASE("hits and misses together are the lookups") {
    lastbyte::Tracer<Several> tracer;
    for (auto source : {Source::memory, Source::cache, Source::r2, Source::miss, Source::memory})
        tracer.record<"anything">(milliseconds(1), source);
    tracer.record<"anything">(milliseconds(1));
    auto const tally = tracer.snapshot().tally().value();
    CHECK(tally.hits() == 3);
    CHECK(tally.misses() == 2);
    CHECK(tally.lookups() == 5);
    CHECK(tally.of(Source::memory) == 2);
    CHECK(tally.of(static_cast<Source>(99)) == 0);
}

TEST_CASE("a policy without rules has a tally and no index_source") {
    lastbyte::Tracer<lastbyte::DefaultPolicy> tracer;
    tracer.record<"a">(milliseconds(1));
    std::string out;
    tracer.snapshot().write_json(out);
    CHECK(out.find("index_source") == std::string::npos);
    CHECK(tracer.snapshot().tally().value().lookups() == 0);
}

TEST_CASE("what a rule says about a label is settled at compile time, unless the tail decides") {
    using lastbyte::detail::label_info;
    constexpr auto digest = lastbyte::detail::digest<Several>;
    static_assert(label_info<Several, digest, "index">.always == 0b111);
    static_assert(label_info<Several, digest, "file:*">.always == 0b101);
    static_assert(label_info<Several, digest, "sha:*">.always == 0b100);
    static_assert(label_info<Several, digest, "sha:*">.by_tail == 0);
    static_assert(label_info<ByTail, lastbyte::detail::digest<ByTail>, "file:*">.by_tail == 0b01);
    CHECK(true);
}

TEST_CASE("a closed policy takes the labels that it lists and those of its rules") {
    lastbyte::Tracer<Closed> tracer;
    tracer.record<"action:*">("get", milliseconds(1));
    tracer.record<"action:version">(milliseconds(1));
    tracer.record<"index">(milliseconds(1), Source::r2);
    tracer.record<"file:*">("a", milliseconds(1), Source::kv);
    tracer.record<"file:fixed">(milliseconds(1), Source::kv);
    CHECK(tracer.snapshot().tally().value().lookups() == 3);
    CHECK(tier<"cache_tier">(tracer) == "r2");
}

TEST_CASE("a line is covered when lines before it, together, accept all that it accepts") {
    using lastbyte::detail::is_covered;
    using lastbyte::detail::RuleLine;
    static constexpr std::string_view a[] = {"a"}, b[] = {"b"}, both[] = {"a", "b"}, family[] = {"a*"};
    auto const covered = [](auto... line) {
        RuleLine const lines[] = {line...};
        return is_covered(lines, sizeof...(line) - 1);
    };
    CHECK(covered(RuleLine{"t", a, 1, 3}, RuleLine{"t", a, 1, 3}));
    CHECK(covered(RuleLine{"t", family, 1, 3}, RuleLine{"t", a, 1, 1}));
    CHECK(covered(RuleLine{"t", a, 1, 3}, RuleLine{"t", b, 1, 3}, RuleLine{"t", both, 2, 3}));
    CHECK(covered(RuleLine{"t", a, 1, 1}, RuleLine{"t", a, 1, 2}, RuleLine{"t", a, 1, 3}));
    CHECK_FALSE(covered(RuleLine{"t", a, 1, 3}, RuleLine{"other", a, 1, 3}));
    CHECK_FALSE(covered(RuleLine{"t", a, 1, 1}, RuleLine{"t", a, 1, 3}));
    CHECK_FALSE(covered(RuleLine{"t", a, 1, 3}, RuleLine{"t", both, 2, 3}));
    CHECK_FALSE(covered(RuleLine{"t", a, 1, 3}, RuleLine{"t", family, 1, 3}));
}
