// A data point as an OTLP log record: the walk over it that both spellings, protobuf and JSON, are made by.
//
// A store for logs gets the wide row as an event that one can search and count, with a link to the waterfall behind it. Its
// name is the schema's, its attributes are the fields by name: texts as strings, numbers always as doubles, because a column
// has one type.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lastbyte/core/ids.hpp>
#include <lastbyte/encode/parts/otlp_field.hpp>
#include <lastbyte/encode/parts/semantics.hpp>
#include <lastbyte/telemetry/data_point.hpp>

namespace lastbyte::detail {

/// The records of a batch, spelled by `Form`. Severity is INFO; without a trace (no memory for it) the ids are left out.
template <class Form>
struct OtlpLogRecords : Form {
    template <class T>
    static constexpr bool takes = is_row<T>;

    template <TextOutput Out, class Schema>
    static void append_record(Out& out, Row<Schema> const& row, TraceId trace, SpanId root, std::uint64_t at_ns) {
        constexpr std::uint32_t info = 9;
        Form::append_element(out, [&](auto& record) {
            record.fixed64({1, "timeUnixNano"}, at_ns);
            record.uint32({2, "severityNumber"}, info);
            record.list({6, "attributes"}, [&](auto& attributes) {
                for (std::size_t i = 0; i < Schema::fields::size; ++i) {
                    FieldInfo const& field = Schema::fields::all[i];
                    if (field.kind == FieldKind::index) continue;  // a copy of a text that is there in full
                    bool const is_text = field.kind == FieldKind::blob;
                    attributes.attribute({field.name},
                                         is_text ? value_of(row.blob(field.slot)) : value_of(row.number(field.slot)));
                }
            });
            std::uint64_t const lost = row.drops().texts_dropped + row.drops().numbers_not_finite;
            if (lost != 0) record.uint32({7, "droppedAttributesCount"}, static_cast<std::uint32_t>(lost));
            if (trace != TraceId{}) {
                record.id({9, "traceId"}, trace);
                record.id({10, "spanId"}, root);
            }
            record.text({12, "eventName"}, Schema::name);
        });
    }
};

}  // namespace lastbyte::detail
