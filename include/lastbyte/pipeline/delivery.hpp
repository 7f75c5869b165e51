// Delivery: what a transport says of one record, in the three words that a pipeline needs.
//
// "It failed" is not enough: a record that the backend will never take must not hold up the others for ever, and one
// that met a backend which is away must not be thrown away. A transport is any type with `write(std::string_view)`, or
// a function of a string_view; it needs no header of this folder.
#pragma once

#include <cstdint>
#include <string_view>

namespace lastbyte {

enum class Delivered : std::uint8_t {
    yes,
    later,  ///< the backend is away or busy: the same record again, after a pause
    never,  ///< the backend refuses this record: counted, and the next one
};

struct Delivery {
    Delivered what = Delivered::later;
    std::uint64_t after_ns =
        0;  ///< what the backend asked for (`Retry-After`); the pause is at least this, or the longest one
};

namespace detail {

/// A result's own words: nothing or true is `yes`; false is `later`, unless `result.worth_retrying()` is false. A
/// `result.retry_after_ns()` is obeyed.
template <class Result>
Delivery delivery_of(Result const& result) noexcept {
    if constexpr (requires(Delivery & d) { d = result; }) {
        return result;
    } else {
        if (static_cast<bool>(result)) return {Delivered::yes, 0};
        Delivery delivery;
        if constexpr (requires { result.worth_retrying(); })
            if (!result.worth_retrying()) delivery.what = Delivered::never;
        if constexpr (requires { result.retry_after_ns(); })
            delivery.after_ns = static_cast<std::uint64_t>(result.retry_after_ns());
        return delivery;
    }
}
inline Delivery delivery_of(Delivered what) noexcept { return {what, 0}; }

template <class Transport>
decltype(auto) write_to(Transport& transport, std::string_view record) {
    if constexpr (requires { transport.write(record); })
        return transport.write(record);
    else
        return transport(record);
}

/// One attempt. A transport that throws has not delivered.
template <class Transport>
Delivery attempt(Transport& transport, std::string_view record) noexcept {
#if defined(__cpp_exceptions)
    try {
#endif
        if constexpr (
            requires { static_cast<bool>(write_to(transport, record)); } ||
            requires { delivery_of(write_to(transport, record)).after_ns; }) {
            return delivery_of(write_to(transport, record));
        } else {
            write_to(transport, record);
            return {Delivered::yes, 0};
        }
#if defined(__cpp_exceptions)
    } catch (...) {
        return {};
    }
#endif
}

}  // namespace detail

/// What records can be delivered to.
template <class T>
concept RecordTransport = requires(T& transport, std::string_view record) { transport.write(record); } ||
    requires(T& transport, std::string_view record) { transport(record); };

namespace detail {

template <class Transport>
consteval bool takes_records() {
    constexpr bool is_transport = RecordTransport<Transport>;
    static_assert(is_transport,
                  "lastbyte: records can't be delivered to this type. A transport has a member write(std::string_view), or "
                  "is a function of a std::string_view; it returns true when it has taken the record, and false when the "
                  "record should come again later (or a lastbyte::Delivery).");
    return is_transport;
}

}  // namespace detail

}  // namespace lastbyte
