// A Reading is made by a body that is over: it can't be default-made, filled in, forged from bytes or inherited from.
// expect-1-g++: only_a_body_that_is_over_makes_one_so_take_it_as_the_parameter_of_fn
// expect-1-clang: lastbyte: a Reading is made by a body that is over, and by nothing else\. .*defer_until_consumed\(body, \[\]
// expect-2-g++: only_a_body_that_is_over_makes_one_so_take_it_as_the_parameter_of_fn
// expect-2-clang: lastbyte: a Reading is made by a body that is over
// expect-3-g++: only_a_body_that_is_over_makes_one_so_take_it_as_the_parameter_of_fn
// expect-3-clang: lastbyte: a Reading is made by a body that is over
// expect-4-g++: designated initializers cannot be used with a non-aggregate type .*BasicReading
// expect-4-clang: no matching constructor for initialization of 'Reading'
// expect-5-g++: only_a_body_that_is_over_makes_one_so_take_it_as_the_parameter_of_fn
// expect-5-clang: lastbyte: a Reading is made by a body that is over
// expect-6-g++: only_a_body_that_is_over_makes_one_so_take_it_as_the_parameter_of_fn
// expect-6-clang: lastbyte: a Reading is made by a body that is over
// expect-7-g++: no matching function for call to .bit_cast<Reading>
// expect-7-clang: no matching function for call to 'bit_cast'
// expect-8-g++: destination type .Reading. .*is not trivially copyable
// expect-8-clang: destination type must be trivially copyable
// expect-9-g++: cannot derive from .final. base .lastbyte::BasicReading
// expect-9-clang: base 'BasicReading' is marked 'final'
// expect-10-g++: only_a_body_that_is_over_makes_one_so_take_it_as_the_parameter_of_fn
// expect-10-clang: lastbyte: a Reading is made by a body that is over
// expect-11-g++: BasicReading\(const lastbyte::Consumption&.* is private within this context
// expect-11-clang: calling a private constructor of class 'lastbyte::BasicReading
// expect-12-g++: type .const Reading&. .* from expression of type .Tracer
// expect-12-clang: no viable conversion from 'Tracer' .* to 'const Reading'
// expect-13-g++: type .const Reading&. .* from expression of type .lastbyte::BasicSnapshot
// expect-13-clang: no viable conversion from '.*BasicSnapshot.* to 'const Reading'
// expect-14-g++: invalid .static_cast. from type .Tracer
// expect-14-clang: no viable conversion from 'Tracer' .* to 'const Reading'
// expect-15-g++: no matching function for call to .*BasicReading
// expect-15-clang: no matching constructor for initialization of 'Reading'
#include <array>
#include <bit>
#include <cstddef>
#include <new>

#include "policy.hpp"

using Bytes = std::array<std::byte, sizeof(Reading)>;
using Trace = lastbyte::detail::Trace<Telemetry, lastbyte::detail::digest<Telemetry>>;

void use(Reading const&) {}

void handler(Tracer& tracer) {
#if LASTBYTE_REJECT == 1
    Reading done;
    use(done);
#elif LASTBYTE_REJECT == 2
    use(Reading{});
#elif LASTBYTE_REJECT == 3
    use({});
#elif LASTBYTE_REJECT == 4
    use(Reading{.late_ = 0});
#elif LASTBYTE_REJECT == 5
    use(*new Reading);
#elif LASTBYTE_REJECT == 6
    alignas(Reading) std::byte place[sizeof(Reading)];
    use(*::new (static_cast<void*>(place)) Reading{});
#elif LASTBYTE_REJECT == 7
    use(std::bit_cast<Reading>(Bytes{}));
#elif LASTBYTE_REJECT == 8
    use(__builtin_bit_cast(Reading, Bytes{}));
#elif LASTBYTE_REJECT == 9
    struct Mine : Reading {};
#elif LASTBYTE_REJECT == 10
    struct Mine {
        Reading kept;
    };
    use(Mine{}.kept);
#elif LASTBYTE_REJECT == 11
    serve(lastbyte::defer_until_consumed(Pull{}, [](lastbyte::Consumption const& facts) {
        static Trace trace;
        use(Reading{facts, trace, lastbyte::ClockRate{}});
    }));
#elif LASTBYTE_REJECT == 12
    Reading const& done = tracer;
    use(done);
#elif LASTBYTE_REJECT == 13
    Reading const& done = tracer.snapshot();
    use(done);
#elif LASTBYTE_REJECT == 14
    use(static_cast<Reading const&>(tracer));
#elif LASTBYTE_REJECT == 15
    use(Reading{1, 2, 3});
#else
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{}), [](Reading const& done) { use(done); }));
#endif
    (void)tracer;
}
