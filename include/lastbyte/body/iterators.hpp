// The iterator and the sentinel of a wrapped range: the stream's own, with an eye on them.
//
// They ask no more of the stream's iterator than a `for` loop does (++, *, != or ==), and give back what it has: its
// reference type, its arrow, its iter_move, a forward iterator where it is one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

// <iterator> brings <streambuf> along, which costs more than all of core/. libstdc++ keeps what is needed here apart.
#if __has_include(<bits/iterator_concepts.h>)
#include <bits/iterator_concepts.h>
#else
#include <iterator>
#endif

#include <lastbyte/body/body.hpp>

namespace lastbyte {

namespace detail {

/// Equality for iterators that have one of == and !=.
template <class A, class B>
constexpr bool same(A& a, B& b) noexcept(noexcept(static_cast<bool>(a != b))) {
    if constexpr (requires { static_cast<bool>(a == b); })
        return static_cast<bool>(a == b);
    else
        return !static_cast<bool>(a != b);
}

/// The types of an iterator, also of a hand-written one that declares none.
template <class I>
struct IteratorTypes {
    using reference = decltype(*std::declval<I&>());
    using value_type = std::remove_cvref_t<reference>;
    using difference_type = std::ptrdiff_t;
};
template <class I>
    requires(std::indirectly_readable<I> && std::weakly_incrementable<I>)
struct IteratorTypes<I> {
    using reference = std::iter_reference_t<I>;
    using value_type = std::iter_value_t<I>;
    using difference_type = std::iter_difference_t<I>;
};

}  // namespace detail

template <class End>
class CountingSentinel {
public:
    CountingSentinel()
        requires std::is_default_constructible_v<End>
    = default;
    explicit CountingSentinel(End end) noexcept(std::is_nothrow_move_constructible_v<End>) : end_(std::move(end)) {}

private:
    template <class, class, class>
    friend class CountingIterator;
    mutable End end_;
};

/// The stream's iterator, counting. What it throws is recorded as the producer's failing, and goes on.
template <class Body, class Inner, class End>
class CountingIterator {
    using Types = detail::IteratorTypes<Inner>;

public:
    static constexpr bool multi_pass = std::forward_iterator<Inner>;
    static constexpr std::uint64_t at_end = ~std::uint64_t{0};

    using difference_type = typename Types::difference_type;
    using value_type = typename Types::value_type;
    using reference = typename Types::reference;
    using pointer = void;
    using iterator_concept = std::conditional_t<multi_pass, std::forward_iterator_tag, std::input_iterator_tag>;
    using iterator_category =
        std::conditional_t<multi_pass && std::is_reference_v<reference>, std::forward_iterator_tag, std::input_iterator_tag>;

    CountingIterator()
        requires std::is_default_constructible_v<Inner>
    = default;
    CountingIterator(Body& body, Inner at, std::uint64_t position) noexcept(std::is_nothrow_move_constructible_v<Inner>)
        : body_(&body), at_(std::move(at)), position_(position) {}

    [[nodiscard]] reference operator*() const noexcept(noexcept(*std::declval<Inner&>())) {
        // The element itself is asked for its size, not a copy of it; a generator's prvalue is made once.
        return body_->watch([this]() noexcept(noexcept(*std::declval<Inner&>())) -> reference {
            if constexpr (std::is_reference_v<reference>) {
                auto&& chunk = *at_;
                body_->look(position_, detail::chunk_bytes(chunk));
                return static_cast<reference>(chunk);
            } else {
                reference chunk = *at_;
                body_->look(position_, detail::chunk_bytes(chunk));
                return chunk;
            }
        });
    }
    [[nodiscard]] auto operator->() const
        requires(std::is_pointer_v<Inner> || requires(Inner& at) { at.operator->(); })
    {
        look();
        if constexpr (std::is_pointer_v<Inner>)
            return at_;
        else
            return at_.operator->();
    }
    friend decltype(auto) iter_move(CountingIterator const& self) noexcept(
        noexcept(*std::declval<Inner&>()) && noexcept(std::ranges::iter_move(std::declval<Inner const&>())))
        requires std::indirectly_readable<Inner>
    {
        self.look();
        return std::ranges::iter_move(std::as_const(self.at_));
    }
    CountingIterator& operator++() noexcept(noexcept(++std::declval<Inner&>())) {
        body_->watch([this]() noexcept(noexcept(++std::declval<Inner&>())) { (void)++at_; });
        position_ = body_->next_position(position_ + 1);
        return *this;
    }
    auto operator++(int) {
        if constexpr (multi_pass) {
            auto before = *this;
            ++*this;
            return before;
        } else {
            ++*this;
        }
    }
    friend bool operator==(CountingIterator const& a, CountingIterator const& b)
        requires requires(Inner& at) { static_cast<bool>(at != at); }
    {
        return a.meets(b);
    }
    friend bool operator==(CountingIterator const& self, CountingSentinel<End> const& end)
        requires(!std::is_same_v<Inner, End>)
    {
        return self.meets(end);
    }

private:
    void look() const noexcept(noexcept(*std::declval<Inner&>())) {
        body_->watch([this]() noexcept(noexcept(*std::declval<Inner&>())) {
            body_->look(position_, detail::chunk_bytes(*at_));
        });
    }
    [[nodiscard]] bool meets(CountingIterator const& other) const {
        bool const equal = seen_by(*this, [&] { return detail::same(at_, other.at_); });
        bool const is_end = position_ == at_end;
        if (equal && is_end != (other.position_ == at_end)) (is_end ? other : *this).reached();
        return equal;
    }
    template <class Sentinel>
    [[nodiscard]] bool meets(Sentinel const& end) const {
        bool const equal = seen_by(*this, [&] { return detail::same(at_, end.end_); });
        if (equal) reached();
        return equal;
    }
    void reached() const { body_->reached(position_); }
    /// A default-constructed iterator has no body to report to.
    template <class Call>
    static bool seen_by(CountingIterator const& self, Call call) {
        return self.body_ == nullptr ? call() : self.body_->watch(call);
    }

    Body* body_ = nullptr;
    mutable Inner at_{};  // hand-written iterators have operators that aren't const
    std::uint64_t position_ = at_end;
};

}  // namespace lastbyte
