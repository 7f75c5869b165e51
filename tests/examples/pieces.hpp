// A text that is made while it is read: a coroutine that yields pieces, pulled one at a time.
//
// Nothing of its body runs when it is called. The first pull starts it, each further pull runs it to the next
// `co_yield`, and destroying it half-way unwinds it where it stands. That is how a streamed response works in any
// server, and why telemetry read at the end of the handler is wrong: the handler returns one of these, not yet begun.
// Cost: one allocation for the coroutine's frame; a piece is a view and is not copied.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

/// A lazy sequence of text pieces. Calling it gives the next one, `nullopt` at the end; a piece is valid until the
/// next call. What the coroutine throws comes out of the call, once.
class [[nodiscard]] Pieces {
public:
    struct promise_type {
        std::string_view piece;
        std::exception_ptr error;

        Pieces get_return_object() { return Pieces{std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        // The view's owner lives in the coroutine's frame, a temporary included, until the coroutine is resumed.
        std::suspend_always yield_value(std::string_view next) noexcept {
            piece = next;
            return {};
        }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { error = std::current_exception(); }
    };

    Pieces(Pieces&& other) noexcept : frame_{std::exchange(other.frame_, nullptr)} {}
    Pieces& operator=(Pieces&& other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }
    ~Pieces() {
        if (frame_) {
            frame_.destroy();
        }
    }

    std::optional<std::string_view> operator()() {
        if (!frame_ || frame_.done()) {
            return std::nullopt;
        }
        frame_.resume();
        if (auto const error = std::exchange(frame_.promise().error, nullptr)) {
            std::rethrow_exception(error);
        }
        if (frame_.done()) {
            return std::nullopt;
        }
        return frame_.promise().piece;
    }

private:
    explicit Pieces(std::coroutine_handle<promise_type> frame) noexcept : frame_{frame} {}

    std::coroutine_handle<promise_type> frame_;
};
