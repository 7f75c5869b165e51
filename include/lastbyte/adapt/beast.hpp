// Boost.Beast: a response (or request) body that is pulled while it is written, with its callback exactly once.
//
// `async_write` has a handler, but an io_context that is destroyed in mid-write drops it uncalled, and so does a coroutine
// that waits for it. Whoever records in the handler loses these bodies. Here the body itself tells.
// Costs over a body of your own: one allocation a message and one virtual call a chunk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional.hpp>

#include <lastbyte/lastbyte.hpp>

namespace lastbyte {

namespace detail {

/// What a message holds, whichever stream and callback are in it.
class BeastSource {
public:
    BeastSource() = default;
    BeastSource(BeastSource const&) = delete;
    BeastSource& operator=(BeastSource const&) = delete;
    virtual ~BeastSource() = default;

    /// The next chunk, valid until the next call; nothing at the end. The one before has been written.
    virtual std::optional<std::string_view> next() = 0;
    virtual void ended(boost::beast::error_code error) noexcept = 0;
};

/// What `beast_body` does; it follows it.
template <class Tracer, class Stream, class Fn, class... Options>
std::unique_ptr<BeastSource> beast_source(Tracer const& tracer, Stream&& stream, Fn&& fn, Options... options);

}  // namespace detail

namespace adapt {

/// `http::response<lastbyte::adapt::BeastBody>`, whose body is `beast_body(tracer, stream, fn)`. Set `chunked(true)` or
/// `content_length(n)` on the message; write it with the mutable overloads of `write` and `async_write`.
///
/// Consumed means: written to the stream that async_write has (of a socket: taken by the kernel), not acknowledged. A chunk
/// counts when Beast asks for the next one, so that one under way at a hang-up doesn't. `complete` is the stream's end,
/// asked for; `producer_error` an exception, which goes on, out of `io_context::run`. All that ends earlier is `aborted`,
/// or what `tracer.note_end` or the token says: the message is dropped, with its handler or with its context, called or
/// not. In the handler, `response.body().ended(error)` ends it at once and tells a time-out of tcp_stream's.
struct BeastBody {
    class value_type {
    public:
        value_type() = default;
        explicit value_type(std::unique_ptr<lastbyte::detail::BeastSource> source) noexcept : source_(std::move(source)) {}

        void ended(boost::beast::error_code error) noexcept {
            if (source_) source_->ended(error);
        }

    private:
        friend struct BeastBody;
        std::unique_ptr<lastbyte::detail::BeastSource> source_;
    };

    class writer {
    public:
        using const_buffers_type = boost::asio::const_buffer;

        template <bool IsRequest, class Fields>
        writer(boost::beast::http::header<IsRequest, Fields>&, value_type& value) noexcept : source_(value.source_.get()) {}
        void init(boost::beast::error_code& error) noexcept { error = {}; }
        boost::optional<std::pair<const_buffers_type, bool>> get(boost::beast::error_code& error) {
            error = {};
            while (source_ != nullptr) {
                auto const chunk = source_->next();
                if (!chunk) break;
                if (chunk->empty()) continue;  // on the wire it would be the last one
                return {{const_buffers_type{chunk->data(), chunk->size()}, true}};
            }
            return boost::none;
        }

    private:
        lastbyte::detail::BeastSource* source_;
    };
};

/// A body for `http::response<BeastBody>`, from a pull function: `std::optional<std::string> next()`, or with another chunk.
/// Options: `content_length(n)`, `cancelled_by(token)`, and `no_body` for HEAD, of which only the header may be written.
template <class P, std::uint64_t D, bool E, class Stream, class Fn, class... Options>
BeastBody::value_type beast_body(BasicTracer<P, D, E> const& tracer, Stream&& stream, Fn&& fn, Options... options) {
    return BeastBody::value_type{lastbyte::detail::beast_source(tracer, std::forward<Stream>(stream),
                                                                std::forward<Fn>(fn), std::move(options)...)};
}

}  // namespace adapt

namespace detail {

/// A pull function that is watched from one chunk to the next: a stream shape of its own.
template <class Stream>
struct BeastStream {
    static_assert(PullStream<Stream>,
                  "lastbyte: beast_body(tracer, stream, fn) takes a pull function, `std::optional<std::string> next()`.");
    Stream stream;
};

template <class Bytes>
std::string_view beast_text(Bytes const& bytes) noexcept {
    if constexpr (std::is_convertible_v<Bytes const&, std::string_view>)
        return bytes;
    else
        return {reinterpret_cast<char const*>(bytes.data()), chunk_bytes(bytes)};
}

template <class Stream, class Hook>
class BeastPull : public BodyCore<BeastPull<Stream, Hook>, Stream, Hook> {
    using Chunk = decltype(std::declval<Stream&>().stream());

public:
    using BodyCore<BeastPull, Stream, Hook>::BodyCore;

    std::optional<std::string_view> next() {
        auto& hook = this->hook_;
        auto& stream = this->stream_;
        hook.took(std::exchange(under_way_, 0));
        if (hook.over() || (hook.meter().settled() && !hook.meter().started())) return std::nullopt;
        chunk_ = hook.guard(stream, [&] { return stream.get().stream(); });
        if (static_cast<bool>(chunk_)) {
            under_way_ = chunk_bytes(*chunk_);
            return beast_text(*chunk_);
        }
        hook.ended();
        stream.release();
        hook.fire();
        return std::nullopt;
    }
    void ended(boost::beast::error_code error) noexcept {
        if (!error || this->hook_.over()) return;
        if (error == boost::beast::error::timeout) this->hook_.settle(Outcome::timed_out);
        this->let_go();
    }

private:
    Chunk chunk_{};
    std::size_t under_way_ = 0;
};

/// The same under a policy that is off.
template <class Stream>
class BeastBare {
public:
    explicit BeastBare(Stream stream) : stream_(std::move(stream)) {}
    std::optional<std::string_view> next() {
        chunk_ = stream_.stream();
        return chunk_ ? std::optional{beast_text(*chunk_)} : std::nullopt;
    }
    void ended(boost::beast::error_code) noexcept {}

private:
    Stream stream_;
    decltype(std::declval<Stream&>().stream()) chunk_{};
};

template <class Body>
class BeastHolder final : public BeastSource {
public:
    explicit BeastHolder(Body body) : body_(std::move(body)) {}
    std::optional<std::string_view> next() override { return body_.next(); }
    void ended(boost::beast::error_code error) noexcept override { body_.ended(error); }

private:
    Body body_;
};

template <class Tracer, class Stream, class Fn, class... Options>
std::unique_ptr<BeastSource> beast_source(Tracer const& tracer, Stream&& stream, Fn&& fn, Options... options) {
    using Inner = BeastStream<std::decay_t<Stream>>;
    auto body = defer_until_consumed(tracer.body(Inner{std::forward<Stream>(stream)}, std::move(options)...),
                                     std::forward<Fn>(fn));
    using Body = std::conditional_t<std::is_same_v<decltype(body), Inner>, BeastBare<Inner>, decltype(body)>;
    return std::make_unique<BeastHolder<Body>>(Body{std::move(body)});
}

}  // namespace detail

template <class Stream>
struct body_shape<detail::BeastStream<Stream>> {
    template <class Held, class Hook>
    using type = detail::BeastPull<Held, Hook>;
};

}  // namespace lastbyte
