// Mutants: implementations with one named flaw each. A checker that the library passes finds the flaw of every one of them;
// a checker that let a mutant through would let the same mistake through in the library.
//
// The doubles without a flaw pass too, so that what a mutant fails by is its flaw and not its being a double.
#include <doctest/doctest.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "seed.hpp"

using lastbyte::FirstWins;
using lastbyte::milliseconds;
using lastbyte::Never;
using lastbyte::On;
using seed::Source;

namespace {

using Clock = lastbyte::ManualClock<struct Mutants>;
struct Policy : seed::Policy {
    using Clock = ::Clock;
};

/// The claims that an implementation breaks. Empty for a right one.
class Broken {
public:
    void claim(std::string_view what, bool holds) {
        if (!holds) claims_.insert(std::string{what});
    }
    [[nodiscard]] bool none() const { return claims_.empty(); }
    [[nodiscard]] bool holds(std::string_view what) const { return claims_.count(std::string{what}) == 0; }
    [[nodiscard]] std::string list() const {
        std::string all;
        for (auto const& one : claims_) all += one + "; ";
        return all;
    }

private:
    std::set<std::string> claims_;
};

}  // namespace

/// Nothing is broken.
#define CHECK_PASSES(broken)                                        \
    do {                                                            \
        auto const result = broken;                                 \
        CHECK_MESSAGE(result.none(), "broken: ", result.list());    \
    } while (false)
/// The mutant breaks this claim, so the checker sees what it is there to see.
#define CHECK_CAUGHT(broken, what)                                        \
    do {                                                                  \
        auto const result = broken;                                       \
        CHECK_MESSAGE(!result.holds(what), "broken is only: ", result.list()); \
    } while (false)

// ---- Bodies: the hook and the meter ----

