// An inverted index over the documents: which words are in which of them, how it is built, and how it is kept on disk.
//
// Building it reads every document, which is the expensive tier; reading it back from disk is the cheap one, and a file
// that was cut short, tampered with or written for another state of the documents must lead to a build, not to a crash.
#pragma once

#include "documents.hpp"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>

namespace docs {

/// FNV-1a, 64 bits: not against an adversary, only against accidents.
inline std::uint64_t hash(std::string_view bytes, std::uint64_t from = 0xcbf29ce484222325U) noexcept {
    for (char const c : bytes) {
        from = (from ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
    return from;
}

/// Changes when a document is added, removed, renamed or written to.
inline std::uint64_t fingerprint(std::vector<Entry> const& entries) noexcept {
    std::uint64_t sum = hash("lastbyte example index 1");
    for (Entry const& entry : entries) {
        std::uint64_t const facts[] = {entry.bytes, static_cast<std::uint64_t>(entry.modified_ns)};
        sum = hash(entry.path, sum);
        sum = hash({reinterpret_cast<char const*>(facts), sizeof facts}, sum);
    }
    return sum;
}

inline char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// Calls `each` with every word of a text: letters, digits, `_` and whatever isn't ASCII; 2 to 40 bytes, in lower case.
template <class Each>
void each_word(std::string_view text, Each&& each) {
    std::string word;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        char const c = i < text.size() ? lower(text[i]) : ' ';
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || static_cast<unsigned char>(c) >= 0x80) {
            word += c;
        } else if (!word.empty()) {
            if (word.size() >= 2 && word.size() <= 40) {
                each(word);
            }
            word.clear();
        }
    }
}

/// The first lines of a text that have one of the query's words, numbered and indented.
inline std::string lines_with(std::string_view text, std::string_view query, std::size_t most) {
    std::set<std::string> wanted;
    each_word(query, [&](std::string const& word) { wanted.insert(word); });
    std::string out;
    for (std::size_t number = 1; !text.empty() && most > 0; ++number) {
        auto const line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        bool found = false;
        each_word(line, [&](std::string const& word) { found = found || wanted.contains(word); });
        if (found) {
            out += "    " + std::to_string(number) + ": " + std::string{line.substr(0, 200)} + '\n';
            --most;
        }
    }
    return out;
}

struct Document {
    std::string path;
    std::string title;
    std::uint64_t bytes = 0;
};

struct Hit {
    Document const* document;
    double score;
};

class Index {
public:
    /// So much of each document is indexed, from its beginning.
    static constexpr std::size_t indexed_bytes = std::size_t{256} << 10;

    /// Reads the documents. What is no text is left out; so is what fails to be read, and then is_whole() is false.
    Index(Folder const& folder, std::vector<Entry> const& entries) : fingerprint_{docs::fingerprint(entries)} {
        std::string text;
        for (Entry const& entry : entries) {
            text.clear();
            try {
                auto file = folder.open(entry.path);
                while (text.size() < indexed_bytes && file.read(text, indexed_bytes - text.size())) {
                }
            } catch (NoDocument const&) {
                continue;
            } catch (std::system_error const&) {
                whole_ = false;
                continue;
            }
            documents_.push_back({entry.path, title_of(text, entry.path), entry.bytes});
            add_words(text);
        }
    }

    bool is_whole() const noexcept { return whole_; }
    std::vector<Document> const& documents() const noexcept { return documents_; }
    std::size_t words() const noexcept { return postings_.size(); }
    std::uint64_t fingerprint() const noexcept { return fingerprint_; }

    /// The best documents for the words of `query`, best first.
    std::vector<Hit> find(std::string_view query, std::size_t limit) const {
        std::unordered_map<std::uint32_t, double> scores;
        each_word(query, [&](std::string const& word) {
            auto const found = postings_.find(word);
            if (found == postings_.end()) {
                return;
            }
            auto const having_it = static_cast<double>(found->second.size());
            auto const rarity = std::log(1.0 + static_cast<double>(documents_.size()) / having_it);
            for (auto const& [document, count] : found->second) {
                scores[document] += rarity * count / (count + 1.2);
            }
        });
        std::vector<Hit> hits;
        for (auto const& [document, score] : scores) {
            hits.push_back({&documents_[document], score});
        }
        std::sort(hits.begin(), hits.end(), [](Hit const& a, Hit const& b) {
            return a.score != b.score ? a.score > b.score : a.document->path < b.document->path;
        });
        hits.resize(std::min(hits.size(), limit));
        return hits;
    }

