// The integer product of a tile: `Rows` tokens by `Panels` * 16 outputs, all sums in registers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lanes.h"

namespace edgebert::engine {

constexpr std::size_t kGroup = 4;                // inputs that stand side by side in a packed INT8 weight
constexpr std::size_t kGroupBytes = 16 * kGroup; // of a panel

/// What a tile multiplies, from its first row and output on.
struct TileInput {
    const std::uint8_t *codes;
    std::size_t stride;
    const std::int8_t *weight;
    std::size_t panel_bytes;
    std::size_t groups;         // of 4 inputs, those that are left
    std::size_t ahead;          // what lies so many bytes behind the weights is fetched
    const std::uint8_t *narrow; // as in Linear

    EDGEBERT_INLINE void advance(std::size_t count) {
        codes += count * kGroup;
        weight += count * kGroupBytes;
        groups -= count;
    }
};

/// Adds the products of one group of 4 inputs, the `Group`-th of those that `inputs` holds.
template <int Group, class Dot, int Rows, int Panels>
EDGEBERT_INLINE void add_group(typename Dot::Sums (&sums)[Rows][Panels], const typename Dot::Inputs (&inputs)[Rows],
                               const TileInput &tile) {
    typename Dot::Weights weights[Panels];
    EDGEBERT_UNROLL
    for (int panel = 0; panel < Panels; ++panel) {
        const std::int8_t *const place =
            tile.weight + Group * kGroupBytes + static_cast<std::size_t>(panel) * tile.panel_bytes;
        weights[panel] = Dot::weights(place);
        __builtin_prefetch(place + tile.ahead, 0, 2);
    }
    EDGEBERT_UNROLL
    for (int row = 0; row < Rows; ++row) {
        const auto input = Dot::template pick<Group>(inputs[row]);
        EDGEBERT_UNROLL
        for (int panel = 0; panel < Panels; ++panel)
            Dot::template add<Group>(sums[row][panel], input, weights[panel]);
    }
    __asm__ volatile("" ::: "memory"); // else GCC loads the weights of many groups at once and the sums leave registers
}

/// Adds the products of the next `Count` groups, at most 4.
template <int Count, class Dot, int Rows, int Panels>
EDGEBERT_INLINE void add_groups(typename Dot::Sums (&sums)[Rows][Panels], const TileInput &tile) {
    typename Dot::Inputs inputs[Rows];
    EDGEBERT_UNROLL
    for (int row = 0; row < Rows; ++row)
        inputs[row] = Dot::inputs(tile.codes + static_cast<std::size_t>(row) * tile.stride);
    add_group<0, Dot>(sums, inputs, tile);
    if constexpr (Count > 1) add_group<1, Dot>(sums, inputs, tile);
    if constexpr (Count > 2) add_group<2, Dot>(sums, inputs, tile);
    if constexpr (Count > 3) add_group<3, Dot>(sums, inputs, tile);
}

/// sums[row][output] = sum over inputs of code * weight, [Rows][Panels * 16]. Codes may be read up to 15 bytes behind
/// the last group.
template <class Dot, int Rows, int Panels>
EDGEBERT_INLINE void tile_int8(TileInput tile, typename Dot::Sums (&sums)[Rows][Panels]) {
    EDGEBERT_UNROLL
    for (int row = 0; row < Rows; ++row) {
        EDGEBERT_UNROLL
        for (int panel = 0; panel < Panels; ++panel)
            sums[row][panel] = Dot::zero();
    }
    for (; tile.groups >= 4; tile.advance(4))
        add_groups<4, Dot, Rows, Panels>(sums, tile);
    for (; tile.groups > 0; tile.advance(1))
        add_groups<1, Dot, Rows, Panels>(sums, tile);
}

} // namespace edgebert::engine
