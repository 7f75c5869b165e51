// One open file that lines are appended to: a line is whole, or what there is of it is taken back.
//
// A write can come up short: the disk fills, a limit is met, a neighbour dies in the middle of his line. Half a line makes
// the one behind it unreadable too, and the reader of the file fails days later. Here each of these is mended where it
// happens, and no whole line of anybody is touched. Two system calls a line, one to write it and one to see where it
// landed, and two around them that keep a signal from ending the process.
#pragma once

#include <cstddef>
#include <string_view>

#include <lastbyte/transport/posix.hpp>

namespace lastbyte::detail {

/// What became of a line that was to be appended.
struct Appended {
    enum class Part { none, removed, left };
    int error = 0;               ///< errno; 0: the line is in the file, whole
    Part part = Part::none;      ///< after an error: what happened to the part that had been written
    bool ended_another = false;  ///< half a line of somebody else, who died meanwhile, stood before it
};

/// Not synchronised: its owner lets one thread at a time do anything. Closes nothing by itself.
///
/// Everybody who appends to the file through this class holds its flock(2) shared. Whoever gets it whole for a moment is
/// alone, and may cut the end of the file off; the others overwrite their part with blanks, which readers skip.
class LineFile {
public:
    [[nodiscard]] int fd() const noexcept { return __atomic_load_n(&fd_, __ATOMIC_RELAXED); }

    /// 0 or an errno. Creates the file; never waits for a FIFO's reader.
    int open(char const* path, unsigned mode) noexcept {
        int const fd = posix::open_to_append(path, mode);
        if (fd < 0) return errno;
        struct stat about {};
        regular_ = ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
        set_fd(fd);
        if (regular_) reader_ = reader_of(path);
        return 0;
    }
    void close() noexcept {
        if (fd_ >= 0) ::close(fd_);
        if (reader_ >= 0) ::close(reader_);
        set_fd(-1);
        reader_ = -1;
    }

    /// Gives half a line at the end of the file its newline. True when there was one. To be called once, after open().
    bool end_torn_line() noexcept;

    /// Appends a line that is given without its newline.
    Appended append(std::string_view line) noexcept;

    /// In a forked child: a file description of its own instead of the parent's, whose offset and lock it shares. 0 or an
    /// errno, and then the file is closed.
    int leave_parent(char const* path, unsigned mode) noexcept;

private:
    /// Bytes of the file that hold a part of our line.
    struct Run {
        off_t begin, end;
    };

    int write_rest(std::string_view line, std::size_t done, bool& removed) noexcept;
    bool remove(Run run) noexcept;
    bool blank(Run run) noexcept;
    bool overwrite(off_t at, char const* text, std::size_t size) noexcept;
    bool is_joined(std::size_t size) noexcept;
    [[nodiscard]] off_t torn_at() const noexcept;
    [[nodiscard]] int reader_of(char const* path) const noexcept;
    [[nodiscard]] off_t offset() const noexcept { return ::lseek(fd_, 0, SEEK_CUR); }
    void share(int tries) noexcept { shared_ = !regular_ || posix::lock(fd_, LOCK_SH, tries) != EWOULDBLOCK; }
    void set_fd(int fd) noexcept { __atomic_store_n(&fd_, fd, __ATOMIC_RELAXED); }

