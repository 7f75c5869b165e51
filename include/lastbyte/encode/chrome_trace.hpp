// Chrome trace events: traces as a file that ui.perfetto.dev and chrome://tracing open, a line for each request.
//
// These viewers take what lies inside something else on one thread for its child, and requests overlap. So each span is
// given a lane (shown as a thread) on which it lies inside its parent or alone. The file is an array that may be cut
// off behind any line; close() ends it. Around 110 ns a span without attributes, one call of the transport a request.
#pragma once

#include <unistd.h>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/encode/json.hpp>
#include <lastbyte/encode/parts/buffer.hpp>
#include <lastbyte/encode/parts/lanes.hpp>
#include <lastbyte/encode/parts/resource.hpp>
#include <lastbyte/encode/parts/semantics.hpp>

namespace lastbyte {

/// What became of the traces that a ChromeTrace was given. Each call of add() counts once.
struct ChromeReport {
    std::uint64_t traces = 0;     ///< written
    std::uint64_t refused = 0;    ///< lost: the transport refused the line (its own report says why), or after close()
    std::uint64_t too_large = 0;  ///< lost: over `max_trace_bytes`, or no memory
    std::uint64_t unstored = 0;   ///< lost: there was no memory for this trace when it began, so it has no spans
    std::uint64_t unsampled = 0;  ///< passed over: its sampler, or its caller, wants no spans of this trace
};

/// Traces as they end, to one transport: `ChromeTrace<FileSink> chrome{"oddkit", "trace.json"};`, then in the callback
/// `chrome.add(done, "GET /docs");`. The file has to be new: an array ends once.
///
/// A transport is anything with `bool write(std::string_view line) noexcept`; what follows the process's name goes to
/// its constructor. One thread's at a time. Times are in microseconds since midnight (UTC) of the day on which it was
/// made, so that a double holds the nanoseconds, and files of several processes lie on one axis. Events are instants on
/// their span's lane, links an argument of it. A warm one allocates nothing.
template <class Transport, class WallClock = SystemWallClock>
class ChromeTrace {
public:
    static constexpr std::size_t max_trace_bytes = std::size_t{16} << 20;

    template <class... Args>
    requires std::is_constructible_v<Transport, Args...>
    explicit ChromeTrace(std::string_view process_name,
                         Args&&... args) noexcept(std::is_nothrow_constructible_v<Transport, Args...>)
        : transport_(std::forward<Args>(args)...) {
        constexpr std::uint64_t day_ns = 86'400'000'000'000;
        std::uint64_t const now = WallClock::unix_ns();
        midnight_ns_ = now - now % day_ns;
        detail::append(line_, "[");
        append_metadata("process_name", 0);
        detail::append(line_, "\"name\":");
        detail::append_json_string(line_, process_name);
        detail::append(line_, "}}");
        if (!line_.overflowed()) opening_size_ = line_.size();
    }
    ChromeTrace(ChromeTrace const&) = delete;
    ChromeTrace& operator=(ChromeTrace const&) = delete;
    ~ChromeTrace() { close(); }

    /// Writes a trace: a slice called `name` with these attributes, and one for each recorded span. False when it was
    /// lost; report() says why. A trace that is not sampled is passed over, counted, and true.
    template <class P, std::uint64_t D>
    bool add(BasicReading<P, D> const& reading, std::string_view name = {},
             std::initializer_list<Attribute> attributes = {}) noexcept {
        static_assert(noexcept(transport_.write(std::string_view{})),
                      "lastbyte: this transport's write(std::string_view) is not noexcept. Telemetry must not fail the "
                      "request: catch and count inside it, and declare it noexcept.");
        if (closed_) return lose(report_.refused);
        if (reading.trace_id() == TraceId{}) return lose(report_.unstored);
        if (!reading.sampled()) {
            ++report_.unsampled;
            return true;
        }
        if (opening_size_ == 0) return lose(report_.too_large);
        std::uint32_t const lanes_named = lanes_named_;
        bool const fits =
            append_trace(detail::RootSpan<P, D>{reading, name, attributes, start_unix_ns<WallClock>(reading)});
        if (fits && send()) {
            ++report_.traces;
            return true;
        }
        lanes_named_ = lanes_named;
        return lose(fits ? report_.refused : report_.too_large);
    }

    /// Ends the array, so that the file is JSON for every parser. The destructor does it too.
    void close() noexcept {
        if (!std::exchange(closed_, true)) (void)transport_.write(opened_ ? "]" : "[]");
    }

    /// What the transport says of itself: that its file is open.
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(transport_); }
    [[nodiscard]] Transport& transport() noexcept { return transport_; }
    [[nodiscard]] Transport const& transport() const noexcept { return transport_; }
    [[nodiscard]] ChromeReport report() const noexcept { return report_; }

private:
    static constexpr std::uint32_t root_order = ~std::uint32_t{0};

