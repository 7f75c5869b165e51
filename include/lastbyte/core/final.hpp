// Final values and provisional ones: what was read after the last byte, and what was not.
//
// Without this pair a number is a number, and one that was read too early fits wherever a right one does. A Final can only
// come from a body that has been consumed; a Provisional never turns into one. Both cost what T costs.
#pragma once

#include <type_traits>
#include <utility>

namespace lastbyte {

class Consumption;

/// What every Final value carries: proof that it comes from the facts of a consumed body.
///
/// Nobody but a Consumption makes one; it is only copied along with a value that has it. Its copy constructor is written
/// out, so that it isn't trivially copyable and `std::bit_cast` refuses it; its only friend is no template, so a
/// specialisation of Final that somebody else writes can't come by one.
class FinalProof {
    friend class Consumption;
    FinalProof() noexcept {}

protected:
    FinalProof(FinalProof const&) noexcept {}
    FinalProof& operator=(FinalProof const&) noexcept { return *this; }
    ~FinalProof() {}
};

/// A value that can't change any more, because the body it describes is over. Reads as a `T const&`.
template <class T>
class Final : public FinalProof {
public:
    using value_type = T;

    [[nodiscard]] T const& value() const noexcept { return value_; }
    [[nodiscard]] operator T const&() const noexcept { return value_; }

    /// What follows from a final value is final too: `done.bytes().map([](auto n) { return n / 1024; })`.
    template <class Fn>
    [[nodiscard]] auto map(Fn&& fn) const {
        return Final<std::remove_cvref_t<decltype(fn(value_))>>(*this, fn(value_));
    }

    /// Prints the value to whatever prints it, std::ostream for one.
    template <class Out>
        requires requires(Out& out, T const& value) { out << value; }
    friend Out& operator<<(Out& out, Final const& final_value) {
        out << final_value.value_;
        return out;
    }

private:
    friend class Consumption;
    template <class>
    friend class Final;
    Final(FinalProof const& proof, T value) noexcept(std::is_nothrow_move_constructible_v<T>)
        : FinalProof(proof), value_(std::move(value)) {}

    T value_;
};

/// A value as it stood when somebody looked, while the work was still going on. It says so at every use: no implicit
/// conversion, and no field marked `after_body` takes it.
template <class T>
class Provisional {
public:
    using value_type = T;
    explicit Provisional(T value) noexcept(std::is_nothrow_move_constructible_v<T>) : value_(std::move(value)) {}

    /// The value so far. It may be another a moment later.
    [[nodiscard]] T const& value() const noexcept { return value_; }

private:
    T value_;
};

}  // namespace lastbyte
