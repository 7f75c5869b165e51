// Ranges and generators of chunks: anything with begin() and end() whose elements are text or bytes.
//
// A chunk counts when it is first looked at, because that is when it leaves the wrapper; once, however often it is looked
// at. The outcome is settled when an iterator meets the sentinel. The stream stays until the body is dropped, for
// iterators may still point into it, and so does the callback, which comes after it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <lastbyte/body/iterators.hpp>

namespace lastbyte {

/// Two iterators as a stream: `chunks(first, last)`.
template <class Iterator, class Sentinel>
class Chunks {
public:
    Chunks(Iterator first, Sentinel last) noexcept(std::is_nothrow_move_constructible_v<Iterator> &&
                                                   std::is_nothrow_move_constructible_v<Sentinel>)
        : first_(std::move(first)), last_(std::move(last)) {}
    [[nodiscard]] Iterator begin() const { return first_; }
    [[nodiscard]] Sentinel end() const { return last_; }

private:
    Iterator first_;
    Sentinel last_;
};

template <class Iterator, class Sentinel>
[[nodiscard]] Chunks<Iterator, Sentinel> chunks(Iterator first, Sentinel last) {
    return {std::move(first), std::move(last)};
}

/// A range of the stream's chunks; single-pass or multi-pass (forward) as the stream is, with an end of the iterator's
/// own type where the stream has one. It must stay where it is from `begin()` to the end of the loop, and is not to be
/// iterated over when it has been moved from or told that it is over.
///
/// Walking over a multi-pass range without looking at its last chunk, to count them, is not its end.
template <class Stream, class Hook>
class [[nodiscard("lastbyte: a body must be given to the server; dropped here, it is abandoned at once.")]] RangeBody
    : public detail::BodyCore<RangeBody<Stream, Hook>, Stream, Hook> {
    using Core = detail::BodyCore<RangeBody, Stream, Hook>;
    using Inner = typename Core::stream_type;
    using InnerIterator = decltype(std::declval<Inner&>().begin());
    using InnerSentinel = decltype(std::declval<Inner&>().end());

public:
    using Core::Core;
    using Iterator = CountingIterator<RangeBody, InnerIterator, InnerSentinel>;
    using Sentinel =
        std::conditional_t<std::is_same_v<InnerIterator, InnerSentinel>, Iterator, CountingSentinel<InnerSentinel>>;

    [[nodiscard]] Iterator begin() noexcept(noexcept(std::declval<Inner&>().begin())) {
        return {*this, this->hook_.watch([this]() noexcept(noexcept(std::declval<Inner&>().begin())) -> InnerIterator {
                    return this->stream_.get().begin();
                }),
                next_position(0)};
    }
    [[nodiscard]] Sentinel end() noexcept(noexcept(std::declval<Inner&>().end())) {
        if constexpr (std::is_same_v<InnerIterator, InnerSentinel>)
            return {*this, this->stream_.get().end(), Iterator::at_end};
        else
            return Sentinel{this->stream_.get().end()};
    }

private:
    friend Iterator;

    /// Where the next chunk stands. Iterators of a single-pass range share one place; each step there shows a chunk that
    /// nobody has seen.
    std::uint64_t next_position(std::uint64_t own) noexcept {
        if constexpr (Iterator::multi_pass)
            return own;
        else
            return handed_++;
    }
    [[gnu::always_inline]] void look(std::uint64_t position, std::size_t size) noexcept {
        if (position < seen_) return;
        seen_ = position + 1;
        this->hook_.took(size);
    }
    void reached(std::uint64_t position) noexcept {
        if (!Iterator::multi_pass || position == seen_) this->hook_.ended();
    }
    template <class Call>
    decltype(auto) watch(Call&& call) noexcept(noexcept(call())) {
        return this->hook_.watch(std::forward<Call>(call));
    }

    std::uint64_t seen_ = 0;    // the place behind the last chunk that was looked at
    std::uint64_t handed_ = 0;  // of a single-pass range: the next place
};

namespace detail {

template <class Stream>
concept ChunkRange = requires(Stream& stream) {
    stream.begin();
    stream.end();
    requires Chunk<std::remove_cvref_t<decltype(*std::declval<decltype(stream.begin())&>())>>;
};

}  // namespace detail
}  // namespace lastbyte
