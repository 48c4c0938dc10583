#pragma once

#include <cstdint>
#include <string_view>

#include "span.h"
#include "utf8.h"

namespace edgebert::text {

/// Turns byte places of a text into positions in the caller's unit. Cheap when asked in rising order.
class PositionCursor {
  public:
    PositionCursor(std::string_view text, OffsetUnit unit) : text_(text), unit_(unit) {}

    /// The position of the character that starts at byte `place`.
    std::int32_t seek(std::size_t place) {
        if (unit_ != OffsetUnit::kCodePoints) return static_cast<std::int32_t>(place);
        if (place < place_) place_ = 0, position_ = 0;
        while (place_ < place) {
            place_ += decode_utf8(text_.data() + place_, text_.data() + text_.size()).length;
            ++position_;
        }
        return position_;
    }

    /// Continues from a place whose position the caller has counted.
    void jump(std::size_t place, std::int32_t position) {
        place_ = place;
        position_ = position;
    }

    /// How far the position moves on over a character of `length` bytes.
    std::int32_t step(std::uint32_t length) const {
        return unit_ == OffsetUnit::kCodePoints ? 1 : static_cast<std::int32_t>(length);
    }

  private:
    std::string_view text_;
    OffsetUnit unit_;
    std::size_t place_ = 0;
    std::int32_t position_ = 0;
};

} // namespace edgebert::text
