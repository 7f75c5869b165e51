// Two shared libraries and a program that hand tracers to each other. They are compiled with hidden visibility, so that each
// has statics of its own: its own pool of traces, its own clock and its own ledger.
#pragma once

#include <lastbyte/lastbyte.hpp>

#include <optional>
#include <string_view>

enum class Source { cache, store };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"tier", lastbyte::On<"fetch">>>;
};

using Tracer = lastbyte::Tracer<Telemetry>;

/// What the callback, which runs in the library that made the body, read there.
struct Read {
    int calls = 0;
    std::uint64_t bytes = 0, duration_ns = 0, span_ns = 0, span_start_ns = 0;
    int spans = 0;
    bool from_store = false;
};

/// A body of one library whose producer may be of another.
struct AnyBody {
    virtual ~AnyBody() = default;
    virtual bool pull() = 0;
};

// The tool's library: records one span of 5 ms, and keeps the last tracer that it was given until the next one comes.
[[gnu::visibility("default")]] void fetch(Tracer const& tracer);
[[gnu::visibility("default")]] void keep(Tracer tracer);

// The server's library: makes tracers and bodies.
[[gnu::visibility("default")]] Tracer make_tracer();
[[gnu::visibility("default")]] Tracer make_moved_from_tracer();
[[gnu::visibility("default")]] AnyBody* make_body(Tracer const& tracer, void (*work)(Tracer const&), Read& read);
