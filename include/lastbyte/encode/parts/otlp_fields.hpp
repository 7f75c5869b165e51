// OTLP messages as protobuf, field by field, by the names that their JSON has too.
//
// Protobuf and JSON are two spellings of one message, and a walk over a rollup that is written twice is right in one of
// them. So a walk names each field once, by number and name, and is given this class or OtlpJsonFields to write with. Costs
// what the primitives of protobuf.hpp cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <lastbyte/core/ids.hpp>
#include <lastbyte/encode/parts/otlp_envelope.hpp>
#include <lastbyte/encode/parts/otlp_field.hpp>
#include <lastbyte/encode/parts/semantics.hpp>
#include <lastbyte/encode/protobuf.hpp>

namespace lastbyte::detail {

template <TextOutput Out>
class OtlpFields {
public:
    explicit OtlpFields(Out& out) noexcept : out_(out) {}

    /// A string, of one or several parts.
    template <class... Parts>
    void text(OtlpField field, Parts const&... parts) {
        protobuf::append_length(out_, field.number, (protobuf::utf8_size(parts) + ...));
        (protobuf::append_utf8(out_, parts, protobuf::utf8_size(parts)), ...);
    }
    void fixed64(OtlpField field, std::uint64_t value) { protobuf::append_fixed64_field(out_, field.number, value); }
    void fixed32(OtlpField field, std::uint32_t value) { protobuf::append_fixed32_field(out_, field.number, value); }
    /// A uint32 or an enum.
    void uint32(OtlpField field, std::uint32_t value) { protobuf::append_varint_field(out_, field.number, value); }
    void boolean(OtlpField field, bool value) { protobuf::append_varint_field(out_, field.number, value ? 1 : 0); }
    void zigzag(OtlpField field, std::int32_t value) {
        auto const bits = static_cast<std::uint32_t>(value);
        protobuf::append_varint_field(out_, field.number, (bits << 1) ^ (value < 0 ? ~std::uint32_t{0} : 0));
    }
    void number(OtlpField field, double value) { protobuf::append_double_field(out_, field.number, value); }
    void id(OtlpField field, TraceId value) { append_otlp_id(out_, field.number, value); }
    void id(OtlpField field, SpanId value) { append_otlp_id(out_, field.number, value); }
    /// Repeated uint64: `at(i)` for each index from `begin` on. None for an empty list.
    template <class At>
    void counts(OtlpField field, std::size_t begin, std::size_t end, At const& at) {
        std::size_t bytes = 0;
        for (std::size_t i = begin; i < end; ++i) bytes += protobuf::varint_size(at(i));
        if (begin == end) return;
        protobuf::append_length(out_, field.number, bytes);
        for (std::size_t i = begin; i < end; ++i) protobuf::append_varint(out_, at(i));
    }

    /// `body(fields)` writes the message's own. May be called twice, and has to write the same each time.
    template <class Body>
    void message(OtlpField field, Body const& body) {
        protobuf::append_message(out_, field.number, [&](auto& to) {
            OtlpFields<std::remove_reference_t<decltype(to)>> fields{to};
            body(fields);
        });
    }
    /// A repeated field: `each(list)` calls `list.message(body)` or `list.attribute(key, value)` for each of its elements.
    template <class Each>
    void list(OtlpField field, Each const& each) {
        List list{*this, field};
        each(list);
    }

private:
    struct List {
        OtlpFields& fields;
        OtlpField field;
        template <class Body>
        void message(Body const& body) {
            fields.message(field, body);
        }
        void attribute(Joined key, AttributeValue const& value) {
            append_otlp_attribute(fields.out_, field.number, key, value);
        }
    };

    Out& out_;
};

/// What a request of metrics or logs is wrapped in, and what one element of its list is: `body(fields)` writes it.
struct OtlpProtobufForm : OtlpEnvelope {
    template <TextOutput Out, class Body>
    static void append_element(Out& out, Body const& body) {
        OtlpFields<Out>{out}.message({2, {}}, body);  // ScopeMetrics.metrics, ScopeLogs.log_records
    }
};

}  // namespace lastbyte::detail
