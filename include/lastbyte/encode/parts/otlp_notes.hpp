// A span's events and links as OTLP has them: the walk over them that both spellings, protobuf and JSON, are made by.
//
// A failure is an event too, by the conventions for exceptions, and comes last, because it ended the span. Few spans have
// any of these, so this is written for one and fast enough for both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/core/span_view.hpp>
#include <lastbyte/encode/parts/otlp_field.hpp>
#include <lastbyte/encode/parts/semantics.hpp>

namespace lastbyte::detail {

/// Span.events and Span.links. `root_start_ns` and `end_ns` count from 1970: when the trace began, and when this span ended.
template <class Fields, class P, std::uint64_t D>
[[gnu::noinline]] void append_otlp_notes(Fields& fields, BasicSpanView<P, D> const& span, std::uint64_t root_start_ns,
                                         std::uint64_t end_ns) {
    fields.list({11, "events"}, [&](auto& events) {
        for (std::size_t i = 0, count = span.event_count(); i < count; ++i)
            events.message([&, one = span.event(i)](auto& event) {
                event.fixed64({1, "timeUnixNano"}, root_start_ns + one.at_ns());
                event.text({2, "name"}, one.name());
                event.list({3, "attributes"}, [&](auto& attributes) {
                    auto const each = [&](Joined key, AttributeValue const& value) { attributes.attribute(key, value); };
                    for (std::size_t k = 0; k < one.attribute_count(); ++k)
                        give(each, {one.attribute(k).name()}, value_of(one.attribute(k)));
                });
            });
        if (!span.failed()) return;
        events.message([&](auto& event) {
            event.fixed64({1, "timeUnixNano"}, end_ns);
            event.text({2, "name"}, std::string_view{"exception"});
            event.list({3, "attributes"}, [&](auto& attributes) {
                attributes.attribute({"exception.message"}, {AttributeKind::text, 0, error_message(span)});
            });
        });
    });
    fields.list({13, "links"}, [&](auto& links) {
        for (std::size_t i = 0, count = span.link_count(); i < count; ++i)
            links.message([&, to = span.link(i)](auto& link) {
                link.id({1, "traceId"}, to.trace_id);
                link.id({2, "spanId"}, to.span_id);
                if (to.flags != 0) link.fixed32({6, "flags"}, to.flags);
            });
    });
}

}  // namespace lastbyte::detail
