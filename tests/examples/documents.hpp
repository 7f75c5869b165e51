// A directory of documents: what is in it, and the text of each, from memory or from the directory.
//
// The directory belongs to somebody else: links that go in circles, names with line ends in them, files that are
// binary, huge, unreadable or gone a moment later are all met in practice, and none may stop the server. What `get` is
// asked for comes from a stranger: nothing outside the directory is ever opened, nor anything hidden.
#pragma once

#include "descriptor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace docs {

namespace fs = std::filesystem;

/// What the walk finds out about a document without opening it.
struct Entry {
    std::string path;  ///< below the directory, with slashes
    std::uint64_t bytes = 0;
    std::int64_t modified_ns = 0;
};

/// There is no such document, and `what()` can be told to whoever asked.
struct NoDocument : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline std::int64_t modified_ns(struct stat const& about) noexcept {
#ifdef __APPLE__
    auto const& time = about.st_mtimespec;
#else
    auto const& time = about.st_mtim;
#endif
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// One document, open for reading.
class File {
public:
    File(Descriptor file, Entry entry, bool fails_half_way)
        : file_{std::move(file)}, entry_{std::move(entry)}, fails_half_way_{fails_half_way} {}

    Entry const& entry() const noexcept { return entry_; }

    /// Appends the next piece to `out`, at most `room` bytes; false at the end. Throws std::system_error.
    bool read(std::string& out, std::size_t room) {
        if (fails_half_way_ && std::exchange(read_once_, true)) {
            throw std::system_error{EIO, std::generic_category(), "read"};
        }
        auto const before = out.size();
        out.resize(before + (fails_half_way_ ? std::min<std::size_t>(room, 64) : room));
        ssize_t n;
        do {
            n = ::read(file_.get(), out.data() + before, out.size() - before);
        } while (n < 0 && errno == EINTR);
        int const error = errno;
        out.resize(before + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
        if (n < 0) {
            throw std::system_error{error, std::generic_category(), "read"};
        }
        return n > 0;
    }

private:
    Descriptor file_;
    Entry entry_;
    bool fails_half_way_;
    bool read_once_ = false;
};

/// The directory. Thread-safe.
class Folder {
public:
    /// Files up to this size are read whole and kept in memory; larger ones are streamed from the directory each time.
    static constexpr std::size_t whole_bytes = std::size_t{256} << 10;
    static constexpr std::size_t memory_bytes = std::size_t{64} << 20;
    static constexpr std::size_t most_documents = 200'000;

    /// Throws fs::filesystem_error when `root` can't be read as a directory. `without` is a directory to leave out.
    Folder(fs::path const& root, fs::path const& without) : root_{fs::canonical(root)} {
        fs::directory_iterator{root_};  // unreadable: better now than at the first request
        std::error_code no_matter;
        without_ = fs::weakly_canonical(fs::absolute(without), no_matter);
    }

    fs::path const& root() const noexcept { return root_; }

    /// Every document in the directory, by path. A document is a readable regular file that isn't hidden; whether it is
    /// text is seen when it is read.
    std::vector<Entry> walk() const {
        std::vector<Entry> found;
        std::vector<std::string> pending{""};
        while (!pending.empty() && found.size() < most_documents) {
            std::string const folder = std::move(pending.back());
            pending.pop_back();
            std::error_code error;
            fs::directory_iterator item{root_ / folder, error};
            // An iterator that meets an error becomes the end: the rest of that folder is passed over, nothing else.
            for (; !error && item != fs::directory_iterator{}; item.increment(error)) {
                std::string const name = item->path().filename().string();
                std::string path = folder.empty() ? name : folder + '/' + name;
                struct stat about {};
                if (name.starts_with('.') || ::lstat(item->path().c_str(), &about) != 0) {
                    continue;
                }
                if (S_ISDIR(about.st_mode)) {
                    if (item->path() != without_) {
                        pending.push_back(std::move(path));
                    }
                } else if (is_document(item->path(), about)) {
                    found.push_back({std::move(path), static_cast<std::uint64_t>(about.st_size), modified_ns(about)});
                }
            }
        }
        std::sort(found.begin(), found.end(), [](Entry const& a, Entry const& b) { return a.path < b.path; });
        return found;
    }

