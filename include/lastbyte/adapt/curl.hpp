// libcurl: the body that a client downloads or uploads, with its callback exactly once.
//
// curl_easy_perform returns one code for many ends, and a transfer on a multi handle ends in a message that nobody may read;
// a handle that is reset or cleaned up in the middle says nothing. `CURLE_OK` of an upload doesn't say that it was sent: a
// server may answer early. Here the bytes that went through decide, and the code only names what they leave open.
// Costs over the bare callbacks: one allocation a transfer, nothing a chunk.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include <curl/curl.h>

#include <lastbyte/lastbyte.hpp>

namespace lastbyte {

namespace detail {

template <class Writer>
struct CurlIn;
template <class Reader>
struct CurlOut;

/// What the functions below do; it follows them.
template <class Tracer, class Stream, class Fn, class... Options>
auto curl_transfer(CURL* easy, Tracer const& tracer, Stream stream, Fn&& fn, Options... options);

}  // namespace detail

namespace adapt {

/// One transfer's body. libcurl has its address, so it must outlive the transfer: until perform() has returned, or the easy
/// handle was removed from its multi handle, reset or cleaned up. Dropped before finished(), the body is `aborted`, or
/// `abandoned` if nothing was moved; what `tracer.note_end` or the token says goes before.
template <class Body>
class CurlTransfer {
public:
    CurlTransfer(CURL* easy, Body body) : easy_(easy), body_(std::make_unique<Body>(std::move(body))) {
        body_->attach(easy);
    }

    /// curl_easy_perform, and then finished(). What the writer or the reader threw comes out here.
    CURLcode perform() {
        CURLcode const code = curl_easy_perform(easy_);
        finished(code);
        return code;
    }
    /// For a multi handle: the transfer is over, with `message->data.result`. Before the easy handle is removed or reset.
    void finished(CURLcode code) {
        body_->finished(easy_, code);
        if (auto thrown = body_->take_exception()) std::rethrow_exception(thrown);
    }

private:
    CURL* easy_;
    std::unique_ptr<Body> body_;
};

/// Downloads into `writer(std::string_view)`, which returns nothing, whether it took the bytes, or what a write callback
/// does (the count, CURL_WRITEFUNC_PAUSE). Sets CURLOPT_WRITEFUNCTION and -DATA.
///
/// Consumed means: taken by `writer`. `complete` is CURLE_OK; `no_body` the same for HEAD, 204 and 304; `truncated` fewer
/// bytes than Content-Length; `timed_out` CURLE_OPERATION_TIMEDOUT; `aborted` a writer that refused or threw; `cancelled`
/// a progress callback's no; `producer_error` every other code. Bytes are the writer's: after decompression, and without
/// those of redirects. Bytes that were paused and come again count once.
template <class P, std::uint64_t D, bool E, class Writer, class Fn, class... Options>
auto curl_download(CURL* easy, BasicTracer<P, D, E> const& tracer, Writer&& writer, Fn&& fn, Options... options) {
    using Stream = detail::CurlIn<std::decay_t<Writer>>;
    return detail::curl_transfer(easy, tracer, Stream{std::forward<Writer>(writer)}, std::forward<Fn>(fn),
                                 std::move(options)...);
}

/// Uploads from `reader(char*, std::size_t)`, which returns as a read callback does: the count, 0 at the end,
/// CURL_READFUNC_ABORT or CURL_READFUNC_PAUSE. With a `seek(offset)` libcurl rewinds it, for a redirect or for
/// authentication; a transfer that is resumed (CURLOPT_RESUME_FROM) must have it. Sets CURLOPT_READFUNCTION, -SEEKFUNCTION
/// and their -DATA; CURLOPT_UPLOAD and the size are yours. `length` is that size again, or curl_unsized.
///
/// Consumed means: handed to libcurl, and the transfer ended with CURLE_OK: the server has answered, and libcurl had sent
/// all. `aborted` is an answer before the last byte, or a server that hung up; `producer_error` a reader that aborted, threw
/// or can't rewind; `truncated` one that ended before the length, `overrun` one that went beyond it. Bytes that are sent
/// again after a rewind count once.
template <class P, std::uint64_t D, bool E, class Reader, class Fn, class... Options>
auto curl_upload(CURL* easy, std::uint64_t length, BasicTracer<P, D, E> const& tracer, Reader&& reader, Fn&& fn,
                 Options... options) {
    using Stream = detail::CurlOut<std::decay_t<Reader>>;
    return detail::curl_transfer(easy, tracer, Stream{std::forward<Reader>(reader), length}, std::forward<Fn>(fn),
                                 std::move(options)...);
}
inline constexpr std::uint64_t curl_unsized = ~std::uint64_t{0};

}  // namespace adapt

namespace detail {

/// How a code ends a body that the bytes have not settled.
inline Outcome curl_outcome(CURLcode code, Outcome otherwise) noexcept {
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT: return Outcome::timed_out;
        case CURLE_PARTIAL_FILE: return Outcome::truncated;
        case CURLE_ABORTED_BY_CALLBACK: return Outcome::cancelled;
        default: return otherwise;
    }
}
inline std::uint64_t curl_count(CURL* easy, CURLINFO what) noexcept {
    curl_off_t count = 0;
    curl_easy_getinfo(easy, what, &count);
    return count < 0 ? 0 : static_cast<std::uint64_t>(count);  // an unknown length is -1
}

/// One direction of a transfer: `call` is the callback, `moved` notes what it gave, `end` says how the transfer ended.
template <class Writer>
struct CurlIn {
    static constexpr CURLoption function = CURLOPT_WRITEFUNCTION, data = CURLOPT_WRITEDATA;
    static constexpr bool rewinds = false;

