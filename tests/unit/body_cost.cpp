// What a wrapper may cost: no allocation, no memory that grows with the body, two clock reads whatever the chunks. Not for
// ThreadSanitizer, which has an operator new of its own.
#include <doctest/doctest.h>

#include <new>

#include "counting_new.hpp"
#include "every_shape.hpp"

using lastbyte::Outcome;
using namespace shapes;

namespace {

enum class How { bare, wrapped, shared };

/// The allocations of one request that is consumed to its end.
template <class S>
std::size_t allocations_of(How how, bool traced, std::size_t chunks) {
    Seen seen;
    lastbyte::Tracer<Docs> tracer;
    Script script{.chunks = fours(chunks)};
    auto const before = allocations;
    {
        auto stream = S::stream(Producer{std::move(script)});
        if (how == How::bare) {
            (void)S::drive(stream);
        } else if (traced) {
            auto body = lastbyte::defer_until_consumed(tracer.body(std::move(stream)), Note<>{&seen});
            if (how == How::shared) {
                auto const shared = std::move(body).shared();
                auto const copy = shared;
                (void)S::drive(*copy);
            } else {
                (void)S::drive(body);
            }
        } else {
            auto body = lastbyte::defer_until_consumed(std::move(stream), NotePlain{&seen});
            (void)S::drive(body);
        }
    }
    auto const made = allocations - before;
    CHECK(seen.calls == (how == How::bare ? 0 : 1));
    return made;
}

}  // namespace

TEST_CASE_TEMPLATE("a wrapper allocates nothing, per body or per chunk", S, EVERY_SHAPE) {
    (void)allocations_of<S>(How::wrapped, true, 3);
    for (std::size_t const chunks : {0u, 1u, 100u}) {
        auto const bare = allocations_of<S>(How::bare, false, chunks);
        auto const traced = allocations_of<S>(How::wrapped, true, chunks);
        auto const untraced = allocations_of<S>(How::wrapped, false, chunks);
        CHECK(traced == bare);
        CHECK(untraced == bare);
    }
}

TEST_CASE_TEMPLATE("a shared body allocates once, whatever the number of its copies", S, EVERY_SHAPE) {
    (void)allocations_of<S>(How::wrapped, true, 3);
    auto const wrapped = allocations_of<S>(How::wrapped, true, 3);
    auto const shared = allocations_of<S>(How::shared, true, 3);
    CHECK(shared == wrapped + 1);
}

TEST_CASE_TEMPLATE("a body that can't be shared for want of memory is untouched", S, EVERY_SHAPE) {
    Seen seen;
    {
        auto body = make<S>(seen, {.chunks = fours(2)}, lastbyte::Tracer<Docs>{});
        bool thrown = false;
        out_of_memory = true;
        try {
            auto const shared = std::move(body).shared();
        } catch (std::bad_alloc const&) {
            thrown = true;
        }
        out_of_memory = false;
        CHECK(thrown);
        CHECK(seen.calls == 0);
        CHECK(S::drive(body).text == joined(fours(2)));
    }
    CHECK(seen.calls == 1);
    CHECK(seen.outcome == Outcome::complete);
}

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30;

/// A gibibyte that is produced as it is pulled, from one chunk that is used again and again.
struct Large {
    std::uint64_t left = gibibyte / mebibyte;
    static std::string const& chunk() {
        static std::string const one(mebibyte, 'x');
        return one;
    }
    bool next() { return left != 0 && left-- != 0; }
};

struct LargePull {
    static auto stream() {
        return [large = Large{}]() mutable {
            return large.next() ? std::optional<std::string_view>{Large::chunk()} : std::nullopt;
        };
    }
    static void drive(auto& body) {
        while (body()) {
        }
    }
};
struct LargeRead {
    static auto stream() {
        return [large = Large{}](char*, std::size_t size) mutable { return large.next() ? size : 0; };
    }
    static void drive(auto& body) {
        static char buffer[mebibyte];
        while (body(buffer, sizeof buffer) != 0) {
        }
    }
};
struct Drain {
    bool write(char const*, std::size_t) { return true; }
    void done() {}
};
struct LargeProvider {
    static auto stream() {
        return [large = Large{}](std::size_t, std::size_t, auto& sink) mutable {
            if (large.next()) return sink.write(Large::chunk().data(), mebibyte);
            sink.done();
            return false;
        };
    }
    static void drive(auto& body) {
        Drain sink;
        while (body(std::size_t{0}, mebibyte, sink)) {
        }
    }
};
struct LargePush {
    static auto stream() {
        return [large = Large{}](auto& sink) mutable {
            while (large.next()) sink.write(Large::chunk().data(), mebibyte);
        };
    }
    static void drive(auto& body) {
        Drain sink;
        body(sink);
    }
};
struct LargeGenerator {
    static Generator stream() {
        for (Large large; large.next();) co_yield Large::chunk();
    }
    static void drive(auto& body) {
        std::size_t seen = 0;
        auto const end = body.end();
        auto at = body.begin();
        while (!(at == end)) {
            seen += (*at).size();
            ++at;
        }
        CHECK(seen == gibibyte);
    }
};
struct LargeAsync {
    static AsyncGenerator stream() {
        for (Large large; large.next();) co_yield Large::chunk();
    }
    template <class Body>
    static Task pull(Body& body) {
        for (bool more = true; more;) {
            auto const chunk = co_await body.next();
            more = chunk.has_value();
        }
    }
    static void drive(auto& body) {
        auto const task = pull(body);
        CHECK(task.done());
    }
};
struct LargeHandler {
    struct Stream {
        Large large;
        template <class Done>
        void async_read_some(Buffer to, Done done) {
            bool const more = large.next();
            context().post(std::move(done), {more ? Error::none : Error::eof}, more ? to.length : 0);
        }
    };
    static Stream stream() { return {}; }
    static void drive(auto& body) {
        static char buffer[mebibyte];
        bool end = false;
        while (!end) {
            body.async_read_some(Buffer{buffer, sizeof buffer},
                                 [&](Error error, std::size_t) { end = static_cast<bool>(error); });
            context().run();
        }
    }
};
struct LargeStreambuf {
    struct Stream : std::streambuf {
        Large large;
        std::streamsize xsgetn(char*, std::streamsize size) override { return large.next() ? size : 0; }
    };
    static Stream stream() { return {}; }
    static void drive(auto& body) {
        static char buffer[mebibyte];
        while (body.sgetn(buffer, sizeof buffer) != 0) {
        }
    }
};

