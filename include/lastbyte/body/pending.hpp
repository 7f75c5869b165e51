// The reads that a handler body has under way: a list that runs through the handlers themselves.
//
// A handler is moved by the library that keeps it, and outlives its body as often as not. A bare pointer back to the body
// would dangle; shared ownership would allocate. Each link is told when its neighbour moves or goes. Two pointers per read.
#pragma once

#include <utility>

#include <lastbyte/body/body.hpp>

namespace lastbyte::detail {

class PendingReads;

/// One read under way. Leaves the list when it completes or is dropped.
class PendingRead {
public:
    inline explicit PendingRead(PendingReads& reads) noexcept;
    inline PendingRead(PendingRead&& other) noexcept;
    PendingRead& operator=(PendingRead&&) = delete;
    ~PendingRead() { leave(); }

    /// The list of the body, if it is still there; this read is no longer in it.
    inline PendingReads* leave() noexcept;

private:
    friend class PendingReads;
    PendingReads* reads_;
    PendingRead* next_ = nullptr;
};

/// The head of the list: a part of the body, which moves with it.
class PendingReads {
public:
    PendingReads() noexcept = default;
    PendingReads(PendingReads&& other) noexcept { take(other); }
    PendingReads& operator=(PendingReads&& other) noexcept {
        forget();
        take(other);
        return *this;
    }
    ~PendingReads() { forget(); }

    /// The body is over: its handlers are on their own.
    void forget() noexcept {
        for (PendingRead* read = std::exchange(first_, nullptr); read != nullptr; read = read->next_) read->reads_ = nullptr;
    }

private:
    friend class PendingRead;
    void take(PendingReads& other) noexcept {
        first_ = std::exchange(other.first_, nullptr);
        for (PendingRead* read = first_; read != nullptr; read = read->next_) read->reads_ = this;
    }
    /// Puts `by` where `read` stands; the lists are one or two long.
    void replace(PendingRead* read, PendingRead* by) noexcept {
        PendingRead** at = &first_;
        while (*at != read) at = &(*at)->next_;
        *at = by;
    }
    PendingRead* first_ = nullptr;
};

PendingRead::PendingRead(PendingReads& reads) noexcept
    : reads_(&reads), next_(std::exchange(reads.first_, this)) {}
PendingRead::PendingRead(PendingRead&& other) noexcept
    : reads_(std::exchange(other.reads_, nullptr)), next_(other.next_) {
    if (reads_ != nullptr) reads_->replace(&other, this);
}
PendingReads* PendingRead::leave() noexcept {
    if (reads_ != nullptr) reads_->replace(this, next_);
    return std::exchange(reads_, nullptr);
}

}  // namespace lastbyte::detail
