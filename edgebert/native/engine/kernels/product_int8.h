// An INT8 product: tiles of integer sums, each finished in floats while it is in the first-level cache.
#pragma once

#include "finish.h"
#include "kernels.h"
#include "tile_int8.h"
#include "tiling.h"

namespace edgebert::engine {

/// The integer sums of one tile and where they belong.
template <class Path, int Rows, int Panels> struct Int8Tile {
    using Floats = typename Path::Floats;

    static void run(const Linear &layer, const CodeRows &codes, const FloatRows &output, Finish finish, std::size_t row,
                    std::size_t column) {
        const std::size_t groups = (layer.inputs + kGroup - 1) / kGroup;
        const std::size_t panel_bytes = groups * kGroupBytes;
        // the first tile fetches the weights of the panels to the right, which may be in slow memory
        const std::size_t ahead = row == 0 ? Panels * panel_bytes : 0;
        alignas(64) std::int32_t sums[Rows * Panels * 16];
        tile_int8<typename Path::Dot, Rows, Panels>(codes.data + row * codes.stride, codes.stride,
                                                    layer.weight_int8 + column / 16 * panel_bytes, panel_bytes, groups,
                                                    ahead, sums);
        for (int panel = 0; panel < Panels; ++panel) {
            const std::size_t place = column + static_cast<std::size_t>(panel) * 16;
            const Floats scale = Floats::load(layer.scale + place), bias = Floats::load(layer.bias + place);
            for (int r = 0; r < Rows; ++r) {
                const CodeScale token = codes.scales[row + static_cast<std::size_t>(r)];
                const Floats sum = Floats::corrected(sums + (r * Panels + panel) * 16, layer.column_sum + place,
                                                     token.zero_point - Path::Dot::kCodeShift);
                const Floats value = fma(sum, scale * Floats::broadcast(token.scale), bias);
                finish_lanes(value, output.row(row + static_cast<std::size_t>(r)) + place, 16, finish);
            }
        }
        if (finish != Finish::kGelu) return;
        gelu_tile<Floats>({output.row(row) + column, output.stride}, Rows, std::size_t{Panels} * 16);
    }
};

template <class Path>
void product_int8(const Linear &layer, const CodeRows &codes, std::size_t rows, const FloatRows &output,
                  Finish finish) {
    for_tiles<Path, Int8Tile>(rows, (layer.outputs + 15) / 16, [&](auto tile, std::size_t row, std::size_t column) {
        decltype(tile)::run(layer, codes, output, finish, row, column);
    });
}

} // namespace edgebert::engine