    /// The document of that title, path, or file name (its extension may be missing), letters' case aside.
    Document const* named(std::string_view name) const {
        auto const same = [&](std::string_view other) {
            return std::equal(name.begin(), name.end(), other.begin(), other.end(),
                              [](char a, char b) { return lower(a) == lower(b); });
        };
        for (Document const& document : documents_) {
            std::string_view const path = document.path;
            auto const file = path.substr(path.rfind('/') + 1);
            if (same(path) || same(file) || same(file.substr(0, file.rfind('.'))) || same(document.title)) {
                return &document;
            }
        }
        return nullptr;
    }

    /// Writes a new file and moves it into place, so that a reader sees the old index or the new one, whole. False when
    /// the disk doesn't take it.
    bool save(fs::path const& to) const {
        std::string out{magic};
        put(out, fingerprint_);
        put(out, documents_.size());
        for (Document const& document : documents_) {
            put(out, document.path);
            put(out, document.title);
            put(out, document.bytes);
        }
        put(out, postings_.size());
        for (auto const& [word, postings] : postings_) {
            put(out, word);
            put(out, postings.size());
            for (auto const& [document, count] : postings) {
                put(out, document);
                put(out, count);
            }
        }
        std::uint64_t const sum = hash(out);
        out.append(reinterpret_cast<char const*>(&sum), sizeof sum);
        fs::path const draft = to.string() + ".new";
        std::ofstream file{draft, std::ios::binary | std::ios::trunc};
        file.write(out.data(), static_cast<std::streamsize>(out.size()));
        file.close();
        std::error_code error;
        if (file) {
            fs::rename(draft, to, error);
        } else {
            fs::remove(draft, error);
        }
        return file && !error;
    }

    /// The index in that file, when there is one, it is undamaged, and it is of these very documents.
    static std::shared_ptr<Index const> load(fs::path const& from, std::uint64_t expected_fingerprint) {
        std::ifstream file{from, std::ios::binary};
        std::string const bytes{std::istreambuf_iterator<char>{file}, {}};
        Reader in{bytes};
        std::shared_ptr<Index> index{new Index};
        index->fingerprint_ = in.take_magic() ? in.number() : ~expected_fingerprint;
        if (index->fingerprint_ != expected_fingerprint) {
            return nullptr;
        }
        for (auto left = in.number(); left > 0 && in; --left) {
            Document& document = index->documents_.emplace_back();
            document.path = in.text();
            document.title = in.text();
            document.bytes = in.number();
        }
        for (auto left = in.number(); left > 0 && in; --left) {
            auto& postings = index->postings_[std::string{in.text()}];
            for (auto more = in.number(); more > 0 && in; --more) {
                auto const document = static_cast<std::uint32_t>(in.number());
                postings.push_back({document, static_cast<std::uint32_t>(in.number())});
                in.require(document < index->documents_.size());
            }
        }
        return in.is_whole() ? index : nullptr;
    }

private:
    struct Posting {
        std::uint32_t document;
        std::uint32_t count;
    };
    static constexpr std::string_view magic = "lastbyte-index-1\n";

    Index() = default;

    void add_words(std::string_view text) {
        auto const document = static_cast<std::uint32_t>(documents_.size() - 1);
        each_word(text, [&](std::string const& word) {
            auto& postings = postings_[word];
            if (postings.empty() || postings.back().document != document) {
                postings.push_back({document, 0});
            }
            ++postings.back().count;
        });
    }

    /// The first heading, or the first line that says something, or the path.
    static std::string title_of(std::string_view text, std::string_view path) {
        while (!text.empty()) {
            auto line = text.substr(0, text.find('\n'));
            text.remove_prefix(std::min(line.size() + 1, text.size()));
            auto const begin = line.find_first_not_of("#/*=-<!; \t\r");
            if (begin == std::string_view::npos) {
                continue;
            }
            line = line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
            return std::string{line.substr(0, 120)};
        }
        return std::string{path};
    }

