// Sink bodies: content providers `(offset, length, sink)` or `(offset, sink)`, and push producers `(sink)`.
//
// The server calls, and the producer writes into the sink that it is given. The wrapper puts a counting sink in between, so
// what counts is what the server's own sink accepted; a write that the server refuses means that the consumer left.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/body/counting_sink.hpp>

namespace lastbyte {

/// A producer whose last argument is a sink. `(sink)` is over when it returns; one with an offset when it calls
/// `sink.done()`, when the announced length has been written, or when it returns false. Whoever is over although the sink
/// said no last has been left by its consumer.
template <class Stream, class Hook>
class [[nodiscard("lastbyte: a body must be given to the server; dropped here, it is abandoned at once.")]] SinkBody
    : public detail::BodyCore<SinkBody<Stream, Hook>, Stream, Hook> {
    using Core = detail::BodyCore<SinkBody, Stream, Hook>;
    using Inner = typename Core::stream_type;
    template <class Sink>
    using Counting = CountingSink<std::remove_reference_t<Sink>, Hook>;
    /// A producer that takes the server's sink and not the counting one is let in too: `run` tells why it won't do.
    template <class Sink, class... Range>
    static constexpr bool takes = std::disjunction_v<std::is_invocable<Inner&, Range..., Counting<Sink>&>,
                                                     std::is_invocable<Inner&, Range..., std::remove_reference_t<Sink>&>>;

public:
    using Core::Core;

    template <class Sink>
        requires takes<Sink>
    auto operator()(Sink&& sink) noexcept(std::is_nothrow_invocable_v<Inner&, Counting<Sink>&>) {
        return run(sink, true);
    }
    template <class Sink>
        requires takes<Sink, std::size_t>
    auto operator()(std::size_t offset, Sink&& sink) noexcept(
        std::is_nothrow_invocable_v<Inner&, std::size_t, Counting<Sink>&>) {
        return run(sink, false, offset);
    }
    template <class Sink>
        requires takes<Sink, std::size_t, std::size_t>
    auto operator()(std::size_t offset, std::size_t length, Sink&& sink) noexcept(
        std::is_nothrow_invocable_v<Inner&, std::size_t, std::size_t, Counting<Sink>&>) {
        return run(sink, false, offset, length);
    }

private:
    template <class Sink, class... Range>
    auto run(Sink& sink, bool whole, Range... range) noexcept(
        std::is_nothrow_invocable_v<Inner&, Range..., Counting<Sink>&>) {
        static_assert(std::is_invocable_v<Inner&, Range..., Counting<Sink>&>,
                      "lastbyte: this producer takes its sink as one concrete type, so its writes can't be counted. Take it "
                      "as `auto& sink`, or include the adapter of your server.");
        using Result = std::invoke_result_t<Inner&, Range..., Counting<Sink>&>;
        constexpr bool quiet = std::is_nothrow_invocable_v<Inner&, Range..., Counting<Sink>&>;
        auto& hook = this->hook_;
        auto& stream = this->stream_;
        if (hook.over()) [[unlikely]]
            return Result();
        hook.pulled();
        Counting<Sink> counting{sink, hook};
        auto const call = [&]() noexcept(quiet) -> Result { return stream.get()(range..., counting); };
        // An exception after a refused write is the consumer's doing: that is for the hook to name.
        auto const told = [&]() noexcept(quiet) -> Result {
#if defined(__cpp_exceptions)
            if constexpr (!quiet) {
                try {
                    return call();
                } catch (...) {
                    if (!counting.refused()) hook.settle(Outcome::producer_error);
                    this->let_go();
                    throw;
                }
            } else
#endif
                return call();
        };
        if constexpr (std::is_void_v<Result>) {
            told();
            after(counting, whole, true);
        } else {
            auto result = told();
            after(counting, whole, static_cast<bool>(result));
            return result;
        }
    }

    /// What one call has shown. After a refused write, the end is the consumer's doing, and for the hook to name; without
    /// one, a false result is the producer's failing, unless it said why.
    template <class Sink>
    void after(Sink const& counting, bool whole, bool result) noexcept {
        auto& hook = this->hook_;
        if (!whole && result && !counting.said_done()) return;
        if (!counting.refused()) result || counting.said_done() ? hook.ended() : hook.gave_up();
        this->let_go();
    }
};

namespace detail {

template <class Stream>
struct CallProbe {
    struct HasCall {
        void operator()();
    };
    struct Both : Stream, HasCall {};
};

/// A sink for asking a final class, from which no probe can inherit, whether it is a producer.
struct ProbeSink {
    bool write(char const*, std::size_t);
    bool write(std::string_view);
    bool is_writable() const;
    void done();
};

/// A class with a call operator of any kind, or a function pointer.
template <class Stream>
consteval bool is_callable() {
    if constexpr (std::is_pointer_v<Stream>)
        return std::is_function_v<std::remove_pointer_t<Stream>>;
    else if constexpr (std::is_class_v<Stream> && !std::is_final_v<Stream>)
        return !requires { &CallProbe<Stream>::Both::operator(); };
    else
        return std::is_invocable_v<Stream&, ProbeSink&> || std::is_invocable_v<Stream&, std::size_t, ProbeSink&> ||
               std::is_invocable_v<Stream&, std::size_t, std::size_t, ProbeSink&>;
}

}  // namespace detail
}  // namespace lastbyte
