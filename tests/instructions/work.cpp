// What is counted: `work KIND N` does one kind of work N times, beside what it takes to be a program at all.
#include <lastbyte/lastbyte.hpp>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

namespace {

enum class Source { memory, cache, miss };

struct Policy : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<
        Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index", "file:*">, lastbyte::Never<Source::miss>>>;
};

/// The compiler believes that memory is read and written here, so that what is counted is there to be counted.
void clobber() { asm volatile("" ::: "memory"); }

/// The producer says that it has `left` chunks more.
struct Chunks {
    int left;
    std::optional<std::string_view> operator()() {
        clobber();
        if (left-- == 0) return std::nullopt;
        return "sixteen bytes ok";
    }
};

template <class Body>
void drive(Body& body) {
    while (auto chunk = body()) asm volatile("" : : "r"(chunk->data()) : "memory");
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

void wrapped_chunks(int n) {
    lastbyte::Tracer<Policy> tracer;
    auto body = lastbyte::defer_until_consumed(tracer.body(Chunks{n}), [n](lastbyte::Reading<Policy> const& done) {
        if (done.chunks() != static_cast<std::uint64_t>(n)) std::abort();
    });
    drive(body);
}
void bare_chunks(int n) {
    Chunks body{n};
    drive(body);
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
    int const n = argc == 3 ? std::atoi(argv[2]) : 0;
    if (n < 1) return 2;
    struct {
        char const* name;
        void (*run)(int);
    } const kinds[] = {{"spans", spans}, {"wrapped", wrapped_chunks}, {"bare", bare_chunks}, {"requests", requests}};
    for (auto const& kind : kinds)
        if (std::strcmp(argv[1], kind.name) == 0) return kind.run(n), 0;
    return 2;
}
