// A filter: recorded traces in, one JSON line for each out: the tier that the rule gives, the tally, and both formats.
//
//     printf 'index\t33\tcache\nfile:a\t2\tr2\tzip-extract\n' | ./resolve_tier
//
// A line is `label<TAB>duration_ms<TAB>source<TAB>detail`; the last two may be empty or missing. An empty line ends a
// trace, which may have no lines at all; the end of the input ends one that has some. A malformed line is reported with
// its number and skipped. Exit status: 0, 1 when a line was malformed or a trace too large to be kept whole, 2 for a
// bad option or when the output can't be written.
//
// The answers are the library's own: each trace is recorded again, under a clock that is set by hand, and read when its
// body is over.

#include <lastbyte/lastbyte.hpp>

#include "json_text.hpp"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace {

enum class Source { memory, cache, r2, kv, github, build, miss };

struct Filter : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier",  //
                                    lastbyte::On<"index", "index-build", "file:*">, lastbyte::Never<Source::miss>>>;
    using Hits = lastbyte::Hits<Source::memory, Source::cache, Source::r2, Source::kv>;
    using Clock = lastbyte::ManualClock<Filter>;
    using Ids = lastbyte::SequentialIds<Filter>;
    // Room for traces that no server would keep. What is over the bounds is reported, and tier and tally know it anyway.
    static constexpr std::size_t max_spans = 16'384;
    static constexpr std::size_t text_bytes = std::size_t{512} << 10;
    static constexpr std::size_t max_text_bytes = 65'535;
    static constexpr std::size_t pooled_traces = 1;
};

struct Line {
    std::string label;
    std::uint64_t duration_ns = 0;
    std::optional<Source> source;
    std::string detail;
};

std::optional<Source> source_called(std::string_view name) {
    for (int value = 0; value < 64; ++value) {
        if (!name.empty() && lastbyte::source_name(static_cast<Source>(value)) == name) {
            return static_cast<Source>(value);
        }
    }
    return std::nullopt;
}

/// A decimal number of milliseconds, not negative and at most 10^12 (31 years), in whole nanoseconds.
std::optional<std::uint64_t> nanoseconds(std::string const& milliseconds) {
    if (milliseconds.find_first_not_of("0123456789.eE+-") != std::string::npos) {
        return std::nullopt;  // strtod would take spaces, "inf", "nan" and hexadecimal digits as well
    }
    char* end = nullptr;
    double const value = std::strtod(milliseconds.c_str(), &end);
    if (milliseconds.empty() || end != milliseconds.c_str() + milliseconds.size() || !(value >= 0 && value <= 1e12)) {
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(std::llround(value * 1e6));
}

/// A field as a message shows it: in quotes, its beginning when it is long, and nothing that moves a terminal's cursor.
std::string shown(std::string_view field) {
    return json::quoted(field.substr(0, 60)) + (field.size() > 60 ? "…" : "");
}

/// The line, or what is wrong with it.
std::variant<Line, std::string> read_line(std::string_view text) {
    std::vector<std::string> fields(1);
    for (char const c : text) {
        if (c == '\t') {
            fields.emplace_back();
        } else {
            fields.back() += c;
        }
    }
    if (fields.size() < 2 || fields.size() > 4) {
        return "a line has two to four fields with tabs between them, not " + std::to_string(fields.size());
    }
    fields.resize(4);
    if (fields[0].empty()) {
        return std::string{"the label is empty"};
    }
    auto const duration_ns = nanoseconds(fields[1]);
    if (!duration_ns) {
        return shown(fields[1]) + " is no duration: a number of milliseconds from 0 to 1e12";
    }
    auto const source = source_called(fields[2]);
    if (!fields[2].empty() && !source) {
        return shown(fields[2]) + " is no source: memory, cache, r2, kv, github, build, miss, or nothing";
    }
    return Line{std::move(fields[0]), *duration_ns, source, std::move(fields[3])};
}

/// Records the trace while its body is being consumed, and prints what the Reading says. False when not all was kept.
bool resolve(std::vector<Line> const& lines) {
    auto const before = lastbyte::ledger<Filter>();
    {
        lastbyte::Tracer<Filter> tracer;
        auto work = [tracer, &lines]() -> std::optional<std::string_view> {
            for (Line const& line : lines) {
                auto span = tracer.span<"*">(line.label);
                Filter::Clock::advance_ns(line.duration_ns);
                if (line.source) {
                    span.source(*line.source);
                }
                span.detail(line.detail);
            }
            return std::nullopt;
        };
        auto body = lastbyte::defer_until_consumed(
            tracer.body(std::move(work)), [](lastbyte::Reading<Filter> const& done) {
                std::string header;
                done.write_header(header);
                std::string trace;
                done.write_json(trace);
                std::cout << R"({"cache_tier":")" << done.tier<"cache_tier">()  //
                          << R"(","cache_hits":)" << done.tally().hits()  //
                          << R"(,"cache_lookups":)" << done.tally().lookups()  //
                          << R"(,"header":)" << json::quoted(header)  //
                          << R"(,"trace":)" << trace << "}\n";
            });
        while (body()) {
        }
    }
    auto const after = lastbyte::ledger<Filter>();  // a trace's losses are in it once its last handle is gone
    return after.spans_over_bound == before.spans_over_bound && after.texts_cut == before.texts_cut &&
           after.texts_dropped == before.texts_dropped;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1) {
        bool const help = std::string_view{argv[1]} == "--help";
        (help ? std::cout : std::cerr) << "usage: resolve_tier < TRACES\n"
                                          "A line is label<TAB>duration_ms<TAB>source<TAB>detail, and an empty\n"
                                          "line ends a trace. One JSON line a trace comes out.\n";
        return help ? 0 : 2;
    }
    std::ios::sync_with_stdio(false);
    int status = 0;
    std::vector<Line> lines;
    bool begun = false;
    std::uint64_t total_ns = 0;
    constexpr std::uint64_t longest_ns = 9'000'000'000'000'000'000U;  // ticks are compared as signed numbers
    auto const finish = [&](std::size_t number) {
        if (!resolve(lines)) {
            std::cerr << "resolve_tier: the trace that ends at line " << number
                      << " is too large: its JSON is cut, its tier and tally are right\n";
            status = 1;
        }
        lines.clear();
        total_ns = 0;
        begun = false;
    };
    std::size_t number = 0;
    for (std::string text; std::getline(std::cin, text);) {
        ++number;
        if (text.ends_with('\r')) {
            text.pop_back();
        }
        if (text.empty()) {
            finish(number);
            continue;
        }
        begun = true;
        auto line = read_line(text);
        if (auto* const good = std::get_if<Line>(&line); good != nullptr && good->duration_ns > longest_ns - total_ns) {
            line = std::string{"with this line the trace takes more than 9e12 ms (285 years)"};
        }
        if (auto const* const problem = std::get_if<std::string>(&line)) {
            std::cerr << "resolve_tier: line " << number << ": " << *problem << '\n';
            status = 1;
        } else {
            lines.push_back(std::get<Line>(std::move(line)));
            total_ns += lines.back().duration_ns;
        }
    }
    if (begun) {
        finish(number);
    }
    if (!std::cout.flush()) {
        std::cerr << "resolve_tier: the output can't be written\n";
        return 2;
    }
    return status;
}
