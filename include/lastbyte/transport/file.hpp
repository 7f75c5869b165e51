// A file of lines that threads and processes append to, in which every line is whole.
//
// An ofstream flushes where its buffer happens to end, so a crash, a full disk or a second process leaves half a line,
// and the reader of the file fails days later. Here a line is one write(2) on an O_APPEND descriptor and nothing stays
// behind in the process. A line costs twice a bare write(2) (five system calls); no allocation, no exception, nothing
// printed; every failure is counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <sched.h>

#include <lastbyte/transport/line_file.hpp>
#include <lastbyte/transport/posix.hpp>

namespace lastbyte {

struct FileOptions {
    unsigned mode = 0644;                     ///< of a file that is created
    std::size_t max_line_bytes = 16u << 20u;  ///< a longer line is refused
};

/// What a FileSink has done. Each call to write() counts once, in `lines` or in one of the causes of lost().
struct FileReport {
    std::uint64_t lines = 0;         ///< written whole
    std::uint64_t bytes = 0;         ///< of these lines, newlines included
    std::uint64_t open_failed = 0;   ///< lost: the file could not be opened
    std::uint64_t closed = 0;        ///< lost: written after close()
    std::uint64_t too_long = 0;      ///< refused: over `max_line_bytes`
    std::uint64_t not_a_line = 0;    ///< refused: empty, or with a newline inside
    std::uint64_t write_failed = 0;  ///< lost: the system refused it, whole or in part (disk full, file-size limit, …)
    std::uint64_t torn_repaired = 0;  ///< of these: the part that was written has been taken away, or blanked
    std::uint64_t torn_left = 0;      ///< of these: it could not be, and stands on a line of its own
    std::uint64_t torn_found = 0;     ///< half a line, left by somebody who was killed, was ended
    std::uint64_t flush_failed = 0;
    int last_errno = 0;  ///< of the last failed system call, 0 without one

    [[nodiscard]] constexpr std::uint64_t lost() const noexcept {
        return open_failed + closed + too_long + not_a_line + write_failed;
    }
};

/// The last failure, for a person to read: "out/points.ndjson: No space left on device". Empty text, code 0: there was
/// none.
struct FileError {
    int code = 0;  ///< errno
    char text[512]{};
    [[nodiscard]] explicit operator bool() const noexcept { return code != 0; }
};

/// Appends whole lines to a file: `FileSink file{"points.ndjson"}; if (!file) std::fputs(file.error().text, stderr);`
///
/// All members may be called by several threads at once; several processes, forked ones too, may append to one file on a
/// local disk. The constructor creates the file, not its directory. Half a line that a killed process left at the end gets
/// its newline before the first line, and no byte of it goes; where a neighbour is killed in the middle of a line later, its
/// last byte becomes the newline before ours. When only a part of a line could be written (disk full), that part is removed
/// if no other sink has the file open, and overwritten with blanks otherwise: a reader skips blank lines.
///
/// Pipes and devices work too, without that repair and up to PIPE_BUF (4 KB) a line from several processes. They never
/// block: what they can't take at once is lost and counted. A file that is renamed is followed; after a log rotation make a
/// new sink. Immovable.
class FileSink {
public:
    explicit FileSink(std::string_view path, FileOptions options = {}) noexcept;
    FileSink(FileSink const&) = delete;
    FileSink& operator=(FileSink const&) = delete;
    ~FileSink();

    /// Appends one line, given with or without its newline. False when it was lost; report() says why. When it returns,
    /// the system has the line: it outlives the process, however that ends.
    bool write(std::string_view line) noexcept;

    /// Waits until the disk has every line (fsync): they outlive a power cut. Milliseconds; others go on writing
    /// meanwhile.
    bool flush() noexcept;

    /// Closes the file; later lines are lost and counted.
    void close() noexcept;

    /// The file is open.
    [[nodiscard]] explicit operator bool() const noexcept { return file_.fd() >= 0; }
    [[nodiscard]] std::string_view path() const noexcept { return path_; }
    [[nodiscard]] FileError error() const noexcept;
    [[nodiscard]] FileReport report() const noexcept;

private:
    void leave_parent() noexcept;
    bool lose(detail::posix::Count& cause, int error) noexcept;

