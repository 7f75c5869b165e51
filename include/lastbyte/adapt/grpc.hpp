// gRPC servers, callback API: a call is reported when it is over, with how it ended, exactly once.
//
// A method returns its reactor before the first message has left. Only OnDone tells that the call is over, and OnCancel that
// its client has gone; what is read in the method, or behind the last StartWrite, is read too early.
// Costs over a reactor of your own: one allocation a call; one ByteSizeLong() and one virtual call a message.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <grpcpp/server.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include <lastbyte/lastbyte.hpp>

namespace lastbyte {

namespace detail {
template <class Message, class Next>
class GrpcStream;
}

namespace adapt {

/// Shuts a server down, in place of `server.Shutdown(deadline)`. Given to each call, so that one which is cut off at the
/// deadline reads as `shutdown`: gRPC itself says only that it was cancelled. Must outlive the server. Thread-safe.
class GrpcShutdown {
public:
    using Time = std::chrono::system_clock::time_point;

    void operator()(grpc::Server& server, Time deadline) {
        deadline_.store(deadline, std::memory_order_release);
        server.Shutdown(deadline);
    }
    [[nodiscard]] Time deadline() const noexcept { return deadline_.load(std::memory_order_acquire); }

private:
    std::atomic<Time> deadline_{(Time::max)()};
};

/// A server-streaming call: `return grpc_stream<Message>(context, tracer, next, [](Reading<Policy> const& done) { … });`
///
/// `bool next(Message&, grpc::Status&)` fills the message, which comes cleared, or returns false: the end, with the status
/// that it was given (OK) or has set. It is asked when the message before has been taken, the first time here, on a thread
/// of gRPC's, so it must not wait long; never again once the client has gone. What it throws ends the call as UNKNOWN, as in
/// gRPC's own handlers. It is destroyed before `fn` runs, behind OnDone; the request lives until then.
///
/// Consumed means: handed over to gRPC's transport (OnWriteDone said ok), which the client's flow control holds back but for
/// some 64 KiB; whether the client has read it, nothing tells. Bytes are serialized messages, without frames and before
/// compression. `complete` is OK after such writes, `producer_error` another status, given before the client was known to
/// have gone (`tracer.note_end` may say why); a cancel that comes later changes nothing. Otherwise `shutdown` is
/// GrpcShutdown's deadline, `timed_out` the call's own, and `cancelled` what gRPC calls so: the client cancelled, its
/// connection is gone, or a message was too large to be sent.
template <class Message, class P, std::uint64_t D, bool E, class Next, class Fn>
[[nodiscard]] grpc::ServerWriteReactor<Message>* grpc_stream(grpc::CallbackServerContext* context,
                                                             BasicTracer<P, D, E> const& tracer, Next&& next, Fn&& fn,
                                                             GrpcShutdown const* shutdown = nullptr) {
    static_assert(std::is_invocable_r_v<bool, std::decay_t<Next>&, Message&, grpc::Status&>,
                  "lastbyte: grpc_stream<Message>(context, tracer, next, fn) asks `bool next(Message&, grpc::Status&)` for "
                  "each message: true with the message filled, or false at the end. For more, derive from GrpcReactor.");
    return new detail::GrpcStream<Message, std::decay_t<Next>>(std::forward<Next>(next), context, tracer,
                                                               std::forward<Fn>(fn), shutdown);
}

}  // namespace adapt

namespace detail {

struct GrpcWrites {};

/// What a call reports to, whichever policy and callback are in it.
class GrpcReport {
public:
    virtual ~GrpcReport() = default;
    virtual void took(std::size_t bytes) noexcept = 0;
    virtual void settle(Outcome how) noexcept = 0;
};

template <class Stream, class Hook>
class GrpcBody final : public GrpcReport, public BodyCore<GrpcBody<Stream, Hook>, Stream, Hook> {
public:
    using BodyCore<GrpcBody, Stream, Hook>::BodyCore;
    void start() noexcept { this->hook_.pulled(); }
    void took(std::size_t bytes) noexcept override { this->hook_.took(bytes); }
    void settle(Outcome how) noexcept override {
        how == Outcome::producer_error ? this->hook_.gave_up() : this->hook_.settle(how);
    }
};

/// How a call goes, from what its reactor hears. OnCancel may come at any time, on any thread; the rest one by one.
class GrpcEnd {
    using Clock = std::chrono::system_clock;
    static constexpr std::chrono::milliseconds no_time{10};

public:
    GrpcEnd(grpc::CallbackServerContext* context, adapt::GrpcShutdown const* shutdown)
        : context_(context), shutdown_(shutdown) {}

