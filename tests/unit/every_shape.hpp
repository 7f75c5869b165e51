// One producer and one consumer for every stream shape, so that each claim about bodies is tested on all of them.
//
// A shape S has S::stream(Producer), which makes the bare stream, and S::drive(body, most, piece), which takes at most
// `most` chunks from a bare or wrapped stream as a server would, and says what it got. Reads go by `piece` bytes.
// S::traits says how.
#pragma once

#include <doctest/doctest.h>

#include <lastbyte/body/streambuf.hpp>
#include <lastbyte/lastbyte.hpp>

#include <coroutine>
#include <cstddef>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace shapes {

constexpr std::size_t all = ~std::size_t{0};

struct ProducerFailed : std::runtime_error {
    ProducerFailed() : std::runtime_error("the producer failed") {}
};

/// What a producer does: its chunks, the pull at which it fails, and what it does at each pull and when it is destroyed.
struct Script {
    std::vector<std::string> chunks;
    std::size_t fails_at = all;
    std::function<void(std::size_t)> at_pull = nullptr;
    std::function<void()> at_death = nullptr;
};

class Producer {
public:
    explicit Producer(Script script) : state_(new State{std::move(script)}) {}

    std::optional<std::string> next() {
        auto& [script, at] = *state_;
        if (script.at_pull) script.at_pull(at);
        if (at == script.fails_at) throw ProducerFailed{};
        if (at == script.chunks.size()) return std::nullopt;
        return script.chunks[at++];
    }

private:
    struct State {
        Script script;
        std::size_t at = 0;
    };
    struct Bury {
        void operator()(State* state) const {
            if (state->script.at_death) state->script.at_death();
            delete state;
        }
    };
    std::unique_ptr<State, Bury> state_;
};

/// What a consumer got.
struct Taken {
    std::string text;
    std::size_t chunks = 0;
    bool end = false;
};

/// How a shape is consumed.
struct Traits {
    bool stepwise;  // chunk by chunk: a consumer can leave, and a producer can fail, in the middle
    bool resumes;   // drive() goes on where an earlier drive() stopped
    bool at_drop;   // the callback waits for the drop, because somebody may still point into the stream
    bool inert;     // a body that was moved from or is over may be read, and says that there is no more
};

struct Pull {
    static constexpr Traits traits{.stepwise = true, .resumes = true, .at_drop = false, .inert = true};
    static auto stream(Producer producer) {
        return [producer = std::move(producer)]() mutable { return producer.next(); };
    }
    template <class Body>
    static Taken drive(Body& body, std::size_t most = all, std::size_t = 4) {
        Taken taken;
        while (taken.chunks < most) {
            auto chunk = body();
            if (!chunk) return taken.end = true, taken;
            taken.text += *chunk;
            ++taken.chunks;
        }
        return taken;
    }
};

struct Read {
    static constexpr Traits traits{.stepwise = true, .resumes = true, .at_drop = false, .inert = true};
    static auto stream(Producer producer) {
        return [producer = std::move(producer), rest = std::string{}](char* to, std::size_t size) mutable {
            if (rest.empty())
                if (auto chunk = producer.next()) rest = std::move(*chunk);
            std::size_t const count = rest.copy(to, size);
            rest.erase(0, count);
            return count;
        };
    }
    template <class Body>
    static Taken drive(Body& body, std::size_t most = all, std::size_t piece = 4) {
        Taken taken;
        std::string buffer(piece, '\0');
        while (taken.chunks < most) {
            std::size_t const count = body(buffer.data(), buffer.size());
            if (count == 0) return taken.end = true, taken;
            taken.text.append(buffer, 0, count);
            ++taken.chunks;
        }
        return taken;
    }
};

/// A server's sink, which refuses once it has taken `most` chunks.
struct ServerSink {
    Taken& taken;
    std::size_t most;
    bool finished = false;
    bool write(char const* data, std::size_t size) {
        if (taken.chunks >= most) return false;
        taken.text.append(data, size);
        ++taken.chunks;
        return true;
    }
    void done() { finished = true; }
};

struct Provider {
    static constexpr Traits traits{.stepwise = true, .resumes = true, .at_drop = false, .inert = true};
    static auto stream(Producer producer) {
        return [producer = std::move(producer)](std::size_t, std::size_t, auto& sink) mutable {
            auto chunk = producer.next();
            if (!chunk) return sink.done(), true;
            return sink.write(chunk->data(), chunk->size());
        };
    }
    template <class Body>
    static Taken drive(Body& body, std::size_t most = all, std::size_t = 4) {
        Taken taken;
        ServerSink sink{taken, most};
        while (taken.chunks < most && !sink.finished)
            if (!body(taken.text.size(), std::size_t{1 << 16}, sink)) return taken.end = true, taken;
        taken.end = sink.finished;
        return taken;
    }
};

