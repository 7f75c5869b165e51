// cpp-httplib (0.11.4, 0.53.1): content providers, chunked or sized, and whole texts, each with its callback exactly once.
//
// The server says in three places that a response is over, and each misleads: its releaser runs once for every copy of the
// Response, or never; its success flag is true when the server was stopped in mid-body, and always false for a text; its
// logger runs before the body (newer versions) or after it. Here only what the server's sink took counts.
// Costs over the bare provider: a sink of its own for each response, and two indirect calls a write.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <httplib.h>

#include <lastbyte/body/counting_sink.hpp>
#include <lastbyte/lastbyte.hpp>

namespace lastbyte {

namespace detail {

enum class HttplibKind { chunked, plain, sized };

/// What the functions below do; it follows them.
template <HttplibKind kind, class Tracer, class Provider, class Fn, class... Options>
void httplib_give(httplib::Request const& request, httplib::Response& response, std::size_t length,
                  std::string const& content_type, Tracer const& tracer, Provider&& provider, Fn&& fn, Options... options);

}  // namespace detail

namespace adapt {

/// As `response.set_chunked_content_provider(content_type, provider)`, and `fn(Reading<Policy> const&)` once it is over.
///
/// Consumed means: accepted by the socket's `send`, so on its way, and not acknowledged. `complete` is `sink.done()` here;
/// in a sized body the last byte asked for (by a Range: of all its parts). `no_body` is HEAD. `aborted` is a refused write:
/// the client hung up, or was slower than the server's write timeout. `producer_error` is `return false` without a reason
/// (`tracer.note_end` or the token may have given one), an exception (it goes on, and ends the process as it does in the
/// bare server), or an empty write to a chunked body that is never `done()`: the server takes it for the end, the client
/// doesn't. `shutdown` is `server.stop()` in mid-body, where the server calls that a success (0.11); newer versions make a
/// failure of it, like a hang-up, so there `tracer.note_end(Outcome::shutdown)` must say it. `abandoned` is a body that
/// another content took the place of.
///
/// `provider` need not be copyable; it is destroyed before `fn` runs. That is on the connection's thread, unless a copy of
/// the Response lives on elsewhere. `request` must be the handler's own. Options: `cancelled_by(token)`. Bytes are the
/// provider's: without the frames of chunks, and before compression.
template <class P, std::uint64_t D, bool E, class Provider, class Fn, class... Options>
void set_chunked_content_provider(httplib::Request const& request, httplib::Response& response,
                                  std::string const& content_type, BasicTracer<P, D, E> const& tracer,
                                  Provider&& provider, Fn&& fn, Options... options) {
    detail::httplib_give<detail::HttplibKind::chunked>(request, response, 0, content_type, tracer,
                                                       std::forward<Provider>(provider), std::forward<Fn>(fn),
                                                       std::move(options)...);
}

/// The same without chunks: the end of the body is the end of the connection.
template <class P, std::uint64_t D, bool E, class Provider, class Fn, class... Options>
void set_content_provider(httplib::Request const& request, httplib::Response& response, std::string const& content_type,
                          BasicTracer<P, D, E> const& tracer, Provider&& provider, Fn&& fn, Options... options) {
    detail::httplib_give<detail::HttplibKind::plain>(request, response, 0, content_type, tracer,
                                                     std::forward<Provider>(provider), std::forward<Fn>(fn),
                                                     std::move(options)...);
}

/// The same with a length in bytes, which may be 0. The provider is never asked for what lies beyond it; a range that does
/// (0.11 lets it through) is `truncated`, more bytes than asked for are an `overrun`.
template <class P, std::uint64_t D, bool E, class Provider, class Fn, class... Options>
void set_content_provider(httplib::Request const& request, httplib::Response& response, std::size_t length,
                          std::string const& content_type, BasicTracer<P, D, E> const& tracer, Provider&& provider,
                          Fn&& fn, Options... options) {
    detail::httplib_give<detail::HttplibKind::sized>(request, response, length, content_type, tracer,
                                                     std::forward<Provider>(provider), std::forward<Fn>(fn),
                                                     std::move(options)...);
}

/// As `response.set_content(text, content_type)`, sent in pieces of 64 KiB so that a hang-up in the middle is seen. Never
/// compressed.
template <class P, std::uint64_t D, bool E, class Fn, class... Options>
void set_content(httplib::Request const& request, httplib::Response& response, std::string text,
                 std::string const& content_type, BasicTracer<P, D, E> const& tracer, Fn&& fn, Options... options) {
    std::size_t const length = text.size();
    auto pieces = [text = std::move(text)](std::size_t offset, std::size_t left, httplib::DataSink& sink) {
        return sink.write(text.data() + offset, std::min(left, std::size_t{1} << 16));
    };
    set_content_provider(request, response, length, content_type, tracer, std::move(pieces), std::forward<Fn>(fn),
                         std::move(options)...);
}

}  // namespace adapt

namespace detail {

/// A provider and what its answer is to be: a stream shape of its own.
template <HttplibKind Kind, class Provider>
struct HttplibStream {
    static constexpr HttplibKind kind = Kind;