namespace {

/// A length that no body reaches, nor falls short of: none was announced.
constexpr std::uint64_t unsized = ~std::uint64_t{0};

/// What a body's callback is told, by whatever implementation.
struct Facts {
    std::uint64_t bytes = 0;
    std::uint64_t chunks = 0;
    std::uint64_t first_byte_ns = 0;
    std::string outcome = {};
};

/// The library's own bodies.
struct Library {
    static Facts facts(lastbyte::Reading<Policy> const& done) {
        return {done.bytes(), done.chunks(), done.time_to_first_byte_ns(), std::string{name(done.outcome().value())}};
    }
    template <class Stream, class Fn>
    static auto pull(Stream stream, std::uint64_t length, Fn fn) {
        lastbyte::Tracer<Policy> tracer;
        return lastbyte::defer_until_consumed(tracer.body(std::move(stream), lastbyte::content_length(length)),
                                              [fn](lastbyte::Reading<Policy> const& done) { fn(facts(done)); });
    }
    template <class Producer, class Fn>
    static auto push(Producer producer, Fn fn) {
        lastbyte::Tracer<Policy> tracer;
        return lastbyte::defer_until_consumed(tracer.body(std::move(producer)),
                                              [fn](lastbyte::Reading<Policy> const& done) { fn(facts(done)); });
    }
};

enum class Flaw {
    none,
    hook_that_fires_twice,
    hook_that_never_fires_on_drop,
    moved_from_that_fires,
    swallowed_outcome,
    length_not_looked_at,
    early_first_byte,
    bytes_offered_instead_of_accepted,
};

/// A hook and a meter written the short way.
template <Flaw F, class Fn>
class HookDouble {
public:
    HookDouble(std::uint64_t length, Fn fn) : length_(length), fn_(std::move(fn)), start_(Clock::now()) {}
    HookDouble(HookDouble&& other)
        : length_(other.length_), fn_(other.fn_), start_(other.start_), facts_(other.facts_), started_(other.started_) {
        armed_ = F == Flaw::moved_from_that_fires ? other.armed_ : std::exchange(other.armed_, false);
    }
    ~HookDouble() {
        if (F != Flaw::hook_that_never_fires_on_drop) fire(started_ ? "aborted" : "abandoned");
    }
    void pulled() {
        if (F == Flaw::early_first_byte && !started_) facts_.first_byte_ns = Clock::now() - start_;
        started_ = true;
    }
    void took(std::size_t offered, std::size_t accepted) {
        std::size_t const counted = F == Flaw::bytes_offered_instead_of_accepted ? offered : accepted;
        if (counted == 0) return;
        if (F != Flaw::early_first_byte && facts_.bytes == 0) facts_.first_byte_ns = Clock::now() - start_;
        facts_.bytes += counted;
        ++facts_.chunks;
    }
    void ended() {
        bool const truncated = facts_.bytes < length_ && length_ != unsized;
        fire(truncated && F != Flaw::length_not_looked_at ? "truncated" : "complete");
    }
    void fire(std::string_view outcome) {
        if (!armed_) return;
        if (F != Flaw::hook_that_fires_twice) armed_ = false;
        facts_.outcome = F == Flaw::swallowed_outcome ? "complete" : outcome;
        fn_(facts_);
    }

private:
    std::uint64_t length_;
    Fn fn_;
    std::uint64_t start_;
    Facts facts_ = {};
    bool started_ = false;
    bool armed_ = true;
};

template <Flaw F>
struct Double {
    template <class Stream, class Fn>
    struct PullBody {
        HookDouble<F, Fn> hook;
        Stream stream;
        std::optional<std::string> operator()() {
            hook.pulled();
            try {
                auto chunk = stream();
                chunk ? hook.took(chunk->size(), chunk->size()) : hook.ended();
                return chunk;
            } catch (...) {
                hook.fire("producer_error");
                throw;
            }
        }
    };
    template <class Stream, class Fn>
    static auto pull(Stream stream, std::uint64_t length, Fn fn) {
        return PullBody<Stream, Fn>{HookDouble<F, Fn>{length, std::move(fn)}, std::move(stream)};
    }
    template <class Producer, class Fn>
    struct PushBody {
        HookDouble<F, Fn> hook;
        Producer producer;
        template <class Sink>
        void operator()(Sink& sink) {
            struct Counting {
                Sink& inner;
                HookDouble<F, Fn>& hook;
                std::size_t write(char const* data, std::size_t size) {
                    auto const accepted = inner.write(data, size);
                    hook.took(size, accepted);
                    return accepted;
                }
            } counting{sink, hook};
            hook.pulled();
            producer(counting);
            hook.ended();
        }
    };
    template <class Producer, class Fn>
    static auto push(Producer producer, Fn fn) {
        return PushBody<Producer, Fn>{HookDouble<F, Fn>{unsized, std::move(fn)}, std::move(producer)};
    }
};

constexpr auto once = "the callback runs once when the end is pulled, and not again at the drop";
constexpr auto dropped = "the callback runs when a body is dropped half-way, and before its first pull";
constexpr auto moved = "a moved-from body never fires";
constexpr auto how = "the outcome is how the body ended";
constexpr auto length = "a body that ends before its announced length is truncated";
constexpr auto first_byte = "the first byte is the first chunk that has one";
constexpr auto accepted = "bytes are those that the sink took";

template <class Bodies>
Broken check_bodies() {
    Broken broken;
    std::vector<Facts> told;
    auto const tell = [&told](Facts const& facts) { told.push_back(facts); };
    auto const take = [&] { return std::exchange(told, {}); };
    auto const outcomes = [](std::vector<Facts> const& all) {
        std::string list;
        for (auto const& one : all) list += one.outcome + ' ';
        return list;
    };

    {
        auto body = Bodies::pull(seed::Chunks{{"a", "bc"}}, unsized, tell);
        (void)seed::drain(body);
        (void)body();
    }
    auto const complete = take();
    broken.claim(once, complete.size() == 1);
    broken.claim(how, !complete.empty() && complete[0].outcome == "complete" && complete[0].bytes == 3);

    {
        auto body = Bodies::pull(seed::Chunks{{"a", "bc"}}, unsized, tell);
        (void)body();
    }
    auto const half = take();
    { auto const body = Bodies::pull(seed::Chunks{{"a"}}, unsized, tell); }
    auto const never = take();
    broken.claim(dropped, half.size() == 1 && never.size() == 1);
    if (half.size() == 1 && never.size() == 1) broken.claim(how, outcomes(half) + outcomes(never) == "aborted abandoned ");

    {
        auto body = Bodies::pull(seed::Chunks{{"a"}}, unsized, tell);
        {
            auto taken = std::move(body);
            (void)seed::drain(taken);
        }
        broken.claim(moved, take().size() == 1);
    }
    broken.claim(moved, take().empty());

    {
        auto body = Bodies::pull([]() -> std::optional<std::string> { throw std::runtime_error("disk"); }, unsized, tell);
        try {
            (void)body();
            broken.claim(how, false);
        } catch (std::runtime_error const&) {
        }
    }
    broken.claim(how, take().at(0).outcome == "producer_error");

    {
        auto body = Bodies::pull(seed::Chunks{{"a"}}, 10, tell);
        (void)seed::drain(body);
    }
    broken.claim(length, take().at(0).outcome == "truncated");

    {
        auto body = Bodies::pull(
            [n = 0]() mutable -> std::optional<std::string> {
                Clock::advance_ns(5);
                if (n++ == 2) return std::nullopt;
                return n == 1 ? "" : "x";
            },
            unsized, tell);
        (void)seed::drain(body);
    }
    broken.claim(first_byte, take().at(0).first_byte_ns == 10);

    struct Sink {  // has room for three bytes
        std::size_t room = 3;
        std::size_t write(char const*, std::size_t size) {
            auto const taken = size < room ? size : room;
            room -= taken;
            return taken;
        }
    } sink;
    {
        auto body = Bodies::push(
            [](auto& to) {
                to.write("ab", std::size_t{2});
                to.write("cdef", std::size_t{4});
            },
            tell);
        body(sink);
    }
    broken.claim(accepted, take().at(0).bytes == 3);
    return broken;
}

}  // namespace