struct Push {
    static constexpr Traits traits{.stepwise = true, .resumes = false, .at_drop = false, .inert = true};
    static auto stream(Producer producer) {
        return [producer = std::move(producer)](auto& sink) mutable {
            while (auto chunk = producer.next())
                if (!sink.write(chunk->data(), chunk->size())) return;
        };
    }
    template <class Body>
    static Taken drive(Body& body, std::size_t most = all, std::size_t = 4) {
        Taken taken;
        ServerSink sink{taken, most};
        if (most != 0) body(sink);
        taken.end = true;
        return taken;
    }
};

/// Walks over a range without running the producer further than it must.
template <class Body>
Taken walk(Body& body, std::size_t most) {
    Taken taken;
    if (most == 0) return taken;
    auto const end = body.end();
    auto at = body.begin();
    while (taken.chunks < most) {
        if (at == end) return taken.end = true, taken;
        taken.text += *at;
        ++taken.chunks;
        ++at;
    }
    return taken;
}

/// A hand-written iterator that declares no types and runs the producer when it is looked at, not when it steps.
class LazyIterator {
public:
    LazyIterator() = default;
    explicit LazyIterator(Producer producer) : state_(std::make_shared<State>(State{std::move(producer), {}})) {}
    std::string const& operator*() const { return *state_->current; }
    LazyIterator& operator++() {
        state_->current.reset();
        return *this;
    }
    friend bool operator==(LazyIterator const& at, std::nullptr_t) {
        if (!at.state_->current) at.state_->current = at.state_->producer.next();
        return !at.state_->current;
    }

private:
    struct State {
        Producer producer;
        std::optional<std::string> current;
    };
    std::shared_ptr<State> state_;
};

struct Range {
    static constexpr Traits traits{.stepwise = true, .resumes = true, .at_drop = true, .inert = false};
    class Stream {
    public:
        explicit Stream(Producer producer) : first_(std::move(producer)) {}
        LazyIterator begin() { return first_; }
        std::nullptr_t end() const { return nullptr; }

    private:
        LazyIterator first_;
    };
    static auto stream(Producer producer) { return Stream{std::move(producer)}; }
    template <class Body>
    static Taken drive(Body& body, std::size_t most = all, std::size_t = 4) {
        return walk(body, most);
    }
};

struct IteratorPair {
    static constexpr Traits traits{.stepwise = true, .resumes = true, .at_drop = true, .inert = false};
    static auto stream(Producer producer) { return lastbyte::chunks(LazyIterator{std::move(producer)}, nullptr); }
    template <class Body>
    static Taken drive(Body& body, std::size_t most = all, std::size_t = 4) {
        return walk(body, most);
    }
};

