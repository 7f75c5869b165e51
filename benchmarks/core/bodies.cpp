// What a chunk costs on its way through a wrapped body, for every shape of stream, over the same loop on the bare
// stream.
//
// The producer is as small as one can be, and names its next sixteen bytes; the compiler believes that it reads and
// writes memory, so neither its state nor the body's counters live in registers across it. The callback compares the
// bytes that it is told with those that were made.
#include <lastbyte/body/streambuf.hpp>

#include <coroutine>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cases.hpp"
#include "policy.hpp"

namespace benchmarks {

namespace {

constexpr std::string_view text = "sixteen bytes ok";

/// What stands behind each stream.
struct Producer {
    int left;
    bool more() {
        clobber();
        return left-- > 0;
    }
};

struct Pull {
    static auto stream(int chunks) {
        return [producer = Producer{chunks}]() mutable -> std::optional<std::string_view> {
            if (!producer.more()) return std::nullopt;
            return text;
        };
    }
    template <class Body>
    static void drive(Body& body) {
        while (auto chunk = body()) keep(chunk->data());
    }
};

struct Read {
    static auto stream(int chunks) {
        return [producer = Producer{chunks}](char* to, std::size_t size) mutable -> std::size_t {
            if (!producer.more()) return 0;
            return text.copy(to, size);
        };
    }
    template <class Body>
    static void drive(Body& body) {
        char buffer[text.size()];
        while (body(buffer, sizeof buffer) != 0) keep(&buffer);
    }
};

/// A server's sink, which takes everything.
struct ServerSink {
    bool over = false;
    bool write(char const* data, std::size_t size) {
        keep(data);
        keep(size);
        return true;
    }
    void done() { over = true; }
};

struct Provider {
    static auto stream(int chunks) {
        return [producer = Producer{chunks}](std::size_t, std::size_t, auto& sink) mutable {
            if (!producer.more()) return sink.done(), true;
            return sink.write(text.data(), text.size());
        };
    }
    template <class Body>
    static void drive(Body& body) {
        ServerSink sink;
        for (std::size_t offset = 0; !sink.over; offset += text.size())
            if (!body(offset, std::size_t{1} << 16, sink)) std::abort();
    }
};

struct Push {
    static auto stream(int chunks) {
        return [producer = Producer{chunks}](auto& sink) mutable {
            while (producer.more())
                if (!sink.write(text.data(), text.size())) return;
        };
    }
    template <class Body>
    static void drive(Body& body) {
        ServerSink sink;
        body(sink);
    }
};

/// Runs the producer when it is compared with the end.
class Iterator {
public:
    explicit Iterator(Producer& producer) : producer_(&producer) {}
    std::string_view operator*() const { return text; }
    Iterator& operator++() { return *this; }
    friend bool operator==(Iterator const& at, std::nullptr_t) { return !at.producer_->more(); }

private:
    Producer* producer_;
};

struct Range {
    struct Stream {
        Producer producer;
        Iterator begin() { return Iterator{producer}; }
        std::nullptr_t end() const { return nullptr; }
    };
    static auto stream(int chunks) { return Stream{{chunks}}; }
    template <class Body>
    static void drive(Body& body) {
        for (std::string_view chunk : body) keep(chunk.data());
    }
};

struct IteratorPair {
    /// A place in a row of equal chunks.
    class Place {
    public:
        using value_type = std::string_view;
        using difference_type = std::ptrdiff_t;
        using reference = std::string_view;
        using pointer = void;
        using iterator_category = std::forward_iterator_tag;
        Place() = default;
        explicit Place(int at) : at_(at) {}
        std::string_view operator*() const { return text; }
        Place& operator++() {
            clobber();
            ++at_;
            return *this;
        }
        Place operator++(int) {
            Place const before = *this;
            ++*this;
            return before;
        }
        friend bool operator==(Place, Place) = default;