    /// The events of a trace, behind the opening; each begins with a comma. False when there was no room.
    template <class P, std::uint64_t D>
    bool append_trace(detail::RootSpan<P, D> const& root) noexcept {
        line_.cut(opening_size_);
        if (!gather(root) || !lanes_.place(slices_.begin(), slices_.size())) return false;
        char trace_id_text[32];
        detail::Cursor to{trace_id_text};
        root.trace_id().write(to);
        std::string_view const trace_id{trace_id_text, sizeof trace_id_text};
        auto const argument = [&](detail::Joined key, detail::AttributeValue const& value) {
            append_argument(key, value);
        };

        for (detail::Slice const& slice : slices_) {
            while (lanes_named_ < slice.lane) name_lane(++lanes_named_);
            if (slice.order == root_order) {
                append_event({root.name()}, "request", slice, trace_id);
                root.attributes(argument);
            } else {
                auto const span = *SpanAt<P, D>{root.spans(), slice.order};
                append_event({span.stem(), span.tail()}, "span", slice, trace_id);
                detail::span_attributes(span, argument);
                if (span.failed())
                    argument({"exception.message"}, {AttributeKind::text, 0, detail::error_message(span)});
                if (span.note_count() != 0) {
                    append_links(span);
                    detail::append(line_, "}}");
                    append_events(span, slice, root.start_ns());
                    continue;
                }
            }
            detail::append(line_, "}}");
        }
        return !line_.overflowed();
    }

    template <class P, std::uint64_t D>
    using SpanAt = typename detail::TraceView<P, D>::Iterator;

    /// The root and its children, each parent before its children.
    template <class P, std::uint64_t D>
    bool gather(detail::RootSpan<P, D> const& root) noexcept {
        slices_.clear();
        bool room = slices_.push({root.start_ns(), root.end_ns(), root.id().value, 0, root_order, 0, 0});
        auto const& spans = root.spans();
        for (std::uint32_t i = 0; room && SpanAt<P, D>{spans, i} != spans.end(); ++i) {
            SpanAt<P, D> const at{spans, i};
            if (at == SpanAt<P, D>{spans, i + 1})
                continue;  // a record that was never completed: the next one comes again
            auto const span = *at;
            std::uint64_t const start = root.start_ns() + span.start_ns();
            room = slices_.push({start, start + span.duration_ns(), span.id().value, span.parent_id().value, i, 0, 0});
        }
        if (room) detail::sort_slices(slices_.begin(), slices_.size());
        return room;
    }

    bool send() noexcept {
        // What opens the file goes in front of the first line that the transport takes.
        std::string_view const line = line_.view();
        bool const sent = transport_.write(opened_ ? line.substr(opening_size_) : line);
        opened_ = opened_ || sent;
        return sent;
    }

