// Whoever asks for a rule that does not exist is told which do.
// expect: says::no_tier_rule_is_called<.*("cache_teir"|'c', 'a', 'c', 'h', 'e', '_', 't', 'e', 'i', 'r').*this_policy_declares<.*("cache_tier"|'c', 'a', 'c', 'h', 'e', '_', 't', 'i', 'e', 'r').*("file_tier"|'f', 'i', 'l', 'e', '_', 't', 'i', 'e', 'r')
// expect-2: says::no_tier_rule_is_called<.*this_policy_declares<.*("cache_tier"|'c', 'a', 'c', 'h', 'e', '_', 't', 'i', 'e', 'r').*("file_tier"|'f', 'i', 'l', 'e', '_', 't', 'i', 'e', 'r')
// expect-3: says::no_tier_rule_is_called<.*this_policy_declares<.*("cache_tier"|'c', 'a', 'c', 'h', 'e', '_', 't', 'i', 'e', 'r')
// expect-4: says::no_tier_rule_is_called<.*("tier"|'t', 'i', 'e', 'r').*this_policy_declares<>
// expect-5: says::no_tier_rule_is_called<.*this_policy_declares<
#include "policy.hpp"

void handler(Tracer& tracer, lastbyte::Tracer<OtherTelemetry>& other) {
#if LASTBYTE_REJECT == 1
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{}), [](Reading const& done) { (void)done.tier<"cache_teir">(); }));
#elif LASTBYTE_REJECT == 2
    (void)tracer.snapshot().tier<"index">();
#elif LASTBYTE_REJECT == 3
    tracer.seal([](lastbyte::Sealed<Telemetry> const& sealed) { (void)sealed.tier<"">(); });
#elif LASTBYTE_REJECT == 4
    (void)other.snapshot().tier<"tier">();
#elif LASTBYTE_REJECT == 5
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{}),
                                         [](auto const& done) { (void)done.template tier<"Cache_tier">(); }));
#else
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{}), [](Reading const& done) { (void)done.tier<"file_tier">(); }));
    (void)tracer.snapshot().tier<"cache_tier">();
    tracer.seal([](lastbyte::Sealed<Telemetry> const& sealed) { (void)sealed.tier<"cache_tier">(); });
#endif
    (void)tracer, (void)other;
}
