// Allocations: a point, its row, its line and the file that it goes to make none. Not for ThreadSanitizer, which has an
// operator new of its own.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include <lastbyte/encode/ndjson.hpp>
#include <lastbyte/transport/file.hpp>

#include "counting_new.hpp"
#include "point.hpp"

using lastbyte::FileSink;
using lastbyte::NdjsonSink;
using seed::ToolCall;

namespace {

/// Whether everything of one request's point went well.
bool write_a_point(NdjsonSink<ToolCall, FileSink>& sink, std::string_view uri) {
    ToolCall::Point point;
    point.set<"event_type">("tool_call");
    point.set<"consumer_label">("acme");
    point.set<"document_uri">(uri);
    point.set<"count">(1);
    point.set<"bytes_in">(0.1);
    bool written = false;
    seed::after_a_body([&](lastbyte::Reading<seed::Policy> const& done) {
        written = sink.write(seed::completed(point, done));
    });
    return written;
}

}  // namespace

TEST_CASE("writing a point to a file allocates nothing") {
    NdjsonSink<ToolCall, FileSink> sink{"/dev/null"};
    CHECK(write_a_point(sink, "docs/a.md"));  // the trace's block
    std::size_t const before = allocations;
    for (int i = 0; i < 100; ++i)
        if (!write_a_point(sink, "docs/a.md")) std::abort();
    std::size_t const made = allocations - before;
    CHECK(made == 0);
    CHECK(sink.report().rows_written == 101);
    CHECK(sink.transport().report().lines == 101);
}

TEST_CASE("a line over 4 KB takes one buffer, which stays with the sink") {
    NdjsonSink<ToolCall, FileSink> sink{"/dev/null"};
    static char uri[5000];
    for (char& c : uri) c = 'u';
    std::string_view const long_uri{uri, sizeof uri};
    CHECK(write_a_point(sink, "docs/a.md"));
    std::size_t const before = allocations;
    if (!write_a_point(sink, long_uri)) std::abort();
    std::size_t const first = allocations - before;
    for (int i = 0; i < 100; ++i)
        if (!write_a_point(sink, long_uri)) std::abort();
    std::size_t const later = allocations - before - first;
    CHECK(first == 1);
    CHECK(later == 0);
}
