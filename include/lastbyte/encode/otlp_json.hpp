// OTLP traces as JSON: the same message as otlp.hpp's, for receivers and people that read text.
//
// It is not protobuf's usual JSON: ids are hexadecimal, enums are numbers and 64-bit integers are texts, because a JSON
// parser that keeps numbers as doubles would round a start time by up to 128 ns. About 90 ns a span without attributes,
// no allocation. POST it to /v1/traces with Content-Type: application/json.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include <lastbyte/encode/json.hpp>
#include <lastbyte/encode/parts/batch.hpp>
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

/// OTLP specification, "JSON Protobuf Encoding".
struct OtlpJson {
    static constexpr std::string_view separator = ",";
    static constexpr std::string_view tail = "]}]}]}";

    template <TextOutput Out>
    static void append_resource(Out& out, Resource const& resource) {
        Attributes<Out> list{out, "\"attributes\":["};
        detail::append(out, "{");
        for (Attribute const& one : resource) detail::give(list, {one.name()}, one.value());
        list.close();
        dropped(out, resource.dropped());
        detail::append(out, "}");
    }
    template <TextOutput Out>
    static void append_scope(Out& out, Scope const& scope) {
        detail::append(out, "{\"name\":");
        detail::append_json_string(out, scope.name);
        if (!scope.version.empty()) {
            detail::append(out, ",\"version\":");
            detail::append_json_string(out, scope.version);
        }
        detail::append(out, "}");
    }
    template <TextOutput Out>
    static void append_head(Out& out, std::string_view resource, std::string_view scope, std::size_t) {
        for (std::string_view const part :
             {std::string_view{"{\"resourceSpans\":[{\"resource\":"}, resource,
              std::string_view{",\"scopeSpans\":[{\"scope\":"}, scope, std::string_view{",\"spans\":["}})
            detail::append(out, part);
    }
    static constexpr std::size_t max_head(std::size_t context) noexcept { return context + 80; }

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
        dropped(out, root.dropped_attributes());
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
            dropped(out, detail::hidden_attributes(span));
            if (span.failed()) {
                append_exception(out, end, detail::error_message(span));
                append_status(out, detail::error_message(span));
            }
            detail::append(out, "}");
        }
    }

private:
    /// A list of KeyValues, written from the first one on; without one there is no list.
    template <TextOutput Out>
    class Attributes {
    public:
        Attributes(Out& out, std::string_view begin) noexcept : out_(out), next_(begin) {}
        void operator()(detail::Joined key, detail::AttributeValue const& value) {
            detail::append(out_, next_);
            next_ = ",";
            open_ = true;
            detail::append(out_, "{\"key\":\"");
            detail::append_json_contents(out_, key.stem);
            detail::append_json_contents(out_, key.tail);
            append_value(out_, value);
        }
        void close() {
            if (open_) detail::append(out_, "]");
        }

    private:
        Out& out_;
        std::string_view next_;
        bool open_ = false;
    };

    template <TextOutput Out>
    static void append_value(Out& out, detail::AttributeValue const& value) {
        switch (value.kind) {
            case AttributeKind::text:
                detail::append(out, "\",\"value\":{\"stringValue\":\"");
                detail::append_json_contents(out, value.text);
                return detail::append(out, "\"}}");
            case AttributeKind::boolean:
                return detail::append(out, value.bits != 0 ? "\",\"value\":{\"boolValue\":true}}"
                                                           : "\",\"value\":{\"boolValue\":false}}");
            case AttributeKind::floating:
                detail::append(out, "\",\"value\":{\"doubleValue\":");
                append_double(out, std::bit_cast<double>(value.bits));
                return detail::append(out, "}}");
            case AttributeKind::integer:
            case AttributeKind::unsigned_integer:
                break;
        }
        bool const negative = value.bits >> 63 != 0;
        detail::append(out, negative ? "\",\"value\":{\"intValue\":\"-" : "\",\"value\":{\"intValue\":\"");
        detail::append_unsigned(out, negative ? 0 - value.bits : value.bits);
        detail::append(out, "\"}}");
    }
    /// What JSON has no number for is a text in protobuf's JSON mapping.
    template <TextOutput Out>
    static void append_double(Out& out, double number) {
        constexpr std::uint64_t exponent = 0x7ff0'0000'0000'0000, fraction = 0x000f'ffff'ffff'ffff;
        auto const bits = std::bit_cast<std::uint64_t>(number);
        if ((bits & exponent) != exponent) return detail::append_json_number(out, number);
        bool const nan = (bits & fraction) != 0;
        detail::append(out, nan ? "\"NaN\"" : bits >> 63 != 0 ? "\"-Infinity\"" : "\"Infinity\"");
    }
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
    static void dropped(Out& out, std::uint64_t count) {
        if (count == 0) return;
        detail::append(out, ",\"droppedAttributesCount\":");
        detail::append_unsigned(out, count & 0xffff'ffff);
    }
    template <TextOutput Out>
    static void append_status(Out& out, std::string_view message) {
        detail::append(out, message.empty() ? ",\"status\":{" : ",\"status\":{\"message\":\"");
        detail::append_json_contents(out, message);
        detail::append(out, message.empty() ? "\"code\":2}" : "\",\"code\":2}");
    }
    template <TextOutput Out>
    static void append_exception(Out& out, std::uint64_t at_ns, std::string_view message) {
        detail::append(out, ",\"events\":[{\"timeUnixNano\":\"");
        detail::append_unsigned(out, at_ns);
        detail::append(out, "\",\"name\":\"exception\"");
        Attributes<Out> list{out, ",\"attributes\":["};
        list({"exception.message"}, {AttributeKind::text, 0, message});
        list.close();
        detail::append(out, "}]");
    }
};

}  // namespace lastbyte
