// Rows side by side: the sums of a row have one order, so a row alone waits for one addition after the other.
#pragma once

#include <cstddef>
#include <type_traits>

#include "lanes.h"

namespace edgebert::engine {

/// Calls `each(row, std::integral_constant<int, Rows>())` for `Together` rows from `row` on at a time, and for the last
/// ones alone. Whether every call returned true.
template <int Together, class Each> EDGEBERT_INLINE bool rows_together(std::size_t rows, Each each) {
    bool good = true;
    std::size_t row = 0;
    for (; row + Together <= rows; row += Together)
        good = each(row, std::integral_constant<int, Together>()) && good;
    for (; row < rows; ++row)
        good = each(row, std::integral_constant<int, 1>()) && good;
    return good;
}

} // namespace edgebert::engine
