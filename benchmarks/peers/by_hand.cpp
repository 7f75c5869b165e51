// The tracer that people write by hand: a vector of spans behind a mutex, names and attributes as strings, JSON at the
// end.
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "peer.hpp"

namespace {

using Clock = std::chrono::steady_clock;

struct SpanRecord {
    std::string name;
    std::uint64_t id = 0, parent = 0;
    Clock::time_point start, end;
    std::vector<std::pair<std::string, std::string>> attributes;
    std::vector<std::pair<std::string, Clock::time_point>> events;
};

std::atomic<std::uint64_t> next_id{1};

class Trace {
public:
    void add(SpanRecord span) {
        std::lock_guard const lock{mutex_};
        spans_.push_back(std::move(span));
    }
    void write_json(std::ostream& out) {
        std::lock_guard const lock{mutex_};
        out << "{\"spans\":[";
        char const* comma = "";
        for (auto const& span : spans_) {
            out << comma << "{\"name\":\"" << span.name << "\",\"id\":" << span.id << ",\"parent\":" << span.parent
                << ",\"duration_ns\":" << std::chrono::nanoseconds(span.end - span.start).count();
            for (auto const& [key, value] : span.attributes) out << ",\"" << key << "\":\"" << value << '"';
            for (auto const& [name, at] : span.events)
                out << ",\"" << name << "\":" << std::chrono::nanoseconds(at - span.start).count();
            out << '}';
            comma = ",";
        }
        out << "]}";
    }

private:
    std::mutex mutex_;
    std::vector<SpanRecord> spans_;
};

class ScopedSpan {
public:
    ScopedSpan(Trace& trace, std::string name, std::uint64_t parent) : trace_(trace) {
        record_.name = std::move(name);
        record_.id = next_id++;
        record_.parent = parent;
        record_.start = Clock::now();
    }
    ScopedSpan(ScopedSpan const&) = delete;
    ScopedSpan& operator=(ScopedSpan const&) = delete;
    ~ScopedSpan() {
        record_.end = Clock::now();
        trace_.add(std::move(record_));
    }
    void set(std::string key, std::string value) { record_.attributes.emplace_back(std::move(key), std::move(value)); }
    void event(std::string name) { record_.events.emplace_back(std::move(name), Clock::now()); }
    [[nodiscard]] std::uint64_t id() const { return record_.id; }

private:
    Trace& trace_;
    SpanRecord record_;
};

/// Finished traces, until somebody writes them out.
std::mutex finished_mutex;
std::vector<std::unique_ptr<Trace>> finished;

template <class Record>
void traced(Record record) {
    auto trace = std::make_unique<Trace>();
    record(*trace);
    std::lock_guard const lock{finished_mutex};
    finished.push_back(std::move(trace));
}

void request() {
    traced([](Trace& trace) {
        ScopedSpan root{trace, "request", 0};
        for (int i = 1; i < peers::spans_per_request; ++i) {
            ScopedSpan span{trace, "index", root.id()};
            span.set("rows", std::to_string(peers::rows));
            span.set("shard", peers::shard);
        }
        int left = peers::chunks_per_request;
        root.set("bytes", std::to_string(peers::read_body(left)));
        root.set("outcome", "complete");
    });
}

void event_span() {
    traced([](Trace& trace) {
        ScopedSpan span{trace, "index", 0};
        span.set("rows", std::to_string(peers::rows));
        span.event("event");
    });
}

void wide_span() {
    traced([](Trace& trace) {
        ScopedSpan span{trace, "index", 0};
        for (int i = 0; i < peers::wide_attributes; ++i)
            span.set("attribute-of-20-ch-" + std::to_string(i), peers::wide_value);
    });
}

void flush() {
    std::vector<std::unique_ptr<Trace>> all;
    {
        std::lock_guard const lock{finished_mutex};
        all.swap(finished);
    }
    for (auto const& trace : all) {
        std::ostringstream out;
        trace->write_json(out);
        std::string const text = out.str();
        peers::drop(text.data(), text.size());
    }
}

}  // namespace

namespace peers {

Peer const peer{
    .name = "by hand",
    .setup = "mutex and vector, JSON by ostringstream",
    .begin = []() -> char const* { return nullptr; },
    .request = request,
    .exported_request = nullptr,
    .event_span = event_span,
    .exported_event_span = nullptr,
    .wide_span = wide_span,
    .hand_over = nullptr,
    .flush = flush,
    .end = [] {},
};

}  // namespace peers
