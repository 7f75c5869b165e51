// Lanes: where spans that overlap are drawn, so that each lies inside its parent or alone.
//
// A timeline viewer takes containment on one line for a call, so two parallel requests on one line look like one
// calling the other, or break the drawing. Here a span goes on top of its parent where nothing else is running there,
// and otherwise to the first lane that is free. Costs spans × lanes comparisons.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lastbyte/encode/parts/buffer.hpp>

namespace lastbyte::detail {

/// A span as something to be drawn.
struct Slice {
    std::uint64_t start, end;
    std::uint64_t id, parent;
    std::uint32_t order;  // of recording: a parent that has the times of its child was recorded after it
    std::uint32_t lane;   // from 1 on
    std::uint32_t below;  // what it lies on: the slice before, plus 1; 0 for none

    /// Begins earlier, or contains the other.
    [[nodiscard]] bool goes_before(Slice const& other) const noexcept {
        if (start != other.start) return start < other.start;
        return end != other.end ? end > other.end : order > other.order;
    }
};

/// Sorts the slices of one trace so that a parent comes before its children (Shell 1959: in place, and short).
inline void sort_slices(Slice* slices, std::size_t count) noexcept {
    for (std::size_t gap = count / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11)
        for (std::size_t i = gap; i < count; ++i) {
            Slice const moved = slices[i];
            std::size_t at = i;
            for (; at >= gap && moved.goes_before(slices[at - gap]); at -= gap) slices[at] = slices[at - gap];
            slices[at] = moved;
        }
}

/// The lanes of a file. They are handed out again when what was on them is over.
class Lanes {
public:
    /// Gives each slice of a trace its lane; `slices` are sorted. False when there was no memory.
    bool place(Slice* slices, std::size_t count) noexcept {
        open_.clear();
        for (std::size_t i = 0; i < count; ++i)
            if (!on_its_parent(slices, i) && !alone(slices, i)) return false;
        return true;
    }

private:
    struct Lane {
        std::uint64_t busy_until;
        std::uint32_t top;  // what lies uppermost: a slice plus 1
    };
    static constexpr std::size_t most = std::size_t{1} << 20;

    bool on_its_parent(Slice* slices, std::size_t i) noexcept {
        Slice& slice = slices[i];
        for (std::uint32_t const index : open_) {
            std::uint32_t& top = lanes_[index].top;
            while (top != 0 && slices[top - 1].id != slice.parent && slices[top - 1].end <= slice.start)
                top = slices[top - 1].below;
            if (top == 0 || slices[top - 1].id != slice.parent || slices[top - 1].end < slice.end) continue;
            slice.below = top;
            slice.lane = index + 1;
            top = static_cast<std::uint32_t>(i) + 1;
            return true;
        }
        return false;
    }
    bool alone(Slice* slices, std::size_t i) noexcept {
        Slice& slice = slices[i];
        std::uint32_t index = 0;
        while (index < lanes_.size() && lanes_[index].busy_until > slice.start) ++index;
        if (index == lanes_.size() && !lanes_.push({})) return false;
        bool is_open = false;
        for (std::uint32_t const other : open_) is_open = is_open || other == index;
        if (!is_open && !open_.push(index)) return false;
        lanes_[index] = {slice.end, static_cast<std::uint32_t>(i) + 1};
        slice.below = 0;
        slice.lane = index + 1;
        return true;
    }

    Kept<Lane> lanes_{most};
    Kept<std::uint32_t> open_{most};  // the lanes on which this trace has something
};

}  // namespace lastbyte::detail
