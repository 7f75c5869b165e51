// Functions in pairs: NAME_plain was written without lastbyte, NAME_off is the same one with spans, children, attributes and
// a body under a policy that is off, NAME_on under one that is on. run.py compares their instructions.
#include <lastbyte/lastbyte.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

enum class Source { memory, cache, r2, kv, github, build, miss };

using CacheTier = lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "index-build", "file:*">,
                                      lastbyte::Never<Source::miss>>;
struct On : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, CacheTier>;
};
struct Off : On {
    static constexpr bool enabled = false;
};
/// One label under one rule, and under three.
struct OneRule : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"any", lastbyte::On<"*">>>;
};
struct ThreeRules : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "file:*">>,
                                      lastbyte::FirstWins<"index_tier", lastbyte::On<"index">>,
                                      lastbyte::FirstWins<"any", lastbyte::On<"*">>>;
};

// The work: elsewhere, so that nothing is known about it here.
int look_up(int key);
int parse(int row);
void log_failure() noexcept;
bool offer(std::string_view chunk);

namespace {

struct Chunks {
    int left;
    std::optional<std::string_view> operator()() {
        if (left-- == 0) return std::nullopt;
        return std::string_view{"sixteen bytes ok", static_cast<std::size_t>(look_up(left)) & 15};
    }
};
struct Server {
    bool write(char const* data, std::size_t size) { return offer({data, size}); }
};
auto const writes_three = [](auto& sink) {
    for (int i = 0; i < 3 && sink.write("chunk", std::size_t{5}); ++i) parse(i);
};

template <class Policy>
[[gnu::always_inline]] inline int scope(int key) {
    lastbyte::Tracer<Policy> tracer;
    auto span = tracer.template span<"index">();
    int const row = look_up(key);
    span.source(row > 3 ? Source::cache : Source::miss).detail("looked up");
    return parse(row) + 1;
}

template <class Policy>
[[gnu::always_inline]] inline int children(int key) {
    lastbyte::Tracer<Policy> tracer;
    auto const copy = tracer;
    int sum = 0;
    for (int i = 0; i < key; ++i) {
        auto outer = copy.template span<"index">();
        outer.template attribute<"rows">(i).template attribute<"share">(0.5).template attribute<"shard">("eu-1");
        auto inner = outer.template child<"file:*">("docs/a.md");
        inner.source(Source::r2).link({{1, 2}, {3}}).template event<"retry", "attempt">(i);
        auto const handed_on = inner.tracer();
        auto deepest = handed_on.template span<"decode">();
        sum += parse(look_up(i));
    }
    return sum;
}

template <class Policy>
[[gnu::always_inline]] inline int calls(int key) {
    lastbyte::Tracer<Policy> const tracer;
    int const row = tracer.template trace<"index">([&] { return look_up(key); }, Source::cache);
    return tracer.template trace<"file:*">("docs/a.md", [&](auto& span) {
        span.source(Source::r2);
        return parse(row);
    });
}

template <class Policy>
[[gnu::always_inline]] inline int records(int key) {
    lastbyte::Tracer<Policy> tracer;
    auto job = tracer.template async_span<"index-build">();
    int const row = look_up(key);
    auto moved = std::move(job);
    moved.source(Source::build);
    auto written = std::move(moved).template then<"write">();
    written.end();
    tracer.template record<"file:*">("docs/a.md", lastbyte::milliseconds(key), Source::kv, "timed elsewhere");
    tracer.note_end(lastbyte::Outcome::cancelled);
    return parse(row);
}

template <class Policy>
[[gnu::always_inline]] inline int failures(int key) {
    lastbyte::Tracer<Policy> tracer;
    auto span = tracer.template span<"index">();
    auto const work = [&] { return parse(look_up(key)); };
    try {
        return tracer.template trace<"file:*">("docs/a.md", work);
    } catch (int code) {
        span.error("parse");
        log_failure();
        return code;
    }
}

template <class Policy>
[[gnu::always_inline]] inline std::size_t pulled(int chunks) {
    lastbyte::Tracer<Policy> tracer;
    auto body = lastbyte::defer_until_consumed(
        tracer.body(Chunks{chunks}, lastbyte::content_length(1000)),
        [](lastbyte::Reading<Policy> const& done) { parse(static_cast<int>(done.bytes())); });
    std::size_t bytes = 0;
    while (auto chunk = body()) bytes += chunk->size();
    return bytes;
}

template <class Policy>
[[gnu::always_inline]] inline void pushed(Server& server) {
    lastbyte::Tracer<Policy> tracer;
    auto body = lastbyte::defer_until_consumed(tracer.body(decltype(writes_three){}),
                                               [](lastbyte::Reading<Policy> const&) {});
    body(server);
}

}  // namespace

extern "C" {

int scope_plain(int key) { return parse(look_up(key)) + 1; }
int scope_off(int key) { return scope<Off>(key); }
int scope_on(int key) { return scope<On>(key); }

int children_plain(int key) {
    int sum = 0;
    for (int i = 0; i < key; ++i) sum += parse(look_up(i));
    return sum;
}
int children_off(int key) { return children<Off>(key); }
int children_on(int key) { return children<On>(key); }

int calls_plain(int key) { return parse(look_up(key)); }
int calls_off(int key) { return calls<Off>(key); }
int calls_on(int key) { return calls<On>(key); }

int records_plain(int key) { return parse(look_up(key)); }
int records_off(int key) { return records<Off>(key); }
int records_on(int key) { return records<On>(key); }

int failures_plain(int key) {
    // Without any local object clang leaves out a test in the landing pad.
    auto const work = [&] { return parse(look_up(key)); };
    try {
        return work();
    } catch (int code) {
        log_failure();
        return code;
    }
}
int failures_off(int key) { return failures<Off>(key); }
int failures_on(int key) { return failures<On>(key); }

std::size_t pulled_plain(int chunks) {
    Chunks body{chunks};
    std::size_t bytes = 0;
    while (auto chunk = body()) bytes += chunk->size();
    return bytes;
}
std::size_t pulled_off(int chunks) { return pulled<Off>(chunks); }
std::size_t pulled_on(int chunks) { return pulled<On>(chunks); }

void pushed_plain(Server& server) { writes_three(server); }
void pushed_off(Server& server) { pushed<Off>(server); }
void pushed_on(Server& server) { pushed<On>(server); }

// What run.py must tell apart: one number, one order.
int other_number_plain(int key) { return parse(look_up(key)) + 2; }
int other_order_plain(int key) { return look_up(parse(key)) + 1; }

// The warm path under a policy that is on.
void hot_span(lastbyte::Tracer<On> const& tracer) { tracer.span<"index">().source(Source::cache); }
void hot_span_of_one_rule(lastbyte::Tracer<OneRule> const& tracer) { tracer.span<"index">().source(Source::cache); }
void hot_span_of_three_rules(lastbyte::Tracer<ThreeRules> const& tracer) { tracer.span<"index">().source(Source::cache); }
void hot_child(lastbyte::Span<On>& span) { span.child<"decode">().source(Source::r2).attribute<"rows">(12); }

// All that a warm path may not have, for run.py to see.
std::uint64_t not_hot(lastbyte::Tracer<On> const& tracer, int rows) {
    auto span = tracer.span<"index">();
    span.attribute<"share">(100 / rows);
    log_failure();
    static lastbyte::detail::Atomic<int> calls{0};
    calls.add_relaxed(1);
    return lastbyte::TickClock::now();
}
}
