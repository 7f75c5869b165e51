// The table that a schema's rows go to, as ClickHouse's DDL, written by the schema itself.
//
// A table that is kept by hand beside the code drifts: a field is renamed, and its column stays empty for a month. Here
// columns, sort key and types come from the declaration that the rows come from, and a name that it doesn't have is a
// compile error. Run once, at deployment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <lastbyte/core/text.hpp>
#include <lastbyte/encode/parts/clickhouse_text.hpp>
#include <lastbyte/telemetry/field_access.hpp>
#include <lastbyte/telemetry/schema.hpp>

namespace lastbyte {

/// Text fields with many different values: `String`. Every other text is `LowCardinality(String)`, which is smaller and
/// faster as long as it has fewer than some 10'000 values.
template <FixedString... Names>
struct AsString {};

/// Number fields that only ever hold whole numbers: `Int64`. Every other number is `Float64`. The server refuses a row
/// with a fraction in such a column.
template <FixedString... Names>
struct AsInteger {};

/// What the table is sorted by, before the time: the fields that most queries filter by, the one with the fewest values
/// first. Without it, the text that the schema's index copies.
template <FixedString... Names>
struct OrderBy {};

struct ClickHouseTable {
    std::string_view database = {};  ///< "": the connection's
    std::string_view table = {};     ///< "": the schema's name
    /// Rows are deleted after so many days; never if 0, or more than 20'000, which would end beyond what the server can
    /// count (2106) and delete them at once. Has no effect in 2018's dialect: there, drop whole days by `ALTER TABLE …
    /// DROP PARTITION`.
    std::uint32_t ttl_days = 0;
    ClickHouseDialect dialect = ClickHouseDialect::current;
    /// The engine with its arguments, as it stands in the DDL: "ReplicatedMergeTree('/tables/tool_calls',
    /// '{replica}')".
    /// "": MergeTree, which remembers the tokens of the last 10'000 inserts; in 2018's dialect, which knows no tokens,
    /// ReplacingMergeTree, whose equal rows are one in queries that say FINAL.
    std::string_view engine = {};
};

/// Appends `CREATE TABLE IF NOT EXISTS …`, without a semicolon: a column for each field under its name, and
///
/// - `row_id` and `written_at_ns`, which are stamped on each row (`encode/stamped.hpp`), and
/// - `written_at`, made from it: DateTime64(9, 'UTC'), in 2018's dialect DateTime('UTC'). Rows without a stamp get the
///   server's time.
///
/// Partitions are days. `write_clickhouse_table<ToolCall, OrderBy<"tool_name">, AsString<"document_uri">>(ddl,
/// {.ttl_days = 90});`
template <class Schema, class... Traits, TextOutput Out>
constexpr void write_clickhouse_table(Out& out, ClickHouseTable const& options = {});

namespace detail {

enum class ColumnTrait : std::uint8_t { as_string, as_integer, order_by, unknown };

template <class>
struct TraitOf {
    static constexpr ColumnTrait kind = ColumnTrait::unknown;
};
template <FixedString... Names>
struct TraitOf<AsString<Names...>> {
    static constexpr ColumnTrait kind = ColumnTrait::as_string;
};
template <FixedString... Names>
struct TraitOf<AsInteger<Names...>> {
    static constexpr ColumnTrait kind = ColumnTrait::as_integer;
};
template <FixedString... Names>
struct TraitOf<OrderBy<Names...>> {
    static constexpr ColumnTrait kind = ColumnTrait::order_by;
};

/// Calls `each(position, trait)` for every field that the traits name, in their order.
template <class Schema, template <FixedString...> class Trait, FixedString... Names, class Each>
constexpr void each_named(Trait<Names...>, Each each) {
    using fields = typename Schema::fields;
    constexpr ColumnTrait kind = TraitOf<Trait<Names...>>::kind;
    constexpr bool texts = ((fields::all[known_field<fields, Names>()].kind == FieldKind::blob) && ...);
    constexpr bool numbers = ((fields::all[known_field<fields, Names>()].kind == FieldKind::number) && ...);
    static_assert(kind != ColumnTrait::as_string || texts,
                  "lastbyte: AsString names a Double field. It is about the texts; leave the number out.");
    static_assert(kind != ColumnTrait::as_integer || numbers,
                  "lastbyte: AsInteger names a Blob field. It is about the numbers; leave the text out.");
    (each(known_field<fields, Names>(), kind), ...);
}

/// What the traits say of the fields.
template <class Schema>
struct TableColumns {
    ColumnTrait type[Schema::fields::size + 1]{};  // as_string is what they begin with, and means nothing for numbers
    bool low_cardinality[Schema::fields::size + 1]{};
    std::size_t key[Schema::fields::size + 1]{};
    std::size_t key_size = 0;
    bool repeated = false;