    /// Any count but the right one.
    static constexpr std::size_t error(std::size_t size) noexcept { return size == 0 ? 1 : 0; }

    std::size_t call(char const* begin, std::size_t size) {
        std::string_view const bytes{begin, size};
        using Result = std::invoke_result_t<Writer&, std::string_view>;
        if constexpr (std::is_void_v<Result>)
            return writer(bytes), size;
        else if constexpr (std::is_same_v<Result, bool>)
            return writer(bytes) ? size : error(size);
        else
            return static_cast<std::size_t>(writer(bytes));
    }
    template <class Hook>
    std::size_t moved(Hook& hook, std::size_t count, std::size_t size) noexcept {
        if (count == size)
            hook.took(count);
        else
            refused = count != CURL_WRITEFUNC_PAUSE;
        return count;
    }
    /// A writer that refused is a consumer that left: for whoever was told why.
    template <class Hook>
    void end(Hook& hook, CURL* easy, CURLcode code) const noexcept {
        if (code == CURLE_OK)
            hook.settle(outcome_of_ok(easy));
        else if (!refused || code != CURLE_WRITE_ERROR)
            hook.settle(curl_outcome(code, Outcome::producer_error));
    }
    static Outcome outcome_of_ok(CURL* easy) noexcept {
        long status = 0;
        char* method = nullptr;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_METHOD, &method);
        bool const head = method != nullptr && std::string_view{method} == "HEAD";
        if (head || status == 204 || status == 304) return Outcome::no_body;
        auto const announced = curl_count(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
        return curl_count(easy, CURLINFO_SIZE_DOWNLOAD_T) < announced ? Outcome::truncated : Outcome::complete;
    }

    Writer writer;
    bool refused = false;
};

template <class Reader>
struct CurlOut {
    static constexpr CURLoption function = CURLOPT_READFUNCTION, data = CURLOPT_READDATA;
    static constexpr bool rewinds = true;

    static constexpr std::size_t error(std::size_t) noexcept { return CURL_READFUNC_ABORT; }

    std::size_t call(char* buffer, std::size_t size) { return static_cast<std::size_t>(reader(buffer, size)); }
    template <class Hook>
    std::size_t moved(Hook& hook, std::size_t count, std::size_t size) noexcept {
        if (count == CURL_READFUNC_PAUSE) return count;
        failed = count > size;  // CURL_READFUNC_ABORT, or a bug, which libcurl takes for it
        if (failed) return CURL_READFUNC_ABORT;
        ended = count == 0 && size != 0;
        position += count;
        if (position > furthest) hook.took(static_cast<std::size_t>(position - std::exchange(furthest, position)));
        return count;
    }
    /// Back for another attempt, and forwards only to resume, where what lies before is not of this body.
    bool rewind(std::uint64_t offset)
        requires requires(Reader& given) { given.seek(offset); }
    {
        failed = true;
        if constexpr (std::is_void_v<decltype(reader.seek(offset))>)
            reader.seek(offset);
        else if (!reader.seek(offset))
            return false;
        position = from = offset;
        furthest = std::max(furthest, offset);
        ended = failed = false;
        return true;
    }
    /// A server that left before the last byte is for whoever was told why.
    template <class Hook>
    void end(Hook& hook, CURL* easy, CURLcode code) const noexcept {
        bool const sized = length != adapt::curl_unsized;
        if (failed || code == CURLE_SEND_FAIL_REWIND) return hook.gave_up();
        if (sized && ended && position < length)  // libcurl may wait for the rest until it times out
            return hook.settle(Outcome::truncated);
        if (sized && position > length) return hook.settle(Outcome::overrun);
        // Without what libcurl still had in its buffer when the answer came.
        bool const sent = curl_count(easy, CURLINFO_SIZE_UPLOAD_T) >= position - from;
        if (code == CURLE_OK && sent && (sized ? position == length : ended)) return hook.settle(Outcome::complete);
        if (auto const why = curl_outcome(code, Outcome::aborted); why != Outcome::aborted) hook.settle(why);
    }