    /// The document's text, when it is in memory and the file hasn't changed since.
    std::shared_ptr<std::string const> in_memory(std::string_view path) const {
        std::shared_ptr<Kept const> kept;
        {
            std::lock_guard const lock{mutex_};
            if (auto const found = kept_.find(std::string{path}); found != kept_.end()) {
                kept = found->second;
            }
        }
        struct stat about {};
        if (!kept || ::stat((root_ / path).c_str(), &about) != 0 || modified_ns(about) != kept->modified_ns) {
            return nullptr;
        }
        return {kept, &kept->text};
    }

    /// Opens a document for reading. Throws NoDocument when the path names none, hidden and outside files among them;
    /// std::system_error when that can't be told, for want of descriptors or memory.
    File open(std::string_view path) const {
        if (!is_inside(path)) {
            throw NoDocument{"no such document: " + std::string{path}};
        }
        // O_NONBLOCK: the open of a pipe that nobody writes to would wait for ever.
        Descriptor file{::open((root_ / path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
        if (!file && errno == EACCES) {
            throw NoDocument{"this document can't be read: " + std::string{path}};
        }
        if (!file && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
            throw std::system_error{errno, std::generic_category(), "open"};
        }
        struct stat about {};
        if (!file || ::fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode)) {
            throw NoDocument{"no such document: " + std::string{path}};
        }
        std::array<char, 4096> begin;
        auto const n = ::pread(file.get(), begin.data(), begin.size(), 0);
        if (n > 0 && std::find(begin.begin(), begin.begin() + n, '\0') != begin.begin() + n) {
            throw NoDocument{"this file is binary, no document: " + std::string{path}};
        }
        Entry entry{std::string{path}, static_cast<std::uint64_t>(about.st_size), modified_ns(about)};
        return {std::move(file), std::move(entry), path == fails_half_way_};
    }

    /// Keeps a text that was read whole, for in_memory(). When memory is full, everything kept is let go.
    std::shared_ptr<std::string const> keep(Entry const& entry, std::string text) {
        auto const kept = std::make_shared<Kept const>(Kept{std::move(text), entry.modified_ns});
        std::lock_guard const lock{mutex_};
        if (kept_bytes_ + kept->text.size() > memory_bytes) {
            kept_.clear();
            kept_bytes_ = 0;
        }
        auto const [place, added] = kept_.try_emplace(entry.path);
        kept_bytes_ += kept->text.size() - (added ? 0 : place->second->text.size());
        place->second = kept;
        return {kept, &kept->text};
    }

    /// From now on, the reads of this document fail after a few bytes, as those of a dying disk do.
    void fail_half_way(std::string path) { fails_half_way_ = std::move(path); }

private:
    struct Kept {
        std::string text;
        std::int64_t modified_ns;
    };

    /// Looks at the path alone, then at where links lead.
    bool is_inside(std::string_view path) const {
        if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos) {
            return false;
        }
        for (std::string_view rest = path; !rest.empty();) {
            auto const name = rest.substr(0, rest.find('/'));
            if (name.empty() || name.front() == '.') {
                return false;
            }
            rest.remove_prefix(std::min(name.size() + 1, rest.size()));
        }
        return leads_inside(root_ / path);
    }

    bool leads_inside(fs::path const& path) const {
        std::error_code error;
        auto const real = fs::canonical(path, error);
        auto const [root_rest, rest] = std::mismatch(root_.begin(), root_.end(), real.begin(), real.end());
        return !error && root_rest == root_.end() &&
               std::none_of(rest, real.end(), [](fs::path const& name) { return name.native().starts_with('.'); });
    }

    /// A link to a document counts when it stays inside; its own size and time are replaced by the document's.
    bool is_document(fs::path const& path, struct stat& about) const {
        if (S_ISLNK(about.st_mode) && (!leads_inside(path) || ::stat(path.c_str(), &about) != 0)) {
            return false;
        }
        return S_ISREG(about.st_mode) && ::access(path.c_str(), R_OK) == 0;
    }

    fs::path root_;
    fs::path without_;
    std::string fails_half_way_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<Kept const>> kept_;
    std::size_t kept_bytes_ = 0;
};

}  // namespace docs