    /// A slice up to the arguments of its own.
    void append_event(detail::Joined name, std::string_view category, detail::Slice const& slice,
                      std::string_view trace_id) noexcept {
        detail::append(line_, ",{\"ph\":\"X\",\"name\":\"");
        detail::append_json_contents(line_, name.stem);
        detail::append_json_contents(line_, name.tail);
        detail::append(line_, "\",\"cat\":\"");
        detail::append(line_, category);
        detail::append(line_, "\",\"ts\":");
        append_time(slice.start);
        detail::append(line_, ",\"dur\":");
        append_microseconds(slice.end - slice.start);
        append_ids(slice.lane);
        detail::append(line_, ",\"args\":{\"trace_id\":\"");
        detail::append(line_, trace_id);
        detail::append(line_, "\",\"span_id\":\"");
        SpanId{slice.id}.write(line_);
        detail::append(line_, "\"");
        if (slice.parent == 0) return;
        detail::append(line_, ",\"parent_span_id\":\"");
        SpanId{slice.parent}.write(line_);
        detail::append(line_, "\"");
    }
    /// As an argument of the slice: `"links":["<trace id>-<span id>"]`.
    template <class SpanView>
    void append_links(SpanView const& span) noexcept {
        for (std::size_t i = 0, count = span.link_count(); i < count; ++i) {
            detail::append(line_, i == 0 ? ",\"links\":[\"" : ",\"");
            span.link(i).trace_id.write(line_);
            detail::append(line_, "-");
            span.link(i).span_id.write(line_);
            detail::append(line_, i + 1 == count ? "\"]" : "\"");
        }
    }
    /// Instants on the lane of the slice.
    template <class SpanView>
    void append_events(SpanView const& span, detail::Slice const& slice, std::uint64_t root_start_ns) noexcept {
        auto const argument = [&](detail::Joined key, detail::AttributeValue const& value) { append_argument(key, value); };
        for (std::size_t i = 0, count = span.event_count(); i < count; ++i) {
            auto const event = span.event(i);
            detail::append(line_, ",{\"ph\":\"i\",\"s\":\"t\",\"name\":\"");
            detail::append_json_contents(line_, event.name());
            detail::append(line_, "\",\"cat\":\"event\",\"ts\":");
            append_time(root_start_ns + event.at_ns());
            append_ids(slice.lane);
            detail::append(line_, ",\"args\":{\"span_id\":\"");
            SpanId{slice.id}.write(line_);
            detail::append(line_, "\"");
            for (std::size_t k = 0; k < event.attribute_count(); ++k)
                detail::give(argument, {event.attribute(k).name()}, detail::value_of(event.attribute(k)));
            detail::append(line_, "}}");
        }
    }
    void append_argument(detail::Joined key, detail::AttributeValue const& value) noexcept {
        detail::append(line_, ",\"");
        detail::append_json_contents(line_, key.stem);
        detail::append_json_contents(line_, key.tail);
        detail::append(line_, "\":");
        switch (value.kind) {
            case AttributeKind::text:
                return detail::append_json_string(line_, value.text);
            case AttributeKind::boolean:
                return detail::append(line_, value.bits != 0 ? "true" : "false");
            case AttributeKind::floating:
                return detail::append_json_number(line_, std::bit_cast<double>(value.bits));
            case AttributeKind::integer:
            case AttributeKind::unsigned_integer:
                break;
        }
        bool const negative = value.bits >> 63 != 0;
        if (negative) detail::append(line_, "-");
        detail::append_unsigned(line_, negative ? 0 - value.bits : value.bits);
    }
    /// Nanoseconds since 1970 as microseconds since midnight.
    void append_time(std::uint64_t ns) noexcept {
        if (ns < midnight_ns_) detail::append(line_, "-");
        append_microseconds(ns < midnight_ns_ ? midnight_ns_ - ns : ns - midnight_ns_);
    }
    /// Nanoseconds as microseconds, all three decimals or none.
    void append_microseconds(std::uint64_t ns) noexcept {
        detail::append_unsigned(line_, ns / 1000);
        auto const rest = static_cast<unsigned>(ns % 1000);
        char const decimals[4] = {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                                  static_cast<char>('0' + rest % 10)};
        if (rest != 0) line_.append(decimals, sizeof decimals);
    }
    void append_ids(std::uint32_t lane) noexcept {
        detail::append(line_, ",\"pid\":");
        detail::append_unsigned(line_, static_cast<std::uint64_t>(process_));
        detail::append(line_, ",\"tid\":");
        detail::append_unsigned(line_, lane);
    }
    /// A metadata event up to its arguments.
    void append_metadata(std::string_view what, std::uint32_t lane) noexcept {
        detail::append(line_, "{\"ph\":\"M\",\"name\":\"");
        detail::append(line_, what);
        detail::append(line_, "\"");
        append_ids(lane);
        detail::append(line_, ",\"args\":{");
    }
    void name_lane(std::uint32_t lane) noexcept {
        detail::append(line_, ",");
        append_metadata("thread_name", lane);
        detail::append(line_, "\"name\":\"lane ");
        detail::append_unsigned(line_, lane);
        detail::append(line_, "\"}},");
        append_metadata("thread_sort_index", lane);
        detail::append(line_, "\"sort_index\":");
        detail::append_unsigned(line_, lane);
        detail::append(line_, "}}");
    }
    static bool lose(std::uint64_t& cause) noexcept {
        ++cause;
        return false;
    }

    Transport transport_;
    detail::BoundedBuffer line_{max_trace_bytes};  // what opens the file, and the trace that is being written
    detail::Kept<detail::Slice> slices_{std::size_t{1} << 17};
    detail::Lanes lanes_;
    std::uint64_t midnight_ns_ = 0;
    std::size_t opening_size_ = 0;  // 0 when there was no room for it
    pid_t process_ = ::getpid();
    std::uint32_t lanes_named_ = 0;
    bool opened_ = false;
    bool closed_ = false;
    ChromeReport report_;
};

/// What a Worker writes the lines of a `ChromeTrace<Pipeline<>>` to: `Worker<ChromeLines<FileSink>>`. A pipeline keeps the
/// order of one thread's lines and not that of all; so whichever comes first opens the array. The end has to come last:
/// flush() the worker, close() the trace, stop() the worker. One thread's at a time.
template <class Transport>
class ChromeLines {
public:
    template <class... Args>
    requires std::is_constructible_v<Transport, Args...>
    explicit ChromeLines(Args&&... args) noexcept(std::is_nothrow_constructible_v<Transport, Args...>)
        : transport_(std::forward<Args>(args)...) {}

    bool write(std::string_view line) noexcept {
        bool const is_end = line == "]" || line == "[]";
        line_.cut(0);
        detail::append(line_, is_end ? (opened_ ? "]" : "[]") : opened_ ? "," : "[");
        if (!is_end) detail::append(line_, line.substr(1));
        bool const written = !line_.overflowed() && transport_.write(line_.view());
        opened_ = opened_ || written;
        return written;
    }

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(transport_); }
    [[nodiscard]] Transport& transport() noexcept { return transport_; }
    [[nodiscard]] Transport const& transport() const noexcept { return transport_; }

private:
    Transport transport_;
    detail::BoundedBuffer line_{std::size_t{17} << 20};
    bool opened_ = false;
};

}  // namespace lastbyte
