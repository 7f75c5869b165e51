// CountingSink: what a producer writes into instead of the server's own sink.
//
// Only the sink knows what the server took and when it refused; a count kept in the producer says what was offered. Of
// the members that a sink can have, it has those that the server's has, so a producer that compiles with one compiles
// with the other.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/body/body.hpp>

namespace lastbyte {

/// The server's sink as the producer sees it: `write` counts what is accepted, the end and a refusal are noted, all else
/// passes through.
///
/// `write` takes what the server's `write` takes, `(char const*, size)` or one chunk (a string_view, a span of bytes),
/// and text in either form; it returns what the server's returns: nothing, whether it accepted, how many it accepted (0
/// or a negative number: none), or the stream itself.
template <class Sink, class Hook>
class CountingSink {
public:
    CountingSink(Sink& sink, Hook& hook) noexcept : sink_(sink), hook_(hook) {}
    CountingSink(CountingSink const&) = delete;
    CountingSink& operator=(CountingSink const&) = delete;

    template <class Data, class Size>
        requires(std::is_pointer_v<std::decay_t<Data>> &&
                 requires(Sink& sink, Data data, Size size) { sink.write(data, size); })
    decltype(auto) write(Data data, Size size) noexcept(noexcept(std::declval<Sink&>().write(data, size))) {
        return counted(static_cast<std::size_t>(size), sizeof_pointee<Data>(), [&]() noexcept(
            noexcept(std::declval<Sink&>().write(data, size))) -> decltype(auto) { return sink_.write(data, size); });
    }
    template <class Whole>
        requires requires(Sink& sink, Whole const& chunk) { sink.write(chunk); }
    decltype(auto) write(Whole const& chunk) noexcept(noexcept(std::declval<Sink&>().write(chunk))) {
        return counted(detail::chunk_bytes(chunk), 1, [&]() noexcept(
            noexcept(std::declval<Sink&>().write(chunk))) -> decltype(auto) { return sink_.write(chunk); });
    }
    template <class Text>
        requires(std::is_convertible_v<Text const&, std::string_view> &&
                 !requires(Sink& sink, Text const& text) { sink.write(text); } &&
                 requires(Sink& sink, std::string_view text) { sink.write(text.data(), text.size()); })
    decltype(auto) write(Text const& given) {
        std::string_view const text = given;
        if constexpr (takes_signed_size)
            return write(text.data(), static_cast<std::ptrdiff_t>(text.size()));
        else
            return write(text.data(), text.size());
    }
    template <class Size>
        requires(!requires(Sink& sink, char const* data, Size size) { sink.write(data, size); } &&
                 requires(Sink& sink, std::string_view text) { sink.write(text); })
    decltype(auto) write(char const* data, Size size) {
        return write(std::string_view{data, static_cast<std::size_t>(size)});
    }

    /// The producer says that it has written all.
    decltype(auto) done()
        requires requires(Sink& sink) { sink.done(); }
    {
        done_ = true;
        return sink_.done();
    }
    template <class Trailer>
        requires requires(Sink& sink, Trailer&& trailer) { sink.done_with_trailer(std::forward<Trailer>(trailer)); }
    decltype(auto) done_with_trailer(Trailer&& trailer) {
        done_ = true;
        return sink_.done_with_trailer(std::forward<Trailer>(trailer));
    }
    /// A producer that asks, hears no and stops has not failed: the consumer has left.
    [[nodiscard]] decltype(auto) is_writable() const
        requires requires(Sink& sink) { sink.is_writable(); }
    {
        decltype(auto) writable = sink_.is_writable();
        if (!writable) refused_ = true;
        return writable;
    }
    /// The server's sink itself. What is written to it directly is not counted.
    [[nodiscard]] Sink& inner() const noexcept { return sink_; }

    [[nodiscard]] bool said_done() const noexcept { return done_; }
    /// The last answer was no. A write that was refused and then repeated (a full buffer) is forgotten.
    [[nodiscard]] bool refused() const noexcept { return refused_; }

private:
    /// As std::ostream does. Braces refuse the conversion that would change the sign.
    static constexpr bool takes_signed_size =
        requires(Sink& sink, char const* data, std::ptrdiff_t size) { sink.write(data, {size}); } &&
        !requires(Sink& sink, char const* data, std::size_t size) { sink.write(data, {size}); };

    template <class Data>
    static constexpr std::size_t sizeof_pointee() noexcept {
        using Element = std::remove_pointer_t<std::decay_t<Data>>;
        if constexpr (std::is_void_v<Element>)
            return 1;
        else
            return sizeof(Element);
    }

    /// One write of `count` units of `unit` bytes. A write that throws is the server's failing, not the producer's.
    template <class Write>
    decltype(auto) counted(std::size_t count, std::size_t unit, Write write) noexcept(noexcept(write())) {
        using Result = decltype(write());
        bool const refused_before = std::exchange(refused_, true);
        if constexpr (std::is_void_v<Result>) {
            write();
            refused_ = refused_before;
            hook_.took(count * unit);
        } else {
            decltype(auto) result = write();
            std::size_t accepted = count;
            if constexpr (std::is_integral_v<std::remove_cvref_t<Result>> &&
                          !std::is_same_v<std::remove_cvref_t<Result>, bool>)
                accepted = result > 0 ? static_cast<std::size_t>(result) : 0;
            else if constexpr (std::is_same_v<std::remove_cvref_t<Result>, bool> ||
                               (std::is_reference_v<Result> && std::is_base_of_v<std::remove_cvref_t<Result>, Sink>))
                accepted = static_cast<bool>(result) ? count : 0;
            refused_ = count == 0 ? refused_before : accepted == 0;
            hook_.took(accepted * unit);
            return static_cast<Result>(result);
        }
    }

    Sink& sink_;
    Hook& hook_;
    bool done_ = false;
    mutable bool refused_ = false;
};

}  // namespace lastbyte
