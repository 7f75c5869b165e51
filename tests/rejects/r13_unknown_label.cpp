// Where a policy closes its labels, one that no rule and no set names is an error, and the nearest is named.
// expect: says::no_rule_and_no_label_set_of_this_policy_knows<.*("indx"|'i', 'n', 'd', 'x').*did_you_mean<.*("index"|'i', 'n', 'd', 'e', 'x')
// expect-2: says::no_rule_and_no_label_set_of_this_policy_knows<.*("action:run"|'a', 'c', 't', 'i', 'o', 'n', ':', 'r', 'u', 'n').*did_you_mean<
// expect-3: says::no_rule_and_no_label_set_of_this_policy_knows<.*("fil:\*"|'f', 'i', 'l', ':', '\*').*did_you_mean<.*("file:\*"|'f', 'i', 'l', 'e', ':', '\*')
// expect-4: says::no_rule_and_no_label_set_of_this_policy_knows<.*("indx"|'i', 'n', 'd', 'x').*did_you_mean<
// expect-5: says::no_rule_and_no_label_set_of_this_policy_knows<.*("indx"|'i', 'n', 'd', 'x').*did_you_mean<
// expect-6: says::no_rule_and_no_label_set_of_this_policy_knows<.*("indx"|'i', 'n', 'd', 'x').*did_you_mean<
// expect-7: says::no_rule_and_no_label_set_of_this_policy_knows<.*("indx"|'i', 'n', 'd', 'x').*did_you_mean<
// expect-8: says::no_rule_and_no_label_set_of_this_policy_knows<.*("\*"|'\*').*did_you_mean<
// expect-9: lastbyte: a '\*' stands inside this label
// expect-10: lastbyte: this label is empty
// expect-11: lastbyte: a ClosedLabels<\.\.\.> names a label twice, or one that another covers
// expect-12: lastbyte: the Labels of a policy are OpenLabels or ClosedLabels<
// expect-13: says::no_rule_and_no_label_set_of_this_policy_knows<.*("indx"|'i', 'n', 'd', 'x').*did_you_mean<
// expect-14: says::no_rule_and_no_label_set_of_this_policy_knows<.*("indx"|'i', 'n', 'd', 'x').*did_you_mean<
#include "policy.hpp"

struct Closed : Telemetry {
    using Labels = lastbyte::ClosedLabels<"action", "sha:*">;
};
struct Silent : Closed {
    static constexpr bool enabled = false;
};
struct BadSet : Telemetry {
#if LASTBYTE_REJECT == 9
    using Labels = lastbyte::ClosedLabels<"file:*:r2">;
#elif LASTBYTE_REJECT == 10
    using Labels = lastbyte::ClosedLabels<"action", "">;
#elif LASTBYTE_REJECT == 11
    using Labels = lastbyte::ClosedLabels<"sha:*", "sha:a">;
#elif LASTBYTE_REJECT == 12
    using Labels = lastbyte::On<"action">;
#endif
};

void handler(lastbyte::Tracer<Closed>& tracer, lastbyte::Tracer<Silent>& silent) {
#if LASTBYTE_REJECT == 1
    auto span = tracer.span<"indx">();
#elif LASTBYTE_REJECT == 2
    auto span = tracer.span<"action:run">();
#elif LASTBYTE_REJECT == 3
    auto span = tracer.span<"fil:*">("a.md");
#elif LASTBYTE_REJECT == 4
    auto span = tracer.async_span<"indx">();
#elif LASTBYTE_REJECT == 5
    tracer.trace<"indx">([] {});
#elif LASTBYTE_REJECT == 6
    tracer.record<"indx">(lastbyte::milliseconds(1));
#elif LASTBYTE_REJECT == 7
    auto span = tracer.span<"index">();
    auto child = span.child<"indx">();
#elif LASTBYTE_REJECT == 8
    auto span = tracer.span<"*">("index");
#elif LASTBYTE_REJECT == 13
    auto span = silent.span<"indx">();
#elif LASTBYTE_REJECT == 14
    silent.record<"indx">(lastbyte::milliseconds(1), Source::r2);
#else
    auto index = tracer.span<"index">();
    auto file = index.child<"file:*">("a.md");
    auto action = tracer.span<"action">();
    auto sha = silent.span<"sha:*">("a");
    tracer.record<"sha:a">(lastbyte::milliseconds(1));
#endif
    lastbyte::Tracer<BadSet> const open;
    auto any = open.span<"index">();
    (void)tracer, (void)silent;
}