/// By how much memory grows while a stream is consumed.
template <class L>
std::size_t peak_of(auto& stream) {
    auto const before = live_bytes;
    peak_bytes = live_bytes;
    L::drive(stream);
    return peak_bytes - before;
}

}  // namespace

TEST_CASE_TEMPLATE("a body of one gibibyte takes no more memory than the bare stream", L, LargePull, LargeRead,
                   LargeProvider, LargePush, LargeGenerator, LargeAsync, LargeHandler, LargeStreambuf) {
    Seen seen;
    lastbyte::Tracer<Docs> tracer;
    std::size_t bare_peak = 0, wrapped_peak = 0;
    {
        auto bare = L::stream();
        bare_peak = peak_of<L>(bare);
    }
    {
        auto body = lastbyte::defer_until_consumed(tracer.body(L::stream()), Note<>{&seen});
        wrapped_peak = peak_of<L>(body);
    }
    CHECK(seen.bytes == gibibyte);
    CHECK(seen.chunks == gibibyte / mebibyte);
    CHECK(seen.outcome == Outcome::complete);
    CHECK(bare_peak < 8 * mebibyte);
    CHECK(wrapped_peak <= bare_peak + 1024);
}

namespace {

/// Stands still, and counts how often it is looked at.
struct CountedClock {
    static inline int reads = 0, rates = 0;
    static std::uint64_t now() noexcept { return ++reads, 1000; }
    static lastbyte::ClockRate rate() noexcept { return ++rates, lastbyte::ClockRate{}; }
    static void anchor() noexcept {}
};
struct ClockCounted : Docs {
    using Clock = CountedClock;
};

/// Clock reads between the wrapping of a stream and the callback.
template <class S, class... Options>
int reads_of(std::size_t chunks, std::size_t most, Options... options) {
    Seen seen;
    lastbyte::Tracer<ClockCounted> tracer;
    CountedClock::reads = CountedClock::rates = 0;
    {
        auto body = make<S>(seen, {.chunks = fours(chunks)}, tracer, options...);
        (void)S::drive(body, most);
    }
    CHECK(seen.calls == 1);
    CHECK(CountedClock::rates <= 1);
    return CountedClock::reads;
}

}  // namespace

TEST_CASE_TEMPLATE("the clock is read at the first byte and at the end, and at no chunk between", S, EVERY_SHAPE) {
    for (std::size_t const chunks : {1u, 2u, 1000u}) {
        CHECK(reads_of<S>(chunks, all) == 2);
        CHECK(reads_of<S>(chunks, all, lastbyte::content_length(4 * chunks)) == 2);
        if (S::traits.resumes) CHECK(reads_of<S>(chunks, chunks) == 2);
    }
    CHECK(reads_of<S>(0, all) == 1);
    CHECK(reads_of<S>(3, 0) == 1);
}

namespace {

/// What a body without a tracer reports to, on a clock that counts.
struct CountedSubject : lastbyte::detail::UntracedSubject {
    using Clock = CountedClock;
    [[nodiscard]] std::uint64_t start() const noexcept { return Clock::now(); }
    [[nodiscard]] lastbyte::ClockRate close() const noexcept { return Clock::rate(); }
};

}  // namespace

TEST_CASE("without a tracer the clock is read once more, for the start") {
    Seen seen;
    CountedClock::reads = CountedClock::rates = 0;
    {
        auto stream = Pull::stream(Producer{{.chunks = fours(1000)}});
        auto body =
            lastbyte::detail::wrap(CountedSubject{}, lastbyte::detail::Held<decltype(stream)>{std::move(stream)},
                                   NotePlain{&seen}, lastbyte::detail::Limits{}, lastbyte::detail::NeverCancelled{});
        (void)Pull::drive(body);
    }
    CHECK(seen.calls == 1);
    CHECK(CountedClock::reads == 3);
    CHECK(CountedClock::rates == 1);
}

TEST_CASE("what a wrapper adds to the size of a stream is the meter, the trace and a flag or two") {
    auto const callback = [](lastbyte::Reading<Docs> const&) {};
    lastbyte::Tracer<Docs> tracer;
    using Body = decltype(lastbyte::defer_until_consumed(tracer.body(LargePull::stream()), callback));
    static_assert(sizeof(Body) <= sizeof(LargePull::stream()) + 96);
}
