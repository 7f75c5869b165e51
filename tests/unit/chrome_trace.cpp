// Chrome trace events: exact lines, a file that is whole whenever it ends, and lanes on which nesting means parentage.
#include <doctest/doctest.h>

#include <unistd.h>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <lastbyte/encode/chrome_trace.hpp>

#include "counting_new.hpp"
#include "seed.hpp"
#include "wire.hpp"

using lastbyte::detail::Lanes;
using lastbyte::detail::Slice;
using seed::Source;

namespace {

using Clock = lastbyte::ManualClock<struct Drawn>;
struct Policy : seed::Policy {
    using Clock = ::Clock;
    using Ids = lastbyte::SequentialIds<struct Drawn>;
};
using Tracer = lastbyte::Tracer<Policy>;
using Reading = lastbyte::Reading<Policy>;

constexpr std::uint64_t day_ns = 86'400'000'000'000;
/// The manual clock, counted from a midnight.
struct Midnight {
    static std::uint64_t unix_ns() noexcept { return 19'000 * day_ns + Clock::now(); }
};

/// Keeps the lines; refuses them while it is told to.
struct Lines {
    std::vector<std::string>* lines;
    bool const* refuses;
    explicit Lines(std::vector<std::string>& to, bool const& refuse = never) noexcept : lines(&to), refuses(&refuse) {}
    bool write(std::string_view line) noexcept {
        if (!*refuses) lines->emplace_back(line);
        return !*refuses;
    }
    explicit operator bool() const noexcept { return true; }
    static constexpr bool never = false;
};
using Chrome = lastbyte::ChromeTrace<Lines, Midnight>;

std::string joined(std::vector<std::string> const& lines) {
    std::string all;
    for (auto const& line : lines) all += line + "\n";
    return all;
}

/// Whether a text is one JSON array and nothing else; brackets and strings are looked at, values are not.
bool is_array(std::string_view text) {
    int depth = 0;
    bool in_string = false, ended = false;
    char before = '[';
    for (std::size_t i = 0; i < text.size(); ++i) {
        char const c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c != '\n') {
            if (ended) return false;
            if (c == ',' && (before == ',' || before == '[' || before == '{')) return false;
            if ((c == ']' || c == '}') && before == ',') return false;
            if (c == '"') in_string = true;
            if (c == '[' || c == '{') ++depth;
            if (c == ']' || c == '}') ended = --depth == 0;
            before = c;
        }
    }
    return ended && !text.empty() && text[0] == '[';
}

template <class Record>
void request(Chrome& chrome, Record record, std::string_view name = "POST /mcp") {
    Tracer tracer;
    auto body =
        lastbyte::defer_until_consumed(tracer.body([tracer, record, n = 0]() mutable -> std::optional<std::string> {
            if (n++ != 0) return std::nullopt;
            record(tracer);
            return "hello";
        }),
                                       [&](Reading const& done) {
                                           CHECK(chrome.add(done, name, {{"http.route", "/mcp"}}));
                                       });
    (void)seed::drain(body);
}
constexpr auto nothing = [](Tracer const&) {};

std::vector<Slice> placed(Lanes& lanes, std::vector<Slice> slices) {
    lastbyte::detail::sort_slices(slices.data(), slices.size());
    REQUIRE(lanes.place(slices.data(), slices.size()));
    return slices;
}
std::uint32_t lane_of(std::vector<Slice> const& slices, std::uint64_t id) {
    for (auto const& slice : slices)
        if (slice.id == id) return slice.lane;
    return 0;
}

}  // namespace