TEST_CASE("the library's bodies hold every claim that the body mutants break") {
    CHECK_PASSES(check_bodies<Library>());
    CHECK_PASSES(check_bodies<Double<Flaw::none>>());
}
TEST_CASE("mutant hook_that_fires_twice is caught") {
    CHECK_CAUGHT(check_bodies<Double<Flaw::hook_that_fires_twice>>(), once);
}
TEST_CASE("mutant hook_that_never_fires_on_drop is caught") {
    CHECK_CAUGHT(check_bodies<Double<Flaw::hook_that_never_fires_on_drop>>(), dropped);
}
TEST_CASE("mutant moved_from_that_fires is caught") {
    CHECK_CAUGHT(check_bodies<Double<Flaw::moved_from_that_fires>>(), moved);
}
TEST_CASE("mutant swallowed_outcome is caught") {
    CHECK_CAUGHT(check_bodies<Double<Flaw::swallowed_outcome>>(), how);
}
TEST_CASE("mutant length_not_looked_at is caught") {
    CHECK_CAUGHT(check_bodies<Double<Flaw::length_not_looked_at>>(), length);
}
TEST_CASE("mutant early_first_byte is caught") {
    CHECK_CAUGHT(check_bodies<Double<Flaw::early_first_byte>>(), first_byte);
}
TEST_CASE("mutant bytes_offered_instead_of_accepted is caught") {
    CHECK_CAUGHT(check_bodies<Double<Flaw::bytes_offered_instead_of_accepted>>(), accepted);
}

// ---- Tiers: the rule and the seal ----

