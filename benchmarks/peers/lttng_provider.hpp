// The tracepoints of the LTTng-UST peer. Included more than once, by LTTng's own headers.
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER lastbyte_peer

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "lttng_provider.hpp"

#if !defined(LASTBYTE_BENCHMARKS_LTTNG_PROVIDER) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define LASTBYTE_BENCHMARKS_LTTNG_PROVIDER

#include <lttng/tracepoint.h>

#include <stdint.h>

LTTNG_UST_TRACEPOINT_EVENT(lastbyte_peer, begin,
                           LTTNG_UST_TP_ARGS(char const*, name, uint64_t, id, uint64_t, parent),
                           LTTNG_UST_TP_FIELDS(lttng_ust_field_string(name, name)
                                               lttng_ust_field_integer_hex(uint64_t, id, id)
                                               lttng_ust_field_integer_hex(uint64_t, parent, parent)))

LTTNG_UST_TRACEPOINT_EVENT(lastbyte_peer, end,
                           LTTNG_UST_TP_ARGS(uint64_t, id, int64_t, rows, char const*, shard),
                           LTTNG_UST_TP_FIELDS(lttng_ust_field_integer_hex(uint64_t, id, id)
                                               lttng_ust_field_integer(int64_t, rows, rows)
                                               lttng_ust_field_string(shard, shard)))

LTTNG_UST_TRACEPOINT_EVENT(lastbyte_peer, request_end,
                           LTTNG_UST_TP_ARGS(uint64_t, id, uint64_t, bytes, char const*, outcome),
                           LTTNG_UST_TP_FIELDS(lttng_ust_field_integer_hex(uint64_t, id, id)
                                               lttng_ust_field_integer(uint64_t, bytes, bytes)
                                               lttng_ust_field_string(outcome, outcome)))

LTTNG_UST_TRACEPOINT_EVENT(lastbyte_peer, event,
                           LTTNG_UST_TP_ARGS(uint64_t, id, int64_t, rows),
                           LTTNG_UST_TP_FIELDS(lttng_ust_field_integer_hex(uint64_t, id, id)
                                               lttng_ust_field_integer(int64_t, rows, rows)))

// A tracepoint takes ten arguments at most; the ten texts of a span are two events of five.
LTTNG_UST_TRACEPOINT_EVENT(lastbyte_peer, five,
                           LTTNG_UST_TP_ARGS(uint64_t, id, char const*, a, char const*, b, char const*, c, char const*, d,
                                             char const*, e),
                           LTTNG_UST_TP_FIELDS(lttng_ust_field_integer_hex(uint64_t, id, id)
                                               lttng_ust_field_string(attribute_of_20_ch_0, a)
                                               lttng_ust_field_string(attribute_of_20_ch_1, b)
                                               lttng_ust_field_string(attribute_of_20_ch_2, c)
                                               lttng_ust_field_string(attribute_of_20_ch_3, d)
                                               lttng_ust_field_string(attribute_of_20_ch_4, e)))

#endif

#include <lttng/tracepoint-event.h>
