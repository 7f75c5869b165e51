// The names under which a stamped row tells when it was written and which one it is.
//
// They are written by Stamped, declared by a table and named by each INSERT. Three spellings would be rows without a
// time that nobody misses until the first outage. Constants; nothing at run time.
#pragma once

#include <string_view>

namespace lastbyte::detail {

inline constexpr std::string_view stamp_time = "written_at_ns";
inline constexpr std::string_view stamp_id = "row_id";
/// What every stamped row begins with.
inline constexpr std::string_view stamp_begin = "{\"written_at_ns\":";

}  // namespace lastbyte::detail
