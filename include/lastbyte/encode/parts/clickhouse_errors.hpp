// ClickHouse's error codes: which of them another attempt can mend, and whose fault the others are.
//
// A server answers 500 to a full disk as to a bad row. Taken for the same, either a batch that can never be stored is
// sent for ever and everything behind it waits, or a busy minute throws rows away. Here each code that says "never" is
// listed with its cause; what isn't listed is worth another attempt. Read out of an answer without copying it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lastbyte {

/// Why rows were not stored at an attempt.
enum class ClickHouseCause : std::uint8_t {
    none,
    unreachable,  ///< no answer, or one of a proxy in front
    busy,         ///< the server's own words: too many parts, memory, a time-out, read-only, and every unknown code
    unclear,      ///< a success with something else in it: another server, or a failure after the answer had begun
    row,          ///< a value that its column doesn't take
    schema,       ///< the table or a column isn't there, or the statement isn't understood
    access,       ///< user, password, rights or a setting that this user may not change
    unstamped,    ///< rows without time and identity: see Stamped
    refused,      ///< an HTTP error without a code
};

namespace detail {

struct ClickHouseError {
    int code;
    ClickHouseCause cause;
    std::string_view name;  // as the server's sources have it
};

/// Every code that no retry mends, and the names of the commonest others.
inline constexpr ClickHouseError clickhouse_errors[] = {
    {6, ClickHouseCause::row, "CANNOT_PARSE_TEXT"},
    {25, ClickHouseCause::row, "CANNOT_PARSE_ESCAPE_SEQUENCE"},
    {26, ClickHouseCause::row, "CANNOT_PARSE_QUOTED_STRING"},
    {27, ClickHouseCause::row, "CANNOT_PARSE_INPUT_ASSERTION_FAILED"},
    {38, ClickHouseCause::row, "CANNOT_PARSE_DATE"},
    {41, ClickHouseCause::row, "CANNOT_PARSE_DATETIME"},
    {53, ClickHouseCause::row, "TYPE_MISMATCH"},
    {69, ClickHouseCause::row, "ARGUMENT_OUT_OF_BOUND"},
    {70, ClickHouseCause::row, "CANNOT_CONVERT_TYPE"},
    {72, ClickHouseCause::row, "CANNOT_PARSE_NUMBER"},
    {117, ClickHouseCause::row, "INCORRECT_DATA"},
    {131, ClickHouseCause::row, "TOO_LARGE_STRING_SIZE"},
    {321, ClickHouseCause::row, "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE"},
    {349, ClickHouseCause::row, "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN"},
    {376, ClickHouseCause::row, "CANNOT_PARSE_UUID"},
    {407, ClickHouseCause::row, "DECIMAL_OVERFLOW"},
    {441, ClickHouseCause::row, "CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING"},
    {467, ClickHouseCause::row, "CANNOT_PARSE_BOOL"},
    {469, ClickHouseCause::row, "VIOLATED_CONSTRAINT"},
    {8, ClickHouseCause::schema, "THERE_IS_NO_COLUMN"},
    {10, ClickHouseCause::schema, "NOT_FOUND_COLUMN_IN_BLOCK"},
    {15, ClickHouseCause::schema, "DUPLICATE_COLUMN"},
    {16, ClickHouseCause::schema, "NO_SUCH_COLUMN_IN_TABLE"},
    {36, ClickHouseCause::schema, "BAD_ARGUMENTS"},
    {43, ClickHouseCause::schema, "ILLEGAL_TYPE_OF_ARGUMENT"},
    {44, ClickHouseCause::schema, "ILLEGAL_COLUMN"},
    {46, ClickHouseCause::schema, "UNKNOWN_FUNCTION"},
    {47, ClickHouseCause::schema, "UNKNOWN_IDENTIFIER"},
    {48, ClickHouseCause::schema, "NOT_IMPLEMENTED"},
    {50, ClickHouseCause::schema, "UNKNOWN_TYPE"},
    {60, ClickHouseCause::schema, "UNKNOWN_TABLE"},
    {62, ClickHouseCause::schema, "SYNTAX_ERROR"},
    {73, ClickHouseCause::schema, "UNKNOWN_FORMAT"},
    {81, ClickHouseCause::schema, "UNKNOWN_DATABASE"},
    {115, ClickHouseCause::schema, "UNKNOWN_SETTING"},
    {164, ClickHouseCause::access, "READONLY"},
    {192, ClickHouseCause::access, "UNKNOWN_USER"},
    {193, ClickHouseCause::access, "WRONG_PASSWORD"},
    {194, ClickHouseCause::access, "REQUIRED_PASSWORD"},
    {195, ClickHouseCause::access, "IP_ADDRESS_NOT_ALLOWED"},
    {291, ClickHouseCause::access, "DATABASE_ACCESS_DENIED"},
    {452, ClickHouseCause::access, "SETTING_CONSTRAINT_VIOLATION"},
    {472, ClickHouseCause::access, "READONLY_SETTING"},
    {497, ClickHouseCause::access, "ACCESS_DENIED"},
    {516, ClickHouseCause::access, "AUTHENTICATION_FAILED"},
    {159, ClickHouseCause::busy, "TIMEOUT_EXCEEDED"},
    {202, ClickHouseCause::busy, "TOO_MANY_SIMULTANEOUS_QUERIES"},
    {209, ClickHouseCause::busy, "SOCKET_TIMEOUT"},
    {210, ClickHouseCause::busy, "NETWORK_ERROR"},
    {241, ClickHouseCause::busy, "MEMORY_LIMIT_EXCEEDED"},
    {242, ClickHouseCause::busy, "TABLE_IS_READ_ONLY"},
    {243, ClickHouseCause::busy, "NOT_ENOUGH_SPACE"},
    {252, ClickHouseCause::busy, "TOO_MANY_PARTS"},
    {389, ClickHouseCause::none, "INSERT_WAS_DEDUPLICATED"},
};

constexpr ClickHouseError clickhouse_error(int code) noexcept {
    for (auto const& known : clickhouse_errors)
        if (known.code == code) return known;
    return {code, ClickHouseCause::busy, ""};
}

/// What a person has to do about an error that no retry mends; "" for the others.
constexpr std::string_view clickhouse_help(ClickHouseError const& error) noexcept {
    switch (error.code) {
        case 60: return "create the table before the first row, with what write_clickhouse_table() writes";
        case 81: return "create the database, or name another one in ClickHouseOptions::database";
        case 8: case 10: case 16: case 47:
            return "add the column to the table before the field to the schema: compare with what write_clickhouse_table() "
                   "writes";
        default: break;
    }
    switch (error.cause) {
        case ClickHouseCause::row: return "give the column the type that write_clickhouse_table() writes";
        case ClickHouseCause::schema: return "is the dialect the server's? See ClickHouseOptions::dialect";
        case ClickHouseCause::access:
            return "give user and password in HttpOptions::headers (X-ClickHouse-User, X-ClickHouse-Key), and the right to "
                   "insert";
        default: return "";
    }
}

/// The number that a text begins with; 0 when there is none, and at most 999'999'999.
constexpr int leading_number(std::string_view text) noexcept {
    int number = 0;
    for (std::size_t i = 0; i < text.size() && i < 9 && text[i] >= '0' && text[i] <= '9'; ++i)
        number = number * 10 + (text[i] - '0');
    return number;
}
constexpr int number_behind(std::string_view text, std::string_view word) noexcept {
    std::size_t const at = text.find(word);
    return at == std::string_view::npos ? 0 : leading_number(text.substr(at + word.size()));
}

/// The error code in an answer, 0 when there is none: of the header that newer servers send, or of the text
/// `Code: 60. DB::Exception: …`, which stands at the end of a success that failed half-way. The first one counts: a
/// later one may be a quotation.
constexpr int clickhouse_code(std::string_view header, std::string_view body) noexcept {
    int const told = leading_number(header);
    return told != 0 ? told : number_behind(body, "Code: ");
}

/// The row, from 1, that an answer's `(at row 17)` is about; 0 when it names none.
constexpr std::size_t clickhouse_row(std::string_view body) noexcept {
    return static_cast<std::size_t>(number_behind(body, "at row "));
}

}  // namespace detail
}  // namespace lastbyte
