// OTLP traces as JSON: the same message as otlp.hpp's, for receivers and people that read text.
//
// What differs from protobuf's usual JSON is told in otlp_json_envelope.hpp. About 100 ns a span, 45 more an
// attribute, no allocation. POST it to /v1/traces with Content-Type: application/json.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include <lastbyte/encode/json.hpp>
#include <lastbyte/encode/parts/batch.hpp>
#include <lastbyte/encode/parts/otlp_json_envelope.hpp>
#include <lastbyte/encode/parts/otlp_json_fields.hpp>
#include <lastbyte/encode/parts/otlp_notes.hpp>
#include <lastbyte/encode/parts/resource.hpp>
#include <lastbyte/encode/parts/semantics.hpp>

namespace lastbyte {

struct OtlpJson;

/// `OtlpJsonBatch batch{Resource{"oddkit"}};`, then `batch.add(done, "POST /mcp", {{"http.route", "/mcp"}})`, and in
/// the end `batch.request()`.
using OtlpJsonBatch = Batch<OtlpJson>;

/// One trace as a whole request, into any output; for more than one, a batch doesn't repeat the resource. False when
/// there was nothing to write (a trace without memory has no id), or no memory to write it.
template <class WallClock = SystemWallClock, TextOutput Out, class P, std::uint64_t D>
bool write_otlp_json(Out& out, BasicReading<P, D> const& reading, Resource const& resource, std::string_view name = {},
                     std::initializer_list<Attribute> attributes = {}, Scope const& scope = {}) {
    return detail::write_request<OtlpJson, WallClock>(out, reading, resource, name, attributes, scope);
}

/// Only the spans of one trace, for `OtlpJsonBatch::add_encoded`; a comma stands between those of two traces.
template <class WallClock = SystemWallClock, TextOutput Out, class P, std::uint64_t D>
bool write_otlp_json_spans(Out& out, BasicReading<P, D> const& reading, std::string_view name = {},
                           std::initializer_list<Attribute> attributes = {}) {
    return detail::write_spans<OtlpJson, WallClock>(out, reading, name, attributes);
}

struct OtlpJson : detail::OtlpJsonEnvelope<"Spans", "spans"> {
    /// The root and its children, as objects with commas between them.
    template <TextOutput Out, class P, std::uint64_t D>
    static void append_spans(Out& out, detail::RootSpan<P, D> const& root) {
        char trace_id_text[32];
        detail::Cursor to{trace_id_text};
        root.trace_id().write(to);
        std::string_view const trace_id{trace_id_text, sizeof trace_id_text};

        append_head_of_span(out, trace_id, root.id(), {});
        append_name(out, {root.name()}, detail::SpanKind::server);
        append_times(out, root.start_ns(), root.end_ns());
        Attributes<Out> list{out, ",\"attributes\":["};
        root.attributes([&](detail::Joined key, detail::AttributeValue const& value) { list(key, value); });
        list.close();
        dropped(out, ",\"droppedAttributesCount\":", root.dropped_attributes());
        dropped(out, ",\"droppedEventsCount\":", root.dropped_events());
        dropped(out, ",\"droppedLinksCount\":", root.dropped_links());
        if (root.status() == detail::StatusCode::error) append_status(out, {});
        detail::append(out, "}");

        for (auto const span : root.spans()) {
            std::uint64_t const start = root.start_ns() + span.start_ns();
            std::uint64_t const end = start + span.duration_ns();
            detail::append(out, ",");
            append_head_of_span(out, trace_id, span.id(), span.parent_id());
            append_name(out, {span.stem(), span.tail()}, detail::SpanKind::internal);
            append_times(out, start, end);
            Attributes<Out> own{out, ",\"attributes\":["};
            detail::span_attributes(span,
                                    [&](detail::Joined key, detail::AttributeValue const& value) { own(key, value); });
            own.close();
            dropped(out, ",\"droppedAttributesCount\":", detail::hidden_attributes(span));
            if (span.failed() || span.note_count() != 0) {
                detail::OtlpJsonFields<Out> fields{out, false};
                detail::append_otlp_notes(fields, span, root.start_ns(), end);
            }
            if (span.failed()) append_status(out, detail::error_message(span));
            detail::append(out, "}");
        }
    }

private:
    template <TextOutput Out>
    using Attributes = detail::OtlpJsonAttributes<Out>;

    template <TextOutput Out>
    static void append_head_of_span(Out& out, std::string_view trace_id, SpanId id, SpanId parent) {
        detail::append(out, "{\"traceId\":\"");
        detail::append(out, trace_id);
        detail::append(out, "\",\"spanId\":\"");
        id.write(out);
        if (parent == SpanId{}) return;
        detail::append(out, "\",\"parentSpanId\":\"");
        parent.write(out);
    }
    template <TextOutput Out>
    static void append_name(Out& out, detail::Joined name, detail::SpanKind kind) {
        detail::append(out, "\",\"name\":\"");
        detail::append_json_contents(out, name.stem);
        detail::append_json_contents(out, name.tail);
        detail::append(out, kind == detail::SpanKind::server ? "\",\"kind\":2" : "\",\"kind\":1");
    }
    template <TextOutput Out>
    static void append_times(Out& out, std::uint64_t start_ns, std::uint64_t end_ns) {
        detail::append(out, ",\"startTimeUnixNano\":\"");
        detail::append_unsigned(out, start_ns);
        detail::append(out, "\",\"endTimeUnixNano\":\"");
        detail::append_unsigned(out, end_ns);
        detail::append(out, "\"");
    }
    template <TextOutput Out>
    static void dropped(Out& out, std::string_view key, std::uint64_t count) {
        if (count == 0) return;
        detail::append(out, key);
        detail::append_unsigned(out, count & 0xffff'ffff);
    }
    template <TextOutput Out>
    static void append_status(Out& out, std::string_view message) {
        detail::append(out, message.empty() ? ",\"status\":{" : ",\"status\":{\"message\":\"");
        detail::append_json_contents(out, message);
        detail::append(out, message.empty() ? "\"code\":2}" : "\",\"code\":2}");
    }
};

}  // namespace lastbyte
