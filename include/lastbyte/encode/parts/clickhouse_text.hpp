// What a table and its inserts agree on: how a name is quoted, and the columns beside the schema's own.
//
// A field called `a "quoted` name`, or a table whose name came out of a configuration, must be a name to the server and
// not the rest of a statement. And the two columns that a stamp adds have one spelling here, or rows land without them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/core/text.hpp>
#include <lastbyte/encode/parts/stamp.hpp>
#include <lastbyte/telemetry/schema.hpp>

namespace lastbyte {

/// Which server is spoken to.
enum class ClickHouseDialect : std::uint8_t {
    current,  ///< 22.3 and later
    of_2018,  ///< 18.16, as Debian 12 packages it: no tokens, no LowCardinality, no TTL, times in whole seconds
};

namespace detail {

/// The time as the table keeps it, made from the stamp by the server.
inline constexpr std::string_view written_at = "written_at";

/// A name between backticks, as ClickHouse reads one: whatever could end it or bend it is escaped by its code.
template <TextOutput Out>
constexpr void append_identifier(Out& out, std::string_view name) {
    append(out, "`");
    for (char const c : name) {
        auto const code = static_cast<unsigned char>(c);
        if (code >= 0x20 && code != 0x7f && c != '`' && c != '\\') {
            out.append(&c, 1);
            continue;
        }
        char const escape[4] = {'\\', 'x', "0123456789ABCDEF"[code >> 4], "0123456789ABCDEF"[code & 15]};
        out.append(escape, sizeof escape);
    }
    append(out, "`");
}

template <TextOutput Out>
constexpr void append_table(Out& out, std::string_view database, std::string_view table) {
    if (!database.empty()) {
        append_identifier(out, database);
        append(out, ".");
    }
    append_identifier(out, table);
}

/// Every column that a stamped row has, in parentheses. Without this list the server would leave out what it computes.
template <class Schema, TextOutput Out>
constexpr void append_inserted_columns(Out& out) {
    append(out, "(");
    append_identifier(out, stamp_time);
    append(out, ", ");
    append_identifier(out, stamp_id);
    for (std::size_t i = 0; i < Schema::fields::size; ++i) {
        FieldInfo const& field = Schema::fields::all[i];
        if (field.kind == FieldKind::index) continue;
        append(out, ", ");
        append_identifier(out, field.name);
    }
    append(out, ")");
}

/// Hands text on with every byte that means something in a URL's query escaped (RFC 3986, section 2.1).
template <TextOutput Out>
struct PercentEncoded {
    Out& out;
    constexpr void append(char const* text, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i) {
            auto const c = static_cast<unsigned char>(text[i]);
            bool const plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
                               c == '.' || c == '_' || c == '~';
            char const escape[3] = {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]};
            out.append(plain ? text + i : escape, plain ? 1 : sizeof escape);
        }
    }
};

}  // namespace detail
}  // namespace lastbyte
