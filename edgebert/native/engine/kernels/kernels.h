// The work of an encoder that depends on the CPU, behind one table of functions. Every path computes the same bits:
// integer sums are exact, float steps are IEEE single precision in one order, with 16 lanes, one reduction tree and
// explicit fused multiply-add. The scalar path is the specification.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../weights.h"

namespace edgebert::engine {

/// What a product does with its sum plus bias.
enum class Finish : std::uint8_t {
    kStore,      // output = value
    kGelu,       // output = gelu(value)
    kCoarseGelu, // output = gelu(value) within 2e-4, for the input of a product with 8-bit codes
    kAdd,        // output = output + value
    kAddGelu,    // output = gelu(output + value)
};

/// Floats by row; a row starts `stride` floats after the one before it.
struct FloatRows {
    float *data;
    std::size_t stride;

    float *row(std::size_t index) const { return data + index * stride; }
};

/// How the codes of a token stand for numbers: value = scale * (code - zero_point).
struct CodeScale {
    float scale;
    std::int32_t zero_point; // 0 to 255
};

/// Quantized tokens: u8 codes by row, each row padded to kCodeAlignment.
struct CodeRows {
    std::uint8_t *data;
    std::size_t stride;
    CodeScale *scales; // [rows]
};

constexpr std::size_t kCodeAlignment = 64; // bytes

/// How the codes of one head of a token stand for numbers: value = scale * (code - 128).
struct HeadScale {
    float scale;
    std::int32_t sum; // of code - 128; 0 where it was not asked for
};

/// A product with an FP32 weight in panels of 16 outputs, [panels, depth, 16], as a Linear or an attention head has it.
struct FloatProduct {
    const float *input; // [rows, depth]
    std::size_t input_stride;
    const float *weight;
    std::size_t panel_stride; // floats from one panel to the next
    std::size_t depth, columns, rows;
    const float *bias; // [columns padded to 16]; nullptr: none
    FloatRows output;  // [rows, columns]; nothing is written behind the columns
    Finish finish;
};

struct Kernels {
    const char *name;

    /// output = finish(scale[row] * layer.scale * (codes * weight - zero_point[row] * column_sum) + bias) for `rows`
    /// rows; nothing is written behind the outputs.
    void (*product_int8)(const Linear &layer, const CodeRows &codes, std::size_t rows, const FloatRows &output,
                         Finish finish);

    /// The same in FP32: sums in rising order of depth, one fused multiply-add each.
    void (*product_fp32)(const FloatProduct &product);

    /// Codes for `width` floats of each row, smoothing multiplied on first. False: a number is not finite.
    bool (*quantize)(const FloatRows &input, std::size_t rows, std::size_t width, const float *smoothing,
                     const CodeRows &codes);

    /// The same with codes 0 to 16383 as two codes of 7 bits, each with a scale of its own: the number is the sum of
    /// both. With weights of 8 bits they make products that fit where those of 8-bit codes and 7-bit weights do.
    bool (*quantize_wide)(const FloatRows &input, std::size_t rows, std::size_t width, const float *smoothing,
                          const CodeRows &high, const CodeRows &low);

    /// LayerNorm of each row in place. False: a number is not finite.
    bool (*layer_norm)(const FloatRows &values, std::size_t rows, std::size_t width, const Norm &norm, float epsilon);

    /// out = rows[id] * scale + position + type, [width].
    void (*embed_int8)(const std::int8_t *row, float scale, const float *position, const float *type, std::size_t width,
                       float *out);

    /// out = word + position + type, [width].
    void (*embed_fp32)(const float *word, const float *position, const float *type, std::size_t width, float *out);

    /// Softmax over the first `width` floats of each row in place. False: a number is not finite.
    bool (*softmax)(const FloatRows &values, std::size_t rows, std::size_t width);

    /// Codes for one token's queries, keys or values, 128 - limit to 128 + limit: `row` is [heads, size], `codes`
    /// [heads, size padded to 16], the padding filled with 128. False: a number is not finite or beyond 1e15.
    bool (*quantize_heads)(const float *row, std::size_t heads, std::size_t size, float limit, bool with_sum,
                           std::uint8_t *codes, HeadScale *scales);

    /// Softmax over the first `width` floats of each row, each probability times its factor, as codes; `scores` are
    /// written over.
    void (*softmax_codes)(const FloatRows &scores, std::size_t rows, std::size_t width, const float *factors,
                          const CodeRows &codes);

    /// Turns the values of a head, codes [tokens, size padded to 16] a stride apart, into a packed weight
    /// [size / 16, tokens / 4, 16, 4] (both rounded up) and its column sums [size padded to 16].
    void (*pack_values)(const std::uint8_t *values, std::size_t stride, std::size_t tokens, std::size_t size,
                        std::int8_t *weight, std::int32_t *column_sums);

    /// Finds the marks of `Linear::narrow`, [panels, panel_marks], for codes from 0 to `largest_code`. nullptr: this
    /// path has no use for them.
    void (*find_narrow)(const Linear &layer, std::int32_t largest_code, std::uint8_t *marks);
};

/// The paths that this build holds and this CPU can run, best first, ended by nullptr.
const Kernels *const *available_kernels();

} // namespace edgebert::engine
