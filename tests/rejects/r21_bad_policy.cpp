// A policy is a type derived from DefaultPolicy, whose bounds the store can keep.
// expect-1-g++: constraint failure.*Tracer
// expect-1-clang: constraints not satisfied for alias template 'Tracer'
// expect-2: lastbyte: max_spans must lie in 1\.\.65536
// expect-3: lastbyte: max_spans must lie in 1\.\.65536
// expect-4: lastbyte: text_bytes must be a multiple of 8, at most 524288
// expect-5: lastbyte: text_bytes must be a multiple of 8, at most 524288
// expect-6: lastbyte: max_text_bytes must be at most 65535
// expect-7: lastbyte: max_attributes must be at most 63
// expect-8-g++: constraint failure.*Tracer
// expect-8-clang: constraints not satisfied for alias template 'Tracer'
#include "policy.hpp"

struct NoClock {};

#if LASTBYTE_REJECT == 1
struct Chosen {
    static constexpr bool enabled = true;
};
#else
struct Chosen : lastbyte::DefaultPolicy {
#if LASTBYTE_REJECT == 2
    static constexpr std::size_t max_spans = 0;
#elif LASTBYTE_REJECT == 3
    static constexpr std::size_t max_spans = 65537;
#elif LASTBYTE_REJECT == 4
    static constexpr std::size_t text_bytes = 1001;
#elif LASTBYTE_REJECT == 5
    static constexpr std::size_t text_bytes = 1 << 20;
#elif LASTBYTE_REJECT == 6
    static constexpr std::size_t max_text_bytes = 65536;
#elif LASTBYTE_REJECT == 7
    static constexpr std::size_t max_attributes = 64;
#elif LASTBYTE_REJECT == 8
    using Clock = NoClock;
#else
    static constexpr std::size_t max_spans = 1;
    static constexpr std::size_t text_bytes = 0;
#endif
};
#endif

lastbyte::Tracer<Chosen> tracer;
