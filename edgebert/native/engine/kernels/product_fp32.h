// An FP32 product, each output one chain of fused multiply-adds in rising order of depth.
#pragma once

#include "finish.h"
#include "kernels.h"
#include "lanes.h"
#include "tiling.h"

namespace edgebert::engine {

template <class Path, int Rows, int Panels> struct FloatTile {
    using Floats = typename Path::Floats;

    static void run(const FloatProduct &product, std::size_t row, std::size_t column) {
        Floats sums[Rows][Panels];
        // the first tile fetches the weights of the panels to the right, which may be in slow memory
        const std::size_t ahead = row == 0 ? Panels * product.panel_stride : 0;
        multiply(product, ahead, product.input + row * product.input_stride,
                 product.weight + column / 16 * product.panel_stride, sums);
        for (int panel = 0; panel < Panels; ++panel) {
            const std::size_t place = column + static_cast<std::size_t>(panel) * 16;
            const std::size_t left = product.columns - place, count = left < 16 ? left : 16;
            for (int r = 0; r < Rows; ++r) {
                Floats value = sums[r][panel];
                if (product.bias != nullptr) value = value + Floats::load(product.bias + place);
                finish_lanes(value, product.output.row(row + static_cast<std::size_t>(r)) + place, count,
                             product.finish);
            }
        }
        if (!is_gelu(product.finish)) return;
        const std::size_t left = product.columns - column, width = std::size_t{Panels} * 16;
        gelu_tile<Floats>({product.output.row(row) + column, product.output.stride}, Rows, left < width ? left : width,
                          product.finish);
    }

    static EDGEBERT_INLINE void multiply(const FloatProduct &product, std::size_t ahead, const float *input,
                                         const float *weight, Floats (&out)[Rows][Panels]) {
        const std::size_t stride = product.input_stride, panel_stride = product.panel_stride;
        Floats sums[Rows][Panels];
        EDGEBERT_UNROLL
        for (int row = 0; row < Rows; ++row) {
            EDGEBERT_UNROLL
            for (int panel = 0; panel < Panels; ++panel)
                sums[row][panel] = Floats::broadcast(0.0f);
        }
        for (std::size_t depth = product.depth; depth > 0; --depth, ++input, weight += 16) {
            Floats weights[Panels];
            EDGEBERT_UNROLL
            for (int panel = 0; panel < Panels; ++panel) {
                const float *const place = weight + static_cast<std::size_t>(panel) * panel_stride;
                weights[panel] = Floats::load(place);
                __builtin_prefetch(place + ahead, 0, 2);
            }
            EDGEBERT_UNROLL
            for (int row = 0; row < Rows; ++row) {
                const Floats value = Floats::broadcast(input[static_cast<std::size_t>(row) * stride]);
                EDGEBERT_UNROLL
                for (int panel = 0; panel < Panels; ++panel)
                    sums[row][panel] = fma(value, weights[panel], sums[row][panel]);
            }
        }
        EDGEBERT_UNROLL
        for (int row = 0; row < Rows; ++row) {
            EDGEBERT_UNROLL
            for (int panel = 0; panel < Panels; ++panel)
                out[row][panel] = sums[row][panel];
        }
    }
};

template <class Path> void product_fp32(const FloatProduct &product) {
    for_tiles<Path, FloatTile>(
        product.rows, (product.columns + 15) / 16,
        [&](auto tile, std::size_t row, std::size_t column) { decltype(tile)::run(product, row, column); });
}

} // namespace edgebert::engine