namespace {

struct Recorded {
    std::string label;
    std::optional<Source> source = std::nullopt;
};
using Spans = std::vector<Recorded>;

/// The rule's answer after the body, and the answer once more when a late span has come in.
struct Answers {
    std::string tier;
    std::string after_late;
};

/// The library, under this policy: the rule-shaped mutants are wrong rules in it.
template <class P>
struct Rules {
    static void put(lastbyte::Tracer<P> const& tracer, Recorded const& span) {
        if (span.source)
            tracer.template record<"*">(span.label, milliseconds(1), *span.source);
        else
            tracer.template record<"*">(span.label, milliseconds(1));
    }
    static Answers answers(Spans const& spans, Recorded const& late) {
        Answers out;
        lastbyte::Tracer<P> tracer;
        for (auto const& span : spans) put(tracer, span);
        seed::read(tracer, [&](lastbyte::Reading<P> const& done) {
            out.tier = done.template tier<"cache_tier">().value().name();
            put(tracer, late);
            out.after_late = done.template tier<"cache_tier">().value().name();
        });
        return out;
    }
};
template <class Rule>
struct With : seed::Policy {
    using Tiers = lastbyte::TierRules<Source, Rule>;
};
using MissThatWins = With<FirstWins<"cache_tier", On<"index", "index-build", "file:*">>>;
using FamilyThatMatchesItsStemOnly = With<FirstWins<"cache_tier", On<"index", "index-build", "file:">, Never<Source::miss>>>;
using PrefixWithoutTheColon = With<FirstWins<"cache_tier", On<"index", "index-build", "file*">, Never<Source::miss>>>;
using IndexAsAFamily = With<FirstWins<"cache_tier", On<"index*", "file:*">, Never<Source::miss>>>;
using FilesForgotten = With<FirstWins<"cache_tier", On<"index", "index-build">, Never<Source::miss>>>;

enum class TierFlaw { none, last_wins_instead_of_first, late_span_that_changes_the_reading, no_source_that_ends_the_search };

/// The engine-shaped mutants: the seed's rule as an if-chain.
template <TierFlaw F>
struct TierDouble {
    static bool answers_to(std::string const& label) {
        return label == "index" || label == "index-build" || label.starts_with("file:");
    }
    static std::string resolve(Spans const& spans) {
        std::string tier = "none";
        for (auto const& span : spans) {
            if (!answers_to(span.label)) continue;
            if (F == TierFlaw::no_source_that_ends_the_search && !span.source) break;
            if (!span.source || *span.source == Source::miss) continue;
            tier = lastbyte::source_name(*span.source);
            if (F != TierFlaw::last_wins_instead_of_first) break;
        }
        return tier;
    }
    static Answers answers(Spans spans, Recorded const& late) {
        auto const sealed = resolve(spans);
        spans.push_back(late);
        return {sealed, F == TierFlaw::late_span_that_changes_the_reading ? resolve(spans) : sealed};
    }
};

constexpr auto first = "the first span with an answering source wins";
constexpr auto miss = "a miss never answers";
constexpr auto sourceless = "a span without a source is passed over";
constexpr auto family = "a family answers for every label that begins with its stem";
constexpr auto strangers = "a label that only resembles the rule's doesn't answer";
constexpr auto sealed = "a late span changes nothing that was read";

template <class Tracing>
Broken check_tiers() {
    Broken broken;
    auto const tier = [](Spans const& spans) { return Tracing::answers(spans, {"action:late", std::nullopt}).tier; };
    broken.claim(first, tier({{"index", Source::cache}, {"file:a", Source::r2}, {"file:b", Source::build}}) == "cache");
    broken.claim(first, tier({{"index-build", Source::build}, {"index", Source::memory}}) == "build");
    broken.claim(miss, tier({{"index", Source::miss}, {"index-build", Source::build}}) == "build");
    broken.claim(miss, tier({{"file:a", Source::miss}}) == "none");
    broken.claim(sourceless, tier({{"index", std::nullopt}, {"file:a", Source::r2}}) == "r2");
    broken.claim(family, tier({{"file:canon/foo.md", Source::memory}}) == "memory");
    broken.claim(strangers, tier({{"file-r2:canon/foo.md", Source::r2}}) == "none");
    broken.claim(strangers, tier({{"index-r2", Source::r2}, {"indexes", Source::kv}, {"sha:x", Source::memory}}) == "none");
    for (Spans const& spans : {Spans{}, Spans{{"file:a", Source::miss}}}) {
        auto const answers = Tracing::answers(spans, {"index", Source::r2});
        broken.claim(sealed, answers.tier == "none" && answers.after_late == "none");
    }
    return broken;
}

}  // namespace

