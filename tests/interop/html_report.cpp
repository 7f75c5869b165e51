// Writes the reports that html_report.py looks at: ./interop_html_report FOLDER
//
// usual.html    a day of a documentation server, with every outcome, and traces to open
// hostile.html  names that try to be markup, and more of everything than a report has room for
// empty.html    before the first call
// many.html     100,000 calls; printed are the milliseconds that they and their page took
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <lastbyte/encode/html_report.hpp>
#include <lastbyte/lastbyte.hpp>

namespace {

enum class Source { memory, cache, r2, kv, github, build, miss };

using Clock = lastbyte::ManualClock<struct Drawn>;
struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers =
        lastbyte::TierRules<Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "index-build", "file:*">,
                                                        lastbyte::Never<Source::miss>>>;
    using Hits = lastbyte::Hits<Source::memory, Source::cache, Source::r2, Source::kv>;
    using Clock = ::Clock;
    using Ids = lastbyte::SequentialIds<struct Drawn>;
};
using Tracer = lastbyte::Tracer<Telemetry>;

/// 2026-03-14 09:00:00 UTC
struct Morning {
    static std::uint64_t unix_ns() noexcept { return 1'773'478'800'000'000'000u + Clock::now(); }
};
struct Limits : lastbyte::HtmlReportLimits {
    using WallClock = Morning;
};
using Report = lastbyte::HtmlReport<Telemetry, "cache_tier", Limits>;
static_assert(Report::max_bytes < 5 << 20);

constexpr std::uint64_t us = 1000, ms = 1000 * us;
std::mt19937_64 random_bits{20260314};

void pass(std::uint64_t ns) { Clock::advance_ns(ns); }
std::uint64_t about(std::uint64_t ns) {
    return ns * (60 + random_bits() % 90) / 100 + (random_bits() % 40 == 0 ? ns * (random_bits() % 6) : 0);
}
std::size_t one_of(std::size_t count) { return random_bits() % count; }

/// Where the index comes from: built first, then from the disk, then from memory.
Source index_source(std::size_t call) {
    if (call < 3 || one_of(220) == 0) return Source::build;
    return one_of(call < 60 ? 2 : 9) == 0 ? Source::cache : Source::memory;
}

void index(Tracer const& tracer, std::size_t call) {
    Source const source = index_source(call);
    {
        auto span = tracer.span<"index">();
        pass(about(source == Source::cache ? 1200 * us : 9 * us));
        span.source(source == Source::build ? Source::miss : source);
    }
    if (source != Source::build) return;
    auto span = tracer.span<"index-build">();
    span.source(source).detail("812 documents");
    for (auto const* const folder : {"canon", "guides", "odd"}) {
        auto part = span.child<"read:*">(folder);
        part.source(Source::r2);
        pass(about(230 * ms));
    }
    pass(about(700 * ms));
}

void file(Tracer const& tracer, std::string_view path) {
    auto span = tracer.span<"file:*">(path);
    bool const kept = one_of(3) != 0;
    pass(about(kept ? 15 * us : 38 * ms));
    span.source(kept ? Source::memory : Source::r2);
    if (!kept && one_of(4) == 0) span.detail("zip-extract");
}

/// One call as a server makes it; the report gets it when its body is over.
void call(Report& report, std::string_view tool, std::size_t number) {
    Tracer tracer;
    auto work = [&, step = 0]() mutable -> std::optional<std::string> {
        if (step == 0) {
            auto action = tracer.span<"action:*">(tool);
            auto const inside = action.tracer();
            if (tool == "get" && one_of(3) != 0) {
                file(inside, "canon/values/axioms.md");
            } else if (tool != "version" && tool != "time") {
                index(inside, number);
                for (std::size_t i = one_of(6); tool == "search" && i > 0; --i) file(inside, "guides/writing.md");
            }
            pass(about(40 * us));
        }
        if (step++ == 5) return std::nullopt;
        pass(about(tool == "catalog" ? 900 * us : 90 * us));
        return std::string(200 + one_of(3000), 'x');
    };
    auto const early = tracer.snapshot().tier<"cache_tier">();
    auto const done = [&](lastbyte::Reading<Telemetry> const& reading) { report.add(reading, tool, early); };
    if (one_of(29) == 0) {
        auto head = lastbyte::defer_until_consumed(tracer.body(std::string{}, lastbyte::no_body), done);
        return;
    }
    auto body = lastbyte::defer_until_consumed(tracer.body(std::move(work)), done);
    std::size_t const left_after = one_of(23) == 0 ? 1 + one_of(3) : 100;
    if (one_of(211) == 0) return;
    for (std::size_t i = 0; i < left_after && body(); ++i) {
    }
    if (left_after != 100 && one_of(4) == 0) tracer.note_end(lastbyte::Outcome::timed_out);
}

std::string_view some_tool() {
    constexpr std::array<std::string_view, 12> tools{"search", "search", "search", "search", "get",     "get",
                                                     "get",    "orient", "orient", "time",   "catalog", "version"};
    return tools[one_of(tools.size())];
}

void write(std::string const& path, Report const& report, std::string_view title) {
    std::string page;
    std::ofstream{path, std::ios::binary} << lastbyte::write_html_report(page, report, title);
}

constinit Report usual, hostile, empty, many;

void make_hostile() {
    std::vector<std::string> names{"<script>document.title='owned'</script>",
                                   "\"><img src=x onerror=alert(1)>",
                                   "</style><h1>&amp;",
                                   std::string{"nul \0 bell \a del \x7f", 18},
                                   "no UTF-8 \xff\xc3\x28",
                                   "\u202egnissim\u202c 'quoted'",
                                   std::string(300, 'w'),
                                   ""};
    for (std::size_t i = 0; i < 40; ++i) names.push_back("tool " + std::to_string(i));
    for (auto const& name : names) {
        for (std::size_t round = 0; round < 2; ++round) {
            Tracer tracer;
            auto body = lastbyte::defer_until_consumed(
                tracer.body([&, step = 0]() mutable -> std::optional<std::string> {
                    if (step++ != 0) return std::nullopt;
                    for (int i = 0; i < 3; ++i) {
                        auto span = tracer.span<"file:*">(name);
                        span.source(Source::r2).detail(name);
                        pass(about(90 * ms));
                    }
                    try {
                        auto span = tracer.span<"index">();
                        throw std::runtime_error{name};
                    } catch (std::runtime_error const&) {
                    }
                    for (int i = 0; round == 1 && i < 200; ++i) auto const step_span = tracer.span<"step">();
                    return "body";
                }),
                [&](lastbyte::Reading<Telemetry> const& done) { hostile.add(done, name); });
            while (body()) {
            }
        }
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) return 2;
    std::string const folder = arguments[1];
    write(folder + "/empty.html", empty, "oddkit");

    for (std::size_t i = 0; i < 2400; ++i) {
        call(usual, some_tool(), i);
        pass(about((i / 300) % 3 == 1 ? 1500 * ms : 400 * ms));
    }
    write(folder + "/usual.html", usual, "oddkit");

    make_hostile();
    write(folder + "/hostile.html", hostile, "</title><script>document.title='owned'</script> & \"co\"");

    auto const start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < 100'000; ++i) {
        call(many, some_tool(), i);
        pass(about(20 * ms));
    }
    write(folder + "/many.html", many, "oddkit");
    auto const took = std::chrono::steady_clock::now() - start;
    std::printf("%lld\n", static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
}
