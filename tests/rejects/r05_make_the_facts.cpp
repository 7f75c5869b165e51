// What stands behind a Reading can't be made either: the facts of a body, the proof in a final value, the final value.
// expect-1-g++: only_a_body_that_is_over_makes_one_so_take_it_as_the_parameter_of_fn
// expect-1-clang: lastbyte: a Consumption is made by a body that is over.*defer_until_consumed\(stream, \[\]
// expect-2-g++: Consumption::Consumption\(const lastbyte::detail::HandOver\*\). is private
// expect-2-clang: calling a private constructor of class 'lastbyte::Consumption'
// expect-3-g++: HandOver::HandOver\(.* is private
// expect-3-clang: calling a private constructor of class 'lastbyte::detail::HandOver'
// expect-4-g++: no matching function for call to .bit_cast<lastbyte::Consumption>
// expect-4-clang: no matching function for call to 'bit_cast'
// expect-5-g++: cannot derive from .final. base .lastbyte::Consumption
// expect-5-clang: base 'Consumption' is marked 'final'
// expect-6-g++: FinalProof::FinalProof\(\). is private
// expect-6-clang: calling a private constructor of class 'lastbyte::FinalProof'
// expect-7-g++: no matching function for call to .bit_cast<lastbyte::FinalProof>
// expect-7-clang: no matching function for call to 'bit_cast'
// expect-8-g++: FinalProof::FinalProof\(\). is private
// expect-8-clang: base class 'lastbyte::FinalProof' has private default constructor
// expect-9-g++: FinalProof::FinalProof\(const lastbyte::FinalProof&\). is protected
// expect-9-clang: calling a protected constructor of class 'lastbyte::FinalProof'
// expect-10-g++: Final<T>::Final\(const lastbyte::FinalProof&, T\) .* is private
// expect-10-clang: calling a private constructor of class 'lastbyte::Final<int>'
// expect-11-g++: Final<T>::Final\(const lastbyte::FinalProof&, T\) .* is private
// expect-11-clang: calling a private constructor of class 'lastbyte::Final<int>'
// expect-12-g++: no matching function for call to .lastbyte::Final<int>::Final
// expect-12-clang: no matching constructor for initialization of 'lastbyte::Final<int>'
// expect-13: lastbyte: a plain value was given to a field marked after_body\. .*set<.?"bytes_out.?">\(done\.bytes\(\)\)
// expect-14-g++: no matching function for call to .bit_cast<lastbyte::Final<int> ?>
// expect-14-clang: no matching function for call to 'bit_cast'
// expect-15-g++: only_tracer_seal_makes_one_so_take_it_as_the_parameter_of_fn
// expect-15-clang: lastbyte: a Sealed is made by tracer\.seal\(fn\), and by nothing else
#include <array>
#include <bit>
#include <cstddef>

#include "point.hpp"

struct Mine : lastbyte::FinalProof {
    using value_type = int;
#if LASTBYTE_REJECT == 8
    Mine() {}
#else
    Mine() : FinalProof(*this) {}
#endif
    int value() const { return 42; }
};

void handler(Tracer& tracer, ToolCall::Point& point) {
#if LASTBYTE_REJECT == 1
    lastbyte::Consumption done;
#elif LASTBYTE_REJECT == 2
    (void)lastbyte::Consumption{static_cast<lastbyte::detail::HandOver const*>(nullptr)};
#elif LASTBYTE_REJECT == 3
    (void)lastbyte::detail::HandOver{lastbyte::detail::Meter{0, 0}, lastbyte::ClockRate{}};
#elif LASTBYTE_REJECT == 4
    (void)std::bit_cast<lastbyte::Consumption>(std::array<std::byte, sizeof(lastbyte::Consumption)>{});
#elif LASTBYTE_REJECT == 5
    struct Facts : lastbyte::Consumption {};
#elif LASTBYTE_REJECT == 6
    (void)lastbyte::FinalProof{};
#elif LASTBYTE_REJECT == 7
    (void)std::bit_cast<lastbyte::FinalProof>(std::byte{});
#elif LASTBYTE_REJECT == 9
    lastbyte::FinalProof proof(proof);
#elif LASTBYTE_REJECT == 10
    lastbyte::Final<int> mine(Mine{}, 42);
#elif LASTBYTE_REJECT == 11
    lastbyte::Final<int> mine(mine, 42);
#elif LASTBYTE_REJECT == 12
    lastbyte::Final<int> mine{42};
#elif LASTBYTE_REJECT == 13
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{}), [&](Reading const& done) {
        (void)point.complete(set<"cache_tier">(done.tier<"cache_tier">()), set<"bytes_out">(Mine{}));
    }));
#elif LASTBYTE_REJECT == 14
    (void)std::bit_cast<lastbyte::Final<int>>(42);
#elif LASTBYTE_REJECT == 15
    lastbyte::Sealed<Telemetry> sealed;
#else
    serve(lastbyte::defer_until_consumed(tracer.body(Pull{}), [&](Reading const& done) {
        (void)point.complete(set<"cache_tier">(done.tier<"cache_tier">()), set<"bytes_out">(done.final_value(42)));
    }));
#endif
    (void)tracer, (void)point;
}