    Provider provider;
    httplib::Request const* request;
    std::size_t length;

    template <class... Asked>
    bool operator()(Asked&&... asked) {
        return provider(std::forward<Asked>(asked)...);
    }
};

/// What the provider writes to in place of the server's sink. It is of the type that the provider was written for, with
/// its `os`, and a counting sink stands behind its functions. Made once a body: each call puts its own server's sink in.
template <class Hook, class Sink = httplib::DataSink>
class HttplibTap {
    using Counting = CountingSink<Sink, Hook>;

public:
    /// It has the functions that the server's sink has.
    explicit HttplibTap(Sink const& servers) {
        sink_.write = [this](char const* data, std::size_t size) { return write(data, size); };
        sink_.is_writable = [this] { return counting_->is_writable(); };
        if (servers.done) sink_.done = [this] { counting_->done(); };
        if constexpr (requires { servers.done_with_trailer; })
            if (servers.done_with_trailer)
                sink_.done_with_trailer = [this](httplib::Headers const& trailer) { counting_->done_with_trailer(trailer); };
    }
    HttplibTap(HttplibTap const&) = delete;
    HttplibTap& operator=(HttplibTap const&) = delete;

    [[nodiscard]] Sink& before(Counting& counting) noexcept {
        counting_ = &counting;
        taken_ = 0;
        return sink_;
    }
    [[nodiscard]] std::size_t taken() const noexcept { return taken_; }  // in this call
    [[nodiscard]] bool wrote_nothing_last() const noexcept { return wrote_nothing_last_; }

private:
    bool write(char const* data, std::size_t size) {
        bool const accepted = counting_->write(data, size);
        if (accepted) taken_ += size;
        wrote_nothing_last_ = size == 0;
        return accepted;
    }

    Sink sink_;
    Counting* counting_ = nullptr;
    std::size_t taken_ = 0;
    bool wrote_nothing_last_ = false;
};

/// The body that the server's calls to the provider go through.
template <class Stream, class Hook>
class HttplibBody : public BodyCore<HttplibBody<Stream, Hook>, Stream, Hook> {
    static constexpr bool sized = Stream::kind == HttplibKind::sized;

public:
    using BodyCore<HttplibBody, Stream, Hook>::BodyCore;

    /// Knows now what nobody would come to see: of these two, the server calls no provider.
    void settle_what_is_known() noexcept {
        auto const& stream = this->stream_.get();
        if (stream.request->method == "HEAD")
            this->hook_.settle(Outcome::no_body);
        else if (sized && stream.length == 0)
            this->hook_.settle(Outcome::complete);
    }

    bool operator()(std::size_t offset, httplib::DataSink& sink) { return !this->hook_.over() && call(sink, offset); }
    bool operator()(std::size_t offset, std::size_t length, httplib::DataSink& sink) {
        if (this->hook_.over()) return false;
        auto const whole = this->stream_.get().length;
        if (!std::exchange(in_range_, true)) wanted_ = length;
        if (offset < whole) return call(sink, offset, std::min(length, whole - offset));
        this->hook_.settle(Outcome::truncated);
        this->let_go();
        return false;
    }

