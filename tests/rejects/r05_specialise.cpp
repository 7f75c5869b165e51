// A specialisation of one of the library's templates, or a friend brought in by one, is no friend of what it wants.
// expect-1-g++: Consumption::Consumption\(const lastbyte::detail::HandOver\*\). is private
// expect-1-clang: field of type 'lastbyte::Consumption' has private constructor
// expect-2-g++: Consumption::Consumption\(const lastbyte::detail::HandOver\*\). is private
// expect-2-clang: field of type 'lastbyte::Consumption' has private constructor
// expect-3-g++: FinalProof::FinalProof\(\). is private
// expect-3-clang: base class 'lastbyte::FinalProof' has private default constructor
// expect-4: lastbyte: a plain value was given to a field marked after_body
// expect-5-g++: specialization of .lastbyte::Final<long unsigned int>. after instantiation
// expect-5-clang: explicit specialization of 'lastbyte::Final<unsigned long>' after instantiation
// expect-6-g++: template-id .FinalValue<int>. used as a declarator
// expect-6-clang: no variable template matches specialization
// expect-7-g++: FinalProof::FinalProof\(\). is private
// expect-7-clang: calling a private constructor of class 'lastbyte::FinalProof'
// expect-8-g++: trace_. is private
// expect-8-clang: 'trace_' is a private member of
// expect-9-g++: has no member named .get.
// expect-9-clang: no member named 'get' in 'lastbyte::BasicBody
// expect-10-g++: has no member named .get.
// expect-10-clang: no member named 'get' in 'lastbyte::PullBody
// expect-11-g++: Consumption::Consumption\(const lastbyte::detail::HandOver\*\). is private
// expect-11-clang: field of type 'lastbyte::Consumption' has private constructor
// expect-12-g++: redefinition of .class lastbyte::detail::HandOver.
// expect-12-clang: redefinition of 'HandOver'
#include <cstdint>
#include <memory>

#include "point.hpp"

namespace mine {
struct Policy : lastbyte::DefaultPolicy {};
struct Stream : Pull {};
struct Number {};

#if LASTBYTE_REJECT == 9
template <class P, std::uint64_t D, class... Options>
auto bind_body(lastbyte::detail::TraceRef<P, D> const& trace, Stream&&, Options...) {
    return std::addressof(trace);
}
#elif LASTBYTE_REJECT == 10
template <class P, std::uint64_t D, class... Rest>
auto wrap(lastbyte::detail::TracedSubject<P, D> subject, Rest&&...) {
    return std::make_unique<decltype(subject)>(std::move(subject));
}
#endif
}  // namespace mine

inline constexpr auto digest = lastbyte::detail::digest<mine::Policy>;
inline constexpr lastbyte::detail::HandOver const* nobody = nullptr;

#if LASTBYTE_REJECT == 1
template <>
class lastbyte::BasicReading<mine::Policy, digest> {
public:
    Consumption facts{nobody};
};
#elif LASTBYTE_REJECT == 2
template <>
class lastbyte::detail::TracedSubject<mine::Policy, digest> {
public:
    Consumption facts{nobody};
};
#elif LASTBYTE_REJECT == 3
template <>
class lastbyte::Final<mine::Number> : public FinalProof {
public:
    Final() {}
};
#elif LASTBYTE_REJECT == 4
template <>
class lastbyte::Final<mine::Number> {
public:
    using value_type = mine::Number;
    int value() const { return 42; }
};
#elif LASTBYTE_REJECT == 5
template <>
class lastbyte::Final<std::uint64_t> {};
#elif LASTBYTE_REJECT == 6
template <>
inline constexpr bool lastbyte::detail::FinalValue<int> = true;
#elif LASTBYTE_REJECT == 7
template <class T>
struct Inject {
    friend lastbyte::FinalProof const& forge(T) {
        static lastbyte::FinalProof const proof{};
        return proof;
    }
};
template struct Inject<mine::Number>;
lastbyte::FinalProof const& forge(mine::Number);
#elif LASTBYTE_REJECT == 8
template <>
class lastbyte::detail::SpanWriting<mine::Number, mine::Policy, digest> {
public:
    static auto& look(Tracer<mine::Policy>& tracer) { return tracer.trace_; }
};
#elif LASTBYTE_REJECT == 11
template <>
class lastbyte::detail::CallbackOnly<mine::Number> {
public:
    Consumption facts{nobody};
};
#elif LASTBYTE_REJECT == 12
namespace lastbyte::detail {
class HandOver {};
}  // namespace lastbyte::detail
#endif

void handler(lastbyte::Tracer<mine::Policy>& tracer) {
#if LASTBYTE_REJECT == 1
    (void)lastbyte::BasicReading<mine::Policy, digest>{};
#elif LASTBYTE_REJECT == 2
    (void)lastbyte::detail::TracedSubject<mine::Policy, digest>{};
#elif LASTBYTE_REJECT == 4
    using Call = Schema<"calls", Double<1, "bytes_out", after_body>>;
    (void)Call::Point{}.complete(set<"bytes_out">(lastbyte::Final<mine::Number>{}));
#elif LASTBYTE_REJECT == 7
    (void)forge(mine::Number{});
#elif LASTBYTE_REJECT == 9
    (void)tracer.body(mine::Stream{}).get();
#elif LASTBYTE_REJECT == 10
    (void)lastbyte::defer_until_consumed(tracer.body(mine::Stream{}), [](lastbyte::Reading<mine::Policy> const&) {}).get();
#else
    serve(lastbyte::defer_until_consumed(tracer.body(mine::Stream{}), [](lastbyte::Reading<mine::Policy> const&) {}));
#endif
    (void)tracer;
}
