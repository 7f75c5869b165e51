// OTLP messages as JSON, field by field: what OtlpFields (otlp_fields.hpp) is for protobuf.
//
// A walk that is given this instead writes the same message for receivers and people that read text. Where a list would be
// empty it isn't there, as in protobuf. No allocation of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <lastbyte/core/ids.hpp>
#include <lastbyte/encode/parts/otlp_field.hpp>
#include <lastbyte/encode/parts/otlp_json_envelope.hpp>
#include <lastbyte/encode/parts/semantics.hpp>

namespace lastbyte::detail {

/// The fields of one object, without its braces.
template <TextOutput Out>
class OtlpJsonFields {
public:
    explicit OtlpJsonFields(Out& out, bool first = true) noexcept : out_(out), first_(first) {}

    template <class... Parts>
    void text(OtlpField field, Parts const&... parts) {
        begin(field, "\":\"");
        (append_json_contents(out_, parts), ...);
        append(out_, "\"");
    }
    void fixed64(OtlpField field, std::uint64_t value) {
        begin(field, "\":\"");
        append_unsigned(out_, value);
        append(out_, "\"");
    }
    void fixed32(OtlpField field, std::uint32_t value) { uint32(field, value); }
    void uint32(OtlpField field, std::uint32_t value) {
        begin(field, "\":");
        append_unsigned(out_, value);
    }
    void boolean(OtlpField field, bool value) { begin(field, value ? "\":true" : "\":false"); }
    void zigzag(OtlpField field, std::int32_t value) {
        begin(field, value < 0 ? "\":-" : "\":");
        append_unsigned(out_, value < 0 ? 0 - std::uint64_t(value) : std::uint64_t(value));
    }
    void number(OtlpField field, double value) {
        begin(field, "\":");
        append_otlp_double(out_, value);
    }
    template <class Id>
    void id(OtlpField field, Id value) {
        begin(field, "\":\"");
        value.write(out_);
        append(out_, "\"");
    }
    template <class At>
    void counts(OtlpField field, std::size_t from, std::size_t end, At const& at) {
        if (from == end) return;
        begin(field, "\":[\"");
        for (std::size_t i = from; i < end; ++i) {
            if (i != from) append(out_, "\",\"");
            append_unsigned(out_, at(i));
        }
        append(out_, "\"]");
    }

    template <class Body>
    void message(OtlpField field, Body const& body) {
        begin(field, "\":{");
        OtlpJsonFields fields{out_};
        body(fields);
        append(out_, "}");
    }
    template <class Each>
    void list(OtlpField field, Each const& each) {
        List list{*this, field};
        each(list);
        if (list.open) append(out_, "]");
    }

private:
    struct List {
        OtlpJsonFields& fields;
        OtlpField field;
        bool open = false;
        template <class Body>
        void message(Body const& body) {
            next();
            append(fields.out_, "{");
            OtlpJsonFields element{fields.out_};
            body(element);
            append(fields.out_, "}");
        }
        void attribute(Joined key, AttributeValue const& value) {
            next();
            OtlpJsonAttributes<Out>{fields.out_, {}}(key, value);
        }
        void next() {
            if (std::exchange(open, true))
                append(fields.out_, ",");
            else
                fields.begin(field, "\":[");
        }
    };

    /// The name of a field, up to its value.
    void begin(OtlpField field, std::string_view up_to_value) {
        append(out_, std::exchange(first_, false) ? "\"" : ",\"");
        append(out_, field.name);
        append(out_, up_to_value);
    }

    Out& out_;
    bool first_;
};

/// What a request of metrics or logs is wrapped in, and what one element of its list is: `body(fields)` writes it.
template <FixedString Signal, FixedString List>
struct OtlpJsonForm : OtlpJsonEnvelope<Signal, List> {
    template <TextOutput Out, class Body>
    static void append_element(Out& out, Body const& body) {
        append(out, "{");
        OtlpJsonFields<Out> fields{out};
        body(fields);
        append(out, "}");
    }
};

}  // namespace lastbyte::detail
