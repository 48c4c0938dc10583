// The end of every product.
#pragma once

#include "kernels.h"
#include "lanes.h"
#include "polynomials.h"

namespace edgebert::engine {

inline bool adds(Finish finish) { return finish == Finish::kAdd || finish == Finish::kAddGelu; }

/// Whether a tile needs `gelu_tile`.
inline bool is_gelu(Finish finish) { return finish != Finish::kStore && finish != Finish::kAdd; }

/// Stores or adds the first `count` lanes of a value.
template <class Floats>
EDGEBERT_INLINE void finish_lanes(const Floats &value, float *to, std::size_t count, Finish finish) {
    if (adds(finish)) {
        (Floats::load(to, count) + value).store(to, count);
    } else {
        value.store(to, count);
    }
}

/// Applies gelu to a tile that was just stored: one copy of the code for tiles of every size.
template <class Floats>
__attribute__((noinline)) void gelu_tile(const FloatRows &tile, int rows, std::size_t width, Finish finish) {
    for (int row = 0; row < rows; ++row) {
        float *const place = tile.row(static_cast<std::size_t>(row));
        each_16(width, [place, finish](std::size_t i, std::size_t count) {
            const Floats x = Floats::load(place + i, count);
            (finish == Finish::kCoarseGelu ? coarse_gelu(x) : gelu(x)).store(place + i, count);
        });
    }
}

} // namespace edgebert::engine
