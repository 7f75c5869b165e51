// A table's traits name fields of its schema, and its schema has no field that is called like a column of the stamp.
// expect: says::no_field_is_called<.*("tool_nam"|'t', 'o', 'o', 'l').*did_you_mean<.*("tool_name"|'n', 'a', 'm', 'e')
// expect-2: lastbyte: AsString names a Double field\. It is about the texts; leave the number out
// expect-3: lastbyte: AsInteger names a Blob field\. It is about the numbers; leave the text out
// expect-4: lastbyte: OrderBy names a field twice\. Leave one out
// expect-5: lastbyte: this schema has a field called written_at_ns, written_at or row_id, which are the columns
// expect-6: lastbyte: what follows the schema in write_clickhouse_table is OrderBy<.{1,2}\.\.\..{1,2}>, AsString<
// expect-7: lastbyte: this HTTP transport's post\(target, body\) is not noexcept\. It runs on a thread that nobody
#include <lastbyte/encode/clickhouse.hpp>
#include <lastbyte/encode/clickhouse_table.hpp>

using lastbyte::AsInteger, lastbyte::AsString, lastbyte::Blob, lastbyte::Double, lastbyte::OrderBy;

using ToolCall = lastbyte::Schema<"tool_calls", Blob<1, "tool_name">, Double<1, "bytes_out">>;
using OwnId = lastbyte::Schema<"tool_calls", Blob<1, "row_id">>;

struct Http {
    struct Result {
        explicit operator bool() const noexcept { return true; }
        [[nodiscard]] bool worth_retrying() const noexcept { return false; }
        [[nodiscard]] std::uint64_t retry_after_ns() const noexcept { return 0; }
    };
#if LASTBYTE_REJECT == 7
    Result post(std::string_view, std::string_view) { return {}; }
#else
    Result post(std::string_view, std::string_view) noexcept { return {}; }
#endif
    [[nodiscard]] std::string_view response() const noexcept { return {}; }
    [[nodiscard]] std::string_view header(std::string_view) const noexcept { return {}; }
    explicit operator bool() const noexcept { return true; }
};

struct Length {
    std::size_t size = 0;
    void append(char const*, std::size_t more) noexcept { size += more; }
};

int main() {
    Length ddl;
#if LASTBYTE_REJECT == 1
    lastbyte::write_clickhouse_table<ToolCall, OrderBy<"tool_nam">>(ddl);
#elif LASTBYTE_REJECT == 2
    lastbyte::write_clickhouse_table<ToolCall, AsString<"bytes_out">>(ddl);
#elif LASTBYTE_REJECT == 3
    lastbyte::write_clickhouse_table<ToolCall, AsInteger<"tool_name">>(ddl);
#elif LASTBYTE_REJECT == 4
    lastbyte::write_clickhouse_table<ToolCall, OrderBy<"tool_name", "tool_name">>(ddl);
#elif LASTBYTE_REJECT == 5
    lastbyte::write_clickhouse_table<OwnId>(ddl);
#elif LASTBYTE_REJECT == 6
    lastbyte::write_clickhouse_table<ToolCall, Length>(ddl);
#else
    lastbyte::write_clickhouse_table<ToolCall, OrderBy<"tool_name">, AsString<"tool_name">, AsInteger<"bytes_out">>(ddl);
#endif
    lastbyte::ClickHouseInsert<ToolCall, Http> insert;
    return static_cast<bool>(insert.write("rows")) ? static_cast<int>(ddl.size) : 0;
}
