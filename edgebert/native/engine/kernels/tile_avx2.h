// The integer product of a tile where `vpmaddubsw` multiplies: it adds two products in 16 bits, and widening its sums
// takes as long as multiplying. Where the weights of two groups are so small that the sums of both fit 16 bits, which
// is nearly everywhere, both are widened together: five instructions for eight. The integers are the same.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels.h"
#include "tile_int8.h"

namespace edgebert::engine::EDGEBERT_PATH {

/// Adds the products of the next two groups of 4 inputs, whose sums are narrow.
template <class Dot, int Rows>
EDGEBERT_INLINE void add_narrow(typename Dot::Sums (&sums)[Rows][1], const TileInput &tile) {
    const typename Dot::Weights first = Dot::weights(tile.weight), second = Dot::weights(tile.weight + kGroupBytes);
    __builtin_prefetch(tile.weight + tile.ahead, 0, 2);
    __builtin_prefetch(tile.weight + kGroupBytes + tile.ahead, 0, 2);
    EDGEBERT_UNROLL
    for (int row = 0; row < Rows; ++row) {
        const std::uint8_t *const codes = tile.codes + static_cast<std::size_t>(row) * tile.stride;
        Dot::add_both(sums[row][0], Dot::template pick<0>(codes), first, Dot::template pick<1>(codes), second);
    }
    __asm__ volatile("" ::: "memory"); // as in add_group
}

/// As `tile_int8`, with the marks of `TileInput::narrow` where there are some.
template <class Dot, int Rows> EDGEBERT_INLINE void tile_narrow(TileInput tile, typename Dot::Sums (&sums)[Rows][1]) {
    if (tile.narrow == nullptr) {
        tile_int8<Dot, Rows, 1>(tile, sums);
        return;
    }
    EDGEBERT_UNROLL
    for (int row = 0; row < Rows; ++row)
        sums[row][0] = Dot::zero();
    for (; tile.groups >= 2; ++tile.narrow) {
        if (__builtin_expect(*tile.narrow != 0, 1)) {
            add_narrow<Dot, Rows>(sums, tile);
        } else {
            add_groups<2, Dot, Rows, 1>(sums, tile);
        }
        tile.advance(2);
    }
    if (tile.groups > 0) add_groups<1, Dot, Rows, 1>(sums, tile);
}

/// Marks every two groups of 4 inputs of each panel, [panels, panel_marks]: 1 where the sums of 4 products of a weight
/// and a code from 0 to `largest_code` fit 16 bits, whatever the codes.
inline void find_narrow(const Linear &layer, std::int32_t largest_code, std::uint8_t *marks) {
    const std::size_t groups = (layer.inputs + kGroup - 1) / kGroup, panels = (layer.outputs + kPanel - 1) / kPanel;
    // codes are not negative, so the weights above zero alone and those below it alone make the largest sums
    const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi8(1);
    const __m256i limit = _mm256_set1_epi16(static_cast<std::int16_t>(INT16_MAX / largest_code));
    for (std::size_t panel = 0; panel < panels; ++panel) {
        const std::int8_t *weight = layer.weight_int8 + panel * groups * kGroupBytes;
        for (std::size_t pair = 0; pair < panel_marks(layer.inputs); ++pair, weight += 2 * kGroupBytes) {
            __m256i beyond = zero;
            for (std::size_t half = 0; half < 2; ++half) {
                __m256i above = zero, below = zero;
                for (std::size_t group = 0; group < 2; ++group) {
                    const __m256i lanes = _mm256_loadu_si256(
                        reinterpret_cast<const __m256i *>(weight + group * kGroupBytes + half * sizeof(__m256i)));
                    const __m256i negated = _mm256_sub_epi8(zero, lanes);
                    above = _mm256_add_epi16(above, _mm256_maddubs_epi16(_mm256_max_epi8(lanes, zero), ones));
                    below = _mm256_add_epi16(below, _mm256_maddubs_epi16(_mm256_max_epi8(negated, zero), ones));
                }
                beyond = _mm256_or_si256(beyond, _mm256_cmpgt_epi16(_mm256_max_epi16(above, below), limit));
            }
            *marks++ = static_cast<std::uint8_t>(_mm256_testz_si256(beyond, beyond));
        }
    }
}

} // namespace edgebert::engine::EDGEBERT_PATH