    Reader reader;
    std::uint64_t length;
    std::uint64_t position = 0;
    std::uint64_t from = 0;  // where this attempt began
    std::uint64_t furthest = 0;
    bool ended = false;
    bool failed = false;
};

/// The body of either direction, which libcurl's callbacks have the address of. An exception must not cross libcurl, which
/// is C: it waits for finished().
template <class Stream, class Hook>
class CurlBody : public BodyCore<CurlBody<Stream, Hook>, Stream, Hook> {
public:
    using BodyCore<CurlBody, Stream, Hook>::BodyCore;

    void attach(CURL* easy) {
        curl_easy_setopt(easy, Stream::function, &CurlBody::move);
        curl_easy_setopt(easy, Stream::data, this);
        if constexpr (Stream::rewinds) {
            curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &CurlBody::rewind);
            curl_easy_setopt(easy, CURLOPT_SEEKDATA, this);
        }
    }
    void finished(CURL* easy, CURLcode code) noexcept {
        if (!this->stream_.held()) return;
        this->stream_.get().end(this->hook_, easy, code);
        this->let_go();
    }
    [[nodiscard]] std::exception_ptr take_exception() noexcept { return std::exchange(thrown_, nullptr); }

private:
    static std::size_t move(char* data, std::size_t unit, std::size_t count, void* self) noexcept {
        auto& body = *static_cast<CurlBody*>(self);
        auto const size = unit * count;
        if (!body.stream_.held()) return Stream::error(size);
        body.hook_.pulled();
        auto& stream = body.stream_.get();
        auto const done = body.or_else(Stream::error(size), [&] { return stream.call(data, size); });
        return stream.moved(body.hook_, done, size);
    }
    static int rewind(void* self, curl_off_t offset, int origin) noexcept {
        if constexpr (requires(Stream& given) { given.rewind(std::uint64_t{}); }) {
            auto& body = *static_cast<CurlBody*>(self);
            if (!body.stream_.held() || origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;
            auto& stream = body.stream_.get();
            bool const worked = body.or_else(false, [&] { return stream.rewind(static_cast<std::uint64_t>(offset)); });
            return worked ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
        }
        return CURL_SEEKFUNC_CANTSEEK;
    }
    template <class Otherwise, class Call>
    Otherwise or_else(Otherwise otherwise, Call call) noexcept {
#if defined(__cpp_exceptions)
        try {
            return call();
        } catch (...) {
            thrown_ = std::current_exception();
            return otherwise;
        }
#else
        return call();
#endif
    }

    std::exception_ptr thrown_;
};

/// Stands for the hook under a policy that is off.
struct CurlNoHook {
    static void pulled() noexcept {}
    static void took(std::size_t) noexcept {}
    static void settle(Outcome) noexcept {}
    static void gave_up() noexcept {}
    static void drop() noexcept {}
};

template <class Tracer, class Stream, class Fn, class... Options>
auto curl_transfer(CURL* easy, Tracer const& tracer, Stream stream, Fn&& fn, Options... options) {
    auto body = defer_until_consumed(tracer.body(std::move(stream), std::move(options)...), std::forward<Fn>(fn));
    if constexpr (std::is_same_v<decltype(body), Stream>) {
        using Passing = CurlBody<Stream, CurlNoHook>;
        return adapt::CurlTransfer<Passing>{easy, Passing{CurlNoHook{}, Held<Stream>{std::move(body)}}};
    } else {
        return adapt::CurlTransfer<decltype(body)>{easy, std::move(body)};
    }
}

}  // namespace detail

template <class Writer>
struct body_shape<detail::CurlIn<Writer>> {
    template <class Held, class Hook>
    using type = detail::CurlBody<Held, Hook>;
};
template <class Reader>
struct body_shape<detail::CurlOut<Reader>> : body_shape<detail::CurlIn<Reader>> {};

}  // namespace lastbyte
