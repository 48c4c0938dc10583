// The integer product of a tile: `Rows` tokens by `Panels` * 16 outputs, all sums in registers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lanes.h"

namespace edgebert::engine {

constexpr std::size_t kGroup = 4;                // inputs that stand side by side in a packed INT8 weight
constexpr std::size_t kGroupBytes = 16 * kGroup; // of a panel

/// Adds the products of one group of 4 inputs, the `Group`-th of those that `inputs` holds.
template <int Group, class Dot, int Rows, int Panels>
EDGEBERT_INLINE void add_group(typename Dot::Sums (&sums)[Rows][Panels], const typename Dot::Inputs (&inputs)[Rows],
                               const std::int8_t *weight, std::size_t panel_bytes, std::size_t ahead) {
    typename Dot::Weights weights[Panels];
    EDGEBERT_UNROLL
    for (int panel = 0; panel < Panels; ++panel) {
        const std::int8_t *const place = weight + Group * kGroupBytes + static_cast<std::size_t>(panel) * panel_bytes;
        weights[panel] = Dot::weights(place);
        __builtin_prefetch(place + ahead, 0, 2);
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

/// sums[row][output] = sum over inputs of code * weight, [Rows][Panels * 16]. `codes` may be read up to 15 bytes behind
/// the last group; `groups` is the number of groups of 4 inputs. What lies `ahead` bytes behind the weights is fetched.
template <class Dot, int Rows, int Panels>
EDGEBERT_INLINE void tile_int8(const std::uint8_t *codes, std::size_t stride, const std::int8_t *weight,
                               std::size_t panel_bytes, std::size_t groups, std::size_t ahead,
                               typename Dot::Sums (&sums)[Rows][Panels]) {
    EDGEBERT_UNROLL
    for (int row = 0; row < Rows; ++row) {
        EDGEBERT_UNROLL
        for (int panel = 0; panel < Panels; ++panel)
            sums[row][panel] = Dot::zero();
    }
    typename Dot::Inputs inputs[Rows];
    for (; groups >= 4; groups -= 4) {
        EDGEBERT_UNROLL
        for (int row = 0; row < Rows; ++row)
            inputs[row] = Dot::inputs(codes + static_cast<std::size_t>(row) * stride);
        add_group<0, Dot>(sums, inputs, weight, panel_bytes, ahead);
        add_group<1, Dot>(sums, inputs, weight, panel_bytes, ahead);
        add_group<2, Dot>(sums, inputs, weight, panel_bytes, ahead);
        add_group<3, Dot>(sums, inputs, weight, panel_bytes, ahead);
        codes += 4 * kGroup;
        weight += 4 * kGroupBytes;
    }
    for (; groups > 0; --groups) {
        EDGEBERT_UNROLL
        for (int row = 0; row < Rows; ++row)
            inputs[row] = Dot::inputs(codes + static_cast<std::size_t>(row) * stride);
        add_group<0, Dot>(sums, inputs, weight, panel_bytes, ahead);
        codes += kGroup;
        weight += kGroupBytes;
    }
}

} // namespace edgebert::engine
