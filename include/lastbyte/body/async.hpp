// Async generators: `co_await body.next()` gives the next chunk or nothing.
//
// The wrapper's awaitable forwards to the stream's own, so suspension, symmetric transfer and the executor stay as they
// were; it counts when the result is there. A coroutine that is destroyed while it waits ends the body like any drop.
#pragma once

#include <new>
#include <type_traits>
#include <utility>

#include <lastbyte/body/body.hpp>

namespace lastbyte {

namespace detail {

template <class Awaitable>
concept AwaitedByMember = requires(Awaitable&& awaitable) { static_cast<Awaitable&&>(awaitable).operator co_await(); };
template <class Awaitable>
concept AwaitedByFunction = requires(Awaitable&& awaitable) { operator co_await(static_cast<Awaitable&&>(awaitable)); };

template <AwaitedByMember Awaitable>
decltype(auto) awaiter_of(Awaitable&& awaitable) noexcept(
    noexcept(static_cast<Awaitable&&>(awaitable).operator co_await())) {
    return static_cast<Awaitable&&>(awaitable).operator co_await();
}
template <class Awaitable>
    requires(AwaitedByFunction<Awaitable> && !AwaitedByMember<Awaitable>)
decltype(auto) awaiter_of(Awaitable&& awaitable) noexcept(noexcept(operator co_await(static_cast<Awaitable&&>(awaitable)))) {
    return operator co_await(static_cast<Awaitable&&>(awaitable));
}
template <class Awaitable>
Awaitable&& awaiter_of(Awaitable&& awaitable) noexcept {
    return static_cast<Awaitable&&>(awaitable);
}

template <class Awaitable>
using awaiter_t = decltype(awaiter_of(std::declval<Awaitable>()));

template <class Stream>
concept AsyncStream = requires(Stream& stream) {
    { awaiter_of(stream.next()).await_ready() };
    requires MaybeChunk<decltype(awaiter_of(stream.next()).await_resume())>;
};

}  // namespace detail

/// A stream with an awaitable `next()`. One `next()` at a time; while one is awaited the body must stay where it is, and
/// its callback must not destroy the coroutine that awaits.
template <class Stream, class Hook>
class [[nodiscard("lastbyte: a body must be given to the server; dropped here, it is abandoned at once.")]] AsyncBody
    : public detail::BodyCore<AsyncBody<Stream, Hook>, Stream, Hook> {
    using Core = detail::BodyCore<AsyncBody, Stream, Hook>;
    using Inner = typename Core::stream_type;
    using Awaitable = decltype(std::declval<Inner&>().next());
    using Awaiter = detail::awaiter_t<Awaitable>;
    using Result = decltype(std::declval<Awaiter>().await_resume());
    static constexpr bool quiet_next = noexcept(detail::awaiter_of(std::declval<Inner&>().next()));

public:
    using Core::Core;

    /// What is awaited. When it has brought the end, the stream is let go of after it, and the callback runs then: at the
    /// end of the `co_await` expression.
    class [[nodiscard]] Next {
    public:
        explicit Next(AsyncBody& body) noexcept(quiet_next) : body_(body) {
            if (body.hook_.over()) return;
            body.hook_.guard(body.stream_, [&]() noexcept(quiet_next) {
                ::new (static_cast<void*>(&place_)) Waiting(body.stream_.get());
            });
            waits_ = true;
        }
        Next(Next const&) = delete;
        Next& operator=(Next const&) = delete;
        ~Next() {
            if (waits_) place_.waiting.~Waiting();
            if (last_) body_.finish();
        }

        [[nodiscard]] bool await_ready() noexcept(noexcept(std::declval<Awaiter&>().await_ready())) {
            return !waits_ || step([this]() noexcept(noexcept(std::declval<Awaiter&>().await_ready())) {
                return static_cast<bool>(place_.waiting.awaiter.await_ready());
            });
        }
        /// Touches nothing after the stream's own: the coroutine may be gone by then.
        template <class Handle>
        auto await_suspend(Handle handle) noexcept(noexcept(std::declval<Awaiter&>().await_suspend(handle))) {
            return step([&]() noexcept(noexcept(std::declval<Awaiter&>().await_suspend(handle))) {
                return place_.waiting.awaiter.await_suspend(handle);
            });
        }
        Result await_resume() noexcept(noexcept(std::declval<Awaiter&>().await_resume())) {
            auto const resume = [this]() noexcept(noexcept(std::declval<Awaiter&>().await_resume())) -> Result {
                return place_.waiting.awaiter.await_resume();
            };
            Result chunk = waits_ ? step(resume) : Result();  // one object for every return, so that it is never copied
            if (!waits_) return chunk;
            if (static_cast<bool>(chunk)) {
                body_.hook_.took(detail::chunk_bytes(*chunk));
            } else {
                body_.hook_.ended();
                last_ = true;
            }
            return chunk;
        }

    private:
        /// What the compiler keeps in a coroutine's frame for a bare `co_await stream.next()`.
        struct Waiting {
            Awaitable awaitable;
            decltype(detail::awaiter_of(std::declval<Awaitable>())) awaiter;
            explicit Waiting(Inner& stream)
                : awaitable(stream.next()), awaiter(detail::awaiter_of(static_cast<Awaitable&&>(awaitable))) {}
        };
        union Place {
            Waiting waiting;
            Place() noexcept {}
            ~Place() {}
        };

        template <class Call>
        decltype(auto) step(Call call) noexcept(noexcept(call())) {
#if defined(__cpp_exceptions)
            if constexpr (!noexcept(call())) {
                try {
                    return call();
                } catch (...) {
                    body_.hook_.settle(Outcome::producer_error);
                    last_ = true;
                    throw;
                }
            } else
#endif
                return call();
        }

        AsyncBody& body_;
        bool waits_ = false;
        bool last_ = false;
        Place place_;
    };

    /// The next chunk, or nothing at the end.
    [[nodiscard]] Next next() noexcept(quiet_next) { return Next{*this}; }

private:
    void finish() noexcept {
        this->stream_.release();
        this->hook_.fire();
    }
};

}  // namespace lastbyte