/// The smallest coroutine generator: runs to the next chunk when an iterator is compared with the end.
class Generator {
public:
    struct promise_type {
        std::string const* current = nullptr;
        std::exception_ptr failure;
        Generator get_return_object() { return Generator{std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(std::string const& chunk) noexcept {
            current = &chunk;
            return {};
        }
        void return_void() noexcept {}
        void unhandled_exception() { failure = std::current_exception(); }
    };
    class Iterator {
    public:
        using difference_type = std::ptrdiff_t;
        using value_type = std::string;
        explicit Iterator(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
        std::string const& operator*() const { return *handle_.promise().current; }
        Iterator& operator++() {
            handle_.promise().current = nullptr;
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(Iterator const& at, std::default_sentinel_t) {
            auto& promise = at.handle_.promise();
            if (promise.current == nullptr && !at.handle_.done()) at.handle_.resume();
            if (promise.failure) std::rethrow_exception(std::exchange(promise.failure, nullptr));
            return at.handle_.done();
        }

    private:
        std::coroutine_handle<promise_type> handle_;
    };

    Generator(Generator&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    ~Generator() {
        if (handle_) handle_.destroy();
    }
    Iterator begin() { return Iterator{handle_}; }
    std::default_sentinel_t end() const { return {}; }

private:
    explicit Generator(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

struct SyncGenerator {
    static constexpr Traits traits{.stepwise = true, .resumes = true, .at_drop = true, .inert = false};
    static Generator stream(Producer producer) {
        while (auto chunk = producer.next()) co_yield *chunk;
    }
    template <class Body>
    static Taken drive(Body& body, std::size_t most = all, std::size_t = 4) {
        return walk(body, most);
    }
};

/// Who is to be resumed next. A vector, because what it allocates doesn't depend on what went before.
inline std::vector<std::coroutine_handle<>>& ready() {
    static std::vector<std::coroutine_handle<>> queue;
    return queue;
}
inline void run_loop() {
    while (!ready().empty()) {
        auto const next = ready().front();
        ready().erase(ready().begin());
        next.resume();
    }
}
struct Reschedule {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) const { ready().push_back(handle); }
    void await_resume() const noexcept {}
};

/// The smallest async generator: `next()` transfers to the producer, which transfers back with a chunk.
class AsyncGenerator {
public:
    struct promise_type {
        std::optional<std::string> current;
        std::exception_ptr failure;
        std::coroutine_handle<> consumer;
        struct Back {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
                return self.promise().consumer;
            }
            void await_resume() const noexcept {}
        };
        AsyncGenerator get_return_object() {
            return AsyncGenerator{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        Back final_suspend() noexcept { return {}; }
        Back yield_value(std::string chunk) {
            current = std::move(chunk);
            return {};
        }
        void return_void() noexcept {}
        void unhandled_exception() { failure = std::current_exception(); }
    };
    struct Next {
        std::coroutine_handle<promise_type> handle;
        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<> consumer) const {
            handle.promise().consumer = consumer;
            handle.promise().current.reset();
            return handle;
        }
        std::optional<std::string> await_resume() const {
            if (handle.promise().failure) std::rethrow_exception(std::exchange(handle.promise().failure, nullptr));
            return std::exchange(handle.promise().current, std::nullopt);
        }
    };

    AsyncGenerator(AsyncGenerator&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    ~AsyncGenerator() {
        if (handle_) handle_.destroy();
    }
    Next next() { return Next{handle_}; }

private:
    explicit AsyncGenerator(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

/// A coroutine that starts at once; dropped while it waits, it is destroyed where it stands.
class Task {
public:
    struct promise_type {
        std::exception_ptr failure;
        Task get_return_object() { return Task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() { failure = std::current_exception(); }
    };
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    ~Task() {
        if (handle_) handle_.destroy();
    }
    [[nodiscard]] bool done() const { return handle_.done(); }
    void rethrow() const {
        if (handle_.promise().failure) std::rethrow_exception(handle_.promise().failure);
    }

private:
    explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

// Out of line, or clang may leave out the allocation of its frame for one body and not for another.
template <class Body>
[[gnu::noinline]] Task consume(Body& body, std::size_t most, Taken& taken) {
    while (taken.chunks < most) {
        auto chunk = co_await body.next();
        if (!chunk) {
            taken.end = true;
            co_return;
        }
        taken.text += *chunk;
        ++taken.chunks;
    }
}

struct Async {
    static constexpr Traits traits{.stepwise = true, .resumes = true, .at_drop = false, .inert = true};
    static AsyncGenerator stream(Producer producer) {
        for (;;) {
            co_await Reschedule{};
            auto chunk = producer.next();
            if (!chunk) co_return;
            co_yield *chunk;
        }
    }
    template <class Body>
    static Taken drive(Body& body, std::size_t most = all, std::size_t = 4) {
        Taken taken;
        auto task = consume(body, most, taken);
        run_loop();
        task.rethrow();
        return taken;
    }
};

struct Error {
    enum Code { none, eof, failed, aborted } code = none;
    explicit operator bool() const { return code != none; }
    friend bool is_end_of_stream(Error error) { return error.code == eof; }
};

/// A queue of completions, run later or never.
class Context {
public:
    template <class Handler>
    void post(Handler handler, Error error, std::size_t size) {
        struct Completion : Pending {
            Handler handler;
            Error error;
            std::size_t size;
            Completion(Handler h, Error e, std::size_t s) : handler(std::move(h)), error(e), size(s) {}
            void run() override { handler(error, size); }
        };
        queue_.push_back(std::make_unique<Completion>(std::move(handler), error, size));
    }
    void run() {
        while (!queue_.empty()) {
            auto const next = std::move(queue_.front());
            queue_.erase(queue_.begin());
            next->run();
        }
    }
    void drop_all() { queue_.clear(); }

private:
    struct Pending {
        virtual ~Pending() = default;
        virtual void run() = 0;
    };
    std::vector<std::unique_ptr<Pending>> queue_;
};
inline Context& context() {
    static Context one;
    return one;
}

struct Buffer {
    char* data;
    std::size_t length;
    [[nodiscard]] std::size_t size() const { return length; }
};

struct Handler {
    static constexpr Traits traits{.stepwise = true, .resumes = true, .at_drop = true, .inert = false};
    class Stream {
    public:
        explicit Stream(Producer producer) : producer_(std::move(producer)) {}
        template <class Done>
        void async_read_some(Buffer to, Done done) {
            try {
                if (rest_.empty()) {
                    auto chunk = producer_.next();
                    if (!chunk) return context().post(std::move(done), {Error::eof}, 0);
                    rest_ = std::move(*chunk);
                }
                std::size_t const count = rest_.copy(to.data, to.length);
                rest_.erase(0, count);
                context().post(std::move(done), {}, count);
            } catch (ProducerFailed const&) {
                context().post(std::move(done), {Error::failed}, 0);
            }
        }

    private:
        Producer producer_;
        std::string rest_;
    };
    static auto stream(Producer producer) { return Stream{std::move(producer)}; }
    template <class Body>
    static Taken drive(Body& body, std::size_t most = all, std::size_t piece = 4) {
        Taken taken;
        bool failed = false;
        std::string buffer(piece, '\0');
        while (taken.chunks < most && !taken.end && !failed) {
            body.async_read_some(Buffer{buffer.data(), buffer.size()}, [&](Error error, std::size_t size) {
                taken.text.append(buffer, 0, size);
                if (size != 0) ++taken.chunks;
                failed = error.code == Error::failed;
                taken.end = error.code == Error::eof;
            });
            context().run();
        }
        if (failed) throw ProducerFailed{};
        return taken;
    }
};

/// A stream buffer whose text is one chunk at a time.
class ProducerBuffer : public std::streambuf {
public:
    explicit ProducerBuffer(Producer producer) : producer_(std::move(producer)), chunk_(new std::string) {}
    ProducerBuffer(ProducerBuffer&& other) noexcept
        : std::streambuf(other), producer_(std::move(other.producer_)), chunk_(std::move(other.chunk_)) {}

protected:
    int_type underflow() override {
        auto next = producer_.next();
        if (!next) return traits_type::eof();
        *chunk_ = std::move(*next);
        setg(chunk_->data(), chunk_->data(), chunk_->data() + chunk_->size());
        return traits_type::to_int_type(chunk_->front());
    }

private:
    Producer producer_;
    std::unique_ptr<std::string> chunk_;
};

struct Streambuf {
    static constexpr Traits traits{.stepwise = true, .resumes = true, .at_drop = false, .inert = true};
    static auto stream(Producer producer) { return ProducerBuffer{std::move(producer)}; }
    template <class Body>
    static Taken drive(Body& body, std::size_t most = all, std::size_t piece = 4) {
        Taken taken;
        std::string buffer(piece, '\0');
        while (taken.chunks < most) {
            auto const count = static_cast<std::size_t>(body.sgetn(buffer.data(), static_cast<std::streamsize>(piece)));
            taken.text.append(buffer, 0, count);
            if (count != 0) ++taken.chunks;
            if (count < piece) return taken.end = true, taken;
        }
        return taken;
    }
};

struct Istream {
    static constexpr Traits traits{.stepwise = true, .resumes = true, .at_drop = true, .inert = true};
    class Stream : public std::istream {
    public:
        explicit Stream(Producer producer) : std::istream(nullptr), buffer_(std::move(producer)) { rdbuf(&buffer_); }
        Stream(Stream&& other) noexcept : std::istream(nullptr), buffer_(std::move(other.buffer_)) { rdbuf(&buffer_); }

    private:
        ProducerBuffer buffer_;
    };
    static auto stream(Producer producer) { return Stream{std::move(producer)}; }
    static Taken drive(std::istream& body, std::size_t most = all, std::size_t piece = 4) {
        Taken taken;
        std::string buffer(piece, '\0');
        body.exceptions(std::ios_base::badbit);
        while (taken.chunks < most) {
            body.read(buffer.data(), static_cast<std::streamsize>(piece));
            auto const count = static_cast<std::size_t>(body.gcount());
            taken.text.append(buffer, 0, count);
            if (count != 0) ++taken.chunks;
            if (!body) return taken.end = true, taken;
        }
        return taken;
    }
};

struct String {
    static constexpr Traits traits{.stepwise = false, .resumes = false, .at_drop = true, .inert = true};
    class Stream {
    public:
        explicit Stream(Producer producer) : producer_(std::move(producer)) {
            while (auto chunk = producer_.next()) text_ += *chunk;
        }
        operator std::string_view() const { return text_; }

    private:
        Producer producer_;
        std::string text_;
    };
    static auto stream(Producer producer) { return Stream{std::move(producer)}; }
    template <class Body>
    static Taken drive(Body& body, std::size_t most = all, std::size_t = 4) {
        Taken taken;
        if (most == 0) return taken;
        taken.text = std::string_view{body};
        taken.chunks = taken.text.empty() ? 0 : 1;
        taken.end = true;
        return taken;
    }
};

// clang-format off
#define EVERY_SHAPE \
    shapes::Pull, shapes::Read, shapes::Provider, shapes::Push, shapes::Range, shapes::IteratorPair, shapes::SyncGenerator, \
    shapes::Async, shapes::Handler, shapes::Streambuf, shapes::Istream, shapes::String
// clang-format on

enum class Source { memory, cache, build, miss };

struct Docs : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "file:*">, lastbyte::Never<Source::miss>>>;
    using Hits = lastbyte::Hits<Source::memory, Source::cache>;
};

/// What the callback saw, and how often it ran.
struct Seen {
    int calls = 0;
    lastbyte::Outcome outcome{};
    std::uint64_t bytes = 0, chunks = 0, spans = 0, late = 0, first_byte_ns = 0, duration_ns = 0;
    std::string tier;
};

/// The callback of all tests: writes into a Seen.
template <class Policy = Docs>
struct Note {
    Seen* seen;
    void operator()(lastbyte::Reading<Policy> const& done) const {
        ++seen->calls;
        seen->outcome = done.outcome();
        seen->bytes = done.bytes();
        seen->chunks = done.chunks();
        seen->late = done.late();
        seen->first_byte_ns = done.time_to_first_byte_ns();
        seen->duration_ns = done.duration_ns();
        seen->spans = 0;
        for (auto const& span : done.spans()) (void)span, ++seen->spans;
        seen->tier = done.template tier<"cache_tier">().value().name();
    }
};
struct NotePlain {
    Seen* seen;
    void operator()(lastbyte::Consumption const& done) const {
        ++seen->calls;
        seen->outcome = done.outcome();
        seen->bytes = done.bytes();
        seen->chunks = done.chunks();
        seen->first_byte_ns = done.time_to_first_byte_ns();
        seen->duration_ns = done.duration_ns();
    }
};

/// A body of shape S that plays a script and notes what it was.
template <class S, class Policy = Docs, class... Options>
auto make(Seen& seen, Script script, lastbyte::Tracer<Policy> const& tracer, Options... options) {
    return lastbyte::defer_until_consumed(tracer.body(S::stream(Producer{std::move(script)}), options...),
                                          Note<Policy>{&seen});
}
template <class S, class... Options>
auto make_plain(Seen& seen, Script script, Options... options) {
    return lastbyte::defer_until_consumed(S::stream(Producer{std::move(script)}), NotePlain{&seen}, options...);
}

template <class S, class Policy = Docs>
using BodyOf = decltype(make<S>(std::declval<Seen&>(), Script{}, std::declval<lastbyte::Tracer<Policy> const&>()));

/// Plays a script into a consumer that takes `most` chunks, and returns what the callback saw when the body was dropped.
template <class S, class... Options>
Seen play(Script script, std::size_t most, Options... options) {
    Seen seen;
    lastbyte::Tracer<Docs> tracer;
    {
        auto body = make<S>(seen, std::move(script), tracer, options...);
        CHECK(seen.calls == 0);
        try {
            (void)S::drive(body, most);
        } catch (ProducerFailed const&) {
        }
        if (S::traits.at_drop) CHECK(seen.calls == 0);
    }
    CHECK(seen.calls == 1);
    return seen;
}

/// `count` chunks of four bytes.
inline std::vector<std::string> fours(std::size_t count) {
    std::vector<std::string> chunks;
    for (std::size_t i = 0; i < count; ++i) chunks.push_back("ab" + std::to_string(10 + i % 90));
    return chunks;
}
inline std::string joined(std::vector<std::string> const& chunks) {
    std::string text;
    for (auto const& chunk : chunks) text += chunk;
    return text;
}

}  // namespace shapes
