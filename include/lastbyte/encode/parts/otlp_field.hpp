// A field of an OTLP message: its number, for protobuf, and its name, for JSON.
//
// One of the two alone would tie a walk over the data to a format. Numbers and names are those of opentelemetry-proto 1.x,
// names as its JSON mapping spells them. A constant.
#pragma once

#include <cstdint>
#include <string_view>

namespace lastbyte::detail {

struct OtlpField {
    std::uint32_t number;
    std::string_view name;
};

}  // namespace lastbyte::detail
