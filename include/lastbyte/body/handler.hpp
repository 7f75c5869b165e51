// Completion handlers (Asio style): `stream.async_read_some(buffer, handler)`, and later `handler(error, size)`.
//
// A handler may run on another thread, long after its body is gone (a socket that is destroyed has its handlers called
// with `operation_aborted`), or never: an io_context that is destroyed drops them. So handler and body know each other,
// each tells the other when it goes or moves, and the body's own end is what tells.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <lastbyte/body/pending.hpp>

namespace lastbyte {

namespace detail {

/// Whether an error code says "end of stream". A library's own word (`is_end_of_stream(error)`, found by its namespace)
/// comes first; without one, an error is an error, and the end is a success with 0 bytes.
template <class Error>
bool ends_stream(Error const& error) {
    if constexpr (requires { static_cast<bool>(is_end_of_stream(error)); })
        return static_cast<bool>(is_end_of_stream(error));
    else
        return false;
}

/// Passes the associated types of a handler or a stream on, where it has them.
template <class Handler>
struct AssociatedExecutor {};
template <class Handler>
    requires requires { typename Handler::executor_type; }
struct AssociatedExecutor<Handler> {
    using executor_type = typename Handler::executor_type;
};
template <class Handler>
struct AssociatedAllocator {};
template <class Handler>
    requires requires { typename Handler::allocator_type; }
struct AssociatedAllocator<Handler> {
    using allocator_type = typename Handler::allocator_type;
};
template <class Handler>
struct AssociatedSlot {};
template <class Handler>
    requires requires { typename Handler::cancellation_slot_type; }
struct AssociatedSlot<Handler> {
    using cancellation_slot_type = typename Handler::cancellation_slot_type;
};

}  // namespace detail

/// The handler that stands before the user's: counts, and then calls it. Movable, not copyable.
template <class Body, class Handler>
class CountingHandler : public detail::AssociatedExecutor<Handler>,
                        public detail::AssociatedAllocator<Handler>,
                        public detail::AssociatedSlot<Handler> {
public:
    CountingHandler(Body& body, bool empty_buffer, Handler handler) noexcept(std::is_nothrow_move_constructible_v<Handler>)
        : handler_(std::move(handler)), read_(body), empty_buffer_(empty_buffer) {}
    CountingHandler(CountingHandler&&) = default;

    template <class Error>
    void operator()(Error error, std::size_t size) {
        if (auto* const reads = read_.leave()) static_cast<Body*>(reads)->completed(error, size, empty_buffer_);
        std::move(handler_)(std::move(error), size);
    }
    [[nodiscard]] auto get_executor() const noexcept
        requires requires(Handler const& handler) { handler.get_executor(); }
    {
        return handler_.get_executor();
    }
    [[nodiscard]] auto get_allocator() const noexcept
        requires requires(Handler const& handler) { handler.get_allocator(); }
    {
        return handler_.get_allocator();
    }
    [[nodiscard]] auto get_cancellation_slot() const noexcept
        requires requires(Handler const& handler) { handler.get_cancellation_slot(); }
    {
        return handler_.get_cancellation_slot();
    }

private:
    Handler handler_;
    detail::PendingRead read_;
    bool empty_buffer_;
};

/// A stream that is read by completion. The body and its handlers belong to one strand. The outcome is settled by the
/// completion that brings the end, before the user's handler runs; the stream may be in the middle of that call, so it
/// stays, and the callback comes when the body is dropped.
template <class Stream, class Hook>
class [[nodiscard("lastbyte: a body must be given to the server; dropped here, it is abandoned at once.")]] HandlerBody
    : public detail::BodyCore<HandlerBody<Stream, Hook>, Stream, Hook>,
      public detail::AssociatedExecutor<typename detail::Held<Stream>::type>,
      private detail::PendingReads {
    using Core = detail::BodyCore<HandlerBody, Stream, Hook>;

public:
    using Core::Core;
    HandlerBody(HandlerBody&&) = default;
    HandlerBody& operator=(HandlerBody&& other) noexcept(std::is_nothrow_move_assignable_v<Core>)
        requires std::is_move_assignable_v<Core>
    {
        if (this == &other) return *this;
        this->forget();
        Core::operator=(static_cast<Core&&>(other));
        PendingReads::operator=(static_cast<PendingReads&&>(other));
        return *this;
    }
    ~HandlerBody() = default;

    /// Returns what the stream's own returns. After `told_by_server` the handler is dropped without being called, as by an
    /// io_context that is gone.
    template <class Buffer, class Handler>
    auto async_read_some(Buffer&& buffer, Handler handler) {
        auto const start = [&] {
            bool empty = false;
            if constexpr (requires { buffer.size(); }) empty = buffer.size() == 0;
            return this->stream_.get().async_read_some(
                std::forward<Buffer>(buffer), CountingHandler<HandlerBody, Handler>{*this, empty, std::move(handler)});
        };
        if (!this->stream_.held()) return decltype(start())();
        return this->hook_.watch(start);
    }
    decltype(auto) get_executor()
        requires requires(typename Core::stream_type& stream) { stream.get_executor(); }
    {
        return this->stream_.get().get_executor();
    }

private:
    template <class, class>
    friend class CountingHandler;

    template <class Error>
    [[gnu::always_inline]] void completed(Error const& error, std::size_t size, bool empty_buffer) {
        if (this->hook_.over()) return;
        this->hook_.took(size);
        bool const failed = static_cast<bool>(error);
        if (!failed && (size != 0 || empty_buffer)) [[likely]] return;
        ended(!failed || detail::ends_stream(error));
    }
    [[gnu::noinline]] void ended(bool well) noexcept {
        well ? this->hook_.ended() : this->hook_.settle(Outcome::producer_error);
    }
};

namespace detail {

template <class Stream>
struct ReadSomeProbe {
    struct HasReadSome {
        void async_read_some();
    };
    struct Both : Stream, HasReadSome {};
};
struct ProbeHandler {
    template <class Error>
    void operator()(Error, std::size_t) {}
};
struct ProbeBuffer {
    operator char*() const;
    [[nodiscard]] std::size_t size() const;
};

/// A class with a member called async_read_some, of whatever signature.
template <class Stream>
consteval bool has_async_read_some() {
    if constexpr (std::is_class_v<Stream> && !std::is_final_v<Stream>)
        return !requires { &ReadSomeProbe<Stream>::Both::async_read_some; };
    else
        return requires(Stream& stream) { stream.async_read_some(ProbeBuffer{}, ProbeHandler{}); } ||
               requires { &Stream::async_read_some; };
}

}  // namespace detail
}  // namespace lastbyte
