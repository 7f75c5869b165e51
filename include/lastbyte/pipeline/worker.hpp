// The worker: one background thread, if you make one, that carries a pipeline's records to a transport.
//
// A library that starts threads by itself dies in fork(), and one that waits for its backend at exit keeps a dead
// service alive. Here there is a thread exactly while a Worker exists; flush() and stop() return by their deadline
// whatever the backend does, and what was not delivered by then is on the disk, or counted as pending.
#pragma once

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <new>
#include <type_traits>
#include <utility>

#include <pthread.h>

#include <lastbyte/pipeline/outlet.hpp>
#include <lastbyte/pipeline/pipeline.hpp>

namespace lastbyte {
namespace detail {

/// What a worker and its thread share. The last of the two destroys it: a thread that hangs in its transport keeps it.
template <class Transport>
struct Station {
    template <class... Args>
    Station(Queue& q, WorkerOptions const& given, Args&&... args)
        : queue(q), options(given), outlet(q, given, std::forward<Args>(args)...) {
        queue.share();
    }
    Station(Station const&) = delete;
    Station& operator=(Station const&) = delete;
    ~Station() { queue.release(); }
    void release() noexcept {
        if (users.sub_acq_rel(1) == 1) delete this;
    }

    void run() noexcept;
    void rest(std::uint32_t seen, bool hurry, std::uint64_t end) noexcept;
    void end() noexcept {
        ended.store_release(1);
        told.ring();
    }

    Queue& queue;
    WorkerOptions options;
    Outlet<Transport> outlet;
    Atomic<std::uint32_t> users{2};
    Atomic<std::uint32_t> flushes_asked{0}, flushes_done{0}, ended{0};
    Atomic<std::uint64_t> leave_at{0};  // when to stop trying the transport; 0: not stopping
    Bell told;
    bool worked = false;  // since the last rest
};

}  // namespace detail

struct WorkerStatus {
    bool running = false;          ///< the thread exists and reads
    int thread_errno = 0;          ///< why there is none: EBUSY when the pipeline has a reader, ENOMEM, EAGAIN
    int spool_errno = 0;           ///< why there is no spool; records wait in memory then
    std::uint64_t torn_bytes = 0;  ///< half a record, cut off the spool's end when it was opened
};

/// `Worker<FileSink> worker{pipeline, {.spool = "points.spool"}, "points.ndjson"};` makes its own transport from what
/// follows the options; `Worker worker{pipeline, {}, [](std::string_view record) { return send(record); }}` takes a
/// function.
///
/// A transport's write may block, up to the time-out that it should have: what is offered meanwhile waits in the lanes,
/// and no longer than they have room. It runs on the worker's thread, where no signal but a fault's arrives. Delivery
/// is at least once: what a process that died, or was stopped in the middle of a write, had given to the transport may
/// come again. The pipeline may go before its worker; the transport and the memory live on while a thread hangs in that
/// transport.
template <class Transport>
class Worker {
    static_assert(detail::takes_records<Transport>());

public:
    template <class Policy, class... Args>
    requires std::is_constructible_v<Transport, Args...>
    explicit Worker(Pipeline<Policy>& pipeline, WorkerOptions options, Args&&... args) {
        detail::Queue* const queue = pipeline.queue_;
        status_.thread_errno = queue == nullptr ? ENOMEM : 0;
        if (queue == nullptr) return;
        queue->leave_parent();
        made_in_ = detail::forks.load_relaxed();
        Reading reading{queue->begin_reading() ? queue : nullptr};
        status_.thread_errno = reading.queue == nullptr ? EBUSY : 0;
        if (reading.queue == nullptr) return;
        station_ = new (std::nothrow) detail::Station<Transport>(*queue, options, std::forward<Args>(args)...);
        if (station_ == nullptr) {
            status_.thread_errno = ENOMEM;
            return;
        }
        status_.spool_errno = station_->outlet.spool_errno();
        status_.torn_bytes = station_->outlet.torn_bytes();
        start();
        if (status_.running) reading.queue = nullptr;  // the thread's from now on
    }
    Worker(Worker const&) = delete;
    Worker& operator=(Worker const&) = delete;
    ~Worker() {
        if (station_ == nullptr || made_in_ != detail::forks.load_relaxed())
            return;  // a forked child has no thread of ours
        if (status_.running) stop(station_->options.stop_within);
        station_->release();
    }

    /// Waits until everything that was offered before has left memory: delivered, refused, or in the spool. A pause
    /// after a failure ends at once. False when the time passed first, and in a forked child.
    bool flush(Nanoseconds within) noexcept {
        if (!is_running()) return false;
        std::uint64_t const until = SteadyClock::now() + within.count;
        std::uint32_t const mine = station_->flushes_asked.add_acq_rel(1) + 1;
        station_->queue.bell.ring();
        return wait(until,
                    [&] { return static_cast<std::int32_t>(station_->flushes_done.load_acquire() - mine) >= 0; });
    }

