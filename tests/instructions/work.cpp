// What is counted: `work KIND N` does one kind of work N times, beside what it takes to be a program at all.
#include <lastbyte/body/streambuf.hpp>
#include <lastbyte/lastbyte.hpp>

#include <cstdlib>
#include <optional>
#include <streambuf>
#include <string_view>
#include <utility>

#include "kinds.hpp"

namespace {

enum class Source { memory, cache, miss };

struct Policy : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "file:*">, lastbyte::Never<Source::miss>>>;
};

/// The compiler believes that memory is read and written here, so that what is counted is there to be counted.
void clobber() { asm volatile("" ::: "memory"); }

template <class T>
void keep(T const& value) {
    asm volatile("" : : "r"(value) : "memory");
}

constexpr std::string_view text = "sixteen bytes ok";

/// The producer says that it has `left` chunks more.
struct Chunks {
    int left;
    std::optional<std::string_view> operator()() {
        clobber();
        if (left-- == 0) return std::nullopt;
        return text;
    }
};
template <class Body>
void drive(Body& body) {
    while (auto chunk = body()) keep(chunk->data());
}

/// Completes within the call. The handler lies in memory meanwhile, as in every library that keeps it until then.
struct Completing {
    int left;
    template <class Then>
    void async_read_some(char*, Then then) {
        keep(&then);
        std::move(then)(0, left-- == 0 ? std::size_t{0} : text.size());
    }
};
template <class Body>
void drive_handlers(Body& body) {
    bool over = false;
    char buffer[16];
    while (!over) body.async_read_some(buffer, [&](int, std::size_t size) { over = size == 0; });
}

/// One chunk for each read.
class Buffer : public std::streambuf {
public:
    explicit Buffer(int chunks) : left_(chunks) {}
    Buffer(Buffer&& other) : std::streambuf(other), left_(other.left_) {}

protected:
    std::streamsize xsgetn(char* to, std::streamsize size) override {
        keep(to);
        return left_-- == 0 ? 0 : size;
    }

private:
    int left_;
};
void drive_buffer(std::streambuf& body) {
    auto* from = &body;
    asm volatile("" : "+r"(from) : : "memory");  // a server doesn't know what it is either
    char buffer[16];
    while (from->sgetn(buffer, sizeof buffer) != 0) clobber();
}

/// As many spans as a trace keeps, and then a new trace, which is a hundredth of what is counted.
void spans(int n) {
    for (int done = 0; done < n; done += 100) {
        lastbyte::Tracer<Policy> tracer;
        for (int i = 0; i < 100; ++i) {
            auto span = tracer.span<"index">();
            clobber();
            span.source(Source::cache);
        }
    }
}

/// The body of a request, and a count of its chunks that is right.
template <class Stream>
auto wrapped(Stream stream, int n) {
    lastbyte::Tracer<Policy> tracer;
    return lastbyte::defer_until_consumed(tracer.body(std::move(stream)), [n](lastbyte::Reading<Policy> const& done) {
        if (done.chunks() != static_cast<std::uint64_t>(n)) std::abort();
    });
}
void pulled(int n) {
    auto body = wrapped(Chunks{n}, n);
    drive(body);
}
void bare_pulled(int n) {
    Chunks body{n};
    drive(body);
}
void handled(int n) {
    auto body = wrapped(Completing{n}, n);
    drive_handlers(body);
}
void bare_handled(int n) {
    Completing body{n};
    drive_handlers(body);
}
void buffered(int n) {
    auto body = wrapped(Buffer{n}, n);
    drive_buffer(body);
}
void bare_buffered(int n) {
    Buffer body{n};
    drive_buffer(body);
}

void requests(int n) {
    for (int i = 0; i < n; ++i) {
        lastbyte::Tracer<Policy> tracer;
        for (int k = 0; k < 8; ++k) {
            auto span = tracer.span<"index">();
            clobber();
            span.source(Source::cache);
        }
        auto body = lastbyte::defer_until_consumed(tracer.body(Chunks{16}), [](lastbyte::Reading<Policy> const& done) {
            if (done.tier<"cache_tier">().value() != Source::cache || done.bytes() != 256) std::abort();
        });
        drive(body);
    }
}

}  // namespace

int main(int argc, char** argv) {
    return run_kind(argc, argv, {{"spans", spans},         {"pulled", pulled},     {"bare_pulled", bare_pulled},
                                {"handled", handled},     {"buffered", buffered}, {"bare_handled", bare_handled},
                                {"requests", requests},   {"bare_buffered", bare_buffered}});
}
