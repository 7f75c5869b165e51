// A body is moved; what copies it asks for shared() first. Its facts are not in it but come to its callback.
// Where std::function comes first (3, 4), the first line is its own, and clang's names the type that says what to do.
// expect-1: copies_only_after_shared
// expect-2: copies_only_after_shared
// expect-3-g++: std::function target must be copy-constructible
// expect-3-clang: copies_only_after_shared.*std::function target must be copy-constructible
// expect-4-g++: std::function target must be copy-constructible
// expect-4-clang: copies_only_after_shared.*std::function target must be copy-constructible
// expect-5: copies_only_after_shared
// expect-6: lastbyte: reading\(\) was asked of a Tracer, a Span or a body.*defer_until_consumed\(body, fn\) hands it to fn
// expect-7: lastbyte: reading\(\) was asked of a Tracer, a Span or a body
// expect-8-g++: a_body_has_one_callback_so_move_it_into_defer_until_consumed
// expect-8-clang: lastbyte: a body has one callback, so it can't be copied\. .*defer_until_consumed\(std::move\(body\), fn\)
// expect-9: lastbyte: shared\(\) was called on a body that is still in its variable.*std::move\(body\)\.shared\(\)
// expect-10: lastbyte: reading\(\) was asked of a Tracer, a Span or a body
// expect-11: copies_only_after_shared
#include <functional>
#include <string>

#include "policy.hpp"

using Next = std::function<std::string_view const*()>;

void handler(Tracer& tracer) {
    auto const on_done = [](Reading const&) {};
    auto const on_end = [](lastbyte::Consumption const&) {};
    auto body = lastbyte::defer_until_consumed(tracer.body(Pull{}), on_done);
    auto plain = lastbyte::defer_until_consumed(Pull{}, on_end);
#if LASTBYTE_REJECT == 1
    auto copy = body;
#elif LASTBYTE_REJECT == 2
    auto later = [plain] { return plain; };
#elif LASTBYTE_REJECT == 3
    Next next = std::move(body);
#elif LASTBYTE_REJECT == 4
    Next next;
    next = std::move(plain);
#elif LASTBYTE_REJECT == 5
    plain = plain;
#elif LASTBYTE_REJECT == 6
    (void)plain.reading();
#elif LASTBYTE_REJECT == 7
    (void)std::move(body).shared().reading();
#elif LASTBYTE_REJECT == 8
    auto bound = tracer.body(Pull{});
    auto twice = bound;
#elif LASTBYTE_REJECT == 9
    Next next = body.shared();
#elif LASTBYTE_REJECT == 10
    auto text = lastbyte::defer_until_consumed(std::string{"text"}, on_end);
    (void)text.reading();
#elif LASTBYTE_REJECT == 11
    auto text = lastbyte::defer_until_consumed(std::string{"text"}, on_end);
    auto copy = text;
#else
    Next next = std::move(body).shared();
    Next copy = next;
    plain = lastbyte::defer_until_consumed(Pull{}, on_end);
#endif
}
