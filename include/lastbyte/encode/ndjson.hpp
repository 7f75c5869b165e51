// Rows as NDJSON: one JSON object a line, its keys the field names or the store's columns.
//
// A row that is put together with string concatenation breaks on the first quote in a document's name, and takes its
// neighbours along. Here keys are escaped by the compiler and texts as they are written, nothing is allocated by the
// encoder, and a sink hands each line to its transport whole. The seed's row costs a fifth of the snprintf that would
// print it without escaping anything, and a tenth of what the file then takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/core/atomic.hpp>
#include <lastbyte/core/text.hpp>
#include <lastbyte/encode/json.hpp>
#include <lastbyte/telemetry/data_point.hpp>

namespace lastbyte {

/// What the keys of a line are.
enum class Keys : std::uint8_t {
    by_name,  ///< field names, `{"event_type":"tool_call",…,"count":1}`, without the index: its text is there in full
    by_slot,  ///< the store's columns, `{"blob1":"tool_call",…,"double1":1,…,"index1":"acme"}`
};
using enum Keys;

/// Appends a row and its newline to `out`. Every field is written in the schema's order, an unset one as "" or 0, so that
/// all lines have the same keys. Texts are escaped as RFC 8259 says; numbers are the shortest that read back the same.
/// Allocates what `out` allocates.
template <Keys Spelling = by_name, class Schema, TextOutput Out>
void write_ndjson(Out& out, Row<Schema> const& row);

namespace detail {
template <class T>
inline constexpr bool is_point = false;
template <class Schema>
inline constexpr bool is_point<Point<Schema>> = true;
}  // namespace detail

/// What an NdjsonSink has done. `rows_written + rows_lost` is the number of calls to write().
struct NdjsonReport {
    std::uint64_t rows_written = 0;
    std::uint64_t rows_lost = 0;  ///< the transport refused the line (its own report says why), or there was no memory
    std::uint64_t out_of_memory = 0;  ///< of these: a line over 4 KB, and no buffer to be had for it
    std::uint64_t texts_cut = 0;      ///< what the rows don't hold as it was given: the sums of their Drops
    std::uint64_t texts_dropped = 0;
    std::uint64_t texts_repaired = 0;
    std::uint64_t indexes_cut = 0;
    std::uint64_t numbers_not_finite = 0;
};

/// Rows of one schema, as lines, to one transport: `NdjsonSink<ToolCall, FileSink> points{"points.ndjson"};`
///
/// A transport is anything with `bool write(std::string_view line) noexcept`. Arguments of the constructor go to it.
/// write() may be called by several threads at once if the transport's may. A line is put together on the stack up to 4
/// KB; a longer one (16 KB of texts can grow sixfold) in a buffer from the heap, which is kept for the next: nothing is
/// cut here, and a warm sink allocates nothing. Immovable, because threads refer to it.
template <class Schema, class Transport, Keys Spelling = by_name>
class NdjsonSink {
public:
    template <class... Args>
    requires std::is_constructible_v<Transport, Args...>
    explicit NdjsonSink(Args&&... args) noexcept(std::is_nothrow_constructible_v<Transport, Args...>)
        : transport_(std::forward<Args>(args)...) {}
    NdjsonSink(NdjsonSink const&) = delete;
    NdjsonSink& operator=(NdjsonSink const&) = delete;
    ~NdjsonSink() { delete[] spare_.load_acquire(); }

    /// Writes one row. False when it was lost, which is counted and is all that happens: nothing throws.
    bool write(Row<Schema> const& row) noexcept {
        static_assert(noexcept(transport_.write(std::string_view{})),
                      "lastbyte: this transport's write(std::string_view) is not noexcept. Telemetry must not fail the "
                      "request: catch and count inside it, and declare it noexcept.");
        bool const written = encode(row);
        (written ? rows_written_ : rows_lost_).add_relaxed(1);
        if (auto const drops = row.drops(); drops.total() != 0) [[unlikely]] {
            texts_cut_.add_relaxed(drops.texts_cut);
            texts_dropped_.add_relaxed(drops.texts_dropped);
            texts_repaired_.add_relaxed(drops.texts_repaired);
            indexes_cut_.add_relaxed(drops.indexes_cut);
            numbers_not_finite_.add_relaxed(drops.numbers_not_finite);
        }
        return written;
    }
    template <class NotARow>
    bool write(NotARow const&) noexcept {
        constexpr bool point = detail::is_point<NotARow>;
        constexpr bool row_of_another_schema = detail::is_row<NotARow>;
        static_assert(
            !point,
            "lastbyte: write() was given a Point, whose after_body fields have no value yet. Complete it with what "
            "the Reading says: write(point.complete(lastbyte::set<\"cache_tier\">(done.tier<\"cache_tier\">()), "
            "...)).");
        static_assert(
            !row_of_another_schema,
            "lastbyte: this row is of another schema than the sink, whose columns would get the wrong values. "
            "Write it to an NdjsonSink<ItsSchema, ...> of its own.");
        static_assert(
            point || row_of_another_schema,
            "lastbyte: write() takes a row of the sink's schema, which point.complete(...) makes, and nothing else.");
        return false;
    }

