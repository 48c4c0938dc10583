#pragma once

#include <cstdint>

namespace edgebert::text {

/// Positions of the original text, end excluded, counted in bytes or code points as the caller chose.
struct Span {
    std::int32_t start, end;
};

enum class OffsetUnit { kNone, kBytes, kCodePoints };

} // namespace edgebert::text
