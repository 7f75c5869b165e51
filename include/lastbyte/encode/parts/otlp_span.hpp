// A recorded span as OTLP/protobuf, stored into memory in one go: the short way that nearly every span takes.
//
// Asked for room at every field and measured text by text, a span costs two and a half times as much. Here it is added
// up from the lengths that are known, checked for room once and stored. What this can't foresee (a failure, an event, a
// link, a key that was set twice, a text that is no UTF-8) is left to the long way in otlp.hpp, which writes the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/encode/parts/buffer.hpp>
#include <lastbyte/encode/parts/otlp_envelope.hpp>
#include <lastbyte/encode/parts/semantics.hpp>
#include <lastbyte/encode/protobuf.hpp>

namespace lastbyte::detail {

/// The fields of a Span that every span has.
struct OtlpSpanHead {
    TraceId trace;
    SpanId id, parent;
    Joined name;
    SpanKind kind;
    std::uint64_t start_ns, end_ns;

    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t const name_size = name.stem.size() + name.tail.size();
        return 18 + 10 + (parent != SpanId{} ? 10 : 0) + 1 + protobuf::varint_size(name_size) + name_size + 2 + 9 + 9;
    }
    [[nodiscard, gnu::always_inline]] protobuf::Direct put(protobuf::Direct to) const noexcept {
        to.byte(1 << 3 | 2);
        to.byte(16);
        to.big_endian(trace.high);
        to.big_endian(trace.low);
        to.byte(2 << 3 | 2);
        to.byte(8);
        to.big_endian(id.value);
        if (parent != SpanId{}) {
            to.byte(4 << 3 | 2);
            to.byte(8);
            to.big_endian(parent.value);
        }
        to.byte(5 << 3 | 2);
        to.varint(name.stem.size() + name.tail.size());
        to.text(name.stem);
        if (!name.tail.empty()) to.text(name.tail);
        to.byte(6 << 3);
        to.byte(static_cast<unsigned>(kind));
        to.byte(7 << 3 | 1);
        to.little_endian(start_ns);
        to.byte(8 << 3 | 1);
        to.little_endian(end_ns);
        return to;
    }
};

/// The attributes of a span in the order in which they are written, and what they add up to. At most `Most`.
template <std::size_t Most>
class OtlpAttributes {
public:
    /// False when only the long way will do.
    bool take(std::string_view key, AttributeValue const& value) noexcept {
        bool const again = is_taken(key);
        auto& one = all_[count_++] = OtlpAttribute::of({key}, value);
        size_ += one.field_size();
        return !again && (value.kind != AttributeKind::unsigned_integer || value.bits >> 63 == 0);
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard, gnu::always_inline]] protobuf::Direct put_fields(protobuf::Direct to, unsigned field) const noexcept {
        for (auto const *one = all_, *end = all_ + count_; one != end; ++one) to = one->put_field(to, field);
        return to;
    }

private:
    bool is_taken(std::string_view key) noexcept {
        std::size_t const hash = key.empty() ? 0 : key.size() + 7 * static_cast<unsigned char>(key.back());
        std::uint64_t const bit = std::uint64_t{1} << (hash & 63);
        if ((hashes_ & bit) != 0)
            for (std::size_t i = 0; i < count_; ++i)
                if (std::string_view{all_[i].stem, all_[i].stem_size} == key) return true;
        hashes_ |= bit;
        return false;
    }

    std::size_t count_ = 0, size_ = 0;
    std::uint64_t hashes_ = 0;  // of the keys that were taken
    OtlpAttribute all_[Most];
};

/// ScopeSpans.spans. False when this span needs the long way; then nothing was appended.
template <class P, std::uint64_t D>
bool put_otlp_span(BoundedBuffer& out, OtlpSpanHead const& head, BasicSpanView<P, D> const& span) noexcept {
    OtlpAttributes<P::max_attributes + 2> attributes;
    bool short_way = !span.failed();
    if (span.has_source())
        short_way &= attributes.take("lastbyte.source", {AttributeKind::text, 0, span.source_name()});
    if (!span.detail().empty())
        short_way &= attributes.take("lastbyte.detail", {AttributeKind::text, 0, span.detail()});
    std::size_t const count = span.place_count();
    if (count != 0 && span.is_note(0)) [[unlikely]]  // they stand in front; asked of each place, it costs a third more
        return false;
    for (std::size_t i = 0; i < count; ++i) {
        auto const one = span.place(i);
        short_way &= attributes.take(one.name(), value_of(one));
    }
    std::size_t const size = head.size() + attributes.size(), whole = 1 + protobuf::varint_size(size) + size;
    if (!short_way || !out.reserve(whole)) [[unlikely]]
        return false;
    protobuf::Direct to{out.data() + out.size()};
    to.byte(2 << 3 | 2);
    to.varint(size);
    if (!attributes.put_fields(head.put(to), 9).utf8) [[unlikely]]
        return false;
    out.extend(whole);
    return true;
}

}  // namespace lastbyte::detail
