#pragma once

#include <cstddef>

#define EDGEBERT_ALWAYS __attribute__((always_inline)) // of a lambda
#define EDGEBERT_INLINE inline __attribute__((always_inline))

#if defined(__clang__)
#define EDGEBERT_UNROLL _Pragma("unroll")
#else
#define EDGEBERT_UNROLL _Pragma("GCC unroll 16")
#endif

namespace edgebert::engine {

/// Calls `each(place, count)` for every 16 of `width` lanes; count is 16 but at the end.
template <class Each> EDGEBERT_INLINE void each_16(std::size_t width, Each each) {
    std::size_t place = 0;
    for (; place + 16 <= width; place += 16)
        each(place, std::size_t{16});
    if (place < width) each(place, width - place);
}

} // namespace edgebert::engine
