// What every OTLP request is wrapped in, as protobuf: who sends, which library recorded, and attributes.
//
// Traces, metrics and logs differ in their innermost message only; written three times, the wrapping would be wrong in
// one of them. Field numbers are those of opentelemetry-proto 1.x. Allocates what the output allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <lastbyte/core/ids.hpp>
#include <lastbyte/encode/parts/buffer.hpp>
#include <lastbyte/encode/parts/resource.hpp>
#include <lastbyte/encode/parts/semantics.hpp>
#include <lastbyte/encode/protobuf.hpp>

namespace lastbyte::detail {

/// A KeyValue with its AnyValue. Most of a request is made of these, so their lengths are added up and not counted by a
/// second run.
template <TextOutput Out>
void append_otlp_attribute(Out& out, std::uint32_t field, Joined key, AttributeValue const& value) {
    using namespace protobuf;
    bool const is_text = value.kind == AttributeKind::text;
    bool const is_double = value.kind == AttributeKind::floating;
    Text const name{key.stem, key.tail};
    Text const text{is_text ? value.text : std::string_view{}};
    std::size_t const any = is_text ? text.field_size() : is_double ? 9 : 1 + varint_size(value.bits);
    std::size_t const size = name.field_size() + 1 + varint_size(any) + any;
    append_length(out, field, size);
    if constexpr (std::is_same_v<Out, Counter>) {
        out.size += size;
    } else {
        name.append_field(out, 1);
        append_length(out, 2, any);
        if (is_text)
            text.append_field(out, 1);
        else if (is_double)
            append_fixed64_field(out, 4, value.bits);
        else
            append_varint_field(out, value.kind == AttributeKind::boolean ? 2 : 3, value.bits);
    }
}

/// A KeyValue whose texts are taken for UTF-8, so that its size follows from theirs. Trivial: a row of these costs
/// nothing before it is filled.
struct OtlpAttribute {
    char const *stem, *tail, *text;
    std::size_t stem_size, tail_size, text_size;
    std::uint64_t bits;
    std::size_t any, size;  // of the AnyValue, and of the KeyValue
    AttributeKind kind;

    [[gnu::always_inline]] static OtlpAttribute of(Joined key, AttributeValue const& value) noexcept {
        using protobuf::varint_size;
        std::size_t const name = key.stem.size() + key.tail.size(), text = value.text.size();
        std::size_t const any = value.kind == AttributeKind::text       ? 1 + varint_size(text) + text
                                : value.kind == AttributeKind::floating ? 1 + 8
                                                                        : 1 + varint_size(value.bits);
        std::size_t const size = 1 + varint_size(name) + name + 1 + varint_size(any) + any;
        return {key.stem.data(),
                key.tail.data(),
                value.text.data(),
                key.stem.size(),
                key.tail.size(),
                text,
                value.bits,
                any,
                size,
                value.kind};
    }
    /// With its length and a tag of one byte (fields 1 to 15).
    [[nodiscard]] std::size_t field_size() const noexcept { return 1 + protobuf::varint_size(size) + size; }
    [[nodiscard, gnu::always_inline]] protobuf::Direct put_field(protobuf::Direct to, unsigned field) const noexcept {
        to.byte(field << 3 | 2);
        to.varint(size);
        to.byte(1 << 3 | 2);
        to.varint(stem_size + tail_size);
        to.text({stem, stem_size});
        if (tail_size != 0) to.text({tail, tail_size});
        to.byte(2 << 3 | 2);
        to.varint(any);
        if (kind == AttributeKind::text) {
            to.byte(1 << 3 | 2);
            to.varint(text_size);
            to.text({text, text_size});
        } else if (kind == AttributeKind::floating) {
            to.byte(4 << 3 | 1);
            to.little_endian(bits);
        } else {
            to.byte(kind == AttributeKind::boolean ? 2 << 3 : 3 << 3);
            to.varint(bits);
        }
        return to;
    }
};
inline void append_otlp_attribute(BoundedBuffer& out, std::uint32_t field, Joined key, AttributeValue const& value) {
    auto const measured = OtlpAttribute::of(key, value);
    if (out.reserve(measured.field_size())) [[likely]] {
        if (measured.put_field({out.data() + out.size()}, field).utf8) [[likely]]
            return out.extend(measured.field_size());
    }
    append_otlp_attribute<BoundedBuffer>(out, field, key, value);
}

/// ExportTraceServiceRequest, ExportLogsServiceRequest and ExportMetricsServiceRequest, but for what is in them.
struct OtlpEnvelope {
    static constexpr std::string_view separator{};
    static constexpr std::string_view tail{};
    static constexpr std::size_t max_head(std::size_t context) noexcept { return context + 2 * 11; }

    /// ResourceSpans.resource.
    template <TextOutput Out>
    static void append_resource(Out& out, Resource const& resource) {
        protobuf::append_message(out, 1, [&](auto& to) {
            auto const each = [&](Joined key, AttributeValue const& value) {
                append_otlp_attribute(to, 1, key, value);
            };
            for (Attribute const& one : resource) give(each, {one.name()}, one.value());
            if (resource.dropped() != 0) protobuf::append_varint_field(to, 2, resource.dropped());
        });
    }
    /// ScopeSpans.scope.
    template <TextOutput Out>
    static void append_scope(Out& out, Scope const& scope) {
        protobuf::append_message(out, 1, [&](auto& to) {
            protobuf::append_text_field(to, 1, scope.name);
            if (!scope.version.empty()) protobuf::append_text_field(to, 2, scope.version);
        });
    }
    /// The request's resource_spans and their scope_spans, up to where the spans begin.
    template <TextOutput Out>
    static void append_head(Out& out, std::string_view resource, std::string_view scope, std::size_t spans) {
        std::size_t const scope_spans = scope.size() + spans;
        protobuf::append_length(out, 1, resource.size() + 1 + protobuf::varint_size(scope_spans) + scope_spans);
        append(out, resource);
        protobuf::append_length(out, 2, scope_spans);
        append(out, scope);
    }
};

/// The 16 bytes of a trace id, the 8 of a span id.
template <TextOutput Out>
void append_otlp_id(Out& out, std::uint32_t field, TraceId id) {
    protobuf::append_length(out, field, 16);
    protobuf::append_big_endian(out, id.high);
    protobuf::append_big_endian(out, id.low);
}
template <TextOutput Out>
void append_otlp_id(Out& out, std::uint32_t field, SpanId id) {
    protobuf::append_length(out, field, 8);
    protobuf::append_big_endian(out, id.value);
}

}  // namespace lastbyte::detail
