// The spool: a file in which records wait while the backend is away, and from which they leave in their order.
//
// Memory runs out in seconds of an outage, and is gone with the process. Here a text is appended with its length and
// checksum by one call: after a kill -9 each is there whole, or is the torn end that the next start cuts off. What has
// been delivered is remembered in the file, and so is what was tried together: a crash repeats one delivery at most, byte
// by byte, so that a backend which knows it again takes it once. Not for power cuts: nothing is synced.
#pragma once

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

    /// Appends a text that stands for so many records; one that was `tried` before is never joined with others. False
    /// when it is empty, finds no room, or the disk refuses it: last_errno().
    bool push(std::string_view text, std::uint64_t records, bool tried = false) noexcept;

    /// The oldest, and what follows it as far as they fit into `join_up_to` together; the same again until it is popped,
    /// by the next process too. Empty when there is none, or it can't be read: not now (last_errno()), or never (0). Valid
    /// until the next call of a member.
    [[nodiscard]] std::string_view front(std::size_t join_up_to = 0) noexcept;
    [[nodiscard]] std::uint64_t front_records() const noexcept { return front_records_; }
    /// Forgets what front() has given.
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
        char magic[8] = {'l', 'b', 's', 'p', 'o', 'o', 'l', '2'};
        std::uint64_t begin = sizeof(FileHead);  // of the oldest that has not been delivered
        std::uint64_t front_end = 0;             // of what was tried together with it; 0 before the first attempt
    };
    struct Head {
        std::uint32_t checksum = 0;  // of what follows, in this struct and behind it
        std::uint32_t size = 0;
        std::uint64_t records = 0;  // and whether it was tried
        [[nodiscard]] bool was_tried() const noexcept { return (records & tried_bit) != 0; }
        [[nodiscard]] std::uint64_t count() const noexcept { return records & ~tried_bit; }
    };
    static constexpr std::uint64_t tried_bit = std::uint64_t{1} << 63u;

    static std::uint32_t checksum(std::uint32_t sum, void const* data, std::size_t size) noexcept;
    static std::uint32_t checksum(Head const& head, char const* text) noexcept {
        return checksum(checksum(0, &head.size, sizeof head - sizeof head.checksum), text, head.size);
    }
    int recover() noexcept;
    bool read(std::uint64_t at, Head& head, std::size_t behind = 0) noexcept;
    bool read_all(void* into, std::size_t size, std::uint64_t at) noexcept;
    bool remember() noexcept;
    bool fail(int error) noexcept {
        errno_ = error;
        return false;
    }

    int fd_ = -1;
    int errno_ = 0;
    std::uint64_t max_ = 0, begin_ = 0, end_ = 0;
    std::uint64_t held_from_ = 0;  // up to here, the disk has its blocks back
    std::uint64_t records_ = 0, torn_ = 0;
    std::uint64_t front_end_ = 0;  // of what is tried together, once it has been; else 0
    std::uint64_t front_records_ = 0;
    std::size_t front_size_ = 0;  // what is in the buffer; 0 for nothing
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
    begin_ = end_ = records_ = front_end_ = front_size_ = 0;
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
    records_ = front_end_ = 0;
    errno_ = 0;
    for (Head one; read(end_, one);) {
        records_ += one.count();
        end_ += sizeof one + one.size;
        if (end_ == head.front_end) front_end_ = end_;
    }
    if (errno_ != 0) return errno_;  // what is there can't be judged now
    torn_ = size - end_;
    if (torn_ != 0 && ::ftruncate(fd_, static_cast<off_t>(end_)) != 0) return errno;
    return 0;
}

inline bool Spool::push(std::string_view text, std::uint64_t records, bool tried) noexcept {
    std::uint64_t const more = sizeof(Head) + text.size();
    if (fd_ < 0) return fail(EBADF);
    if (text.empty() || text.size() > 0xffffffffu) return fail(EINVAL);
    if (end_ + more - held_from_ > max_) return fail(ENOSPC);
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && end_ + more > limit.rlim_cur) return fail(EFBIG);
    Head head{0, static_cast<std::uint32_t>(text.size()), tried ? records | tried_bit : records};
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

inline std::string_view Spool::front(std::size_t join_up_to) noexcept {
    if (empty()) return {};
    if (front_size_ != 0) return {buffer_, front_size_};
    errno_ = 0;
    Head one;
    if (!read(begin_, one)) return {};
    std::uint64_t end = begin_ + sizeof one + one.size;
    std::size_t size = one.size;
    front_records_ = one.count();
    bool const tried = front_end_ > begin_, alone = one.was_tried();
    while (tried ? end < front_end_ : !alone && end < end_) {
        if (!read(end, one, size)) break;
        if (!tried && (one.was_tried() || one.size > join_up_to - (size < join_up_to ? size : join_up_to))) break;
        end += sizeof one + one.size;
        size += one.size;
        front_records_ += one.count();
    }
    front_end_ = end;
    front_size_ = size;
    if (!tried) (void)remember();
    return {buffer_, size};
}

inline void Spool::pop() noexcept {
    begin_ = front_end_;
    records_ -= front_records_;
    front_end_ = front_size_ = 0;
    if (!remember()) return;
    if (empty()) {
        if (::ftruncate(fd_, static_cast<off_t>(sizeof(FileHead))) != 0) return;
        begin_ = end_ = held_from_ = sizeof(FileHead);
        (void)remember();
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
    records_ = front_end_ = front_size_ = 0;
    return lost;
}

inline bool Spool::remember() noexcept {
    std::uint64_t const both[] = {begin_, front_end_};
    return ::pwrite(fd_, both, sizeof both, offsetof(FileHead, begin)) == sizeof both || fail(errno);
}

/// A whole record, its text in the buffer behind so many bytes. Nothing tells the size of a torn one but the end of the
/// file.
inline bool Spool::read(std::uint64_t at, Head& head, std::size_t behind) noexcept {
    struct stat file {};
    if (::fstat(fd_, &file) != 0) return fail(errno);
    auto const size = static_cast<std::uint64_t>(file.st_size);
    if (at + sizeof head > size || !read_all(&head, sizeof head, at) || head.size > size - at - sizeof head)
        return false;
    if (std::size_t const need = behind + head.size; need > buffer_size_) {
        std::size_t const room = need > 2 * buffer_size_ ? need : 2 * buffer_size_;
        void* const larger = std::realloc(buffer_, room);
        if (larger == nullptr) return fail(ENOMEM);
        buffer_ = static_cast<char*>(larger);
        buffer_size_ = room;
    }
    char* const text = buffer_ + behind;
    return read_all(text, head.size, at + sizeof head) && head.checksum == checksum(head, text);
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
        struct {
            std::uint32_t of[256]{};
        } all;
        for (std::uint32_t i = 0; i < 256; ++i) {
            all.of[i] = i;
            for (int bit = 0; bit < 8; ++bit) all.of[i] = all.of[i] >> 1 ^ (all.of[i] % 2 != 0 ? 0xedb88320u : 0u);
        }
        return all;
    }();
    auto const* bytes = static_cast<unsigned char const*>(data);
    sum = ~sum;
    for (std::size_t i = 0; i < size; ++i) sum = table.of[(sum ^ bytes[i]) & 0xff] ^ sum >> 8;
    return ~sum;
}

}  // namespace lastbyte
