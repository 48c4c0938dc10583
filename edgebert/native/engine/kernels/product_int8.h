// An INT8 product: tiles of integer sums, each finished in floats while it is in the first-level cache.
#pragma once

#include <algorithm>

#include "finish.h"
#include "kernels.h"
#include "tile_int8.h"
#include "tiling.h"

namespace edgebert::engine {

/// The integer sums of a tile. A path whose instructions want rows or groups in pairs specializes it.
template <class Dot, int Rows, int Panels> struct Multiply {
    static EDGEBERT_INLINE void run(const TileInput &tile, typename Dot::Sums (&sums)[Rows][Panels]) {
        tile_int8<Dot, Rows, Panels>(tile, sums);
    }
};

/// A product with everything that its tiles read and write.
struct Int8Product {
    const Linear &layer;
    const CodeRows &codes;
    const FloatRows &output;
    Finish finish;
};

template <class Path, int Rows, int Panels> struct Int8Tile {
    using Floats = typename Path::Floats;
    using Dot = typename Path::Dot;
    using Sums = typename Dot::Sums[Rows][Panels];

    static void run(const Int8Product &product, std::size_t row, std::size_t column) {
        const Linear &layer = product.layer;
        const std::size_t groups = (layer.inputs + kGroup - 1) / kGroup, panel_bytes = groups * kGroupBytes;
        TileInput tile{};
        tile.codes = product.codes.data + row * product.codes.stride;
        tile.stride = product.codes.stride;
        tile.weight = layer.weight_int8 + column / 16 * panel_bytes;
        tile.panel_bytes = panel_bytes;
        tile.groups = groups;
        // the first tile fetches the weights of the panels to the right, which may be in slow memory
        tile.ahead = row == 0 ? Panels * panel_bytes : 0;
        if (layer.narrow != nullptr) tile.narrow = layer.narrow + column / 16 * panel_marks(layer.inputs);
        Sums sums;
        Multiply<Dot, Rows, Panels>::run(tile, sums);
        const std::size_t left = layer.outputs - column, width = std::size_t{Panels} * 16;
        if (left < width) {
            finish(product, row, column, sums, [&](const Floats &value, float *to, std::size_t lane) {
                const std::size_t count = std::min(left - std::min(left, lane), std::size_t{16});
                const bool add = adds(product.finish);
                (add ? Floats::load(to, count) + value : value).store(to, count);
            });
        } else if (product.finish == Finish::kCoarseGelu) {
            finish(product, row, column, sums,
                   [](const Floats &value, float *to, std::size_t) { coarse_gelu(value).store(to); });
            return;
        } else if (adds(product.finish)) {
            finish(product, row, column, sums,
                   [](const Floats &value, float *to, std::size_t) { (Floats::load(to) + value).store(to); });
        } else {
            finish(product, row, column, sums, [](const Floats &value, float *to, std::size_t) { value.store(to); });
        }
        if (!is_gelu(product.finish)) return;
        gelu_tile<Floats>({product.output.row(row) + column, product.output.stride}, Rows, std::min(left, width),
                          product.finish);
    }

    /// Calls `put(value, place, lane)` for every 16 outputs of the tile. The sums are still in registers.
    template <class Put>
    static EDGEBERT_INLINE void finish(const Int8Product &product, std::size_t row, std::size_t column,
                                       const Sums &sums, Put put) {
        const Linear &layer = product.layer;
        const float *const scales = layer.scale == nullptr ? nullptr : layer.scale + column;
        const float *const biases = layer.bias == nullptr ? nullptr : layer.bias + column;
        const std::int32_t *const column_sums = layer.column_sum + column;
        const CodeScale *const tokens = product.codes.scales + row;
        const std::size_t stride = product.output.stride;
        float *const output = product.output.row(row) + column;
        EDGEBERT_UNROLL
        for (int panel = 0; panel < Panels; ++panel) {
            const std::size_t lane = static_cast<std::size_t>(panel) * 16;
            const Floats scale = scales == nullptr ? Floats::broadcast(1.0f) : Floats::load(scales + lane);
            const Floats bias = biases == nullptr ? Floats::broadcast(0.0f) : Floats::load(biases + lane);
            const auto columns = Dot::columns(column_sums + lane);
            float *place = output + lane;
            EDGEBERT_UNROLL
            for (int r = 0; r < Rows; ++r, place += stride) {
                const CodeScale token = tokens[r];
                const auto sum =
                    Dot::template corrected<Floats>(sums[r][panel], columns, token.zero_point - Dot::kCodeShift);
                put(fma(sum, scale * Floats::broadcast(token.scale), bias), place, lane);
            }
        }
    }
};

/// Looks up where the pages of a weight are. Many look-ups at once take little longer than one in the middle of a tile.
inline void touch_pages(const std::int8_t *weight, std::size_t bytes) {
    constexpr std::size_t kPage = 4096;
    for (std::size_t place = 0; place < bytes; place += kPage)
        __builtin_prefetch(weight + place, 0, 2);
}

template <class Path>
void product_int8(const Linear &layer, const CodeRows &codes, std::size_t rows, const FloatRows &output,
                  Finish finish) {
    const Int8Product product{layer, codes, output, finish};
    touch_pages(layer.weight_int8, (layer.inputs + kGroup - 1) / kGroup * kGroup * layer.outputs);
    for_tiles<Path, Int8Tile>(rows, (layer.outputs + 15) / 16, [&](auto tile, std::size_t row, std::size_t column) {
        decltype(tile)::run(product, row, column);
    });
}

} // namespace edgebert::engine
