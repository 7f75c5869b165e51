// The pipeline: where request threads hand over encoded rows and batches, and never wait for a disk or a backend.
//
// A request that writes its telemetry to a socket is as slow as the slowest backend, and hangs with a dead one. Here it
// copies the bytes into memory that was there before: no allocation, no lock, no system call except to wake a worker
// that sleeps. Memory is bounded; what doesn't fit is lost by a rule that the type names, and counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/core/clock.hpp>
#include <lastbyte/pipeline/delivery.hpp>
#include <lastbyte/pipeline/queue.hpp>
#include <lastbyte/pipeline/report.hpp>

namespace lastbyte {

/// A record that finds no room is lost.
struct DropNewest {};

/// The oldest records of the lane are lost until the new one fits. Where another thread is just taking the oldest, the
/// new one is lost instead: nobody waits.
struct DropOldest {};

/// Waits for room so long, and then the record is lost: `Pipeline<BlockUpTo<milliseconds(2)>>`. For jobs that prefer to
/// be late. Something must be emptying the pipeline meanwhile.
template <Nanoseconds Most>
struct BlockUpTo {};

struct PipelineOptions {
    /// Of each of the 8 lanes, rounded up to a power of two. Nine times this is allocated, once. A record may have
    /// half.
    std::size_t lane_bytes = std::size_t{512} << 10;
};

/// A bounded buffer of byte records between any number of writing threads and one reader.
///
///     lastbyte::NdjsonSink<ToolCall, lastbyte::Pipeline<>> points;            // requests write here
///     lastbyte::Worker<lastbyte::FileSink> worker{points.transport(), {}, "points.ndjson"};
///
/// Threads are dealt out to 8 lanes. The records of a thread stay in order; those of two threads need not. What nobody
/// has taken when the last of a pipeline and its workers goes is gone. In a child of fork() it is empty, and has no
/// worker.
template <class Policy = DropNewest>
class Pipeline {
public:
    explicit Pipeline(PipelineOptions options = {}) noexcept : queue_(detail::Queue::make(options.lane_bytes)) {}
    Pipeline(Pipeline const&) = delete;
    Pipeline& operator=(Pipeline const&) = delete;
    ~Pipeline() {
        if (queue_ != nullptr) queue_->release();
    }

    /// Hands over one record: an encoded row with its newline, or an encoded batch. False when it was lost; report()
    /// says why. By any thread; a few ten nanoseconds and the copy.
    bool write(std::string_view record) noexcept {
        if (queue_ == nullptr) [[unlikely]] {
            unstored_.add_relaxed(1);
            return false;
        }
        queue_->leave_parent();
        auto& own = queue_->this_lane();
        own.offered.add_relaxed(1);
        if (record.empty() || record.size() > queue_->max_record_bytes()) [[unlikely]] {
            own.too_large.add_relaxed(1);
            return false;
        }
        std::uint64_t used = own.lane.push(record);
        if (used == 0) [[unlikely]]
            used = push_when_full(own, record, Policy{});
        if (used == 0) [[unlikely]] {
            own.full.add_relaxed(1);
            queue_->wake();
            return false;
        }
        own.accepted.add_relaxed(1);
        queue_->wake_if_due(used);
        return true;
    }

    /// Without a worker: gives what there is to a transport, on this thread, until nothing is left or it says "later",
    /// and returns how many records it took. What it didn't take stays, and is the first the next time. Records are
    /// joined, as one text, up to `batch_bytes`. One thread at a time; while a Worker or another thread reads, 0.
    template <class Transport>
    std::uint64_t drain(Transport&& transport, std::size_t batch_bytes = 0) noexcept {
        std::uint64_t delivered = 0;
        if constexpr (detail::takes_records<Transport>()) {
            if (queue_ == nullptr) return 0;
            queue_->leave_parent();
            if (!queue_->begin_reading()) return 0;
            while (!queue_->hand.empty() || queue_->fill(batch_bytes)) {
                Delivered const what = detail::attempt(transport, queue_->hand.view()).what;
                if (what == Delivered::later) {
                    queue_->count(detail::Fate::failure);
                    break;
                }
                if (what == Delivered::yes) delivered += queue_->hand.records.load_relaxed();
                queue_->empty_hand(what == Delivered::yes ? detail::Fate::delivered : detail::Fate::refused);
            }
            queue_->end_reading();
        }
        return delivered;
    }

    /// There is memory.
    [[nodiscard]] explicit operator bool() const noexcept { return queue_ != nullptr; }
    [[nodiscard]] std::size_t max_record_bytes() const noexcept {
        return queue_ == nullptr ? 0 : queue_->max_record_bytes();
    }
    [[nodiscard]] PipelineReport report() const noexcept {
        if (queue_ != nullptr) {
            queue_->leave_parent();
            return queue_->report();
        }
        PipelineReport none;
        none.offered = none.no_memory = unstored_.load_relaxed();
        return none;
    }

private:
    template <class>
    friend class Worker;

    std::uint64_t push_when_full(detail::Queue::Counted&, std::string_view, DropNewest) noexcept { return 0; }

    [[gnu::noinline]] std::uint64_t push_when_full(detail::Queue::Counted& own, std::string_view record,
                                                   DropOldest) noexcept {
        for (;;) {
            bool const dropped = own.lane.pop([](std::string_view) { return true; });
            if (dropped) own.evicted.add_relaxed(1);
            if (std::uint64_t const used = own.lane.push(record); used != 0 || !dropped) return used;
        }
    }

    template <Nanoseconds Most>
    [[gnu::noinline]] std::uint64_t push_when_full(detail::Queue::Counted& own, std::string_view record,
                                                   BlockUpTo<Most>) noexcept {
        std::uint64_t const end = SteadyClock::now() + Most.count;
        queue_->blocked.add_acq_rel(1);
        std::uint64_t used = 0;
        while (used == 0) {
            std::uint32_t const seen = queue_->room.look();
            queue_->wake();
            used = own.lane.push(record);
            std::uint64_t const now = SteadyClock::now();
            if (used != 0 || now >= end) break;
            std::uint64_t const soon = now + 1'000'000;  // another writer may have been quicker, or a ring was missed
            queue_->room.wait(seen, soon < end ? soon : end);
        }
        queue_->blocked.sub_acq_rel(1);
        return used;
    }

    detail::Queue* queue_;
    detail::Atomic<std::uint64_t> unstored_{0};
};

}  // namespace lastbyte
