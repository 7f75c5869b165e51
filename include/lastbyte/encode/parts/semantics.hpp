// What a Reading says in OpenTelemetry's words: names, types, status and wall-clock times, for every trace format.
//
// If each encoder named the facts for itself, one dashboard would look for `bytes` and the next for `response_size`.
// Here they are listed once, under the semantic conventions' names where there is one and under `lastbyte.*` where
// not. One clock_gettime a Reading; nothing is copied or allocated.
#pragma once

#include <time.h>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include <lastbyte/body/outcome.hpp>
#include <lastbyte/body/reading.hpp>
#include <lastbyte/encode/parts/resource.hpp>

namespace lastbyte {

/// The time of day. A batch takes another one as a template argument, for tests of whole requests.
struct SystemWallClock {
    [[nodiscard]] static std::uint64_t unix_ns() noexcept {
        timespec at{};
        clock_gettime(CLOCK_REALTIME, &at);
        return static_cast<std::uint64_t>(at.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(at.tv_nsec);
    }
};

/// When a trace began, in nanoseconds since 1970: the wall clock now, less the trace's age. The times of its spans are
/// exact relative to each other. Together they are off by the time between two clock reads (under 100 ns, unless the
/// thread is interrupted there) and by what the wall clock was set meanwhile; it is read anew for each Reading.
template <class WallClock = SystemWallClock, class P, std::uint64_t D>
[[nodiscard]] std::uint64_t start_unix_ns(BasicReading<P, D> const& reading) noexcept {
    std::uint64_t const age = reading.spans().age_ns();
    std::uint64_t const now = WallClock::unix_ns();
    return now > age ? now - age : 0;
}

namespace detail {

/// A name in two parts: a family's label and its tail, a prefix and what follows.
struct Joined {
    std::string_view stem;
    std::string_view tail{};
};

enum class SpanKind : std::uint8_t { internal = 1, server = 2 };
enum class StatusCode : std::uint8_t { unset = 0, error = 2 };

/// Hands an attribute on with an integer that fits 64 bits with a sign, or, where it doesn't, with its digits, as
/// OpenTelemetry's mapping of arbitrary data to AnyValue has it. `each(Joined key, AttributeValue)`.
template <class Each>
void give(Each& each, Joined key, AttributeValue value) {
    if (value.kind != AttributeKind::unsigned_integer) return each(key, value);
    if (value.bits >> 63 == 0) return each(key, AttributeValue{AttributeKind::integer, value.bits});
    struct {
        char text[20];
        std::size_t size = 0;
        void append(char const* from, std::size_t count) noexcept {
            for (std::size_t i = 0; i < count; ++i) text[size++] = from[i];
        }
    } digits;
    append_unsigned(digits, value.bits);
    each(key, AttributeValue{AttributeKind::text, 0, {digits.text, digits.size}});
}

/// The rules of a policy by name, each name once: `each(name, tier)`.
template <class Rules>
struct NamedTiers;
template <class Source, FixedString... Names, class... Labels, class... Passed>
struct NamedTiers<TierRules<Source, FirstWins<Names, Labels, Passed>...>> {
    template <class Reading, class Each>
    static void of(Reading const& reading, [[maybe_unused]] Each each) {
        using Rules = TierRules<Source, FirstWins<Names, Labels, Passed>...>;
        [[maybe_unused]] std::uint32_t earlier = 0;  // the lines that stand before this one
        (((Rules::lines_called(Names.view()) & earlier) == 0
              ? each(Names.view(), reading.template tier<Names>().value().name())
              : void(),
          earlier = earlier << 1 | 1),
         ...);
    }
};

/// The root of a trace: what the Reading knows of the whole request, and what its handler gives beside. Gathered once,
/// because an encoder walks over it twice.
template <class P, std::uint64_t D>
class RootSpan {
public:
    using Given = std::initializer_list<Attribute>;