    /// One that was never asked for is abandoned, whatever the server thinks of it.
    void stopped() noexcept {
        if (this->hook_.meter().started()) this->told_by_server(Outcome::shutdown);
    }

private:
    template <class... Range>
    bool call(httplib::DataSink& sink, Range... range) {
        this->hook_.pulled();
        if (!tap_) tap_ = std::make_unique<HttplibTap<Hook>>(sink);
        CountingSink<httplib::DataSink, Hook> counting{sink, this->hook_};
        auto const provide = [&] { return this->stream_.get()(range..., tap_->before(counting)); };
#if defined(__cpp_exceptions)
        try {
            bool const more = provide();
            if (judge(counting, more)) this->let_go();
            return more;
        } catch (...) {
            if (!counting.refused()) this->hook_.settle(Outcome::producer_error);
            this->let_go();
            throw;
        }
#else
        bool const more = provide();
        if (judge(counting, more)) this->let_go();
        return more;
#endif
    }

    /// Whether the body is over after this call; how, unless that is for somebody else to say: of a refused write, for
    /// whoever was told.
    bool judge(CountingSink<httplib::DataSink, Hook> const& counting, bool more) noexcept {
        auto const taken = tap_->taken();
        if (counting.refused()) return true;
        if (sized && taken > wanted_) return settle(Outcome::overrun);
        if (counting.said_done()) return settle(sized && taken < wanted_ ? Outcome::truncated : Outcome::complete);
        if (sized && (wanted_ -= taken) == 0) {
            in_range_ = false;
            if (++ranges_ >= this->stream_.get().request->ranges.size()) return settle(Outcome::complete);
        }
        bool const empty_chunk = Stream::kind == HttplibKind::chunked && tap_->wrote_nothing_last();
        if (more && !empty_chunk) return false;
        this->hook_.gave_up();
        return true;
    }
    bool settle(Outcome outcome) noexcept {
        this->hook_.settle(outcome);
        return true;
    }

    std::unique_ptr<HttplibTap<Hook>> tap_;
    std::size_t wanted_ = 0;  // of the range that is being sent
    std::size_t ranges_ = 0;
    bool in_range_ = false;
};

/// What the provider and the releaser share: whoever is dropped last ends the body.
template <class Body>
struct HttplibNode {
    explicit HttplibNode(Body&& given) : body(std::move(given)) {}

    /// The server's releaser ran. `false` says nothing: so does a copy of the Response that was made before the body. `true`
    /// of a body that was not seen to end, and whose writes were all taken, is a server that stopped. Copies release it
    /// again, on any thread: the first of them is heard.
    void released(bool success) noexcept {
        if (success && told.exchange_acq_rel(1) == 0) body.stopped();
    }

    Body body;
    Atomic<unsigned char> told{0};
};

template <HttplibKind kind, class Tracer, class Provider, class Fn, class... Options>
void httplib_give(httplib::Request const& request, httplib::Response& response, std::size_t length,
                  std::string const& content_type, Tracer const& tracer, Provider&& provider, Fn&& fn, Options... options) {
    using Stream = HttplibStream<kind, std::decay_t<Provider>>;
    auto body = defer_until_consumed(
        tracer.body(Stream{std::forward<Provider>(provider), &request, length}, std::move(options)...),
        std::forward<Fn>(fn));
    auto const node = std::make_shared<HttplibNode<decltype(body)>>(std::move(body));
    httplib::ContentProviderResourceReleaser releaser;
    if constexpr (!std::is_same_v<decltype(body), Stream>) {  // the policy is on
        node->body.settle_what_is_known();
        releaser = [node](bool success) { node->released(success); };
    }
    if constexpr (kind == HttplibKind::sized) {
        if (length == 0) {  // of which 0.11 would announce no length at all
            response.set_content(std::string{}, content_type);
            response.content_provider_resource_releaser_ = std::move(releaser);
            return;
        }
        response.set_content_provider(
            length, content_type,
            [node](std::size_t offset, std::size_t left, httplib::DataSink& sink) { return node->body(offset, left, sink); },
            std::move(releaser));
    } else {
        auto provide = [node](std::size_t offset, httplib::DataSink& sink) { return node->body(offset, sink); };
        if constexpr (kind == HttplibKind::chunked)
            response.set_chunked_content_provider(content_type, std::move(provide), std::move(releaser));
        else
            response.set_content_provider(content_type, std::move(provide), std::move(releaser));
    }
}

}  // namespace detail

template <detail::HttplibKind kind, class Provider>
struct body_shape<detail::HttplibStream<kind, Provider>> {
    template <class Held, class Hook>
    using type = detail::HttplibBody<Held, Hook>;
};

}  // namespace lastbyte