    int fd_ = -1, reader_ = -1;
    off_t end_ = -1;  // of the last line that we appended
    bool regular_ = false;  // bytes stay where they are, unlike those of a pipe or a device
    bool shared_ = true;    // we hold the lock, or the file system has none
    bool torn_ = false;  // a part of a line of ours could not be taken back
};

inline Appended LineFile::append(std::string_view line) noexcept {
    posix::QuietSignals quiet;
    auto const failed = [&](int error, Appended::Part part = Appended::Part::none) {
        quiet.take_back();
        return Appended{error, part};
    };
    if (!shared_) share(1);
    if (!shared_) return {EWOULDBLOCK};  // whoever cuts the file at this moment would cut this line, too
    if (torn_ && !posix::write_newline(fd_)) return failed(errno);
    torn_ = false;
    ssize_t const written = posix::write_line(fd_, line, 0);
    if (written < 0) return failed(errno);
    std::size_t const total = line.size() + 1;
    if (auto const done = static_cast<std::size_t>(written); done < total) {
        bool removed = true;
        int const error = write_rest(line, done, removed);
        if (error != 0) return failed(error, removed ? Appended::Part::removed : Appended::Part::left);
    }
    bool const follows_a_half = is_joined(total);
    if (follows_a_half && !overwrite(end_ - static_cast<off_t>(total) - 1, "\n", 1))
        return failed(EIO, Appended::Part::left);
    return {0, Appended::Part::none, follows_a_half};
}

/// After a short write: the rest, if it still joins the beginning; otherwise takes back what was written. 0 or an errno.
inline int LineFile::write_rest(std::string_view line, std::size_t done, bool& removed) noexcept {
    Run run{0, 0};
    if (regular_) run = {offset() - static_cast<off_t>(done), offset()};
    int error = 0;
    while (done <= line.size() && error == 0) {
        ssize_t const written = posix::write_line(fd_, line, done);
        if (written <= 0) {
            error = written < 0 ? errno : ENOSPC;
            break;
        }
        done += static_cast<std::size_t>(written);
        if (!regular_) continue;
        off_t const end = offset();
        if (end == run.end + written) {
            run.end = end;
        } else {  // somebody's line came in between
            error = EIO;
            removed = remove({end - written, end});
        }
    }
    if (error != 0) removed = remove(run) && removed;
    return error;
}

/// Takes a part of a line back: off the end when nobody else can be writing, else by blanks. False when it stays.
inline bool LineFile::remove(Run run) noexcept {
    if (regular_ && run.begin == run.end) return true;
    bool cut = false;
    if (regular_ && posix::lock(fd_, LOCK_EX, 1) == 0) {
        struct stat about {};
        cut = ::fstat(fd_, &about) == 0 && about.st_size == run.end && ::ftruncate(fd_, run.begin) == 0;
    }
    share(50);  // also after a failed attempt, which gives the shared lock up
    if (cut || (regular_ && blank(run))) return true;
    torn_ = true;
    return false;
}

inline bool LineFile::blank(Run run) noexcept {
    char blanks[256];
    std::memset(blanks, ' ', sizeof blanks);
    for (off_t at = run.begin; at < run.end;) {
        bool const last = run.end - at <= static_cast<off_t>(sizeof blanks);
        std::size_t const size = last ? static_cast<std::size_t>(run.end - at) : sizeof blanks;
        if (last) blanks[size - 1] = '\n';
        if (!overwrite(at, blanks, size)) return false;
        at += static_cast<off_t>(size);
    }
    return true;
}

/// Linux appends even by pwrite while O_APPEND is set.
inline bool LineFile::overwrite(off_t at, char const* text, std::size_t size) noexcept {
    int const flags = ::fcntl(fd_, F_GETFL);
    if (flags < 0 || ::fcntl(fd_, F_SETFL, flags & ~O_APPEND) != 0) return false;
    bool whole = true;
    for (std::size_t done = 0; whole && done < size;) {
        ssize_t const written = ::pwrite(fd_, text + done, size - done, at + static_cast<off_t>(done));
        whole = written > 0 || (written < 0 && errno == EINTR);
        if (written > 0) done += static_cast<std::size_t>(written);
    }
    return ::fcntl(fd_, F_SETFL, flags) == 0 && whole;
}

/// Our line of `size` bytes is in the file. Others may have written since our last one, and one of them may have been killed
/// in the middle: does ours stand on the line that he left? (The last byte of his half then becomes the newline.)
inline bool LineFile::is_joined(std::size_t size) noexcept {
    if (reader_ < 0) return false;
    off_t const end = offset(), begin = end - static_cast<off_t>(size);
    bool const follows_ours = begin == end_;
    end_ = end;
    char before = '\n';
    return !follows_ours && begin > 0 && ::pread(reader_, &before, 1, begin - 1) == 1 && before != '\n';
}

/// Where the file ends without a newline, or -1.
inline off_t LineFile::torn_at() const noexcept {
    struct stat about {};
    char last = '\n';
    if (::fstat(reader_, &about) != 0 || about.st_size == 0 || ::pread(reader_, &last, 1, about.st_size - 1) != 1)
        return -1;
    return last == '\n' ? -1 : about.st_size;
}

/// Others may be in the middle of a write, which looks like half a line for some microseconds; so unless we are alone, only
/// half a line that stays is one.
inline bool LineFile::end_torn_line() noexcept {
    if (!regular_) return false;
    bool settled = posix::lock(fd_, LOCK_EX, 1) == 0;
    off_t at = reader_ < 0 ? -1 : torn_at();
    for (int looks = 0, same = 0; !settled && at >= 0 && looks < 20; ++looks) {
        posix::pause_a_millisecond();
        off_t const now = torn_at();
        same = now == at ? same + 1 : 0;
        at = now;
        settled = same == 3;
    }
    bool const torn = settled && at >= 0;
    if (torn) {
        posix::QuietSignals quiet;
        torn_ = !posix::write_newline(fd_);
        if (torn_) quiet.take_back();
    }
    share(50);
    return torn;
}

/// The file by its name, to read from: -1 when that isn't allowed, or the name means another file by now.
inline int LineFile::reader_of(char const* path) const noexcept {
    int const reader = ::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (reader < 0 || posix::same_file(reader, fd_)) return reader;
    ::close(reader);
    return -1;
}

inline int LineFile::leave_parent(char const* path, unsigned mode) noexcept {
    if (fd_ < 0 || !regular_) return 0;
    char shared[32];
    std::snprintf(shared, sizeof shared, "/proc/self/fd/%d", fd_);
    int fresh = posix::open_to_append(shared, mode);
    if (fresh < 0) fresh = posix::open_to_append(path, mode);  // no /proc
    int const error = fresh < 0 ? errno : posix::same_file(fresh, fd_) ? 0 : ESTALE;
    if (error == 0) {
        ::close(fd_);
        set_fd(fresh);
        share(50);
        return 0;
    }
    if (fresh >= 0) ::close(fresh);
    close();
    return error;
}

}  // namespace lastbyte::detail
