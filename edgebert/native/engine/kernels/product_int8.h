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

/// Calls `put(value, place)` for 16 outputs from `column` on of each of `rows` rows, `sum(r)` being their integer sums.
template <class Floats, class Dot, class Sum, class Put>
EDGEBERT_INLINE void finish_panel(const Int8Product &product, std::size_t row, std::size_t column, int rows, Sum sum,
                                  Put put) {
    const Linear &layer = product.layer;
    const Floats scale = layer.scale == nullptr ? Floats::broadcast(1.0f) : Floats::load(layer.scale + column);
    const Floats bias = layer.bias == nullptr ? Floats::broadcast(0.0f) : Floats::load(layer.bias + column);
    const auto columns = Dot::load(layer.column_sum + column);
    const CodeScale *const tokens = product.codes.scales + row;
    const std::size_t stride = product.output.stride;
    float *place = product.output.row(row) + column;
    EDGEBERT_UNROLL
    for (int r = 0; r < rows; ++r, place += stride) {
        const CodeScale token = tokens[r];
        const auto corrected = Dot::template corrected<Floats>(sum(r), columns, token.zero_point - Dot::kCodeShift);
        put(fma(corrected, scale * Floats::broadcast(token.scale), bias), place);
    }
}

/// Finishes `rows` rows of `panels` panels; `sum(r, panel)` is 16 integer sums.
template <class Floats, class Dot, class Sum>
EDGEBERT_INLINE void finish_tile(const Int8Product &product, std::size_t row, std::size_t column, int rows, int panels,
                                 Sum sum) {
    const std::size_t left = product.layer.outputs - column, width = static_cast<std::size_t>(panels) * kPanel;
    const auto each_panel = [&](auto put) EDGEBERT_ALWAYS {
        EDGEBERT_UNROLL
        for (int panel = 0; panel < panels; ++panel) {
            const std::size_t lane = static_cast<std::size_t>(panel) * kPanel;
            finish_panel<Floats, Dot>(
                product, row, column + lane, rows, [&](int r) EDGEBERT_ALWAYS { return sum(r, panel); },
                [&](const Floats &value, float *to) EDGEBERT_ALWAYS { put(value, to, lane); });
        }
    };
    if (left < width) {
        each_panel([&](const Floats &value, float *to, std::size_t lane) EDGEBERT_ALWAYS {
            finish_lanes(value, to, std::min(left - std::min(left, lane), kPanel), product.finish);
        });
    } else if (product.finish == Finish::kCoarseGelu) {
        each_panel([](const Floats &value, float *to, std::size_t) EDGEBERT_ALWAYS { coarse_gelu(value).store(to); });
        return;
    } else if (adds(product.finish)) {
        each_panel([](const Floats &value, float *to, std::size_t)
                       EDGEBERT_ALWAYS { (Floats::load(to) + value).store(to); });
    } else {
        each_panel([](const Floats &value, float *to, std::size_t) EDGEBERT_ALWAYS { value.store(to); });
    }
    if (!is_gelu(product.finish)) return;
    gelu_tile<Floats>({product.output.row(row) + column, product.output.stride}, rows, std::min(left, width),
                      product.finish);
}

template <class Path, int Rows, int Panels> struct Int8Tile {
    using Floats = typename Path::Floats;
    using Dot = typename Path::Dot;

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
        typename Dot::Sums sums[Rows][Panels];
        Multiply<Dot, Rows, Panels>::run(tile, sums);
        finish_tile<Floats, Dot>(product, row, column, Rows, Panels,
                                 [&](int r, int panel) EDGEBERT_ALWAYS { return sums[r][panel]; });
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