TEST_CASE("the lines of a file with one request") {
    Policy::Ids::restart();
    std::vector<std::string> lines;
    std::string at;
    {
        Chrome chrome{"odd\"kit", lines};
        request(chrome, [&](Tracer const& tracer) {
            auto const now = Clock::now();
            at = std::to_string(now / 1000) + "." + std::to_string(1000 + now % 1000).substr(1);
            auto span = tracer.span<"file:*">("a\"b");
            span.source(Source::r2).detail("zip").attribute<"rows">(-12);
            span.attribute<"ratio">(0.5);
            span.attribute<"warm">(false);
            Clock::advance_ns(1'234'000);
            span.error("disk full");
        });
        CHECK(lines.size() == 1);
    }
    if (at.ends_with(".000")) at.resize(at.size() - 4);
    std::string const ids = ",\"pid\":" + std::to_string(::getpid()) + ",\"tid\":";
    CHECK(
        joined(lines) ==
        R"([{"ph":"M","name":"process_name")" + ids +
            R"(0,"args":{"name":"odd\"kit"}})"
            R"(,{"ph":"M","name":"thread_name")" +
            ids +
            R"(1,"args":{"name":"lane 1"}})"
            R"(,{"ph":"M","name":"thread_sort_index")" +
            ids +
            R"(1,"args":{"sort_index":1}})"
            R"(,{"ph":"X","name":"POST /mcp","cat":"request","ts":)" +
            at + R"(,"dur":1234)" + ids +
            R"(1,"args":{"trace_id":"00000000000000000000000000000001","span_id":"0000000000000001",)"
            R"("http.route":"/mcp","http.response.body.size":5,"lastbyte.chunks":1,"lastbyte.outcome":"complete",)"
            R"("lastbyte.time_to_first_byte_ns":1234000,"lastbyte.tier.cache_tier":"r2",)"
            R"("lastbyte.hits":1,"lastbyte.lookups":1}})"
            R"(,{"ph":"X","name":"file:a\"b","cat":"span","ts":)" +
            at + R"(,"dur":1234)" + ids +
            R"(1,"args":{"trace_id":"00000000000000000000000000000001","span_id":"0000000000000002",)"
            R"("parent_span_id":"0000000000000001","lastbyte.source":"r2","error.type":"_OTHER","rows":-12,"ratio":0.5,)"
            R"("warm":false,"exception.message":"disk full"}})"
            "\n]\n");
}

TEST_CASE("events are instants on the lane of their span, and links its argument") {
    Policy::Ids::restart();
    std::vector<std::string> lines;
    std::string at;
    Chrome chrome{"oddkit", lines};
    request(chrome, [&](Tracer const& tracer) {
        Clock::advance_ns(1'000 - Clock::now() % 1'000);
        at = std::to_string(Clock::now() / 1000);
        auto span = tracer.span<"index">();
        span.link({{0xa, 0xb}, {0xc}, 1}).event<"re\"try", "n", "hash">(2, ~std::uint64_t{0}).link({{1, 2}, {3}});
        Clock::advance_ns(500);
        span.event<"done">();
    });
    std::string const on_lane =
        ",\"pid\":" + std::to_string(::getpid()) + R"(,"tid":1,"args":{"span_id":"0000000000000002")";
    std::string const instant = R"(,{"ph":"i","s":"t","name":)";
    CHECK(lines[0].ends_with(
        R"("links":["000000000000000a000000000000000b-000000000000000c",)"
        R"("00000000000000010000000000000002-0000000000000003"]}})" +
        instant + R"("re\"try","cat":"event","ts":)" + at + on_lane + R"(,"n":2,"hash":"18446744073709551615"}})" + instant +
        R"("done","cat":"event","ts":)" + at + ".500" + on_lane + "}}"));
    chrome.close();
    CHECK(is_array(joined(lines)));
}