    detail::LineFile file_;
    pid_t owner_;  // the process whose own file description it is; negative while a forked child gets its own
    bool closed_ = false;
    int last_errno_ = 0;
    pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;  // the kernel lets one thread at a time append to a file anyway
    FileOptions options_;
    detail::posix::Count lines_, bytes_, open_failed_, closed_count_, too_long_, not_a_line_, write_failed_,
        torn_repaired_, torn_left_, torn_found_, flush_failed_;
    char path_[4096]{};
};

inline FileSink::FileSink(std::string_view path, FileOptions options) noexcept : owner_(::getpid()), options_(options) {
    detail::posix::KeptErrno const kept;
    path.copy(path_, sizeof path_ - 1);
    if (path.size() >= sizeof path_)
        last_errno_ = ENAMETOOLONG;
    else if (path.find('\0') != std::string_view::npos)
        last_errno_ = EINVAL;
    else
        last_errno_ = file_.open(path_, options_.mode);
    if (last_errno_ == 0 && file_.end_torn_line()) torn_found_.add(1);
}

inline FileSink::~FileSink() {
    close();
    pthread_mutex_destroy(&mutex_);
}

inline bool FileSink::write(std::string_view line) noexcept {
    if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
    if (line.empty() || std::memchr(line.data(), '\n', line.size()) != nullptr) return lose(not_a_line_, 0);
    if (line.size() >= options_.max_line_bytes) return lose(too_long_, 0);
    detail::posix::KeptErrno const kept;
    leave_parent();
    detail::posix::MutexLock const lock{mutex_};
    if (file_.fd() < 0) return lose(closed_ ? closed_count_ : open_failed_, 0);
    detail::Appended const done = file_.append(line);
    if (done.part == detail::Appended::Part::removed) torn_repaired_.add(1);
    if (done.part == detail::Appended::Part::left) torn_left_.add(1);
    if (done.error != 0) return lose(write_failed_, done.error);
    if (done.ended_another) torn_found_.add(1);
    lines_.add(1);
    bytes_.add(line.size() + 1);
    return true;
}

inline bool FileSink::flush() noexcept {
    detail::posix::KeptErrno const kept;
    leave_parent();
    int copy;
    {
        detail::posix::MutexLock const lock{mutex_};
        if (file_.fd() < 0) return lose(flush_failed_, 0);
        copy = ::fcntl(file_.fd(), F_DUPFD_CLOEXEC, 0);
    }
    if (copy < 0) return lose(flush_failed_, errno);
    bool const flushed = ::fsync(copy) == 0 || errno == EINVAL;  // EINVAL: a pipe or device, which keeps nothing
    int const error = errno;
    ::close(copy);
    return flushed || lose(flush_failed_, error);
}

inline void FileSink::close() noexcept {
    detail::posix::KeptErrno const kept;
    leave_parent();
    detail::posix::MutexLock const lock{mutex_};
    closed_ = true;
    file_.close();
}

inline FileError FileSink::error() const noexcept {
    detail::posix::KeptErrno const kept;
    FileError error;
    error.code = __atomic_load_n(&last_errno_, __ATOMIC_RELAXED);
    if (error.code == 0) return error;
    char buffer[96];
    char const* const message = detail::posix::message_of(::strerror_r(error.code, buffer, sizeof buffer), buffer);
    std::snprintf(error.text, sizeof error.text, "%.*s: %s", 400, path_, message);
    return error;
}

inline FileReport FileSink::report() const noexcept {
    return {lines_.read(),        bytes_.read(),         open_failed_.read(),
            closed_count_.read(), too_long_.read(),      not_a_line_.read(),
            write_failed_.read(), torn_repaired_.read(), torn_left_.read(),
            torn_found_.read(),   flush_failed_.read(),  __atomic_load_n(&last_errno_, __ATOMIC_RELAXED)};
}

inline bool FileSink::lose(detail::posix::Count& cause, int error) noexcept {
    cause.add(1);
    if (error != 0) __atomic_store_n(&last_errno_, error, __ATOMIC_RELAXED);
    return false;
}

/// A forked child shares its parent's file offset and lock, and perhaps a mutex that a thread it doesn't have was
/// holding. Before its first write it gets a mutex and a file description of its own.
inline void FileSink::leave_parent() noexcept {
    pid_t const self = ::getpid();
    pid_t seen = __atomic_load_n(&owner_, __ATOMIC_ACQUIRE);
    if (seen == self) return;
    if (seen == -self ||
        !__atomic_compare_exchange_n(&owner_, &seen, -self, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        while (__atomic_load_n(&owner_, __ATOMIC_ACQUIRE) != self) ::sched_yield();
        return;
    }
    pthread_mutex_init(&mutex_, nullptr);
    if (int const error = file_.leave_parent(path_, options_.mode); error != 0)
        __atomic_store_n(&last_errno_, error, __ATOMIC_RELAXED);
    __atomic_store_n(&owner_, self, __ATOMIC_RELEASE);
}

}  // namespace lastbyte
