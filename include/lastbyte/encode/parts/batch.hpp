// Batch: traces of many requests in one message, encoded at once, because a Reading can't be kept.
//
// A message says who sends before it says what, and a protobuf one needs its length first. So the spans are appended
// behind some free room, and what goes in front is written when the request is asked for: no byte of a span is copied.
// Memory grows up to a bound and is kept; a warm batch allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>

#include <lastbyte/encode/parts/buffer.hpp>
#include <lastbyte/encode/parts/resource.hpp>
#include <lastbyte/encode/parts/semantics.hpp>

namespace lastbyte {

/// What became of the traces (or records) that a batch was given. Each call of add() counts once.
struct BatchReport {
    std::uint64_t taken = 0;
    std::uint64_t full = 0;       ///< refused: send the request, clear(), and add it again
    std::uint64_t too_large = 0;  ///< lost: longer than an empty batch
    std::uint64_t unstored = 0;   ///< lost: there was no memory for this trace when it began, so it has no spans
    std::uint64_t unsampled = 0;  ///< passed over: its sampler, or its caller, wants no spans of this trace
};

/// Encoded traces of one service, up to `max_bytes` a request. One thread's at a time: give each worker its own, or put
/// it behind a lock.
///
///     if (!batch.add(done, "GET /docs")) { send(batch.request()); batch.clear(); batch.add(done, "GET /docs"); }
template <class Format, class WallClock = SystemWallClock>
class Batch {
public:
    /// What every OTLP receiver takes in one request (OTLP specification, "OTLP/gRPC Request").
    static constexpr std::size_t default_max_bytes = std::size_t{4} << 20;

    explicit Batch(Resource const& resource, Scope const& scope = {},
                   std::size_t max_bytes = default_max_bytes) noexcept
        : bytes_(max_bytes) {
        Format::append_resource(bytes_, resource);
        resource_size_ = bytes_.size();
        Format::append_scope(bytes_, scope);
        context_size_ = bytes_.size();
        std::size_t const room = Format::max_head(context_size_);
        if (!bytes_.overflowed() && bytes_.reserve(room + Format::tail.size())) {
            bytes_.extend(room);
            begin_ = bytes_.size();
        } else {
            bytes_.cut(0);
        }
    }
    Batch(Batch const&) = delete;
    Batch& operator=(Batch const&) = delete;

    /// Encodes a trace: a root span called `name` with these attributes, and a child for each recorded span. False when
    /// nothing of it was taken; report() says why. A trace that is not sampled is passed over, counted, and true. Nothing
    /// throws; one clock_gettime.
    template <class P, std::uint64_t D>
    bool add(BasicReading<P, D> const& reading, std::string_view name = {},
             std::initializer_list<Attribute> attributes = {}) noexcept {
        if (reading.trace_id() == TraceId{}) return lose(report_.unstored);
        if (!reading.sampled()) {
            ++report_.unsampled;
            return true;
        }
        detail::RootSpan<P, D> const root{reading, name, attributes, start_unix_ns<WallClock>(reading)};
        return take([&] { Format::append_spans(bytes_, root); });
    }

    /// Encodes a data point: a record with this trace's ids and the time at which its body ended (of a trace without
    /// memory: now, and no ids).
    template <class Row, class P, std::uint64_t D, class Records = Format>
        requires(Records::template takes<Row>)
    bool add(Row const& row, BasicReading<P, D> const& reading) noexcept {
        bool const timed = reading.trace_id() != TraceId{};
        std::uint64_t const ended =
            timed ? start_unix_ns<WallClock>(reading) + reading.duration_ns() : WallClock::unix_ns();
        return take([&] { Format::append_record(bytes_, row, reading.trace_id(), reading.root_id(), ended); });
    }

    /// Takes spans that `Format::append_spans` (write_otlp_spans, write_otlp_json_spans) has put elsewhere: each thread
    /// encodes its own, and one sends them.
    bool add_encoded(std::string_view spans) noexcept {
        return spans.empty() || take([&] { detail::append(bytes_, spans); });
    }

    /// The message, whole and valid; empty when there is no trace in it (receivers want no empty envelopes). Valid
    /// until the next call of a member.
    [[nodiscard]] std::string_view request() noexcept {
        if (empty()) return {};
        std::size_t const spans = bytes_.size() - begin_;
        std::string_view const resource{bytes_.data(), resource_size_};
        std::string_view const scope{bytes_.data() + resource_size_, context_size_ - resource_size_};
        detail::Counter head;
        Format::append_head(head, resource, scope, spans);
        detail::Cursor to{bytes_.data() + begin_ - head.size};
        Format::append_head(to, resource, scope, spans);
        if constexpr (!Format::tail.empty())
            std::memcpy(bytes_.data() + bytes_.size(), Format::tail.data(), Format::tail.size());
        return {bytes_.data() + begin_ - head.size, head.size + spans + Format::tail.size()};
    }

    [[nodiscard]] bool empty() const noexcept { return bytes_.size() == begin_; }
    /// Forgets the traces and keeps the memory.
    void clear() noexcept {
        if (begin_ != 0) bytes_.cut(begin_);
    }
    /// What the next request has so far, about.
    [[nodiscard]] std::size_t size_bytes() const noexcept { return bytes_.size() - begin_; }
    [[nodiscard]] BatchReport report() const noexcept { return report_; }

private:
    template <class Append>
    bool take(Append const& append_spans) noexcept {
        std::size_t const before = bytes_.size();
        if (begin_ == 0) return lose(report_.too_large);
        if (before != begin_) detail::append(bytes_, Format::separator);
        append_spans();
        if (!bytes_.overflowed() && bytes_.reserve(Format::tail.size())) {
            ++report_.taken;
            return true;
        }
        bytes_.cut(before);
        return lose(before == begin_ ? report_.too_large : report_.full);
    }
    static bool lose(std::uint64_t& cause) noexcept {
        ++cause;
        return false;
    }

    detail::BoundedBuffer bytes_;  // the resource and the scope, room for the head, the spans
    std::size_t resource_size_ = 0;
    std::size_t context_size_ = 0;
    std::size_t begin_ = 0;  // of the spans; 0 when not even the resource found room
    BatchReport report_;
};

namespace detail {

template <class Format, class WallClock, TextOutput Out, class P, std::uint64_t D>
bool write_spans(Out& out, BasicReading<P, D> const& reading, std::string_view name,
                 std::initializer_list<Attribute> attributes) {
    if (reading.trace_id() == TraceId{}) return false;
    Format::append_spans(out, RootSpan<P, D>{reading, name, attributes, start_unix_ns<WallClock>(reading)});
    return true;
}

template <class Format, class WallClock, TextOutput Out, class P, std::uint64_t D>
bool write_request(Out& out, BasicReading<P, D> const& reading, Resource const& resource, std::string_view name,
                   std::initializer_list<Attribute> attributes, Scope const& scope) {
    Batch<Format, WallClock> batch{resource, scope, ~std::size_t{0} / 2};
    if (!batch.add(reading, name, attributes)) return false;
    append(out, batch.request());
    return true;
}

}  // namespace detail
}  // namespace lastbyte
