// A Reading is gone when the callback returns: it can't be copied, returned, stored or pointed to, only its values can.
// Where a container or an assignment of the standard library comes first (7, 9, 16), the first line is its own.
// expect-1-g++: it_is_gone_when_fn_returns_so_copy_its_values_instead
// expect-1-clang: lastbyte: a Reading is gone when fn returns.*Copy the values that you need: auto tier = done\.tier
// expect-2-g++: it_is_gone_when_fn_returns_so_copy_its_values_instead
// expect-2-clang: lastbyte: a Reading is gone when fn returns
// expect-3-g++: it_is_gone_when_fn_returns_so_copy_its_values_instead
// expect-3-clang: lastbyte: a Reading is gone when fn returns
// expect-4-g++: it_is_gone_when_fn_returns_so_copy_its_values_instead
// expect-4-clang: lastbyte: a Reading is gone when fn returns
// expect-5: lastbyte: fn of defer_until_consumed\(body, fn\) returns a value.*hand results on inside fn
// expect-6-g++: it_is_gone_when_fn_returns_so_copy_its_values_instead
// expect-6-clang: lastbyte: a Reading, a Consumption or a Sealed is gone when fn returns.*Copy the values
// expect-7-g++: use of deleted function .*std::optional<lastbyte::BasicReading<
// expect-7-clang: object of type 'std::optional<Reading>' .* cannot be assigned because its copy assignment operator is
// expect-8-g++: it_is_gone_when_fn_returns_so_copy_its_values_instead
// expect-8-clang: lastbyte: a Reading, a Consumption or a Sealed is gone when fn returns.*Copy the values
// expect-9-g++: no matching function for call to .construct_at\(lastbyte::BasicReading<
// expect-9-clang: no matching function for call to 'construct_at'
// expect-10-g++: it_is_gone_when_fn_returns_so_copy_its_values_instead
// expect-10-clang: lastbyte: a Reading is gone when fn returns
// expect-11: lastbyte: the address of a Reading, a Consumption or a Sealed was taken.*copy the values that you need
// expect-12-g++: it_is_gone_when_fn_returns_so_copy_its_values_instead
// expect-12-clang: lastbyte: a Reading is gone when fn returns
// expect-13-g++: use of deleted function .*BasicReading<P, D>::operator=
// expect-13-clang: overload resolution selected deleted operator '='
// expect-14-g++: cannot decompose inaccessible member .lastbyte::BasicReading
// expect-14-clang: cannot decompose private member 'facts_' of 'lastbyte::BasicReading
// expect-15-g++: it_is_gone_when_fn_returns_so_copy_its_values_instead
// expect-15-clang: lastbyte: a Reading is gone when fn returns
// expect-16-g++: no matching function for call to .std::pair<int, lastbyte::BasicReading<
// expect-16-clang: no matching constructor for initialization of 'std::pair<int, Reading>'
// expect-17-g++: it_is_gone_when_fn_returns_so_copy_its_values_instead
// expect-17-clang: lastbyte: a Consumption is gone when fn returns.*auto bytes = done\.bytes\(\)
// expect-18-g++: it_is_gone_when_fn_returns_so_copy_its_values_instead
// expect-18-clang: lastbyte: a Sealed is gone when fn returns
// expect-19: lastbyte: the address of a Reading, a Consumption or a Sealed was taken
// expect-20: lastbyte: the address of a Reading, a Consumption or a Sealed was taken
// expect-21-g++: it_is_gone_when_fn_returns_so_copy_its_values_instead
// expect-21-clang: lastbyte: a Reading, a Consumption or a Sealed is gone when fn returns
#include <any>
#include <new>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "policy.hpp"

struct Log {
    std::optional<Reading> optional;
    std::any any;
    std::vector<Reading> vector;
    Reading const* pointer;
    lastbyte::Tier<Source> tier = lastbyte::Tier<Source>::none();
};
struct Entry {
    Reading reading;
};

void handler(Tracer& tracer, Log& log) {
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{}), [&](Reading const& done) {
#if LASTBYTE_REJECT == 1
        auto reading = done;
#elif LASTBYTE_REJECT == 2
        auto later = [done] { return done.bytes(); };
#elif LASTBYTE_REJECT == 3
        auto later = [kept = done] { return kept.bytes(); };
#elif LASTBYTE_REJECT == 4
        return done;
#elif LASTBYTE_REJECT == 6
        std::optional<Reading> kept = done;
#elif LASTBYTE_REJECT == 7
        log.optional = done;
#elif LASTBYTE_REJECT == 8
        log.any = done;
#elif LASTBYTE_REJECT == 9
        log.vector.push_back(done);
#elif LASTBYTE_REJECT == 10
        Entry entry{done};
#elif LASTBYTE_REJECT == 11
        log.pointer = &done;
#elif LASTBYTE_REJECT == 12
        auto reading = std::move(const_cast<Reading&>(done));
#elif LASTBYTE_REJECT == 13
        const_cast<Reading&>(done) = done;
#elif LASTBYTE_REJECT == 14
        auto& [facts, view, late, sequence, otherwise] = done;
#elif LASTBYTE_REJECT == 15
        log.pointer = new Reading(done);
#elif LASTBYTE_REJECT == 16
        auto entry = std::pair<int, Reading>{1, std::as_const(done)};
#elif LASTBYTE_REJECT == 21
        auto any = std::any{done};
#else
        log.tier = done.tier<"cache_tier">();
#endif
    }));
#if LASTBYTE_REJECT == 5
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{}), [](Reading const& done) -> auto const& { return done; }));
#endif
    serve(lastbyte::defer_until_consumed(Pull{}, [](lastbyte::Consumption const& done) {
#if LASTBYTE_REJECT == 17
        auto facts = done;
#elif LASTBYTE_REJECT == 19
        static auto* kept = &done;
#endif
        (void)done.bytes();
    }));
    tracer.seal([](lastbyte::Sealed<Telemetry> const& sealed) {
#if LASTBYTE_REJECT == 18
        auto trace = sealed;
#elif LASTBYTE_REJECT == 20
        static auto* kept = &sealed;
#endif
        (void)sealed.tally();
    });
}
