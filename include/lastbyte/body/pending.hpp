// The reads that a handler body has under way: the body and the handlers know each other.
//
// A handler is moved by the library that keeps it, and outlives its body as often as not. A bare pointer back to the body
// would dangle; shared ownership would allocate. So each is told when the other moves or goes. A body has one read under
// way, as a rule, which takes a store to begin and one to end; a list is there for the others. Two pointers per read.
#pragma once

#include <utility>

#include <lastbyte/body/body.hpp>

namespace lastbyte::detail {

class PendingReads;

/// One read under way. Leaves its body when it completes or is dropped.
class PendingRead {
public:
    inline explicit PendingRead(PendingReads& reads) noexcept;
    inline PendingRead(PendingRead&& other) noexcept;
    PendingRead& operator=(PendingRead&&) = delete;
    inline ~PendingRead();

    /// Where the body keeps its reads, if it is still there; this one is no longer among them.
    inline PendingReads* leave() noexcept;

private:
    friend class PendingReads;
    PendingReads* reads_;
    PendingRead* next_;  // set only while it stands beside another one
};

/// A part of the body, which moves with it.
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
        tell(nullptr);
        one_ = others_ = nullptr;
    }

private:
    friend class PendingRead;
    void take(PendingReads& other) noexcept {
        one_ = std::exchange(other.one_, nullptr);
        others_ = std::exchange(other.others_, nullptr);
        tell(this);
    }
    void tell(PendingReads* reads) noexcept {
        if (one_ != nullptr) one_->reads_ = reads;
        for (PendingRead* read = others_; read != nullptr; read = read->next_) read->reads_ = reads;
    }
    [[gnu::always_inline]] void put(PendingRead* read) noexcept {
        if (one_ != nullptr) [[unlikely]] return put_beside(read);
        one_ = read;
    }
    /// Puts `by` where `read` stands; nullptr takes it out.
    [[gnu::always_inline]] void replace(PendingRead* read, PendingRead* by) noexcept {
        if (one_ != read) [[unlikely]] return replace_beside(read, by);
        one_ = by;
    }
    [[gnu::noinline, gnu::cold]] void put_beside(PendingRead* read) noexcept {
        read->next_ = std::exchange(others_, read);
    }
    [[gnu::noinline, gnu::cold]] void replace_beside(PendingRead* read, PendingRead* by) noexcept {
        PendingRead** at = &others_;
        while (*at != read) at = &(*at)->next_;
        if (by != nullptr) by->next_ = read->next_;
        *at = by != nullptr ? by : read->next_;
    }
    PendingRead* one_ = nullptr;
    PendingRead* others_ = nullptr;
};

PendingRead::PendingRead(PendingReads& reads) noexcept : reads_(&reads) { reads.put(this); }
PendingRead::PendingRead(PendingRead&& other) noexcept : reads_(std::exchange(other.reads_, nullptr)) {
    if (reads_ != nullptr) reads_->replace(&other, this);
}
PendingRead::~PendingRead() {
    if (reads_ != nullptr) reads_->replace(this, nullptr);
}
PendingReads* PendingRead::leave() noexcept {
    PendingReads* const reads = std::exchange(reads_, nullptr);
    if (reads != nullptr) reads->replace(this, nullptr);
    return reads;
}

}  // namespace lastbyte::detail
