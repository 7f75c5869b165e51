// What every OTLP request is wrapped in, as JSON: who sends, which library recorded, and attributes.
//
// It is not protobuf's usual JSON: ids are hexadecimal, enums are numbers, and 64-bit integers are texts, because a JSON
// parser that keeps numbers as doubles would round a start time by up to 128 ns. Traces, metrics and logs differ in three
// names. Allocates what the output allocates.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/core/label.hpp>
#include <lastbyte/encode/json.hpp>
#include <lastbyte/encode/parts/resource.hpp>
#include <lastbyte/encode/parts/semantics.hpp>

namespace lastbyte::detail {

/// What JSON has no number for is a text in protobuf's JSON mapping.
template <TextOutput Out>
void append_otlp_double(Out& out, double number) {
    constexpr std::uint64_t exponent = 0x7ff0'0000'0000'0000, fraction = 0x000f'ffff'ffff'ffff;
    auto const bits = std::bit_cast<std::uint64_t>(number);
    if ((bits & exponent) != exponent) return append_json_number(out, number);
    bool const nan = (bits & fraction) != 0;
    append(out, nan ? "\"NaN\"" : bits >> 63 != 0 ? "\"-Infinity\"" : "\"Infinity\"");
}

/// A list of KeyValues, written from the first one on; without one there is no list.
template <TextOutput Out>
class OtlpJsonAttributes {
public:
    OtlpJsonAttributes(Out& out, std::string_view begin) noexcept : out_(out), next_(begin) {}
    void operator()(Joined key, AttributeValue const& value) {
        append(out_, next_);
        next_ = ",";
        open_ = true;
        append(out_, "{\"key\":\"");
        append_json_contents(out_, key.stem);
        append_json_contents(out_, key.tail);
        append_value(value);
    }
    void close() {
        if (open_) append(out_, "]");
    }

private:
    void append_value(AttributeValue const& value) {
        switch (value.kind) {
            case AttributeKind::text:
                append(out_, "\",\"value\":{\"stringValue\":\"");
                append_json_contents(out_, value.text);
                return append(out_, "\"}}");
            case AttributeKind::boolean:
                return append(out_, value.bits != 0 ? "\",\"value\":{\"boolValue\":true}}"
                                                    : "\",\"value\":{\"boolValue\":false}}");
            case AttributeKind::floating:
                append(out_, "\",\"value\":{\"doubleValue\":");
                append_otlp_double(out_, std::bit_cast<double>(value.bits));
                return append(out_, "}}");
            case AttributeKind::integer:
            case AttributeKind::unsigned_integer:
                break;
        }
        bool const negative = value.bits >> 63 != 0;
        append(out_, negative ? "\",\"value\":{\"intValue\":\"-" : "\",\"value\":{\"intValue\":\"");
        append_unsigned(out_, negative ? 0 - value.bits : value.bits);
        append(out_, "\"}}");
    }

    Out& out_;
    std::string_view next_;
    bool open_ = false;
};

/// OTLP specification, "JSON Protobuf Encoding". `Signal` is "Spans", "Metrics" or "Logs", `List` what is in the scope's.
template <FixedString Signal, FixedString List>
struct OtlpJsonEnvelope {
    static constexpr std::string_view separator = ",";
    static constexpr std::string_view tail = "]}]}]}";

    template <TextOutput Out>
    static void append_resource(Out& out, Resource const& resource) {
        OtlpJsonAttributes<Out> list{out, "\"attributes\":["};
        append(out, "{");
        for (Attribute const& one : resource) give(list, {one.name()}, one.value());
        list.close();
        if (resource.dropped() != 0) {
            append(out, ",\"droppedAttributesCount\":");
            append_unsigned(out, resource.dropped());
        }
        append(out, "}");
    }
    template <TextOutput Out>
    static void append_scope(Out& out, Scope const& scope) {
        append(out, "{\"name\":");
        append_json_string(out, scope.name);
        if (!scope.version.empty()) {
            append(out, ",\"version\":");
            append_json_string(out, scope.version);
        }
        append(out, "}");
    }
    template <TextOutput Out>
    static void append_head(Out& out, std::string_view resource, std::string_view scope, std::size_t) {
        for (std::string_view const part :
             {std::string_view{"{\"resource"}, Signal.view(), std::string_view{"\":[{\"resource\":"}, resource,
              std::string_view{",\"scope"}, Signal.view(), std::string_view{"\":[{\"scope\":"}, scope,
              std::string_view{",\""}, List.view(), std::string_view{"\":["}})
            append(out, part);
    }
    static constexpr std::size_t max_head(std::size_t context) noexcept { return context + 80; }
};

}  // namespace lastbyte::detail