TEST_CASE("a file is JSON after close(), and behind every line once it has its bracket") {
    std::vector<std::string> lines;
    {
        Chrome chrome{"oddkit", lines};
        for (int i = 0; i < 3; ++i) {
            Clock::advance_ns(1'001);
            request(chrome, [](Tracer const& tracer) { tracer.span<"index">().detail("[{\"\\"); });
            CHECK(is_array(joined(lines) + "]"));
            CHECK_FALSE(is_array(joined(lines)));
        }
    }
    CHECK(is_array(joined(lines)));
    CHECK(lines.size() == 4);
}

TEST_CASE("a file without a request is an empty array") {
    std::vector<std::string> lines;
    { Chrome const chrome{"oddkit", lines}; }
    CHECK(joined(lines) == "[]\n");
}

TEST_CASE("close() ends the array once, and later requests are refused and counted") {
    std::vector<std::string> lines;
    Chrome chrome{"oddkit", lines};
    request(chrome, nothing);
    chrome.close();
    chrome.close();
    seed::read(Tracer{}, [&](Reading const& done) { CHECK_FALSE(chrome.add(done)); });
    CHECK(lines.size() == 2);
    CHECK(chrome.report().traces == 1);
    CHECK(chrome.report().refused == 1);
}

TEST_CASE("a line that the transport refuses is counted, and what opens the file comes with the next") {
    std::vector<std::string> lines;
    bool refuse = true;
    {
        Chrome chrome{"oddkit", lines, refuse};
        seed::read(Tracer{}, [&](Reading const& done) { CHECK_FALSE(chrome.add(done)); });
        refuse = false;
        request(chrome, nothing);
        refuse = true;
        seed::read(Tracer{}, [&](Reading const& done) { CHECK_FALSE(chrome.add(done)); });
        refuse = false;
        request(chrome, nothing);
        CHECK(chrome.report().traces == 2);
        CHECK(chrome.report().refused == 2);
    }
    CHECK(is_array(joined(lines)));
    CHECK(lines.at(0).find("process_name") != std::string::npos);
    CHECK(lines.at(0).find("\"lane 1\"") != std::string::npos);
    CHECK(lines.at(1).find("process_name") == std::string::npos);
}

TEST_CASE("a trace without memory is counted and not written") {
    std::vector<std::string> lines;
    Chrome chrome{"oddkit", lines};
    Tracer gone;
    Tracer const kept = std::move(gone);
    seed::read(gone, [&](Reading const& done) { CHECK_FALSE(chrome.add(done)); });
    CHECK(chrome.report().unstored == 1);
    CHECK(lines.empty());
}

TEST_CASE("times count from midnight, so that a double holds their nanoseconds, and before it they are negative") {
    std::vector<std::string> lines;
    if (std::uint64_t const today = Clock::now() % day_ns; today != 0) Clock::advance_ns(day_ns - today);
    Clock::advance_ns(day_ns - 1'500);
    Tracer early;
    Clock::advance_ns(1'700);
    Chrome chrome{"oddkit", lines};
    seed::read(early, [&](Reading const& done) { CHECK(chrome.add(done)); });
    Clock::advance_ns(day_ns - 201);
    request(chrome, nothing);
    CHECK(lines.at(0).find("\"ts\":-1.500,\"dur\":1.700") != std::string::npos);
    CHECK(lines.at(1).find("\"ts\":86399999999.999,\"dur\":0,") != std::string::npos);
}

TEST_CASE("hostile names are valid JSON text") {
    std::vector<std::string> lines;
    std::string const hostile = "\"\\\n\x01\xff\xed\xa0\x80";
    {
        Chrome chrome{hostile, lines};
        request(
            chrome,
            [&](Tracer const& tracer) {
                auto span = tracer.span<"*">(hostile);
                span.attribute<"evil">(hostile);
                span.error(hostile);
            },
            hostile);
    }
    CHECK(lines.size() == 2);
    CHECK(is_array(joined(lines)));
    CHECK(wire::is_utf8(lines[0]));
    for (char const c : lines[0]) CHECK(static_cast<unsigned char>(c) >= 0x20);
}

TEST_CASE("requests that overlap have lanes of their own, and lanes are used again") {
    std::vector<std::string> lines;
    Chrome chrome{"oddkit", lines};
    auto const add = [&](Tracer const& tracer) {
        seed::read(tracer, [&](Reading const& done) { CHECK(chrome.add(done)); });
    };
    auto const tid = [&](std::size_t line) { return lines.at(line).substr(lines.at(line).rfind("\"tid\":"), 7); };
    Tracer first;
    Clock::advance_ns(10);
    Tracer second;
    Clock::advance_ns(10);
    add(first);
    add(second);
    Tracer third;
    Clock::advance_ns(10);
    add(third);
    CHECK(tid(0) == "\"tid\":1");
    CHECK(tid(1) == "\"tid\":2");
    CHECK(tid(2) == "\"tid\":1");
    CHECK(lines[1].find("\"lane 2\"") != std::string::npos);
    CHECK(lines[2].find("\"lane ") == std::string::npos);
}

TEST_CASE("siblings one after the other share their parent's lane, parallel ones don't") {
    Lanes lanes;
    auto const slices = placed(lanes, {{0, 100, 1, 0, 9, 0, 0},
                                       {0, 10, 2, 1, 0, 0, 0},
                                       {10, 20, 3, 1, 1, 0, 0},
                                       {15, 30, 4, 1, 2, 0, 0},
                                       {16, 17, 5, 4, 3, 0, 0},
                                       {30, 40, 6, 1, 4, 0, 0}});
    CHECK(lane_of(slices, 2) == 1);
    CHECK(lane_of(slices, 3) == 1);
    CHECK(lane_of(slices, 4) == 2);
    CHECK(lane_of(slices, 5) == 2);
    CHECK(lane_of(slices, 6) == 1);
}

TEST_CASE("what outlives its parent, or lies in another's time by chance, is not drawn inside") {
    Lanes lanes;
    auto const slices = placed(lanes, {{0, 100, 1, 0, 9, 0, 0},
                                       {90, 110, 2, 1, 0, 0, 0},
                                       {10, 50, 3, 1, 1, 0, 0},
                                       {20, 30, 4, 1, 2, 0, 0},
                                       {25, 28, 5, 77, 3, 0, 0}});
    CHECK(lane_of(slices, 2) != lane_of(slices, 1));
    CHECK(lane_of(slices, 4) != lane_of(slices, 3));
    CHECK(lane_of(slices, 5) != lane_of(slices, 1));
    CHECK(lane_of(slices, 5) != lane_of(slices, 4));
}

TEST_CASE("a parent with the times of its child comes first and contains it") {
    Lanes lanes;
    auto const slices = placed(lanes, {{5, 5, 3, 2, 0, 0, 0}, {5, 5, 2, 1, 1, 0, 0}, {5, 5, 1, 0, ~0u, 0, 0}});
    CHECK(slices[0].id == 1);
    CHECK(slices[1].id == 2);
    CHECK(slices[2].id == 3);
    for (auto const& slice : slices) CHECK(slice.lane == 1);
}

TEST_CASE("on every lane of random traces, spans lie apart or inside their parents") {
    std::mt19937 random{11};
    struct Interval {
        std::uint64_t start, end, id, parent;
    };
    for (int round = 0; round < 300; ++round) {
        Lanes lanes;
        std::map<std::uint32_t, std::vector<Interval>> drawn;
        std::uint64_t next_id = 1;
        for (int trace = 0; trace < 8; ++trace) {
            std::vector<Slice> slices;
            std::uint64_t const begin = random() % 200;
            slices.push_back({begin, begin + random() % 100, next_id++, 0, ~0u, 0, 0});
            auto const spans = static_cast<std::uint32_t>(random() % 30);
            for (std::uint32_t i = 0; i < spans; ++i) {
                Slice const parent = slices[random() % slices.size()];
                std::uint64_t const length = parent.end - parent.start;
                std::uint64_t const start = parent.start + random() % (length + 1);
                std::uint64_t const end =
                    start + random() % (length + (random() % 8 == 0 ? 20 : 1) - (start - parent.start) + 1);
                slices.push_back({start, end, next_id++, random() % 10 == 0 ? 9'999'999 : parent.id, spans - i, 0, 0});
            }
            for (auto const& slice : placed(lanes, slices))
                drawn[slice.lane].push_back({slice.start, slice.end, slice.id, slice.parent});
        }
        for (auto const& [lane, row] : drawn)
            for (std::size_t i = 0; i < row.size(); ++i) {
                // The innermost earlier span that this one overlaps has to be its parent.
                Interval const* around = nullptr;
                for (std::size_t j = 0; j < row.size(); ++j) {
                    if (i == j) continue;
                    bool const apart = row[j].end <= row[i].start || row[j].start >= row[i].end;
                    bool const contains = row[j].start <= row[i].start && row[j].end >= row[i].end;
                    bool const inside = row[i].start <= row[j].start && row[i].end >= row[j].end;
                    REQUIRE((apart || contains || inside));
                    if (!apart && contains && j < i && (around == nullptr || row[j].start >= around->start))
                        around = &row[j];
                }
                bool const has_length =
                    row[i].start != row[i].end;  // what has none lies between others as well as inside
                if (around != nullptr && has_length) REQUIRE(around->id == row[i].parent);
            }
    }
}

TEST_CASE("sorting puts every slice before what it contains") {
    std::mt19937 random{3};
    for (std::size_t const count :
         {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{1000}}) {
        std::vector<Slice> slices(count);
        for (auto& slice : slices) {
            slice = {random() % 50, 0, random(), 0, static_cast<std::uint32_t>(random()), 0, 0};
            slice.end = slice.start + random() % 9;
        }
        lastbyte::detail::sort_slices(slices.data(), slices.size());
        for (std::size_t i = 1; i < count; ++i) REQUIRE_FALSE(slices[i].goes_before(slices[i - 1]));
    }
}

TEST_CASE("a record that a thread was still writing at the end is left out, and the next is there once") {
    namespace detail = lastbyte::detail;
    constexpr auto digest = detail::digest<Policy>;
    detail::TraceRef<Policy, digest> const trace;
    for (std::uint64_t id = 1; id <= 4; ++id) {
        detail::Record record{};
        record.label = &detail::label_info<Policy, digest, "index">;
        record.id = 0x100 + id;
        record.source = detail::no_source;
        record.start = record.end = Clock::now();
        trace->commit(record, nullptr);
    }
    for (std::size_t unfinished = 1; unfinished <= 2; ++unfinished) trace->slot[unfinished].ready.store_relaxed(0);
    std::vector<std::string> lines;
    Chrome chrome{"oddkit", lines};
    auto body = lastbyte::defer_until_consumed(detail::bind_body(trace, seed::Chunks{}),
                                               [&](Reading const& done) { CHECK(chrome.add(done)); });
    (void)seed::drain(body);
    auto const times = [&](std::string_view id) {
        std::size_t found = 0;
        for (std::size_t at = 0; (at = lines.at(0).find(id, at)) != std::string::npos; ++at) ++found;
        return found;
    };
    CHECK(times("\"span_id\":\"0000000000000101\"") == 1);
    CHECK(times("\"span_id\":\"0000000000000102\"") == 0);
    CHECK(times("\"span_id\":\"0000000000000103\"") == 0);
    CHECK(times("\"span_id\":\"0000000000000104\"") == 1);
}

TEST_CASE("lines that a pipeline brings in another order are an array all the same, its end at the end") {
    std::vector<std::string> given, lines;
    {
        Chrome chrome{"oddkit", given};
        for (int i = 0; i < 3; ++i) request(chrome, nothing);
    }
    REQUIRE(given.size() == 4);
    bool refuses = true;
    lastbyte::ChromeLines<Lines> file{lines, refuses};
    CHECK_FALSE(file.write(given[1]));
    refuses = false;
    for (auto const i : {2u, 0u, 1u, 3u}) CHECK(file.write(given[i]));
    CHECK(is_array(joined(lines)));
    CHECK(lines[0] == "[" + given[2].substr(1));
    CHECK(lines[1] == "," + given[0].substr(1));
    lines.clear();
    lastbyte::ChromeLines<Lines> empty{lines};
    CHECK(empty.write("[]"));
    CHECK(lines == std::vector<std::string>{"[]"});
}

TEST_CASE("a warm writer allocates nothing") {
    struct Nowhere {
        bool write(std::string_view) noexcept { return true; }
    };
    lastbyte::ChromeTrace<Nowhere, Midnight> chrome{"oddkit"};
    Tracer tracer;
    for (int i = 0; i < 20; ++i) tracer.span<"index">().source(Source::cache).attribute<"rows">(12);
    seed::read(tracer, [&](Reading const& done) {
        for (int i = 0; i < 10; ++i) chrome.add(done, "r", {{"http.route", "/mcp"}});
        std::size_t const before = allocations;
        for (int i = 0; i < 10; ++i) chrome.add(done, "r", {{"http.route", "/mcp"}});
        CHECK(allocations == before);
    });
}
