// Notes: links and events, which a span may have beside its attributes.
//
// A worker that takes twenty messages at once has one parent and twenty causes, and a retry is a moment, not a span. Each
// note takes one of the places that a span's attributes have, in front of them, and its contents lie in the trace's text
// store: so a span without notes pays nothing for them. A link costs what a text does, an event one read of the clock more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/core/attribute.hpp>
#include <lastbyte/core/ids.hpp>

namespace lastbyte {

/// Something that happened while a span ran. Valid as long as the Reading, Sealed or Snapshot that it came from.
class EventView {
public:
    /// `facts` is what keep_event() wrote; `texts` the store that its texts lie in.
    EventView(detail::AttributeKey const& key, std::uint64_t at_ns, std::string_view facts, char const* texts) noexcept
        : key_(&key), at_ns_(at_ns), facts_(facts), texts_(texts) {}

    [[nodiscard]] std::string_view name() const noexcept { return key_->name; }
    /// From the trace's start to the event.
    [[nodiscard]] std::uint64_t at_ns() const noexcept { return at_ns_; }
    [[nodiscard]] std::size_t attribute_count() const noexcept { return facts_.size() / sizeof(detail::StoredAttribute); }
    [[nodiscard]] AttributeView attribute(std::size_t index) const noexcept {
        detail::StoredAttribute stored{};
        __builtin_memcpy(&stored, facts_.data() + index * sizeof stored, sizeof stored);
        return {stored, detail::text_of(stored, texts_)};
    }

private:
    detail::AttributeKey const* key_;
    std::uint64_t at_ns_;
    std::string_view facts_;
    char const* texts_;
};

namespace detail {

inline constexpr AttributeKey link_key{{}, AttributeKind::text, Note::link};
template <FixedString Name>
inline constexpr AttributeKey event_key{Name.view(), AttributeKind::text, Note::event};

/// A link as it lies in the text store.
struct StoredLink {
    std::uint64_t trace_high, trace_low, span, flags;
};
/// An event likewise: when it was, and what was told of it.
template <std::size_t Attributes>
struct StoredEvent {
    std::uint64_t tick;
    StoredAttribute attributes[Attributes == 0 ? 1 : Attributes];
};
inline constexpr std::size_t event_head_bytes = sizeof(std::uint64_t);

/// Refuses an event that has no name, or keys without values; each sentence is the compiler's first line.
template <FixedString Name, std::size_t Keys, std::size_t Values>
consteval bool check_event() {
    static_assert(!Name.view().empty(), "lastbyte: this event has no name. Say what happened: span.event<\"retry\">().");
    static_assert(Keys == Values,
                  "lastbyte: an event's facts are named behind its name, one key for each value: "
                  "span.event<\"retry\", \"attempt\", \"why\">(2, \"429\").");
    static_assert(Keys <= 16, "lastbyte: an event takes 16 facts at most. Make it a span: span.child<\"...\">().");
    return true;
}

}  // namespace detail
}  // namespace lastbyte