    void report_to(std::unique_ptr<GrpcReport> body) noexcept { body_ = std::move(body); }
    [[nodiscard]] bool gone() const noexcept { return gone_.load(std::memory_order_acquire) != Outcome::complete; }
    /// The client has gone. How is decided when that is first seen: a deadline that passes later isn't what ended the call.
    Outcome went() noexcept {
        auto seen = Outcome::complete;
        auto const how = why_gone(Clock::now());
        return gone_.compare_exchange_strong(seen, how, std::memory_order_acq_rel) ? how : seen;
    }
    void written(bool ok, std::size_t bytes) noexcept {
        if (ok) return took(bytes);
        refused_ = true;
        went();
    }
    /// `with_status` are the bytes of a message of which OnWriteDone won't tell.
    void finishing(bool ok, std::optional<std::size_t> with_status = {}) noexcept {
        with_status_ = with_status;
        how_ = gone() || context_->IsCancelled() ? went() : ok ? Outcome::complete : Outcome::producer_error;
    }
    void done() noexcept {
        bool const lost = with_status_ && context_->IsCancelled();
        if (with_status_ && !lost) took(*with_status_);
        if (how_ == Outcome::complete && (refused_ || lost)) how_ = went();
        if (body_) body_->settle(how_);
    }
    /// A client resets its stream at its own deadline. The server's comes later by what the way takes, and by what
    /// grpc-timeout was rounded up to: less than 1 % of the time that it gave.
    static constexpr bool passed(Clock::time_point now, Clock::time_point deadline, Clock::time_point started) noexcept {
        return deadline - now <= (std::max)(Clock::duration{no_time}, (deadline - started) / 100);
    }

private:
    void took(std::size_t bytes) noexcept {
        if (body_) body_->took(bytes);
    }
    [[nodiscard]] Outcome why_gone(Clock::time_point now) const noexcept {
        if (shutdown_ != nullptr && shutdown_->deadline() - now <= no_time) return Outcome::shutdown;
        return passed(now, context_->deadline(), started_) ? Outcome::timed_out : Outcome::cancelled;
    }

    grpc::CallbackServerContext* context_;
    adapt::GrpcShutdown const* shutdown_;
    std::unique_ptr<GrpcReport> body_;  // none under a policy that is off
    Clock::time_point started_ = Clock::now();
    std::optional<std::size_t> with_status_;
    std::atomic<Outcome> gone_{Outcome::complete};  // which stands for "not yet"
    Outcome how_ = Outcome::aborted;
    bool refused_ = false;
};

/// The end of a reactor of gRPC's. Its members go last, so what a derived one's destructor records is in the Reading.
template <class Reactor>
class GrpcCall : public Reactor {
public:
    template <class P, std::uint64_t D, bool E, class Fn>
    GrpcCall(grpc::CallbackServerContext* context, BasicTracer<P, D, E> const& tracer, Fn&& fn,
             adapt::GrpcShutdown const* shutdown = nullptr)
        : end_(context, shutdown) {
        auto body = defer_until_consumed(tracer.body(GrpcWrites{}), std::forward<Fn>(fn));
        if constexpr (E) {
            body.start();
            end_.report_to(std::make_unique<decltype(body)>(std::move(body)));
        }
    }
    GrpcCall(GrpcCall&&) = delete;

protected:
    ~GrpcCall() override = default;
    /// For derived reactors, in place of OnCancel.
    virtual void OnCancelled() {}
    /// The client has gone, as far as is known: there is nobody to produce for.
    [[nodiscard]] bool gone() const noexcept { return end_.gone(); }

