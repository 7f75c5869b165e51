// The spool: a file in which records wait while the backend is away, and from which they leave in their order.
//
// Memory runs out in seconds of an outage, and is gone with the process. Here a record is appended with its length and
// checksum by one call: after a kill -9 each is there whole, or is the torn end that the next start cuts off. What has
// been delivered is remembered in the file, so a crash repeats one record at most. Not for power cuts: nothing is
// synced.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace lastbyte {

/// One thread's at a time, one process's at a time (by a lock that goes with the process), on one machine: numbers are
/// in its byte order. Takes at most `max_bytes` of disk. Immovable.
class Spool {
public:
    Spool() noexcept = default;
    Spool(Spool const&) = delete;
    Spool& operator=(Spool const&) = delete;
    ~Spool() { close(); }

    /// Opens or creates the file and cuts off what is torn. 0, or the errno: EAGAIN when another process has it,
    /// EBADMSG when it is no spool, and then it is left as it is.
    int open(char const* path, std::uint64_t max_bytes) noexcept;
    void close() noexcept;

    /// Appends a text that stands for so many records. False when it is empty, finds no room, or the disk refuses it:
    /// last_errno().
    bool push(std::string_view text, std::uint64_t records) noexcept;

    /// The oldest; empty when there is none, or it can't be read: not now (last_errno()), or never (0). Valid until the
    /// next call of a member.
    [[nodiscard]] std::string_view front() noexcept;
    [[nodiscard]] std::uint64_t front_records() const noexcept { return front_.records; }
    /// Forgets the oldest, which front() has given.
    void pop() noexcept;

    /// Gives up what can't be read, which is all behind it too: how many records that were.
    std::uint64_t give_up() noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
    [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
    /// How many records are in it.
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
    /// How many bytes were cut off at the end when it was opened: half a record, or more where the file was damaged.
    [[nodiscard]] std::uint64_t torn_bytes() const noexcept { return torn_; }
    [[nodiscard]] int last_errno() const noexcept { return errno_; }

private:
    struct FileHead {
        char magic[8] = {'l', 'b', 's', 'p', 'o', 'o', 'l', '1'};
        std::uint64_t begin = sizeof(FileHead);  // of the oldest that has not been delivered
    };
    struct Head {
        std::uint32_t checksum = 0;  // of what follows, in this struct and behind it
        std::uint32_t size = 0;
        std::uint64_t records = 0;
    };

    static std::uint32_t checksum(std::uint32_t sum, void const* data, std::size_t size) noexcept;
    static std::uint32_t checksum(Head const& head, char const* text) noexcept {
        return checksum(checksum(0, &head.size, sizeof head - sizeof head.checksum), text, head.size);
    }
    int recover() noexcept;
    bool read(std::uint64_t at, Head& head) noexcept;
    bool read_all(void* into, std::size_t size, std::uint64_t at) noexcept;
    bool remember_begin() noexcept;
    bool fail(int error) noexcept {
        errno_ = error;
        return false;
    }

    int fd_ = -1;
    int errno_ = 0;
    std::uint64_t max_ = 0, begin_ = 0, end_ = 0;
    std::uint64_t held_from_ = 0;  // up to here, the disk has its blocks back
    std::uint64_t records_ = 0, torn_ = 0;
    Head front_{};
    std::uint64_t front_at_ = 0;  // what is in the buffer; 0 for nothing
    char* buffer_ = nullptr;
    std::size_t buffer_size_ = 0;
};

inline int Spool::open(char const* path, std::uint64_t max_bytes) noexcept {
    close();
    max_ = max_bytes;
    fd_ = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd_ < 0) return errno_ = errno;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    errno_ = ::fcntl(fd_, F_SETLK, &lock) != 0 ? (errno == EACCES ? EAGAIN : errno) : recover();
    int const error = errno_;
    if (error != 0) close();
    return errno_ = error;
}

inline void Spool::close() noexcept {
    if (fd_ >= 0) ::close(fd_);
    std::free(buffer_);
    fd_ = -1;
    buffer_ = nullptr;
    buffer_size_ = 0;
    begin_ = end_ = records_ = front_at_ = 0;
}

inline int Spool::recover() noexcept {
    struct stat file {};
    if (::fstat(fd_, &file) != 0) return errno;
    if (!S_ISREG(file.st_mode)) return EBADMSG;
    auto const size = static_cast<std::uint64_t>(file.st_size);
    FileHead head;
    FileHead const fresh;
    std::size_t const known = size < sizeof head ? static_cast<std::size_t>(size) : sizeof head;
    if (known != 0 && !read_all(&head, known, 0)) return errno_;
    if (std::memcmp(head.magic, fresh.magic, known < sizeof head.magic ? known : sizeof head.magic) != 0)
        return EBADMSG;
    if (size < sizeof head) {
        if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, &fresh, sizeof fresh, 0) != sizeof fresh)
            return errno != 0 ? errno : EIO;
        begin_ = end_ = held_from_ = sizeof head;
        return 0;
    }
    begin_ = head.begin < sizeof head || head.begin > size ? sizeof head : head.begin;
    held_from_ = end_ = begin_;
    records_ = 0;
    errno_ = 0;
    for (Head one; read(end_, one); end_ += sizeof one + one.size) records_ += one.records;
    if (errno_ != 0) return errno_;  // what is there can't be judged now
    torn_ = size - end_;
    if (torn_ != 0 && ::ftruncate(fd_, static_cast<off_t>(end_)) != 0) return errno;
    return 0;
}

