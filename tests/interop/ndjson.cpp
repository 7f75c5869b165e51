// Writes the rows that ndjson.py asks for: ./interop_ndjson BY_NAME_FILE BY_SLOT_FILE <rows
//
// A row is a line of three texts in hexadecimal ("-" is an empty one) and the bits of a double, also in hexadecimal.
// Its answer is a line of what the row says it doesn't hold: cut, dropped, repaired, indexes cut, numbers not finite.
#include <bit>
#include <charconv>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include <lastbyte/encode/ndjson.hpp>
#include <lastbyte/lastbyte.hpp>
#include <lastbyte/transport/file.hpp>

using lastbyte::after_body, lastbyte::Blob, lastbyte::Double, lastbyte::IndexOf;

namespace {

enum class Source { cache, miss };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"cache_tier", lastbyte::On<"index">>>;
};

using Hostile =
    lastbyte::Schema<"hostile", Blob<1, "text">, Blob<2, "a \"quoted\\ name">, Blob<3, "é🙂\u2028">, Double<1, "number">,
                     Blob<4, "cache_tier", after_body>, Double<2, "bytes_out", after_body>, IndexOf<1, "text">>;

std::uint64_t number(std::string_view hexadecimal) {
    std::uint64_t value = 0;
    std::from_chars(hexadecimal.data(), hexadecimal.data() + hexadecimal.size(), value, 16);
    return value;
}

std::string text(std::string_view hexadecimal) {
    std::string bytes;
    if (hexadecimal == "-") return bytes;
    for (std::size_t at = 0; at < hexadecimal.size(); at += 2)
        bytes += static_cast<char>(number(hexadecimal.substr(at, 2)));
    return bytes;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) return 2;
    lastbyte::NdjsonSink<Hostile, lastbyte::FileSink> by_name{arguments[1]};
    lastbyte::NdjsonSink<Hostile, lastbyte::FileSink, lastbyte::by_slot> by_slot{arguments[2]};
    for (std::string first, second, third, bits; std::cin >> first >> second >> third >> bits;) {
        Hostile::Point point;
        point.set<"text">(text(first));
        point.set<"a \"quoted\\ name">(text(second));
        point.set<"é🙂\u2028">(text(third));
        point.set<"number">(std::bit_cast<double>(number(bits)));

        lastbyte::Tracer<Telemetry> tracer;
        tracer.record<"index">(lastbyte::milliseconds(1), Source::cache);
        auto body = lastbyte::defer_until_consumed(
            tracer.body([left = 1]() mutable { return left-- > 0 ? std::optional<std::string>{"bytes"} : std::nullopt; }),
            [&](lastbyte::Reading<Telemetry> const& done) {
                auto const row = point.complete(lastbyte::set<"bytes_out">(done.bytes()),
                                                lastbyte::set<"cache_tier">(done.tier<"cache_tier">()));
                by_name.write(row);
                by_slot.write(row);
                auto const drops = row.drops();
                std::cout << drops.texts_cut << ' ' << drops.texts_dropped << ' ' << drops.texts_repaired << ' '
                          << drops.indexes_cut << ' ' << drops.numbers_not_finite << '\n';
            });
        while (body()) {}
    }
    return by_name.report().rows_lost + by_slot.report().rows_lost == 0 ? 0 : 1;
}
