#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../file/safetensors.h"
#include "config.h"

namespace edgebert::engine {

/// Outputs of a linear layer that stand side by side in its packed weight; every output count is padded to it.
constexpr std::size_t kPanel = 16;

inline std::size_t round_up(std::size_t value, std::size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

/// Marks of a panel in `Linear::narrow`: one for every two groups of 4 inputs.
inline std::size_t panel_marks(std::size_t inputs) { return (inputs + 3) / 4 / 2; }

/// A linear layer of a model file, in place. INT8 layers have `scale` and `column_sum`, FP32 layers have neither.
struct Linear {
    std::size_t inputs = 0, outputs = 0;
    const std::int8_t *weight_int8 =
        nullptr; // [ceil(outputs/16), ceil(inputs/4), 16, 4], -64 to 64; -127 to 127 with wide codes
    const float *weight_fp32 = nullptr;       // [ceil(outputs/16), inputs, 16]
    const float *scale = nullptr;             // [padded outputs]; nullptr in a product: all 1
    const std::int32_t *column_sum = nullptr; // [padded outputs], the sum of an output's weights
    const float *bias = nullptr;              // [padded outputs]; nullptr in a product: none
    const float *smoothing = nullptr;         // [inputs], multiplied onto the input; nullptr: none
    // [panels, panel_marks]: 1 where the sums of 4 products of two groups fit 16 bits; nullptr: not known
    const std::uint8_t *narrow = nullptr;
};

/// Gain and bias of a LayerNorm, [hidden] each.
struct Norm {
    const float *weight = nullptr;
    const float *bias = nullptr;
};

struct LayerWeights {
    Linear qkv, attention_output, intermediate, output;
    Norm attention_norm, output_norm;
};

struct Weights {
    const std::int8_t *word_rows = nullptr; // [vocabulary, hidden] of an INT8 model
    const float *word_scales = nullptr;     // [vocabulary] of an INT8 model
    const float *word = nullptr;            // [vocabulary, hidden] of an FP32 model
    const float *position = nullptr;        // [max_tokens, hidden]
    const float *type = nullptr;            // [2, hidden]
    Norm norm;
    std::vector<LayerWeights> layers;
    Linear pooler;     // of a classify model, FP32
    Linear classifier; // of a model that does not embed, FP32
};

/// Finds the tensors of a model and checks type, shape and values of each. Throws ModelFileError.
Weights read_weights(const file::Safetensors &file, const Config &config);

} // namespace edgebert::engine
