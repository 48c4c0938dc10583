// Numbers in units of codes, rounded and stored as codes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lanes.h"

namespace edgebert::engine {

/// 64 codes. A path that packs several registers at once has its own.
template <class Floats> EDGEBERT_INLINE void store_64_codes(const Floats (&values)[4], std::uint8_t *to) {
    for (std::size_t i = 0; i < 4; ++i)
        values[i].store_codes(to + 16 * i);
}

/// Stores the codes of a row, [width padded to 16], value(place, count) being 16 numbers of it.
template <class Floats, class Value>
EDGEBERT_INLINE void store_row_codes(std::size_t width, std::uint8_t *to, Value value) {
    std::size_t place = 0;
    for (; place + 64 <= width; place += 64) {
        Floats values[4];
        EDGEBERT_UNROLL
        for (std::size_t i = 0; i < 4; ++i)
            values[i] = value(place + 16 * i, std::size_t{16});
        store_64_codes(values, to + place);
    }
    each_16(width - place, [&](std::size_t rest, std::size_t count) {
        const Floats last = value(place + rest, count);
        last.store_codes(to + place + rest);
    });
}

} // namespace edgebert::engine
