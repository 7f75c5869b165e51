// What the server says about itself at the end: a table by tool and tier, and whether the books balance.
//
// The table is made of what the Readings said, the books compare it with what clients saw over the socket. Numbers that
// nobody checks against a second source are decoration. Memory is bounded: a row keeps its latest 65,536 timings.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

/// One finished request, as its Reading told it. The views are of names that live for ever.
struct Entry {
    std::size_t number = 0;  ///< the client's own number for the request; 0 when it gave none
    std::string tool;
    std::string_view tier;
    std::string_view tier_at_handler_end;
    std::string_view outcome;
    std::uint64_t bytes = 0;
    double duration_ms = 0;
    double first_byte_ms = 0;
    std::uint64_t hits = 0;
    std::uint64_t lookups = 0;
};

/// The same request, seen from the other end of the socket.
struct Sent {
    std::size_t number = 0;
    std::string what;
    int status = 0;
    std::size_t bytes = 0;
    bool complete = false;
    bool left = false;  ///< the client meant to hang up half-way
};

/// 1234567 as 1,234,567.
inline std::string grouped(std::uint64_t n) {
    std::string text = std::to_string(n);
    for (auto i = static_cast<std::ptrdiff_t>(text.size()) - 3; i > 0; i -= 3) {
        text.insert(static_cast<std::size_t>(i), 1, ',');
    }
    return text;
}

/// The latest values, for quantiles.
class Sample {
public:
    static constexpr std::size_t most = 65'536;

    void add(double value) {
        if (values_.size() < most) {
            values_.push_back(value);
        } else {
            values_[next_++ % most] = value;
        }
    }
    /// The value that a share `q` of all doesn't exceed; nothing when there are none.
    std::optional<double> quantile(double q) const {
        if (values_.empty()) {
            return std::nullopt;
        }
        auto sorted = values_;
        auto const rank = static_cast<std::ptrdiff_t>(q * static_cast<double>(sorted.size() - 1) + 0.5);
        std::nth_element(sorted.begin(), sorted.begin() + rank, sorted.end());
        return sorted[static_cast<std::size_t>(rank)];
    }

private:
    std::vector<double> values_;
    std::size_t next_ = 0;
};

/// Lines of text in columns, as wide as they must be; those of numbers are flush right.
template <std::size_t N>
void print_aligned(std::FILE* to, std::vector<std::array<std::string, N>> const& lines, std::array<bool, N> is_number) {
    std::array<std::size_t, N> widths{};
    for (auto const& line : lines) {
        for (std::size_t i = 0; i < N; ++i) {
            widths[i] = std::max(widths[i], line[i].size());
        }
    }
    for (auto const& line : lines) {
        std::string text;
        for (std::size_t i = 0; i < N; ++i) {
            std::string const space(widths[i] - line[i].size(), ' ');
            text += (i == 0 ? "" : "  ") + (is_number[i] ? space + line[i] : line[i] + space);
        }
        text.resize(text.find_last_not_of(' ') + 1);
        std::fprintf(to, "%s\n", text.c_str());
    }
}

/// Collects entries from all threads.
class Report {
public:
    void add(Entry const& entry) {
        std::lock_guard const lock{mutex_};
        Row& row = rows_[{entry.tool, entry.tier}];
        ++row.calls;
        row.bytes += entry.bytes;
        ++row.outcomes[entry.outcome];
        ++row.at_handler_end[entry.tier_at_handler_end];
        row.durations.add(entry.duration_ms);
        if (entry.bytes > 0) {
            row.first_bytes.add(entry.first_byte_ms);
        }
        ++calls_[entry.tool];
        ++tiers_[entry.tier];
        ++tiers_at_handler_end_[entry.tier_at_handler_end];
        hits_ += entry.hits;
        lookups_ += entry.lookups;
        if (keeps_entries_) {
            entries_[entry.number].push_back(entry);
        }
    }

    /// From now on every entry is kept, for differences(). Memory grows with the requests.
    void keep_entries() { keeps_entries_ = true; }

    std::size_t size() const {
        std::lock_guard const lock{mutex_};
        std::size_t calls = 0;
        for (auto const& [key, row] : rows_) {
            calls += row.calls;
        }
        return calls;
    }

    /// Prints the table, the busiest tool first.
    void print(std::FILE* to) const {
        std::lock_guard const lock{mutex_};
        std::fputs(
            "\nWhere each tool was served from. `tier`: read after the last byte. `at handler's end`: what a read there\n"
            "would have said. `share`: of the tool's calls. Times in ms; `1st byte` is the median until the first byte.\n\n",
            to);
        std::vector<Line> lines{
            {"tool", "tier", "at handler's end", "calls", "share", "p50", "p95", "1st byte", "bytes", "outcomes"}};
        for (auto const* const one : busiest_first()) {
            auto const& [key, row] = *one;
            lines.push_back({key.first, std::string{key.second},
                             list(row.at_handler_end, row.at_handler_end.size() > 1), grouped(row.calls),
                             percent(row.calls, calls_.at(key.first)), milliseconds(row.durations, 0.50),
                             milliseconds(row.durations, 0.95), milliseconds(row.first_bytes, 0.50),
                             grouped(row.bytes), list(row.outcomes)});
        }
        print_aligned(to, lines, {false, false, false, true, true, true, true, true, true, false});
        std::fprintf(to,
                     "\ntiers, read at the end of the handler: %s\n"
                     "tiers, read after the last byte:       %s\n"
                     "hits: %s of %s lookups (%s)\n",
                     list(tiers_at_handler_end_).c_str(), list(tiers_).c_str(), grouped(hits_).c_str(),
                     grouped(lookups_).c_str(), percent(hits_, lookups_).c_str());
    }

