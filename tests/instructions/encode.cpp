// What is counted of the encoders: `encode KIND N` encodes N spans. A program of its own, for what is compiled beside
// it moves what the compiler makes of recording a span.
#include <lastbyte/encode/chrome_trace.hpp>
#include <lastbyte/encode/otlp.hpp>
#include <lastbyte/encode/otlp_json.hpp>
#include <lastbyte/lastbyte.hpp>

#include <cstdlib>
#include <string_view>

#include "kinds.hpp"

namespace {

enum class Source { memory, cache, miss };

struct Policy : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index">>>;
};

/// The compiler believes that the text is read here.
void read(std::string_view text) { asm volatile("" : : "r"(text.data()), "r"(text.size()) : "memory"); }

struct Nowhere {
    bool write(std::string_view line) noexcept { return read(line), true; }
};

/// One trace of a hundred spans, encoded again and again; its root is a hundredth of what is counted.
template <bool Attributes, class Encode>
void encoded(int n, Encode encode) {
    lastbyte::Tracer<Policy> tracer;
    for (int i = 0; i < 100; ++i) {
        auto span = tracer.span<"index">();
        if constexpr (Attributes) span.source(Source::cache).attribute<"rows">(12).attribute<"shard">("eu-1");
    }
    auto body = lastbyte::defer_until_consumed(tracer.body(std::string_view{}, lastbyte::no_body),
                                               [&](lastbyte::Reading<Policy> const& done) {
                                                   for (int spans = 0; spans < n; spans += 100)
                                                       if (!encode(done)) std::abort();
                                               });
}

template <class Batch, bool Attributes>
void into_batch(int n) {
    static Batch batch{lastbyte::Resource{"encode"}};
    encoded<Attributes>(n, [](lastbyte::Reading<Policy> const& done) {
        bool const added = batch.add(done, "request");
        read(batch.request());
        batch.clear();
        return added;
    });
}
void into_chrome(int n) {
    static lastbyte::ChromeTrace<Nowhere> chrome{"encode"};
    encoded<false>(n, [](lastbyte::Reading<Policy> const& done) { return chrome.add(done, "request"); });
}

}  // namespace

int main(int argc, char** argv) {
    return run_kind(argc, argv, {{"protobuf", into_batch<lastbyte::OtlpBatch, false>},
                                {"attributes", into_batch<lastbyte::OtlpBatch, true>},
                                {"json", into_batch<lastbyte::OtlpJsonBatch, false>},
                                {"chrome", into_chrome}});
}
