// OTLP logs as protobuf: one log record for each data point, tied to its trace.
//
// A store for logs gets the wide row as an event that one can search and count, with a link to the waterfall behind it.
// The event's name is the schema's, its attributes are the fields by name: texts as strings, numbers always as doubles,
// because a column has one type. About 30 ns a field, no allocation. POST it to /v1/logs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/core/ids.hpp>
#include <lastbyte/encode/parts/batch.hpp>
#include <lastbyte/encode/parts/otlp_envelope.hpp>
#include <lastbyte/encode/protobuf.hpp>
#include <lastbyte/telemetry/data_point.hpp>

namespace lastbyte {

struct OtlpLogs;

/// `OtlpLogBatch events{Resource{"oddkit"}};`, then `events.add(point.complete(…), done)` where the row is made, and in
/// the end `events.request()`.
using OtlpLogBatch = Batch<OtlpLogs>;

struct OtlpLogs : detail::OtlpEnvelope {
    template <class Row>
    static constexpr bool takes = false;

    /// ScopeLogs.log_records. Severity is INFO; without a trace (no memory for it) the ids are left out.
    template <TextOutput Out, class Schema>
    static void append_record(Out& out, Row<Schema> const& row, TraceId trace, SpanId root, std::uint64_t at_ns) {
        using namespace detail::protobuf;
        constexpr std::uint64_t info = 9;
        append_message(out, 2, [&](auto& to) {
            append_fixed64_field(to, 1, at_ns);
            append_varint_field(to, 2, info);
            for (std::size_t i = 0; i < Schema::fields::size; ++i) {
                detail::FieldInfo const& field = Schema::fields::all[i];
                if (field.kind == detail::FieldKind::index) continue;  // a copy of a text that is there in full
                bool const is_text = field.kind == detail::FieldKind::blob;
                auto const value =
                    is_text ? detail::value_of(row.blob(field.slot)) : detail::value_of(row.number(field.slot));
                detail::append_otlp_attribute(to, 6, {field.name}, value);
            }
            auto const lost = row.drops().texts_dropped + row.drops().numbers_not_finite;
            if (lost != 0) append_varint_field(to, 7, lost);
            if (trace != TraceId{}) {
                detail::append_otlp_id(to, 9, trace);
                detail::append_otlp_id(to, 10, root);
            }
            append_text_field(to, 12, Schema::name);
        });
    }
};
template <class Schema>
inline constexpr bool OtlpLogs::takes<Row<Schema>> = true;

}  // namespace lastbyte
