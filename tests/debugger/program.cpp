// What run.py looks at in gdb: it stops wherever stop() is called.
#include <lastbyte/lastbyte.hpp>

#include <optional>
#include <string_view>
#include <utility>

enum class Source { memory, cache, miss };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "file:*">, lastbyte::Never<Source::miss>>>;
    using Ids = lastbyte::SequentialIds<struct Counted>;
};

[[gnu::noinline]] void stop() { __asm__ volatile(""); }

void produce(lastbyte::Tracer<Telemetry> const& tracer) {
    tracer.record<"index">(lastbyte::milliseconds(2), Source::miss);
    auto ended = tracer.async_span<"parse">();
    ended.error("no brace");
    ended.end();
    auto running = tracer.span<"file:*">("canon/foo.md");
    running.source(Source::cache);
    auto movable = tracer.async_span<"other">();
    lastbyte::Snapshot<Telemetry> const snapshot = tracer.snapshot();
    lastbyte::Tracer<Telemetry> moved;
    lastbyte::Tracer<Telemetry> const elsewhere = std::move(moved);
    stop();
}

int main() {
    lastbyte::Tracer<Telemetry> const tracer;
    auto body = lastbyte::defer_until_consumed(
        tracer.body([tracer, over = false]() mutable -> std::optional<std::string_view> {
            if (over) return std::nullopt;
            over = true;
            produce(tracer);
            return "bytes";
        }),
        [](lastbyte::Reading<Telemetry> const& done) {
            auto const tier = done.tier<"cache_tier">();
            auto const outcome = done.outcome();
            auto const none = lastbyte::Tier<Source>::none();
            auto const unresolved = lastbyte::Tier<Source>::unresolved();
            lastbyte::SpanId const root = done.root_id();
            lastbyte::TraceId const trace_id = done.trace_id();
            stop();
            (void)tier, (void)outcome, (void)none, (void)unresolved, (void)root, (void)trace_id;
        });
    while (body()) {
    }
}