    /// Delivers what is in memory, and in the spool for as long as the backend takes it, ends the thread, and joins it.
    /// With a spool the last quarter of the time is kept for the disk. True when memory is empty; otherwise report() says
    /// how many are pending. A thread that is still in its transport by then is left to itself, and ends when the transport
    /// lets it. To be called once, by one thread.
    bool stop(Nanoseconds within) noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return status_.running && status_.spool_errno == 0; }
    [[nodiscard]] WorkerStatus status() const noexcept { return status_; }
    /// Its own transport, for what that lets any thread ask: `worker.transport()->error()`. nullptr when there is none.
    [[nodiscard]] Transport const* transport() const noexcept {
        return station_ == nullptr ? nullptr : &station_->outlet.transport();
    }

private:
    /// Reading ends with it, unless a thread has begun.
    struct Reading {
        detail::Queue* queue;
        ~Reading() {
            if (queue != nullptr) queue->end_reading();
        }
    };
    void start() noexcept;
    [[nodiscard]] bool is_running() const noexcept {
        return status_.running && made_in_ == detail::forks.load_relaxed();
    }
    template <class Reached>
    bool wait(std::uint64_t until, Reached reached) noexcept {
        for (;;) {
            std::uint32_t const seen = station_->told.look();
            if (reached()) return true;
            if (SteadyClock::now() >= until) return false;
            station_->told.wait(seen, until);
        }
    }

    detail::Station<Transport>* station_ = nullptr;
    pthread_t thread_{};
    std::uint32_t made_in_ = 0;  // the process, by its forks
    WorkerStatus status_;
};

template <class Policy, class Transport>
Worker(Pipeline<Policy>&, WorkerOptions, Transport) -> Worker<Transport>;

template <class Transport>
void Worker<Transport>::start() noexcept {
    sigset_t all, before;
    sigfillset(&all);
    for (int const fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    status_.thread_errno = pthread_create(
        &thread_, nullptr,
        [](void* station) -> void* {
            static_cast<detail::Station<Transport>*>(station)->run();
            static_cast<detail::Station<Transport>*>(station)->release();
            return nullptr;
        },
        station_);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    status_.running = status_.thread_errno == 0;
    if (!status_.running) station_->users.store_relaxed(1);
}

template <class Transport>
bool Worker<Transport>::stop(Nanoseconds within) noexcept {
    if (!is_running()) return false;
    auto& station = *station_;
    std::uint64_t const until = SteadyClock::now() + within.count;
    std::uint64_t const leave_at = station.outlet.has_spool() ? until - within.count / 4 : until;
    station.leave_at.store_release(leave_at);
    station.queue.bell.ring();
    status_.running = false;
    auto const ended = [&] { return station.ended.load_acquire() != 0; };
    bool joined = wait(leave_at, ended), taken = false;
    if (station.outlet.has_spool())
        for (std::uint64_t now = leave_at; !joined && !taken && now < until; now = SteadyClock::now()) {
            taken = station.outlet.take_over();
            if (taken)
                station.queue.end_reading();
            else
                joined = wait(now + 1'000'000 < until ? now + 1'000'000 : until, ended);
        }
    if (joined)
        pthread_join(thread_, nullptr);
    else
        pthread_detach(thread_);
    return station.queue.report().in_memory == 0;
}

namespace detail {

template <class Transport>
void Station<Transport>::run() noexcept {
    std::uint32_t flushing = 0;
    bool stopping = false;
    Queue::Mark mark{};
    for (;;) {
        std::uint32_t const seen = queue.bell.look();
        std::uint64_t const leave = leave_at.load_acquire(), now = SteadyClock::now();
        std::uint32_t const asked = flushes_asked.load_acquire();
        if (asked != flushing || (leave != 0 && !stopping)) {
            flushing = asked;
            stopping = leave != 0;
            mark = queue.mark();
            outlet.end_pause();
        }
        bool const moved = outlet.step(now);
        if (outlet.taken_over()) return;
        worked = worked || moved;
        bool const past = queue.is_past(mark);
        if (past && flushes_done.load_relaxed() != flushing) {
            flushes_done.store_release(flushing);
            told.ring();
        }
        if (stopping && (now >= leave || (past && !outlet.is_replaying(now)))) break;
        bool const hurry = stopping || flushes_done.load_relaxed() != flushing;
        if (!moved) rest(seen, hurry, stopping ? leave : ~std::uint64_t{0});
    }
    outlet.spool_all();
    queue.end_reading();
    end();
}

/// Waits for something to do. `hurry`: somebody waits for what is in memory, but a writer is in the middle of it, or
/// the transport's pause isn't over.
template <class Transport>
void Station<Transport>::rest(std::uint32_t seen, bool hurry, std::uint64_t end) noexcept {
    std::uint64_t const now = SteadyClock::now(), due = outlet.due();
    bool const pausing = due != 0;
    if (pausing && due <= now) return;
    std::uint64_t until = pausing ? due : ~std::uint64_t{0};
    if (outlet.has_spool() ? worked || pausing || queue.has_waiting() : !pausing && (worked || queue.has_waiting())) {
        std::uint64_t const linger = now + (hurry ? 1'000'000 : options.linger.count);
        if (linger < until) until = linger;
        queue.sleep_until(queue.capacity() / 2);
    } else if (!pausing) {
        queue.sleep_until(1);
        if (queue.has_waiting()) until = now;
    }
    worked = false;
    queue.bell.wait(seen, until < end ? until : end);
    queue.sleep_until(Queue::awake);
}

}  // namespace detail
}  // namespace lastbyte