TEST_CASE("the library and the seed's rule hold every claim that the tier mutants break") {
    CHECK_PASSES(check_tiers<Rules<seed::Policy>>());
    CHECK_PASSES(check_tiers<TierDouble<TierFlaw::none>>());
}
TEST_CASE("mutant miss_that_wins is caught") { CHECK_CAUGHT(check_tiers<Rules<MissThatWins>>(), miss); }
TEST_CASE("mutant family_that_matches_its_stem_only is caught") {
    CHECK_CAUGHT(check_tiers<Rules<FamilyThatMatchesItsStemOnly>>(), family);
}
TEST_CASE("mutant files_forgotten is caught") { CHECK_CAUGHT(check_tiers<Rules<FilesForgotten>>(), family); }
TEST_CASE("mutant prefix_without_the_colon is caught") {
    CHECK_CAUGHT(check_tiers<Rules<PrefixWithoutTheColon>>(), strangers);
}
TEST_CASE("mutant index_as_a_family is caught") { CHECK_CAUGHT(check_tiers<Rules<IndexAsAFamily>>(), strangers); }
TEST_CASE("mutant last_wins_instead_of_first is caught") {
    CHECK_CAUGHT(check_tiers<TierDouble<TierFlaw::last_wins_instead_of_first>>(), first);
}
TEST_CASE("mutant no_source_that_ends_the_search is caught") {
    CHECK_CAUGHT(check_tiers<TierDouble<TierFlaw::no_source_that_ends_the_search>>(), sourceless);
}
TEST_CASE("mutant late_span_that_changes_the_reading is caught") {
    CHECK_CAUGHT(check_tiers<TierDouble<TierFlaw::late_span_that_changes_the_reading>>(), sealed);
}

// ---- Handlers: where the data point is read ----

namespace {

/// What a call leaves in the analytics store.
using Points = std::vector<std::string>;

/// A tool whose closure reads the index while the body is produced.
auto tool(lastbyte::Tracer<seed::Policy> const& tracer) {
    return [tracer, step = 0]() mutable -> std::optional<std::string> {
        if (step++ == 1) return std::nullopt;
        tracer.record<"index">(milliseconds(1), Source::cache);
        return "data: {}\n\n";
    };
}

/// The library's way: the point is written in the callback.
struct ReadAfterTheBody {
    static auto handle(Points& points) {
        lastbyte::Tracer<seed::Policy> tracer;
        return lastbyte::defer_until_consumed(tracer.body(tool(tracer)), [&](lastbyte::Reading<seed::Policy> const& done) {
            points.emplace_back(done.tier<"cache_tier">().value().name());
        });
    }
};
/// The refactoring "for performance": the same read, at the end of the handler. Only a Snapshot lets it compile.
struct HoistedRead {
    static auto handle(Points& points) {
        lastbyte::Tracer<seed::Policy> tracer;
        auto body = lastbyte::defer_until_consumed(tracer.body(tool(tracer)), [](lastbyte::Reading<seed::Policy> const&) {});
        points.emplace_back(tracer.snapshot().tier<"cache_tier">().value().name());
        return body;
    }
};
/// A body that nobody read says nothing about tiers, and this handler says "none".
struct UnresolvedThatIsCalledNone {
    static auto handle(Points& points) {
        lastbyte::Tracer<seed::Policy> tracer;
        return lastbyte::defer_until_consumed(tracer.body(tool(tracer)), [&](lastbyte::Reading<seed::Policy> const& done) {
            auto const tier = done.tier<"cache_tier">().value();
            points.emplace_back(tier.has_source() ? tier.name() : "none");
        });
    }
};

constexpr auto what_happened = "the point says what happened while the body was produced";
constexpr auto after = "the point is written after the last byte, once";
constexpr auto unread = "the point of a body that nobody read is unresolved";

template <class Handler>
Broken check_handler() {
    Broken broken;
    Points points;
    {
        auto response = Handler::handle(points);
        broken.claim(after, points.empty());
        (void)seed::drain(response);
    }
    broken.claim(after, points.size() == 1);
    broken.claim(what_happened, points == Points{"cache"});
    points.clear();
    { auto const response = Handler::handle(points); }
    broken.claim(unread, points == Points{"unresolved"});
    return broken;
}

}  // namespace

TEST_CASE("a handler that reads in the callback holds every claim that the handler mutants break") {
    CHECK_PASSES(check_handler<ReadAfterTheBody>());
}
TEST_CASE("mutant hoisted_read is caught") {
    CHECK_CAUGHT(check_handler<HoistedRead>(), what_happened);
    CHECK_CAUGHT(check_handler<HoistedRead>(), after);
}
TEST_CASE("mutant unresolved_that_is_called_none is caught") {
    CHECK_CAUGHT(check_handler<UnresolvedThatIsCalledNone>(), unread);
}