    RootSpan(BasicReading<P, D> const& reading, std::string_view name, Given given, std::uint64_t start_ns) noexcept
        : reading_(reading),
          given_(given),
          name_(name.empty() ? std::string_view{"request"} : name),
          start_ns_(start_ns),
          end_ns_(start_ns + reading.duration_ns()),
          first_byte_ns_(reading.time_to_first_byte_ns()),
          bytes_(reading.bytes()),
          chunks_(reading.chunks()),
          late_(reading.late()),
          over_bound_(reading.over_bound()),
          dropped_(reading.spans().attributes_dropped()),
          links_dropped_(reading.spans().links_dropped()),
          events_dropped_(reading.spans().events_dropped()),
          outcome_(reading.outcome()) {
        auto const tally = reading.tally();
        hits_ = tally.hits();
        lookups_ = tally.lookups();
        std::size_t next = 0;
        NamedTiers<typename P::Tiers>::of(reading, [&](std::string_view rule, std::string_view tier) {
            tiers_[next++] = {rule, tier};
        });
        for (Attribute const& one : given_) {
            if (given_again(one)) {
                ++dropped_;
                continue;
            }
            auto const& [kind, status, text] = one.value();
            bool const integer = kind == AttributeKind::integer || kind == AttributeKind::unsigned_integer;
            if (integer && status >= 500 && status <= 599 && one.name() == "http.response.status_code")
                for (std::uint64_t i = 3, rest = status; i-- > 0; rest /= 10)
                    status_[i] = static_cast<char>('0' + rest % 10);
        }
    }

    [[nodiscard]] std::string_view name() const noexcept { return name_; }
    [[nodiscard]] TraceId trace_id() const noexcept { return reading_.trace_id(); }
    [[nodiscard]] SpanId id() const noexcept { return reading_.root_id(); }
    [[nodiscard]] std::uint64_t start_ns() const noexcept { return start_ns_; }
    [[nodiscard]] std::uint64_t end_ns() const noexcept { return end_ns_; }
    [[nodiscard]] TraceView<P, D> const& spans() const noexcept { return reading_.spans(); }
    /// Attributes, links and events that are in no span of this trace.
    [[nodiscard]] std::uint64_t dropped_attributes() const noexcept { return dropped_; }
    [[nodiscard]] std::uint64_t dropped_links() const noexcept { return links_dropped_; }
    [[nodiscard]] std::uint64_t dropped_events() const noexcept { return events_dropped_; }

    /// The class of error that the request ended with, empty without one. A body that was not sent whole is an error
    /// (HTTP semantic conventions, "Status"), whatever the status in its head was; 4xx is none on a server's span.
    [[nodiscard]] std::string_view error_type() const noexcept {
        if (outcome_ != Outcome::complete && outcome_ != Outcome::no_body) return lastbyte::name(outcome_);
        return {status_, status_[0] == '\0' ? std::size_t{0} : sizeof status_};
    }
    [[nodiscard]] StatusCode status() const noexcept {
        return error_type().empty() ? StatusCode::unset : StatusCode::error;
    }

