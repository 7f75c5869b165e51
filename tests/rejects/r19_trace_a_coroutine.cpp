// A coroutine returns before its work is done: a span around the call would end too early. The span goes inside.
// expect: lastbyte: trace<.*>\(fn\) was given a coroutine.*Keep a span inside the coroutine: auto span = tracer\.async_span<
// expect-2: lastbyte: trace<.*>\(fn\) was given a coroutine
// expect-3: lastbyte: trace<.*>\(fn\) was given a coroutine
// expect-4: lastbyte: trace<.*>\(fn\) was given a coroutine
// expect-5: lastbyte: trace<.*>\(fn\) was given a coroutine
// expect-6: lastbyte: trace<.*>\(fn\) was given a coroutine
// expect-7: lastbyte: trace<.*>\(fn\) was given a coroutine
// expect-8: lastbyte: trace<.*>\(fn\) was given a coroutine
// expect-9: lastbyte: trace<.*>\(fn\) calls fn with no argument, or with the span
// expect-10: lastbyte: trace<.*>\(fn\) was given a coroutine
#include <coroutine>
#include <string_view>

#include "policy.hpp"

template <class Result>
struct Promise {
    Result get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(std::string_view) { return {}; }
    void return_void() {}
    void unhandled_exception() {}
};
struct Task {
    struct promise_type : Promise<Task> {};
};
struct Generator {
    struct promise_type : Promise<Generator> {};
    std::string_view const* begin() { return nullptr; }
    std::string_view const* end() { return nullptr; }
};
struct Awaiter {
    bool await_ready() noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) noexcept {}
    int await_resume() noexcept { return 1; }
};
struct WithMember {
    Awaiter operator co_await() { return {}; }
};
struct WithRvalueMember {
    Awaiter operator co_await() && { return {}; }
};
struct WithFree {};
Awaiter operator co_await(WithFree) { return {}; }
struct Silent : lastbyte::Off {
    using Tiers = Telemetry::Tiers;
};

Task work(Tracer tracer) {
    auto span = tracer.async_span<"index">();
    co_await Awaiter{};
    span.source(Source::cache);
}

void handler(Tracer& tracer) {
    lastbyte::Tracer<Silent> const silent;
#if LASTBYTE_REJECT == 1
    tracer.trace<"index">([]() -> Task { co_return; });
#elif LASTBYTE_REJECT == 2
    tracer.trace<"index">([]() -> Generator { co_yield "chunk"; });
#elif LASTBYTE_REJECT == 3
    tracer.trace<"index">([] { return Awaiter{}; });
#elif LASTBYTE_REJECT == 4
    tracer.trace<"index">([] { return WithMember{}; });
#elif LASTBYTE_REJECT == 5
    tracer.trace<"index">([] { return WithFree{}; });
#elif LASTBYTE_REJECT == 6
    tracer.trace<"file:*">("a.md", [](auto& span) -> Task {
        span.source(Source::r2);
        co_return;
    });
#elif LASTBYTE_REJECT == 7
    silent.trace<"index">([]() -> Task { co_return; }, Source::r2);
#elif LASTBYTE_REJECT == 8
    tracer.trace<"index">([&] { return work(tracer); });
#elif LASTBYTE_REJECT == 9
    tracer.trace<"index">([](int) {});
#elif LASTBYTE_REJECT == 10
    tracer.trace<"index">([] { return WithRvalueMember{}; });
#else
    work(tracer);
    tracer.trace<"index">([] { return 1; });
    silent.trace<"index">([](auto& span) { span.source(Source::r2); });
    (void)[] { return WithFree{}; };
#endif
    (void)tracer, (void)silent;
}