    /// Seven bits a byte, the lowest first; the last byte is below 128.
    static void put(std::string& out, std::uint64_t number) {
        for (; number >= 0x80; number >>= 7) {
            out += static_cast<char>(static_cast<unsigned char>(number | 0x80));
        }
        out += static_cast<char>(static_cast<unsigned char>(number));
    }
    static void put(std::string& out, std::string_view text) {
        put(out, text.size());
        out += text;
    }

    /// Reads what save() wrote and believes none of it.
    class Reader {
    public:
        explicit Reader(std::string_view bytes) {
            std::uint64_t sum = 0;
            if (bytes.size() >= sizeof sum) {
                bytes_ = bytes.substr(0, bytes.size() - sizeof sum);
                bytes.substr(bytes_.size()).copy(reinterpret_cast<char*>(&sum), sizeof sum);
                good_ = sum == hash(bytes_);
            }
        }
        bool take_magic() {
            require(bytes_.starts_with(magic));
            bytes_.remove_prefix(good_ ? magic.size() : 0);
            return good_;
        }
        std::uint64_t number() {
            std::uint64_t n = 0;
            for (unsigned shift = 0; shift < 64; shift += 7) {
                auto const byte = take(1);
                if (byte.empty()) {
                    return 0;
                }
                auto const bits = static_cast<unsigned char>(byte.front());
                n |= std::uint64_t{bits & 0x7FU} << shift;
                if (bits < 0x80) {
                    return n;
                }
            }
            require(false);
            return 0;
        }
        std::string_view text() { return take(number()); }
        void require(bool condition) noexcept { good_ = good_ && condition; }
        explicit operator bool() const noexcept { return good_; }
        bool is_whole() const noexcept { return good_ && bytes_.empty(); }

    private:
        std::string_view take(std::uint64_t n) {
            require(n <= bytes_.size());
            auto const taken = bytes_.substr(0, good_ ? static_cast<std::size_t>(n) : 0);
            bytes_.remove_prefix(taken.size());
            return taken;
        }
        std::string_view bytes_;
        bool good_ = false;
    };

    std::uint64_t fingerprint_ = 0;
    bool whole_ = true;
    std::vector<Document> documents_;
    std::unordered_map<std::string, std::vector<Posting>> postings_;
};

/// Where an index may be found: in memory, or on disk under the server's own directory. Thread-safe.
class IndexShelf {
public:
    IndexShelf(Folder const& folder, fs::path const& below) : folder_{folder} {
        std::array<char, 32> name{};
        unsigned long long const of_folder = hash(folder.root().string());
        std::snprintf(name.data(), name.size(), "index-%016llx.bin", of_folder);
        file_ = below / name.data();
    }

    std::shared_ptr<Index const> in_memory() const {
        std::lock_guard const lock{mutex_};
        return index_;
    }

    /// Held by the one who loads or builds; the others wait, look into memory again, and find it there.
    std::unique_lock<std::mutex> one_at_a_time() { return std::unique_lock{filling_}; }

    std::shared_ptr<Index const> load() {
        entries_ = folder_.walk();
        return put(Index::load(file_, docs::fingerprint(entries_)));
    }

    /// Builds it out of what load() found, and saves it when it is whole and the disk takes it.
    std::shared_ptr<Index const> build() {
        auto const built = std::make_shared<Index const>(folder_, entries_);
        if (built->is_whole()) {
            built->save(file_);
        }
        return put(built);
    }

    void forget_disk() const {
        std::error_code no_matter;
        fs::remove(file_, no_matter);
    }

private:
    std::shared_ptr<Index const> put(std::shared_ptr<Index const> index) {
        std::lock_guard const lock{mutex_};
        index_ = std::move(index);
        return index_;
    }

    Folder const& folder_;
    fs::path file_;
    std::vector<Entry> entries_;  ///< belongs to whoever fills
    std::mutex filling_;
    mutable std::mutex mutex_;
    std::shared_ptr<Index const> index_;
};

}  // namespace docs