    private:
        int at_ = 0;
    };
    static auto stream(int chunks) { return lastbyte::chunks(Place{0}, Place{chunks}); }
    template <class Body>
    static void drive(Body& body) {
        auto const end = body.end();
        for (auto at = body.begin(); at != end; ++at) keep((*at).data());
    }
};

/// The smallest generator.
class Generator {
public:
    struct promise_type {
        std::string_view current;
        Generator get_return_object() { return Generator{std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(std::string_view chunk) noexcept {
            current = chunk;
            return {};
        }
        void return_void() noexcept {}
        void unhandled_exception() { std::abort(); }
    };
    class Iterator {
    public:
        explicit Iterator(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
        std::string_view operator*() const { return handle_.promise().current; }
        Iterator& operator++() {
            handle_.resume();
            return *this;
        }
        friend bool operator==(Iterator const& at, std::default_sentinel_t) { return at.handle_.done(); }

    private:
        std::coroutine_handle<promise_type> handle_;
    };

    Generator(Generator&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    ~Generator() {
        if (handle_) handle_.destroy();
    }
    Iterator begin() {
        handle_.resume();
        return Iterator{handle_};
    }
    std::default_sentinel_t end() const { return {}; }

private:
    explicit Generator(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

struct SyncGenerator {
    static Generator stream(int chunks) {
        Producer producer{chunks};
        while (producer.more()) co_yield text;
    }
    template <class Body>
    static void drive(Body& body) {
        Range::drive(body);
    }
};

struct Async {
    /// An awaitable whose chunk is there at once.
    struct Stream {
        Producer producer;
        auto next() {
            struct Next {
                Producer& producer;
                bool await_ready() const noexcept { return true; }
                void await_suspend(std::coroutine_handle<>) const noexcept {}
                std::optional<std::string_view> await_resume() {
                    if (!producer.more()) return std::nullopt;
                    return text;
                }
            };
            return Next{producer};
        }
    };
    static auto stream(int chunks) { return Stream{{chunks}}; }

    struct Task {
        struct promise_type {
            Task get_return_object() { return {}; }
            std::suspend_never initial_suspend() noexcept { return {}; }
            std::suspend_never final_suspend() noexcept { return {}; }
            void return_void() noexcept {}
            void unhandled_exception() { std::abort(); }
        };
    };
    template <class Body>
    static Task pump(Body& body) {
        while (auto chunk = co_await body.next()) keep(chunk->data());
    }
    template <class Body>
    static void drive(Body& body) {
        pump(body);
    }
};

struct Handler {
    /// Completes within the call, with success and the size; 0 is the end.
    struct Stream {
        Producer producer;
        template <class Buffer, class Then>
        void async_read_some(Buffer buffer, Then then) {
            keep(&then);
            std::size_t const size = producer.more() ? text.copy(buffer.data, buffer.bytes) : 0;
            std::move(then)(0, size);
        }
    };
    struct Buffer {
        char* data;
        std::size_t bytes;
        [[nodiscard]] std::size_t size() const { return bytes; }
    };
    static auto stream(int chunks) { return Stream{{chunks}}; }
    template <class Body>
    static void drive(Body& body) {
        char buffer[text.size()];
        bool over = false;
        while (!over)
            body.async_read_some(Buffer{buffer, sizeof buffer}, [&](int, std::size_t size) {
                keep(&buffer);
                over = size == 0;
            });
    }
};

/// A stream buffer that gives one chunk for each read of its size.
class ChunkBuffer : public std::streambuf {
public:
    explicit ChunkBuffer(int chunks) : producer_{chunks} {}
    ChunkBuffer(ChunkBuffer&& other) : std::streambuf(other), producer_(other.producer_) {}

protected:
    std::streamsize xsgetn(char* to, std::streamsize size) override {
        if (!producer_.more()) return 0;
        return static_cast<std::streamsize>(text.copy(to, static_cast<std::size_t>(size)));
    }

private:
    Producer producer_;
};

/// A pointer whose dynamic type the compiler can't know, as a server gets it: the virtual call is part of the bare
/// stream.
template <class Base>
Base* opaque(Base& object) {
    Base* at = &object;
    asm volatile("" : "+r"(at) : : "memory");
    return at;
}

struct Streambuf {
    static auto stream(int chunks) { return ChunkBuffer{chunks}; }
    template <class Body>
    static void drive(Body& body) {
        char buffer[text.size()];
        auto* const from = opaque<std::streambuf>(body);
        while (from->sgetn(buffer, sizeof buffer) != 0) keep(&buffer);
    }
};

struct Istream {
    class Stream : public std::istream {
    public:
        explicit Stream(int chunks) : std::istream(nullptr), buffer_(chunks) { init(&buffer_); }
        Stream(Stream&& other) : std::istream(nullptr), buffer_(std::move(other.buffer_)) { init(&buffer_); }

    private:
        ChunkBuffer buffer_;
    };
    static auto stream(int chunks) { return Stream{chunks}; }
    template <class Body>
    static void drive(Body& body) {
        char buffer[text.size()];
        auto* const from = opaque<std::istream>(body);
        while (from->read(buffer, sizeof buffer)) keep(&buffer);
    }
};

struct String {
    static auto stream(int) { return text; }
    template <class Body>
    static void drive(Body& body) {
        keep(body.data());
        keep(body.size());
    }
};

template <class Shape, int Chunks>
void bare(int n) {
    for (int i = 0; i < n; ++i) {
        auto stream = Shape::stream(Chunks);
        Shape::drive(stream);
    }
}
template <class Shape, int Chunks>
void wrapped(int n) {
    for (int i = 0; i < n; ++i) {
        lastbyte::Tracer<Telemetry> tracer;
        auto body = lastbyte::defer_until_consumed(
            tracer.body(Shape::stream(Chunks)), [](lastbyte::Reading<Telemetry> const& done) {
                if (done.bytes() != Chunks * text.size() || done.outcome() != lastbyte::Outcome::complete) std::abort();
            });
        Shape::drive(body);
    }
}

template <class Shape>
Case chunk_through(char const* shape) {
    constexpr int chunks = 1000;
    return {.name = std::string{"chunk, over the bare "} + shape,
            .run = wrapped<Shape, chunks>,
            .bare = bare<Shape, chunks>,
            .units = chunks,
            .budget = 2};
}
template <int Chunks>
Case body_of(char const* chunks) {
    return {.name = std::string{"chunk, of a request without spans and a body of "} + chunks + ", over the bare one",
            .run = wrapped<Pull, Chunks>,
            .bare = bare<Pull, Chunks>,
            .units = Chunks};
}

}  // namespace

void add_body_cases(std::vector<Case>& cases) {
    cases.push_back(chunk_through<Pull>("pull function"));
    cases.push_back(chunk_through<Read>("read function"));
    cases.push_back(chunk_through<Provider>("content provider"));
    cases.push_back(chunk_through<Push>("push producer"));
    cases.push_back(chunk_through<Range>("range"));
    cases.push_back(chunk_through<IteratorPair>("iterator pair"));
    cases.push_back(chunk_through<SyncGenerator>("generator"));
    cases.push_back(chunk_through<Async>("async generator"));
    cases.push_back(chunk_through<Handler>("completion handler"));
    cases.push_back(chunk_through<Streambuf>("streambuf"));
    cases.push_back(chunk_through<Istream>("istream"));
    cases.push_back({.name = "request without spans, its body a string, over the bare string",
                     .run = wrapped<String, 1>,
                     .bare = bare<String, 1>});
    cases.push_back(body_of<1>("1"));
    cases.push_back(body_of<10>("10"));
    cases.push_back(body_of<100>("100"));
    cases.push_back(body_of<1'000>("10^3"));
    cases.push_back(body_of<10'000>("10^4"));
    cases.push_back(body_of<100'000>("10^5"));
}

}  // namespace benchmarks
