// A sampler is a type with samples(TraceId); a decision needs one that could have decided otherwise.
// expect-1: lastbyte: the Sampler of a policy is .*samples\(lastbyte::TraceId\) noexcept
// expect-2: lastbyte: the Sampler of a policy is .*samples\(lastbyte::TraceId\) noexcept
// expect-3: lastbyte: SampleRatio<Parts, Of> keeps Parts of Of traces
// expect-4: lastbyte: SampleRatio<Parts, Of> keeps Parts of Of traces
// expect-5: lastbyte: this Tracer was given a sampling decision, but its policy keeps every trace.*using Sampler =
// expect-6: lastbyte: this Tracer was given a sampling decision, but its policy keeps every trace.*using Sampler =
#include "policy.hpp"

struct Sampled : Telemetry {
    using Sampler = lastbyte::SampleOneIn<100>;
};
struct NoSampler {};
struct MayThrow {
    static bool samples(lastbyte::TraceId) { return true; }
};
struct OffWithout : Telemetry {
    static constexpr bool enabled = false;
};
struct Chosen : Telemetry {
#if LASTBYTE_REJECT == 1
    using Sampler = NoSampler;
#elif LASTBYTE_REJECT == 2
    using Sampler = MayThrow;
#elif LASTBYTE_REJECT == 3
    using Sampler = lastbyte::SampleOneIn<0>;
#elif LASTBYTE_REJECT == 4
    using Sampler = lastbyte::SampleRatio<3, 2>;
#else
    using Sampler = lastbyte::SampleRatio<1, 3>;
#endif
};

#if LASTBYTE_REJECT == 5
lastbyte::Tracer<Telemetry> decided{lastbyte::unsampled};
#elif LASTBYTE_REJECT == 6
lastbyte::Tracer<OffWithout> decided{lastbyte::sampled};
#else
lastbyte::Tracer<Sampled> decided{lastbyte::unsampled};
#endif
lastbyte::Tracer<Chosen> tracer;
