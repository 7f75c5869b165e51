// The callback is called once, as an rvalue, and what it returned would be lost.
// expect: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once, as an rvalue
// expect-2: lastbyte: fn of defer_until_consumed\(body, fn\) returns a value, which nobody would receive\. Return nothing
// expect-3: lastbyte: fn of defer_until_consumed\(body, fn\) returns a value, which nobody would receive
// expect-4: lastbyte: fn of defer_until_consumed\(body, fn\) returns a value, which nobody would receive
// expect-5: lastbyte: fn of defer_until_consumed\(body, fn\) returns a value, which nobody would receive
// expect-6: lastbyte: fn of defer_until_consumed\(body, fn\) returns a value, which nobody would receive
// expect-7: lastbyte: fn of defer_until_consumed\(body, fn\) must be callable once, as an rvalue
// expect-8: lastbyte: seal\(fn\) calls fn with the final facts
#include <coroutine>

#include "policy.hpp"

struct [[nodiscard]] Written {
    bool whole;
};
struct OnlyAsLvalue {
    void operator()(Reading const&) & {}
};
struct OnlyAsRvalue {
    OnlyAsRvalue() = default;
    OnlyAsRvalue(OnlyAsRvalue&&) = default;
    void operator()(Reading const&) && {}
};
struct Private {
private:
    void operator()(Reading const&) {}
};
struct Task {
    struct promise_type {
        Task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() {}
    };
};

void handler(Tracer& tracer) {
    [[maybe_unused]] auto const defer = [&](auto fn) {
        serve(lastbyte::defer_until_consumed(tracer.body(Pull{}), std::move(fn)));
    };
#if LASTBYTE_REJECT == 1
    defer(OnlyAsLvalue{});
#elif LASTBYTE_REJECT == 2
    defer([](Reading const&) { return Written{true}; });
#elif LASTBYTE_REJECT == 3
    defer([](Reading const& done) { return done.bytes(); });
#elif LASTBYTE_REJECT == 4
    defer([](Reading const&) -> bool { return true; });
#elif LASTBYTE_REJECT == 5
    defer([](Reading const&) -> Task { co_return; });
#elif LASTBYTE_REJECT == 6
    serve(lastbyte::defer_until_consumed(Pull{}, [](lastbyte::Consumption const&) { return 1; }));
#elif LASTBYTE_REJECT == 7
    defer(Private{});
#elif LASTBYTE_REJECT == 8
    tracer.seal([](Reading const&) {});
#else
    defer(OnlyAsRvalue{});
    defer([](Reading const&) { (void)Written{true}; });
#endif
}