    constexpr void name(std::size_t field, ColumnTrait trait) noexcept {
        if (trait == ColumnTrait::order_by) {
            for (std::size_t i = 0; i < key_size; ++i) repeated = repeated || key[i] == field;
            if (key_size < Schema::fields::size) key[key_size++] = field;
        } else {
            type[field] = trait;
            low_cardinality[field] = false;
        }
    }
};

template <class Schema, class... Traits>
constexpr TableColumns<Schema> table_columns() {
    using fields = typename Schema::fields;
    TableColumns<Schema> columns;
    for (std::size_t i = 0; i < fields::size; ++i) columns.low_cardinality[i] = true;
    (each_named<Schema>(Traits{}, [&](std::size_t field, ColumnTrait trait) { columns.name(field, trait); }), ...);
    if (((TraitOf<Traits>::kind != ColumnTrait::order_by) && ...))
        for (std::size_t i = 0; i < fields::size && columns.key_size == 0; ++i)
            if (fields::all[i].kind == FieldKind::index)
                columns.key[columns.key_size++] = fields::find(fields::all[i].name);
    return columns;
}

template <class Schema>
constexpr bool has_no_field_called(std::string_view name) noexcept {
    return Schema::fields::find(name) == no_such_field;
}

template <TextOutput Out>
constexpr void append_stamp_columns(Out& out, ClickHouseDialect dialect) {
    append(out, dialect == ClickHouseDialect::current
                    ? "    `written_at_ns` Int64 EPHEMERAL 0,\n"
                      "    `written_at` DateTime64(9, 'UTC') DEFAULT if(written_at_ns = 0, now64(9), "
                      "fromUnixTimestamp64Nano(written_at_ns, 'UTC')),\n"
                    : "    `written_at_ns` Int64 DEFAULT toInt64(toUnixTimestamp(now())) * 1000000000,\n"
                      "    `written_at` DateTime('UTC') DEFAULT toDateTime(intDiv(written_at_ns, 1000000000)),\n");
    append(out, "    `row_id` UInt64 DEFAULT rand64()");
}

}  // namespace detail

template <class Schema, class... Traits, TextOutput Out>
constexpr void write_clickhouse_table(Out& out, ClickHouseTable const& options) {
    using fields = typename Schema::fields;
    using detail::append, detail::append_identifier, detail::FieldKind;
    constexpr bool traits = ((detail::TraitOf<Traits>::kind != detail::ColumnTrait::unknown) && ...);
    constexpr bool free_names = detail::has_no_field_called<Schema>(detail::stamp_time) &&
                                detail::has_no_field_called<Schema>(detail::stamp_id) &&
                                detail::has_no_field_called<Schema>(detail::written_at);
    static_assert(
        traits,
        "lastbyte: what follows the schema in write_clickhouse_table is OrderBy<\"...\">, AsString<\"...\"> and "
        "AsInteger<\"...\">, and another type stands among them.");
    static_assert(free_names,
                  "lastbyte: this schema has a field called written_at_ns, written_at or row_id, which are the columns "
                  "of a row's stamp. Give the field another name.");
    if constexpr (traits && free_names) {
        constexpr auto columns = detail::table_columns<Schema, Traits...>();
        static_assert(!columns.repeated, "lastbyte: OrderBy names a field twice. Leave one out.");
        bool const current = options.dialect == ClickHouseDialect::current;

        append(out, "CREATE TABLE IF NOT EXISTS ");
        detail::append_table(out, options.database, options.table.empty() ? Schema::name : options.table);
        append(out, " (\n");
        detail::append_stamp_columns(out, options.dialect);
        for (std::size_t i = 0; i < fields::size; ++i) {
            if (fields::all[i].kind == FieldKind::index) continue;
            append(out, ",\n    ");
            append_identifier(out, fields::all[i].name);
            if (fields::all[i].kind == FieldKind::number)
                append(out, columns.type[i] == detail::ColumnTrait::as_integer ? " Int64" : " Float64");
            else
                append(out, current && columns.low_cardinality[i] ? " LowCardinality(String)" : " String");
        }
        append(out, "\n) ENGINE = ");
        append(out, !options.engine.empty() ? options.engine : current ? "MergeTree" : "ReplacingMergeTree");
        append(out, "\nPARTITION BY toDate(`written_at`)\nORDER BY (");
        for (std::size_t i = 0; i < columns.key_size; ++i) {
            append_identifier(out, fields::all[columns.key[i]].name);
            append(out, ", ");
        }
        append(out, current ? "`written_at`, `row_id`)" : "`written_at_ns`, `row_id`)");
        if (current && options.ttl_days != 0 && options.ttl_days <= 20'000) {
            append(out, "\nTTL toDateTime(`written_at`) + INTERVAL ");
            detail::append_unsigned(out, options.ttl_days);
            append(out, " DAY");
        }
        if (current) append(out, "\nSETTINGS non_replicated_deduplication_window = 10000");
    }
}

}  // namespace lastbyte
