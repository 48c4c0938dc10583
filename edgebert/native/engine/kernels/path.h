// Builds the table of a path from its vector type, its integer products and the size of its register tile.
#pragma once

#include "attention.h"
#include "product_fp32.h"
#include "product_int8.h"
#include "quantize.h"
#include "rows.h"

namespace edgebert::engine {

/// `Int8` and `Fp32` have the members Floats, kRows and kPanels, and Int8 has Dot.
template <class Int8, class Fp32>
constexpr Kernels make_kernels(const char *name, decltype(Kernels::find_narrow) find_narrow = nullptr) {
    using Floats = typename Int8::Floats;
    return {name,
            &product_int8<Int8>,
            &product_fp32<Fp32>,
            &quantize<Floats>,
            &quantize_wide<Floats>,
            &layer_norm<Floats>,
            &embed_int8<Floats>,
            &embed_fp32<Floats>,
            &softmax<Floats>,
            &quantize_heads<Floats>,
            &softmax_codes<Floats>,
            &pack_values<Floats>,
            find_narrow};
}

} // namespace edgebert::engine
