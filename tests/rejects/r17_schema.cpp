// A schema is held against the store's limits, and its columns and names against each other, where it is declared.
// expect: lastbyte: this schema has more Blob fields than a row of the store can hold .*SchemaWithin
// expect-2: lastbyte: this schema has more Double fields than a row of the store can hold .*SchemaWithin
// expect-3: lastbyte: this schema has more IndexOf fields than a row of the store can hold .*SchemaWithin
// expect-4: says::two_fields_share_one_slot_so_renumber_one_of<.*("method"|'m', 'e', 't', 'h', 'o', 'd').*("tool"|'t', 'o', 'o', 'l')
// expect-5: says::two_fields_share_one_slot_so_renumber_one_of<.*("count"|'c', 'o', 'u', 'n', 't').*("bytes"|'b', 'y', 't', 'e', 's')
// expect-6: lastbyte: the slots of this schema leave a gap\. Number the Blob fields 1, 2, 3 and so on
// expect-7: lastbyte: the slots of this schema leave a gap
// expect-8: says::two_fields_are_called<.*("method"|'m', 'e', 't', 'h', 'o', 'd')
// expect-9: says::the_index_must_copy_a_text_field_and_none_is_called<.*("metod"|'m', 'e', 't', 'o', 'd').*did_you_mean<.*("method"|'m', 'e', 't', 'h', 'o', 'd')
// expect-10: says::the_index_must_copy_a_text_field_and_none_is_called<.*("count"|'c', 'o', 'u', 'n', 't').*did_you_mean<.*("method"|'m', 'e', 't', 'h', 'o', 'd')
// expect-11: lastbyte: a field of this schema has an empty name
// expect-12: lastbyte: a schema needs a name
// expect-13: lastbyte: a schema is made of Blob<slot, .?"name.?">
// expect-14: lastbyte: the first argument of SchemaWithin says what your store takes, and this type doesn't
// expect-15: lastbyte: this schema has more Blob fields than a row of the store can hold .*SchemaWithin
#include "point.hpp"

struct OneText : lastbyte::StoreLimits {
    static constexpr std::size_t blobs = 1;
};

#if LASTBYTE_REJECT == 1
using Rows = Schema<"rows",
    Blob<1, "b1">, Blob<2, "b2">, Blob<3, "b3">, Blob<4, "b4">, Blob<5, "b5">, Blob<6, "b6">,
    Blob<7, "b7">, Blob<8, "b8">, Blob<9, "b9">, Blob<10, "b10">, Blob<11, "b11">, Blob<12, "b12">,
    Blob<13, "b13">, Blob<14, "b14">, Blob<15, "b15">, Blob<16, "b16">, Blob<17, "b17">, Blob<18, "b18">,
    Blob<19, "b19">, Blob<20, "b20">, Blob<21, "b21">>;
#elif LASTBYTE_REJECT == 2
using Rows = Schema<"rows",
    Double<1, "d1">, Double<2, "d2">, Double<3, "d3">, Double<4, "d4">, Double<5, "d5">, Double<6, "d6">,
    Double<7, "d7">, Double<8, "d8">, Double<9, "d9">, Double<10, "d10">, Double<11, "d11">,
    Double<12, "d12">, Double<13, "d13">, Double<14, "d14">, Double<15, "d15">, Double<16, "d16">,
    Double<17, "d17">, Double<18, "d18">, Double<19, "d19">, Double<20, "d20">, Double<21, "d21">>;
#elif LASTBYTE_REJECT == 3
using Rows = Schema<"rows", Blob<1, "method">, IndexOf<1, "method">, IndexOf<2, "method">>;
#elif LASTBYTE_REJECT == 4
using Rows = Schema<"rows", Blob<1, "event">, Blob<2, "method">, Blob<2, "tool">>;
#elif LASTBYTE_REJECT == 5
using Rows = Schema<"rows", Blob<1, "event">, Double<1, "count">, Double<1, "bytes">>;
#elif LASTBYTE_REJECT == 6
using Rows = Schema<"rows", Blob<1, "event">, Blob<3, "method">>;
#elif LASTBYTE_REJECT == 7
using Rows = Schema<"rows", Double<0, "count">, Double<1, "bytes">>;
#elif LASTBYTE_REJECT == 8
using Rows = Schema<"rows", Blob<1, "method">, Double<1, "method">>;
#elif LASTBYTE_REJECT == 9
using Rows = Schema<"rows", Blob<1, "event">, Blob<2, "method">, IndexOf<1, "metod">>;
#elif LASTBYTE_REJECT == 10
using Rows = Schema<"rows", Blob<1, "method">, Double<1, "count">, IndexOf<1, "count">>;
#elif LASTBYTE_REJECT == 11
using Rows = Schema<"rows", Blob<1, "">>;
#elif LASTBYTE_REJECT == 12
using Rows = Schema<"", Blob<1, "method">>;
#elif LASTBYTE_REJECT == 13
using Rows = Schema<"rows", Blob<1, "method">, int>;
#elif LASTBYTE_REJECT == 14
using Rows = lastbyte::SchemaWithin<Lines, "rows", Blob<1, "method">>;
#elif LASTBYTE_REJECT == 15
using Rows = lastbyte::SchemaWithin<OneText, "rows", Blob<1, "event">, Blob<2, "method">>;
#else
using Rows = Schema<"rows", Blob<1, "event">, Blob<2, "method">, Double<1, "count">, IndexOf<1, "method">>;
using FewRows = lastbyte::SchemaWithin<OneText, "few_rows", Blob<1, "method">, IndexOf<1, "method">>;
static_assert(FewRows::blobs == 1);
#endif