    /// Every request has one entry, and what a client received whole is what the server says it sent. Empty when the
    /// books balance, else one line for each difference.
    std::vector<std::string> differences(std::vector<Sent> const& all_sent) const {
        std::lock_guard const lock{mutex_};
        std::vector<std::string> found;
        for (Sent const& sent : all_sent) {
            auto const entries = entries_.find(sent.number);
            auto const count = entries == entries_.end() ? 0 : entries->second.size();
            auto const problem = count != 1 ? std::to_string(count) + " points instead of one"
                                            : difference(sent, entries->second.front());
            if (!problem.empty()) {
                found.push_back("request " + std::to_string(sent.number) + " (" + sent.what + "): " + problem);
            }
        }
        return found;
    }

private:
    using Key = std::pair<std::string, std::string_view>;
    using Line = std::array<std::string, 10>;
    using Counts = std::map<std::string_view, std::uint64_t>;
    struct Row {
        std::uint64_t calls = 0;
        std::uint64_t bytes = 0;
        Counts outcomes;
        Counts at_handler_end;
        Sample durations;
        Sample first_bytes;
    };

    static std::string difference(Sent const& sent, Entry const& entry) {
        auto const said =
            ", its point says " + std::string{entry.outcome} + ", " + std::to_string(entry.bytes) + " bytes";
        auto const counted = "the client counted " + std::to_string(sent.bytes) + " bytes";
        bool const whole = entry.outcome == "complete" || entry.outcome == "no_body" || entry.outcome == "cancelled";
        if (sent.complete && (!whole || entry.bytes != sent.bytes)) {
            return counted + " and the end" + said;
        }
        if (!sent.complete && ((whole && !sent.left) || entry.bytes < sent.bytes)) {
            return counted + " and no end" + said;
        }
        return {};
    }

    std::vector<std::pair<Key const, Row> const*> busiest_first() const {
        std::vector<std::pair<Key const, Row> const*> rows;
        for (auto const& row : rows_) {
            rows.push_back(&row);
        }
        std::stable_sort(rows.begin(), rows.end(), [&](auto const* a, auto const* b) {
            auto const order = [&](auto const& row) {
                return std::tuple{~calls_.at(row.first.first), row.first.first, ~row.second.calls};
            };
            return order(*a) < order(*b);
        });
        return rows;
    }

    static std::string fixed(double value, int decimals) {
        std::array<char, 64> text{};
        std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
        return text.data();
    }
    static std::string percent(std::uint64_t part, std::uint64_t whole) {
        return whole == 0 ? "-" : fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) + " %";
    }
    static std::string milliseconds(Sample const& sample, double q) {
        auto const ms = sample.quantile(q);
        return !ms ? "-" : fixed(*ms, *ms < 10 ? 3 : *ms < 100 ? 2 : *ms < 1000 ? 1 : 0);
    }
    /// The most frequent first.
    static std::string list(Counts const& counts, bool with_numbers = true) {
        std::vector<std::pair<std::string_view, std::uint64_t>> sorted{counts.begin(), counts.end()};
        std::stable_sort(sorted.begin(), sorted.end(),
                         [](auto const& a, auto const& b) { return a.second > b.second; });
        std::string text;
        for (auto const& [name, count] : sorted) {
            text += (text.empty() ? "" : ", ") + std::string{name} + (with_numbers ? ' ' + grouped(count) : "");
        }
        return text;
    }

    mutable std::mutex mutex_;
    std::map<Key, Row> rows_;
    std::map<std::string, std::uint64_t> calls_;
    Counts tiers_;
    Counts tiers_at_handler_end_;
    std::uint64_t hits_ = 0;
    std::uint64_t lookups_ = 0;
    bool keeps_entries_ = false;
    std::map<std::size_t, std::vector<Entry>> entries_;
};

inline void print_differences(std::vector<std::string> const& found) {
    constexpr std::size_t most = 20;
    for (std::size_t i = 0; i < std::min(found.size(), most); ++i) {
        std::printf("books: %s\n", found[i].c_str());
    }
    if (found.size() > most) {
        std::printf("books: and %zu more differences\n", found.size() - most);
    }
}

inline void print_balance(std::vector<Sent> const& all_sent) {
    std::size_t whole = 0;
    std::uint64_t bytes = 0;
    for (Sent const& sent : all_sent) {
        whole += sent.complete ? 1U : 0U;
        bytes += sent.complete ? sent.bytes : 0U;
    }
    auto const requests = grouped(all_sent.size());
    std::printf("books: balanced. %s requests = %s points = %s traces; ", requests.c_str(), requests.c_str(),
                requests.c_str());
    std::printf("%s bytes in %s whole responses, as the client counted\n", grouped(bytes).c_str(), grouped(whole).c_str());
}
