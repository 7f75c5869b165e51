// OTLP traces as protobuf: an ExportTraceServiceRequest from Readings, as every OpenTelemetry collector takes it.
//
// The official SDK keeps each span as a tree of heap objects and encodes it later; here a Reading's spans go from the
// trace's block straight to wire bytes, inside the callback. About 20 ns a span, 10 more an attribute, no allocation.
// POST it to /v1/traces with Content-Type: application/x-protobuf.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <type_traits>

#include <lastbyte/encode/parts/batch.hpp>
#include <lastbyte/encode/parts/otlp_envelope.hpp>
#include <lastbyte/encode/parts/otlp_fields.hpp>
#include <lastbyte/encode/parts/otlp_notes.hpp>
#include <lastbyte/encode/parts/otlp_span.hpp>
#include <lastbyte/encode/parts/resource.hpp>
#include <lastbyte/encode/parts/semantics.hpp>
#include <lastbyte/encode/protobuf.hpp>

namespace lastbyte {

struct OtlpProtobuf;

/// `OtlpBatch batch{Resource{"oddkit"}};`, then `batch.add(done, "POST /mcp", {{"http.route", "/mcp"}})`, and in the
/// end `batch.request()`.
using OtlpBatch = Batch<OtlpProtobuf>;

/// One trace as a whole request, into any output; for more than one, a batch doesn't repeat the resource. False when
/// there was nothing to write (a trace without memory has no id), or no memory to write it.
template <class WallClock = SystemWallClock, TextOutput Out, class P, std::uint64_t D>
bool write_otlp(Out& out, BasicReading<P, D> const& reading, Resource const& resource, std::string_view name = {},
                std::initializer_list<Attribute> attributes = {}, Scope const& scope = {}) {
    return detail::write_request<OtlpProtobuf, WallClock>(out, reading, resource, name, attributes, scope);
}

/// Only the spans of one trace, for `OtlpBatch::add_encoded`. Spans of several traces may simply follow each other.
template <class WallClock = SystemWallClock, TextOutput Out, class P, std::uint64_t D>
bool write_otlp_spans(Out& out, BasicReading<P, D> const& reading, std::string_view name = {},
                      std::initializer_list<Attribute> attributes = {}) {
    return detail::write_spans<OtlpProtobuf, WallClock>(out, reading, name, attributes);
}

struct OtlpProtobuf : detail::OtlpEnvelope {
    /// The root and its children, each as ScopeSpans.spans.
    template <TextOutput Out, class P, std::uint64_t D>
    static void append_spans(Out& out, detail::RootSpan<P, D> const& root) {
        using namespace detail;
        OtlpSpanHead head{root.trace_id(),  root.id(),       {},           {root.name()},
                          SpanKind::server, root.start_ns(), root.end_ns()};
        protobuf::append_message(out, 2, [&](auto& to) {
            append_span_head(to, head);
            root.attributes([&](Joined key, AttributeValue const& value) { append_otlp_attribute(to, 9, key, value); });
            dropped(to, 10, root.dropped_attributes());
            dropped(to, 12, root.dropped_events());
            dropped(to, 14, root.dropped_links());
            if (root.status() == StatusCode::error) status(to, {});
        });
        head.kind = SpanKind::internal;
        for (auto const span : root.spans()) {
            head.id = span.id();
            head.parent = span.parent_id();
            head.name = {span.stem(), span.tail()};
            head.start_ns = root.start_ns() + span.start_ns();
            head.end_ns = head.start_ns + span.duration_ns();
            if constexpr (std::is_same_v<Out, BoundedBuffer>)
                if (put_otlp_span(out, head, span)) [[likely]]
                    continue;
            append_span(out, head, span, root.start_ns());
        }
    }

private:
    template <TextOutput Out, class SpanView>
    [[gnu::noinline]] static void append_span(Out& out, detail::OtlpSpanHead const& head, SpanView const& span,
                                              std::uint64_t root_start_ns) {
        using namespace detail;
        protobuf::append_message(out, 2, [&](auto& to) {
            append_span_head(to, head);
            span_attributes(span,
                            [&](Joined key, AttributeValue const& value) { append_otlp_attribute(to, 9, key, value); });
            dropped(to, 10, hidden_attributes(span));
            OtlpFields fields{to};
            append_otlp_notes(fields, span, root_start_ns, head.end_ns);
            if (span.failed()) status(to, error_message(span));
        });
    }
    template <TextOutput Out>
    static void append_span_head(Out& out, detail::OtlpSpanHead const& head) {
        using namespace detail::protobuf;
        detail::append_otlp_id(out, 1, head.trace);
        detail::append_otlp_id(out, 2, head.id);
        if (head.parent != SpanId{}) detail::append_otlp_id(out, 4, head.parent);
        append_text_field(out, 5, head.name.stem, head.name.tail);
        append_varint_field(out, 6, static_cast<std::uint64_t>(head.kind));
        append_fixed64_field(out, 7, head.start_ns);
        append_fixed64_field(out, 8, head.end_ns);
    }
    template <TextOutput Out>
    static void dropped(Out& out, std::uint32_t field, std::uint64_t count) {
        if (count != 0) detail::protobuf::append_varint_field(out, field, count & 0xffff'ffff);
    }
    template <TextOutput Out>
    static void status(Out& out, std::string_view message) {
        using namespace detail::protobuf;
        append_message(out, 15, [&](auto& to) {
            if (!message.empty()) append_text_field(to, 2, message);
            append_varint_field(to, 3, static_cast<std::uint64_t>(detail::StatusCode::error));
        });
    }
};

}  // namespace lastbyte
