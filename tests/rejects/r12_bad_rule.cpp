// A rule that could never answer, or says a thing twice, is found where it is declared.
// expect: lastbyte: this tier rule names no label.*On<.*index
// expect-2: lastbyte: this tier rule names a label twice, or one that its other labels cover
// expect-3: lastbyte: this tier rule names a label twice, or one that its other labels cover
// expect-4: lastbyte: a tier rule can never answer, because an earlier one of the same name covers all its labels\. Remove it
// expect-5: lastbyte: a tier rule can never answer, because an earlier one of the same name covers all its labels
// expect-6: lastbyte: a tier rule can never answer, because an earlier one of the same name covers all its labels
// expect-7: lastbyte: this tier rule has no name
// expect-8: lastbyte: a tier rule can never answer, because its Never<\.\.\.> names every source
// expect-9: lastbyte: a source in Never<\.\.\.> or Hits<\.\.\.> is of another enum
// expect-10: lastbyte: a source in Never<\.\.\.> or Hits<\.\.\.> is of another enum
// expect-11: lastbyte: a source stands twice in a Never<\.\.\.> or Hits<\.\.\.>
// expect-12: lastbyte: a source in Never<\.\.\.> or Hits<\.\.\.> is no enumerator in 0\.\.63
// expect-13: lastbyte: a line of TierRules<Source, \.\.\.> is written FirstWins<
// expect-14: lastbyte: the sources of TierRules<Source, .*> must be an .enum class
// expect-15: lastbyte: a source is called .none. or .unresolved.
// expect-16: lastbyte: this label is empty
// expect-17: lastbyte: a '\*' stands inside this label
// expect-18: lastbyte: the Hits of a policy are written: using Hits = lastbyte::Hits<Source::memory
// expect-19: lastbyte: a line of TierRules<Source, \.\.\.> is written FirstWins<
#include "policy.hpp"

using lastbyte::FirstWins, lastbyte::Never, lastbyte::On, lastbyte::TierRules;

enum Unscoped { one, two };
enum class Answers { memory, none };
enum class Large { memory = 1, far = 64 };

struct Rules : lastbyte::DefaultPolicy {
#if LASTBYTE_REJECT == 1
    using Tiers = TierRules<Source, FirstWins<"cache_tier", On<>>>;
#elif LASTBYTE_REJECT == 2
    using Tiers = TierRules<Source, FirstWins<"cache_tier", On<"index", "file:*", "index">>>;
#elif LASTBYTE_REJECT == 3
    using Tiers = TierRules<Source, FirstWins<"cache_tier", On<"file:a", "file:*">>>;
#elif LASTBYTE_REJECT == 4
    using Tiers = TierRules<Source, FirstWins<"cache_tier", On<"file:*", "index">>,
                            FirstWins<"cache_tier", On<"file:a", "index">>>;
#elif LASTBYTE_REJECT == 5
    using Tiers = TierRules<Source, FirstWins<"cache_tier", On<"index">>, FirstWins<"cache_tier", On<"index">>>;
#elif LASTBYTE_REJECT == 6
    using Tiers =
        TierRules<Source, FirstWins<"cache_tier", On<"index">>, FirstWins<"cache_tier", On<"index">, Never<Source::miss>>>;
#elif LASTBYTE_REJECT == 7
    using Tiers = TierRules<Source, FirstWins<"", On<"index">>>;
#elif LASTBYTE_REJECT == 8
    using Tiers = TierRules<Colour, FirstWins<"colour", On<"index">, Never<Colour::red, Colour::green>>>;
#elif LASTBYTE_REJECT == 9
    using Tiers = TierRules<Source, FirstWins<"cache_tier", On<"index">, Never<Colour::red>>>;
#elif LASTBYTE_REJECT == 10
    using Tiers = TierRules<Source, FirstWins<"cache_tier", On<"index">>>;
    using Hits = lastbyte::Hits<Colour::red>;
#elif LASTBYTE_REJECT == 11
    using Tiers = TierRules<Source, FirstWins<"cache_tier", On<"index">, Never<Source::miss, Source::miss>>>;
#elif LASTBYTE_REJECT == 12
    using Tiers = TierRules<Large, FirstWins<"cache_tier", On<"index">, Never<Large::far>>>;
#elif LASTBYTE_REJECT == 13
    using Tiers = TierRules<Source, On<"index">>;
#elif LASTBYTE_REJECT == 14
    using Tiers = TierRules<Unscoped, FirstWins<"cache_tier", On<"index">>>;
#elif LASTBYTE_REJECT == 15
    using Tiers = TierRules<Answers, FirstWins<"cache_tier", On<"index">>>;
#elif LASTBYTE_REJECT == 16
    using Tiers = TierRules<Source, FirstWins<"cache_tier", On<"index", "">>>;
#elif LASTBYTE_REJECT == 17
    using Tiers = TierRules<Source, FirstWins<"cache_tier", On<"file:*:r2">>>;
#elif LASTBYTE_REJECT == 18
    using Tiers = TierRules<Source, FirstWins<"cache_tier", On<"index">>>;
    using Hits = Never<Source::memory>;
#elif LASTBYTE_REJECT == 19
    using Tiers = TierRules<Source, FirstWins<"cache_tier", On<"index">, lastbyte::Hits<Source::miss>>>;
#else
    using Tiers = TierRules<Source, FirstWins<"cache_tier", On<"index", "file:*">, Never<Source::miss>>,
                            FirstWins<"cache_tier", On<"file:a", "sha:*">>, FirstWins<"file_tier", On<"file:*">>>;
    using Hits = lastbyte::Hits<Source::memory>;
#endif
};

lastbyte::Tracer<Rules> tracer;