inline bool Spool::push(std::string_view text, std::uint64_t records) noexcept {
    std::uint64_t const more = sizeof(Head) + text.size();
    if (fd_ < 0) return fail(EBADF);
    if (text.empty() || text.size() > 0xffffffffu) return fail(EINVAL);
    if (end_ + more - held_from_ > max_) return fail(ENOSPC);
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && end_ + more > limit.rlim_cur) return fail(EFBIG);
    Head head{0, static_cast<std::uint32_t>(text.size()), records};
    head.checksum = checksum(head, text.data());
    iovec const parts[] = {{&head, sizeof head}, {const_cast<char*>(text.data()), text.size()}};
    ssize_t written;
    do written = ::pwritev(fd_, parts, 2, static_cast<off_t>(end_));
    while (written < 0 && errno == EINTR);
    if (written != static_cast<ssize_t>(more)) {
        int const error = written < 0 ? errno : ENOSPC;
        if (written > 0 && ::ftruncate(fd_, static_cast<off_t>(end_)) != 0)
            return fail(errno);  // overwritten next time
        return fail(error);
    }
    end_ += more;
    records_ += records;
    return true;
}

inline std::string_view Spool::front() noexcept {
    if (empty()) return {};
    errno_ = 0;
    if (front_at_ != begin_ && !read(begin_, front_)) return {};
    front_at_ = begin_;
    return {buffer_, front_.size};
}

inline void Spool::pop() noexcept {
    begin_ += sizeof front_ + front_.size;
    records_ -= front_.records;
    front_at_ = 0;
    if (!remember_begin()) return;
    if (empty()) {
        if (::ftruncate(fd_, static_cast<off_t>(sizeof(FileHead))) != 0) return;
        begin_ = end_ = held_from_ = sizeof(FileHead);
        (void)remember_begin();
        return;
    }
#if defined(FALLOC_FL_PUNCH_HOLE)
    constexpr std::uint64_t worth_a_call = 1u << 20u;
    if (begin_ - held_from_ >= worth_a_call &&
        ::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(held_from_),
                    static_cast<off_t>(begin_ - held_from_)) == 0)
        held_from_ = begin_;
#endif
}

inline std::uint64_t Spool::give_up() noexcept {
    std::uint64_t const lost = records_;
    if (::ftruncate(fd_, static_cast<off_t>(begin_)) == 0) errno_ = 0;
    end_ = begin_;
    records_ = front_at_ = 0;
    return lost;
}

inline bool Spool::remember_begin() noexcept {
    return ::pwrite(fd_, &begin_, sizeof begin_, offsetof(FileHead, begin)) == sizeof begin_ || fail(errno);
}

/// A whole record, its text in the buffer. Nothing tells the size of a torn one but the end of the file.
inline bool Spool::read(std::uint64_t at, Head& head) noexcept {
    struct stat file {};
    if (::fstat(fd_, &file) != 0) return fail(errno);
    auto const size = static_cast<std::uint64_t>(file.st_size);
    if (at + sizeof head > size || !read_all(&head, sizeof head, at) || head.size > size - at - sizeof head)
        return false;
    if (head.size > buffer_size_) {
        void* const larger = std::realloc(buffer_, head.size);
        if (larger == nullptr) return fail(ENOMEM);
        buffer_ = static_cast<char*>(larger);
        buffer_size_ = head.size;
    }
    return read_all(buffer_, head.size, at + sizeof head) && head.checksum == checksum(head, buffer_);
}

inline bool Spool::read_all(void* into, std::size_t size, std::uint64_t at) noexcept {
    auto* to = static_cast<char*>(into);
    while (size != 0) {
        ssize_t const got = ::pread(fd_, to, size, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return fail(got < 0 ? errno : EIO);
        to += got;
        at += static_cast<std::uint64_t>(got);
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

/// CRC-32 as in IEEE 802.3, clause 3.2.9, continued from `sum`.
inline std::uint32_t Spool::checksum(std::uint32_t sum, void const* data, std::size_t size) noexcept {
    static constexpr auto table = [] {
        std::array<std::uint32_t, 256> all{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            all[i] = i;
            for (int bit = 0; bit < 8; ++bit) all[i] = all[i] >> 1 ^ (all[i] % 2 != 0 ? 0xedb88320u : 0u);
        }
        return all;
    }();
    auto const* bytes = static_cast<unsigned char const*>(data);
    sum = ~sum;
    for (std::size_t i = 0; i < size; ++i) sum = table[(sum ^ bytes[i]) & 0xff] ^ sum >> 8;
    return ~sum;
}

}  // namespace lastbyte