    /// What the transport says of itself: that its file is open.
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(transport_); }
    [[nodiscard]] Transport& transport() noexcept { return transport_; }
    [[nodiscard]] Transport const& transport() const noexcept { return transport_; }

    [[nodiscard]] NdjsonReport report() const noexcept {
        return {rows_written_.load_relaxed(),  rows_lost_.load_relaxed(),     out_of_memory_.load_relaxed(),
                texts_cut_.load_relaxed(),     texts_dropped_.load_relaxed(), texts_repaired_.load_relaxed(),
                indexes_cut_.load_relaxed(),   numbers_not_finite_.load_relaxed()};
    }

private:
    static constexpr std::size_t on_the_stack = 4096;

    bool encode(Row<Schema> const& row) noexcept;
    bool encode_long(Row<Schema> const& row) noexcept;

    Transport transport_;
    detail::Atomic<char*> spare_{nullptr};
    detail::Atomic<std::uint64_t> rows_written_{}, rows_lost_{}, out_of_memory_{};
    detail::Atomic<std::uint64_t> texts_cut_{}, texts_dropped_{}, texts_repaired_{}, indexes_cut_{}, numbers_not_finite_{};
};

namespace detail {

template <Keys Spelling>
constexpr bool is_written(FieldInfo const& field) noexcept {
    return Spelling == by_slot || field.kind != FieldKind::index;
}

/// How many fields before this one are written.
template <Keys Spelling, class Schema>
constexpr std::size_t written_before(std::size_t at) noexcept {
    std::size_t n = 0;
    for (std::size_t i = 0; i < at; ++i) n += is_written<Spelling>(Schema::fields::all[i]) ? 1 : 0;
    return n;
}

/// `{"event_type":`, `,"method":` and so on.
template <Keys Spelling, class Schema, std::size_t I>
inline constexpr auto row_key = fixed_text([](auto& out) {
    constexpr FieldInfo const& field = Schema::fields::all[I];
    append(out, written_before<Spelling, Schema>(I) == 0 ? "{\"" : ",\"");
    if constexpr (Spelling == by_name) {
        append_json_contents(out, field.name);
    } else {
        append(out, field.kind == FieldKind::blob ? "blob" : field.kind == FieldKind::number ? "double" : "index");
        append_unsigned(out, field.slot);
    }
    append(out, "\":");
});

template <Keys Spelling, class Schema, std::size_t I, TextOutput Out>
void append_row_field(Row<Schema> const& row, Out& out) {
    constexpr FieldInfo const& field = Schema::fields::all[I];
    if constexpr (is_written<Spelling>(field)) {
        append(out, row_key<Spelling, Schema, I>.view());
        if constexpr (field.kind == FieldKind::blob)
            append_json_string(out, row.blob(field.slot));
        else if constexpr (field.kind == FieldKind::number)
            append_json_number(out, row.number(field.slot));
        else
            append_json_string(out, row.index(field.slot));
    }
}

/// The bound of a line: its keys, quotes, 24 characters a number, and texts that consist of control characters.
template <Keys Spelling, class Schema>
constexpr std::size_t longest_line() noexcept {
    std::size_t const keys = []<std::size_t... I>(std::index_sequence<I...>) {
        return (std::size_t{0} + ... + row_key<Spelling, Schema, I>.size);
    }(std::make_index_sequence<Schema::fields::size>{});
    return keys + 2 * (Schema::blobs + Schema::indexes) + 24 * Schema::doubles +
           6 * (Schema::limits::blob_bytes + Schema::indexes * Schema::limits::index_bytes) + sizeof "{}\n";
}

}  // namespace detail

template <Keys Spelling, class Schema, TextOutput Out>
void write_ndjson(Out& out, Row<Schema> const& row) {
    using fields = typename Schema::fields;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (detail::append_row_field<Spelling, Schema, I>(row, out), ...);
    }(std::make_index_sequence<fields::size>{});
    detail::append(out, detail::written_before<Spelling, Schema>(fields::size) == 0 ? "{}\n" : "}\n");
}

template <class Schema, class Transport, Keys Spelling>
bool NdjsonSink<Schema, Transport, Spelling>::encode(Row<Schema> const& row) noexcept {
    char buffer[on_the_stack];
    detail::BoundedText line{buffer, sizeof buffer};
    write_ndjson<Spelling>(line, row);
    return line.overflowed() ? encode_long(row) : static_cast<bool>(transport_.write(line.view()));
}

template <class Schema, class Transport, Keys Spelling>
bool NdjsonSink<Schema, Transport, Spelling>::encode_long(Row<Schema> const& row) noexcept {
    constexpr std::size_t longest = detail::longest_line<Spelling, Schema>();
    char* buffer = spare_.exchange_acq_rel(nullptr);
    if (buffer == nullptr) buffer = new (std::nothrow) char[longest];
    if (buffer == nullptr) {
        out_of_memory_.add_relaxed(1);
        return false;
    }
    detail::BoundedText line{buffer, longest};
    write_ndjson<Spelling>(line, row);
    bool const written = !line.overflowed() && static_cast<bool>(transport_.write(line.view()));
    delete[] spare_.exchange_acq_rel(buffer);
    return written;
}

}  // namespace lastbyte
