// Labels: what a rule's label says about a span's, against a matcher written the slow way.
#include <doctest/doctest.h>

#include <random>
#include <string>

#include <lastbyte/core/label.hpp>

using lastbyte::Match;
using lastbyte::detail::edit_distance;
using lastbyte::detail::match;
using lastbyte::detail::match_whole;
using lastbyte::detail::nearest;

namespace {

bool is_family(std::string const& label) { return !label.empty() && label.back() == '*'; }

/// Character by character, with the star as "anything".
bool slow_match(std::string const& rule, std::string const& name) {
    for (std::size_t i = 0;; ++i) {
        if (i + 1 == rule.size() && rule[i] == '*') return true;
        if (i == rule.size() || i == name.size()) return i == rule.size() && i == name.size();
        if (rule[i] != name[i]) return false;
    }
}

struct Words {
    std::mt19937 random{20261124};
    std::string word(std::size_t longest) {
        std::string text(random() % (longest + 1), 'a');
        for (char& c : text) c = static_cast<char>('a' + random() % 2);
        return text;
    }
    std::string label() {
        auto text = word(4);
        if (random() % 2 == 0) return text + '*';
        return text.empty() ? "a" : text;
    }
};

}  // namespace

TEST_CASE("a plain rule matches its own label and no other") {
    CHECK(match("index", "index") == Match::always);
    CHECK(match("index", "index-build") == Match::never);
    CHECK(match("index-build", "index") == Match::never);
    CHECK(match("index", "Index") == Match::never);
}

TEST_CASE("a family rule matches what begins with its stem") {
    CHECK(match("file:*", "file:a") == Match::always);
    CHECK(match("file:*", "file:*") == Match::always);
    CHECK(match("file:*", "file:a*") == Match::always);
    CHECK(match("file:*", "file:") == Match::always);
    CHECK(match("file:*", "file-r2:*") == Match::never);
    CHECK(match("file:*", "file") == Match::never);
}

TEST_CASE("the tail decides where the span's family is wider than the rule") {
    CHECK(match("file:a", "file:*") == Match::by_tail);
    CHECK(match("file:a*", "file:*") == Match::by_tail);
    CHECK(match("file:", "file:*") == Match::by_tail);
    CHECK(match("index", "*") == Match::by_tail);
}

TEST_CASE("a lone star accepts every label") {
    CHECK(match("*", "index") == Match::always);
    CHECK(match("*", "file:*") == Match::always);
    CHECK(match("*", "*") == Match::always);
}

TEST_CASE("a whole label matches as a slow matcher says") {
    Words words;
    std::size_t hits = 0;
    for (int i = 0; i < 200'000; ++i) {
        auto const rule = words.label();
        auto const stem = words.word(4);
        auto const tail = words.word(4);
        bool const expected = slow_match(rule, stem + tail);
        hits += expected ? 1 : 0;
        if (match_whole(rule, stem, tail) != expected) FAIL_CHECK(rule << " against " << stem << " + " << tail);
    }
    CHECK(hits > 20'000);
}

TEST_CASE("a whole label does not depend on where it is cut into stem and tail") {
    Words words;
    for (int i = 0; i < 50'000; ++i) {
        auto const rule = words.label();
        auto const name = words.word(6);
        std::string_view const whole = name;
        for (std::size_t cut = 0; cut <= name.size(); ++cut)
            if (match_whole(rule, whole.substr(0, cut), whole.substr(cut)) != slow_match(rule, name))
                FAIL_CHECK(rule << " against " << name << " cut at " << cut);
    }
}

TEST_CASE("always, never and by_tail hold for every tail") {
    Words words;
    std::size_t seen[3]{};
    for (int i = 0; i < 100'000; ++i) {
        auto const rule = words.label();
        auto const label = words.label();
        auto const how = match(rule, label);
        ++seen[static_cast<std::size_t>(how)];
        if (!is_family(label)) {
            if (how != (slow_match(rule, label) ? Match::always : Match::never)) FAIL_CHECK(rule << " against " << label);
            continue;
        }
        auto const stem = label.substr(0, label.size() - 1);
        bool all = true, some = false;
        for (std::string tail : {"", "a", "b", "aa", "ab", "ba", "bb", "aaa", "aab", "aba", "abb", "baa", "bab", "bba",
                                 "bbb", "aaaa", "aaab", "aaba", "aabb", "abaa", "abab", "abba", "abbb", "baaa", "baab",
                                 "baba", "babb", "bbaa", "bbab", "bbba", "bbbb", "c"}) {
            bool const one = slow_match(rule, stem + tail);
            all = all && one;
            some = some || one;
        }
        if ((how == Match::always) != all || (how == Match::never) == some) FAIL_CHECK(rule << " against " << label);
    }
    for (auto count : seen) CHECK(count > 1000);
}

TEST_CASE("the edit distance is that of the textbook") {
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("index", "indx") == 1);
    CHECK(edit_distance("flaw", "lawn") == 2);
    Words words;
    for (int i = 0; i < 20'000; ++i) {
        auto const a = words.word(8), b = words.word(8);
        if (edit_distance(a, b) != edit_distance(b, a)) FAIL_CHECK(a << " and " << b << " differ by direction");
        if ((edit_distance(a, b) == 0) != (a == b)) FAIL_CHECK(a << " and " << b);
    }
}

TEST_CASE("the nearest label is the one that was meant") {
    constexpr std::string_view known[] = {"index", "index-build", "file:*", "orient"};
    CHECK(known[nearest("indx", known)] == "index");
    CHECK(known[nearest("index_build", known)] == "index-build");
    CHECK(known[nearest("file:", known)] == "file:*");
    CHECK(known[nearest("orientt", known)] == "orient");
}

TEST_CASE("names longer than the distance table are compared by their beginning") {
    std::string const longer(200, 'a'), other(300, 'b');
    CHECK(edit_distance(longer, longer + "x") == 0);
    CHECK(edit_distance(longer, other) == 64);
}

TEST_CASE("a label knows whether it is a family") {
    CHECK(lastbyte::detail::Label<"file:*">::family);
    CHECK(lastbyte::detail::Label<"*">::family);
    CHECK_FALSE(lastbyte::detail::Label<"index">::family);
    CHECK(lastbyte::detail::stem("file:*") == "file:");
    CHECK(lastbyte::detail::stem("index") == "index");
    CHECK(lastbyte::detail::stem("*").empty());
}

TEST_CASE("control characters and inner stars are seen") {
    CHECK(lastbyte::detail::has_control("a\nb"));
    CHECK(lastbyte::detail::has_control("a\x7f"));
    CHECK(lastbyte::detail::has_control(std::string_view{"a\0b", 3}));
    CHECK_FALSE(lastbyte::detail::has_control("sha:klappy.dev/\xc3\xa9"));
    CHECK(lastbyte::detail::has_inner_star("a*b"));
    CHECK(lastbyte::detail::has_inner_star("a**"));
    CHECK_FALSE(lastbyte::detail::has_inner_star("a*"));
}