    /// `each(Joined key, AttributeValue)`, each key once; what was given goes before what is known here. Kinds:
    /// integer, floating, boolean, text.
    template <class Each>
    void attributes(Each each) const {
        for (Attribute const& one : given_)
            if (!given_again(one)) give(each, {one.name()}, one.value());
        auto const own = [&](Joined key, auto value) {
            if (!is_given(key)) give(each, key, value_of(value));
        };
        if (auto const error = error_type(); !error.empty()) own({"error.type"}, error);
        own({"http.response.body.size"}, bytes_);
        own({"lastbyte.chunks"}, chunks_);
        own({"lastbyte.outcome"}, lastbyte::name(outcome_));
        if (bytes_ != 0) own({"lastbyte.time_to_first_byte_ns"}, first_byte_ns_);
        for (auto const& [rule, tier] : tiers_)
            if (!rule.empty()) own({"lastbyte.tier.", rule}, tier);
        own({"lastbyte.hits"}, hits_);
        own({"lastbyte.lookups"}, lookups_);
        if (over_bound_ != 0) own({"lastbyte.spans_over_bound"}, over_bound_);
        if (late_ != 0) own({"lastbyte.spans_late"}, late_);
    }

private:
    struct NamedTier {
        std::string_view rule, tier;
    };
    [[nodiscard]] bool is_given(Joined key) const noexcept {
        for (Attribute const& one : given_)
            if (one.name().size() == key.stem.size() + key.tail.size() && one.name().starts_with(key.stem) &&
                one.name().ends_with(key.tail))
                return true;
        return false;
    }
    /// A later attribute has the same name; the last one counts.
    [[nodiscard]] bool given_again(Attribute const& one) const noexcept {
        for (auto const* later = &one + 1; later != given_.end(); ++later)
            if (later->name() == one.name()) return true;
        return false;
    }

    BasicReading<P, D> const& reading_;
    Given given_;
    std::string_view name_;
    std::uint64_t start_ns_, end_ns_, first_byte_ns_, bytes_, chunks_, late_, over_bound_, dropped_, links_dropped_,
        events_dropped_;
    Outcome outcome_;
    std::uint64_t hits_ = 0, lookups_ = 0;
    NamedTier tiers_[P::Tiers::size + 1]{};
    char status_[3]{};
};

/// The value of an attribute as it was recorded.
inline AttributeValue value_of(AttributeView const& one) noexcept {
    switch (one.kind()) {
        case AttributeKind::integer:
            return {one.kind(), static_cast<std::uint64_t>(one.integer())};
        case AttributeKind::unsigned_integer:
            return {one.kind(), one.unsigned_integer()};
        case AttributeKind::floating:
            return {one.kind(), __builtin_bit_cast(std::uint64_t, one.floating())};
        case AttributeKind::boolean:
            return {one.kind(), one.boolean() ? std::uint64_t{1} : std::uint64_t{0}};
        case AttributeKind::text:
            break;
    }
    return {AttributeKind::text, 0, one.text()};
}

/// What a failed span says beside its failure: the detail without its "error: ".
template <class SpanView>
std::string_view error_message(SpanView const& span) noexcept {
    constexpr std::string_view prefix = "error: ";
    auto const detail = span.detail();
    return detail.starts_with(prefix) ? detail.substr(prefix.size()) : detail;
}

/// The attributes of a recorded span, as RootSpan::attributes has them.
template <class SpanView, class Each>
void span_attributes(SpanView const& span, Each each) {
    std::size_t const begin = span.note_count(), end = span.place_count();
    auto const recorded = [&](std::string_view name, std::size_t from) {
        for (std::size_t i = from; i < end; ++i)
            if (span.place(i).name() == name) return true;
        return false;
    };
    auto const own = [&](std::string_view name, std::string_view text) {
        if (!recorded(name, begin)) each(Joined{name}, AttributeValue{AttributeKind::text, 0, text});
    };
    if (span.has_source()) own("lastbyte.source", span.source_name());
    if (span.failed())
        own("error.type", "_OTHER");
    else if (!span.detail().empty())
        own("lastbyte.detail", span.detail());
    for (std::size_t i = begin; i < end; ++i) {
        auto const one = span.place(i);
        if (!recorded(one.name(), i + 1)) give(each, {one.name()}, value_of(one));
    }
}

/// How many attributes of a span an equal name hides.
template <class SpanView>
std::uint64_t hidden_attributes(SpanView const& span) noexcept {
    std::uint64_t hidden = 0;
    for (std::size_t i = span.note_count(), end = span.place_count(); i + 1 < end; ++i)
        for (std::size_t j = i + 1; j < end; ++j)
            if (span.place(i).name() == span.place(j).name()) {
                ++hidden;
                break;
            }
    return hidden;
}

}  // namespace detail
}  // namespace lastbyte
