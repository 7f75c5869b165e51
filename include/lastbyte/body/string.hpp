// Strings: a body that exists whole. It goes through the same combinator, so there is one way to finish a request.
//
// A server takes such a body by `data()` and `size()` (or as a string_view), which is when it is handed over; the callback
// runs when the body is dropped, after the server has sent it. A body whose data nobody took was abandoned.
#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/body/body.hpp>

namespace lastbyte {

/// Text or bytes that are all there. Nobody sees them leave, so `complete` is presumed when the data was taken and the
/// body dropped; whoever knows better (`told_by_server`, `note_end`, the token) is believed until then. `bytes()` says
/// how many were handed over.
template <class Stream, class Hook>
class [[nodiscard("lastbyte: a body must be given to the server; dropped here, it is abandoned at once.")]] StringBody
    : public detail::BodyCore<StringBody<Stream, Hook>, Stream, Hook> {
    using Core = detail::BodyCore<StringBody, Stream, Hook>;

public:
    using Core::Core;

    /// The text. Taking it hands it over. Valid as long as the body.
    [[nodiscard]] std::string_view view() noexcept {
        auto const text = peek();
        auto& hook = this->hook_;
        if (!hook.over() && !hook.meter().started()) {
            hook.presume_taken();
            hook.pulled();
            hook.took(text.size());
        }
        return text;
    }
    /// As the stream's own `data()`: `char const*`, `std::byte const*`, …
    [[nodiscard]] auto data() noexcept {
        auto const text = view();
        if constexpr (std::is_convertible_v<typename Core::stream_type const&, std::string_view>)
            return text.data();
        else
            return this->stream_.held() ? std::as_const(this->stream_).get().data() : nullptr;
    }
    /// The length in bytes; asking for it (for Content-Length, say) takes nothing.
    [[nodiscard]] std::size_t size() const noexcept { return peek().size(); }
    [[nodiscard]] bool empty() const noexcept { return peek().empty(); }
    [[nodiscard]] operator std::string_view() noexcept { return view(); }
    /// The text as a contiguous range, for what is made from one (std::span). Handed over like data().
    [[nodiscard]] auto begin() noexcept { return data(); }
    [[nodiscard]] auto end() noexcept { return data() + size(); }

private:
    [[nodiscard]] std::string_view peek() const noexcept {
        if (!this->stream_.held()) return {};
        auto const& text = this->stream_.get();
        if constexpr (std::is_convertible_v<decltype(text), std::string_view>)
            return text;
        else
            return {reinterpret_cast<char const*>(text.data()), text.size()};
    }
};

namespace detail {

/// A string, or contiguous bytes.
template <class Stream>
concept StringStream = std::is_convertible_v<Stream const&, std::string_view> || requires(Stream const& stream) {
    { stream.size() } -> std::convertible_to<std::size_t>;
    requires sizeof(*stream.data()) == 1 && std::is_trivially_copyable_v<std::remove_cvref_t<decltype(*stream.data())>>;
};

}  // namespace detail
}  // namespace lastbyte