    GrpcEnd end_;

private:
    void OnCancel() final {
        end_.went();
        OnCancelled();
    }
    void OnDone() final {
        end_.done();
        delete this;
    }
};

template <class Message>
std::size_t grpc_bytes(Message const& message) {
    if constexpr (std::is_same_v<Message, grpc::ByteBuffer>)
        return message.Length();
    else
        return static_cast<std::size_t>(message.ByteSizeLong());
}

}  // namespace detail

template <>
struct body_shape<detail::GrpcWrites> {
    template <class Held, class Hook>
    using type = detail::GrpcBody<Held, Hook>;
};

namespace adapt {

/// A reactor of your own: derive it from this in place of gRPC's, with (context, tracer, fn) and maybe &shutdown for the
/// constructor. OnDone deletes it, so it is made with `new`. Call it by this type: through gRPC's nothing is seen.
///
/// `GrpcReactor<grpc::ServerUnaryReactor>` needs no deriving: `Finish(status, response)` it and return it. The response is
/// one chunk, which went out with an OK unless gRPC says in OnDone that the call was cancelled. ServerReadReactor likewise.
template <class Reactor>
class GrpcReactor : public detail::GrpcCall<Reactor> {
public:
    using detail::GrpcCall<Reactor>::GrpcCall;

    template <class Response>
    void Finish(grpc::Status status, Response const& response) {
        this->end_.finishing(status.ok(), status.ok() ? std::optional{detail::grpc_bytes(response)} : std::nullopt);
        Reactor::Finish(std::move(status));
    }
};

/// One that writes, ServerBidiReactor or ServerWriteReactor: override OnWritten and OnCancelled in place of OnWriteDone and
/// OnCancel.
template <class Reactor>
    requires requires { &Reactor::OnWriteDone; }
class GrpcReactor<Reactor> : public detail::GrpcCall<Reactor> {
public:
    using detail::GrpcCall<Reactor>::GrpcCall;

    template <class Response>
    void StartWrite(Response const* message, grpc::WriteOptions options = {}) {
        bytes_ = detail::grpc_bytes(*message);
        Reactor::StartWrite(message, options);
    }
    template <class Response>
    void StartWriteLast(Response const* message, grpc::WriteOptions options) {
        StartWrite(message, options.set_last_message());
    }
    template <class Response>
    void StartWriteAndFinish(Response const* message, grpc::WriteOptions options, grpc::Status status) {
        this->end_.finishing(status.ok(), detail::grpc_bytes(*message));
        Reactor::StartWriteAndFinish(message, options, std::move(status));
    }
    void Finish(grpc::Status status) {
        this->end_.finishing(status.ok());
        Reactor::Finish(std::move(status));
    }

protected:
    virtual void OnWritten(bool /*ok*/) {}

private:
    void OnWriteDone(bool ok) final {
        this->end_.written(ok, bytes_);
        OnWritten(ok);
    }

    std::size_t bytes_ = 0;
};

}  // namespace adapt

namespace detail {

template <class Message, class Next>
class GrpcStream final : public adapt::GrpcReactor<grpc::ServerWriteReactor<Message>> {
public:
    template <class Given, class... Call>
    explicit GrpcStream(Given&& next, Call&&... call)
        : adapt::GrpcReactor<grpc::ServerWriteReactor<Message>>(std::forward<Call>(call)...),
          next_(std::forward<Given>(next)) {
        write_next();
    }

private:
    void OnWritten(bool ok) override {
        if (ok && !this->gone()) return write_next();
        this->Finish(grpc::Status::CANCELLED);  // nobody is there to read it, but gRPC ends no call without one
    }
    void write_next() {
        message_.Clear();
        if (asked()) return this->StartWrite(&message_);
        this->Finish(std::move(status_));
    }
    bool asked() {
#if defined(__cpp_exceptions)
        try {
            return next_(message_, status_);
        } catch (...) {
            status_ = {grpc::StatusCode::UNKNOWN, "Unexpected error in RPC handling"};
            return false;
        }
#else
        return next_(message_, status_);
#endif
    }

    Message message_;
    grpc::Status status_;
    Next next_;
};

}  // namespace detail
}  // namespace lastbyte
