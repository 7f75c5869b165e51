// The outlet: the reader's side of a queue, one step at a time: what goes to the transport, what to the spool, and
// when.
//
// While the backend is away, trying it for each record costs a time-out each, and trying it at once makes it worse.
// Here a failed attempt is followed by a pause that doubles; meanwhile records go to the disk, if there is a spool, and
// what is on the disk goes out first. No thread and no clock of its own: a test can step through it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <lastbyte/core/atomic.hpp>
#include <lastbyte/core/clock.hpp>
#include <lastbyte/pipeline/delivery.hpp>
#include <lastbyte/pipeline/queue.hpp>
#include <lastbyte/pipeline/spool.hpp>

namespace lastbyte {

struct WorkerOptions {
    /// A file in which records wait while the transport says "later"; nullptr: they wait in memory, and no longer.
    char const* spool = nullptr;
    std::uint64_t spool_bytes = std::uint64_t{256} << 20;
    /// Records are joined, as one text, up to this size: right for a backend that takes many lines, and for OTLP protobuf
    /// requests (whose messages merge); wrong for a FileSink (a line at a time) and OTLP JSON. 0: one record a write. Those
    /// that leave the spool are joined too; what was tried comes again as it was, so that a backend may know it by a hash.
    std::size_t batch_bytes = 0;
    /// How long records are collected before the worker looks again. It is woken sooner when a lane is half full.
    Nanoseconds linger = milliseconds(100);
    /// The pause after a failed attempt, a millisecond at least. It doubles up to the longest one.
    Nanoseconds first_pause = milliseconds(100), longest_pause = milliseconds(30'000);
    /// A text that failed so often is refused. 0: never; for transports that tell "never" from "later".
    std::uint32_t max_attempts = 0;
    /// What the destructor gives stop().
    Nanoseconds stop_within = milliseconds(2'000);
};

namespace detail {

template <class Transport>
class Outlet {
public:
    template <class... Args>
    Outlet(Queue& queue, WorkerOptions const& options, Args&&... args)
        : queue_(queue), options_(options), transport_(static_cast<Args&&>(args)...) {
        if (options.spool != nullptr) spool_errno_ = spool_.open(options.spool, options.spool_bytes);
        std::uint64_t const known = queue.report().in_spool;  // by a worker of this pipeline that has stopped
        if (spool_.records() > known) queue.count(Fate::recovered, spool_.records() - known);
    }

    /// Moves what can be moved, with one attempt at the transport at most. True when something has been moved.
    bool step(std::uint64_t now) noexcept {
        bool moved = !spool_.empty() && now >= paused_until_ && send_spooled(now);
        if (taken_over_) return false;
        if (queue_.hand.empty() && !fill()) return moved;
        if (spool_.empty() && now >= paused_until_ && send_hand()) return true;
        if (taken_over_) return false;
        if (now < paused_until_ || !spool_.empty()) moved = spool_all() || moved;
        return moved;
    }

    /// Everything in memory goes to the disk. True when something did.
    bool spool_all() noexcept {
        bool moved = false;
        while (spool_ && (!queue_.hand.empty() || fill())) {
            if (!spool_hand()) {
                queue_.count(Fate::spool_failure);
                break;
            }
            queue_.empty_hand(Fate::spooled);
            moved = true;
        }
        return moved;
    }

    /// By another thread, while the reader's is in the transport: from then on the reader touches nothing, and
    /// everything in memory, what it is trying to deliver too, goes to the disk. False when the reader is not in the
    /// transport.
    bool take_over() noexcept {
        if (!where_.replace_acq_rel(in_transport, taken)) return false;
        if (!queue_.hand.empty() && spool_hand()) queue_.empty_hand(Fate::spooled);
        if (queue_.hand.empty() && queue_.change_hand()) spool_all();
        return true;
    }
    /// The reader has come back to find that it has been replaced.
    [[nodiscard]] bool taken_over() const noexcept { return taken_over_; }

    /// There is something on the disk, and no pause before the next attempt at it.
    [[nodiscard]] bool is_replaying(std::uint64_t now) const noexcept { return !spool_.empty() && now >= paused_until_; }
    void end_pause() noexcept { paused_until_ = 0; }
    /// When something that has left the lanes may be tried again; 0 when there is nothing.
    [[nodiscard]] std::uint64_t due() const noexcept {
        return queue_.hand.empty() && spool_.empty() ? 0 : larger(paused_until_, 1);
    }
    [[nodiscard]] bool has_spool() const noexcept { return static_cast<bool>(spool_); }
    [[nodiscard]] int spool_errno() const noexcept { return spool_errno_; }
    [[nodiscard]] std::uint64_t torn_bytes() const noexcept { return spool_.torn_bytes(); }
    [[nodiscard]] Transport const& transport() const noexcept { return transport_; }

private:
    static constexpr std::uint32_t working = 0, in_transport = 1, taken = 2;
    static constexpr std::uint64_t larger(std::uint64_t a, std::uint64_t b) noexcept { return a > b ? a : b; }
    static constexpr std::uint64_t smaller(std::uint64_t a, std::uint64_t b) noexcept { return a < b ? a : b; }

    bool fill() noexcept {
        if (!queue_.fill(options_.batch_bytes)) return false;
        hand_was_tried_ = false;
        return true;
    }
    bool spool_hand() noexcept {
        return spool_.push(queue_.hand.view(), queue_.hand.records.load_relaxed(), hand_was_tried_);
    }
    Delivered send(std::string_view text) noexcept {
        where_.store_release(in_transport);
        Delivery delivery = attempt(transport_, text);
        if (!where_.replace_acq_rel(in_transport, working)) {
            taken_over_ = true;
            return Delivered::later;
        }
        if (delivery.what != Delivered::later) {
            attempts_ = 0;
            pause_ = 0;
            return delivery.what;
        }
        queue_.count(Fate::failure);
        std::uint64_t const first = larger(options_.first_pause.count, 1'000'000);
        std::uint64_t const longest = larger(options_.longest_pause.count, 1'000'000);
        pause_ = smaller(pause_ == 0 ? first : pause_ * 2, longest);
        paused_until_ = SteadyClock::now() + smaller(larger(pause_, delivery.after_ns), longest);
        if (options_.max_attempts == 0 || ++attempts_ < options_.max_attempts) return Delivered::later;
        attempts_ = 0;
        return Delivered::never;
    }

    bool send_hand() noexcept {
        hand_was_tried_ = true;
        Delivered const what = send(queue_.hand.view());
        if (what == Delivered::later) {
            return !taken_over_ && spool_all();
        }
        queue_.empty_hand(what == Delivered::yes ? Fate::delivered : Fate::refused);
        return true;
    }
    bool send_spooled(std::uint64_t now) noexcept {
        std::string_view const text = spool_.front(options_.batch_bytes);
        if (text.empty()) return cannot_read(now);
        std::uint64_t const records = spool_.front_records();
        Delivered const what = send(text);
        if (what == Delivered::later) return false;
        spool_.pop();
        queue_.count(Fate::unspooled, records);
        queue_.count(what == Delivered::yes ? Fate::delivered : Fate::refused, records);
        return true;
    }
    bool cannot_read(std::uint64_t now) noexcept {
        if (spool_.last_errno() != 0) {  // out of memory or of luck: later
            queue_.count(Fate::spool_failure);
            paused_until_ = now + options_.longest_pause.count;
            return false;
        }
        std::uint64_t const lost = spool_.give_up();
        queue_.count(Fate::unspooled, lost);
        queue_.count(Fate::spool_lost, lost);
        return true;
    }

    Queue& queue_;
    WorkerOptions options_;
    Spool spool_;
    Transport transport_;
    Atomic<std::uint32_t> where_{working};
    bool taken_over_ = false;
    bool hand_was_tried_ = true;  // what comes again, comes as it was; true of what a worker before this one has left
    int spool_errno_ = 0;
    std::uint32_t attempts_ = 0;
    std::uint64_t pause_ = 0, paused_until_ = 0;
};

}  // namespace detail
}  // namespace lastbyte
