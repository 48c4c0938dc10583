// Work on single rows: quantization, LayerNorm, softmax, embeddings.
#pragma once

#include <cmath>

#include "kernels.h"
#include "lanes.h"
#include "polynomials.h"

namespace edgebert::engine {

/// The scale of a token whose numbers go from low <= 0 to high >= 0 in codes 0 to `most`, and 1 / scale.
struct Quantizer {
    CodeScale scale;
    float inverse, zero_point;

    Quantizer(float low, float high, float most) : scale{0.0f, 0}, inverse(0.0f), zero_point(0.0f) {
        constexpr float kMagic = 12582912.0f; // 1.5 * 2^23: adding it rounds to an integer, halves to even
        const float range = high - low;
        if (range < 1e-30f) return; // as good as zero, and most / range could be infinite
        scale.scale = range / most;
        inverse = most / range;
        zero_point = (-low * inverse + kMagic) - kMagic;
        scale.zero_point = static_cast<std::int32_t>(zero_point);
    }
};

/// Lowest and highest of 0 and the numbers of a row.
struct Extent {
    float low, high;
    bool finite;
};

template <class Floats, class Value> EDGEBERT_INLINE Extent extent_of(std::size_t width, Value value) {
    const Floats zero = Floats::broadcast(0.0f);
    Floats low = zero, high = zero, check = zero;
    each_16(width, [&](std::size_t place, std::size_t count) {
        const Floats lanes = value(place, count);
        low = min(lanes, low);
        high = max(lanes, high);
        check = fma(lanes, zero, check); // stays 0 but for infinities and NaN
    });
    const float bottom = low.smallest(), top = high.largest();
    const float span = top - bottom;
    return {bottom, top, check.sum() == 0.0f && span - span == 0.0f};
}

/// Calls `each(row, value)` for every row, value(place, count) being 16 of its numbers times the smoothing.
template <class Floats, class Each>
EDGEBERT_INLINE bool smoothed_rows(const FloatRows &input, std::size_t rows, const float *smoothing, Each each) {
    bool finite = true;
    for (std::size_t row = 0; row < rows; ++row) {
        const float *const from = input.row(row);
        if (smoothing == nullptr) {
            finite =
                each(row, [from](std::size_t place, std::size_t count) { return Floats::load(from + place, count); }) &&
                finite;
        } else {
            finite = each(row,
                          [from, smoothing](std::size_t place, std::size_t count) {
                              return Floats::load(from + place, count) * Floats::load(smoothing + place, count);
                          }) &&
                     finite;
        }
    }
    return finite;
}

/// code = round(value * smoothing / scale + zero_point)
template <class Floats>
bool quantize(const FloatRows &input, std::size_t rows, std::size_t width, const float *smoothing,
              const CodeRows &codes) {
    return smoothed_rows<Floats>(input, rows, smoothing, [&](std::size_t row, auto value) {
        const Extent extent = extent_of<Floats>(width, value);
        if (!extent.finite) return false;
        const Quantizer quantizer(extent.low, extent.high, 255.0f);
        const Floats inverse = Floats::broadcast(quantizer.inverse), shift = Floats::broadcast(quantizer.zero_point);
        std::uint8_t *const to = codes.data + row * codes.stride;
        each_16(width, [&](std::size_t place, std::size_t count) {
            fma(value(place, count), inverse, shift).store_codes(to + place);
        });
        codes.scales[row] = quantizer.scale;
        return true;
    });
}

/// The same in 14 bits: code = 128 * high + low.
template <class Floats>
bool quantize_wide(const FloatRows &input, std::size_t rows, std::size_t width, const float *smoothing,
                   const CodeRows &high, const CodeRows &low) {
    const Floats magic = Floats::broadcast(12582912.0f), most = Floats::broadcast(16383.0f);
    return smoothed_rows<Floats>(input, rows, smoothing, [&](std::size_t row, auto value) {
        const Extent extent = extent_of<Floats>(width, value);
        if (!extent.finite) return false;
        const Quantizer quantizer(extent.low, extent.high, 16383.0f);
        const Floats inverse = Floats::broadcast(quantizer.inverse), shift = Floats::broadcast(quantizer.zero_point);
        each_16(width, [&](std::size_t place, std::size_t count) {
            const Floats whole = (fma(value(place, count), inverse, shift) + magic) - magic;
            const Floats code = min(max(whole, Floats::broadcast(0.0f)), most);
            // (code - 63.5) / 128 rounded is code / 128 rounded down
            const Floats upper = fma(code, Floats::broadcast(1.0f / 128), Floats::broadcast(-63.5f / 128));
            const Floats part = (upper + magic) - magic;
            part.store_codes(high.data + row * high.stride + place);
            fma(part, Floats::broadcast(-128.0f), code).store_codes(low.data + row * low.stride + place);
        });
        const CodeScale scale = quantizer.scale;
        high.scales[row] = {scale.scale * 128.0f, scale.zero_point / 128};
        low.scales[row] = {scale.scale, scale.zero_point % 128};
        return true;
    });
}

/// (x - mean) / sqrt(variance + epsilon) * weight + bias, the variance from centred values.
template <class Floats> bool layer_norm_row(float *row, std::size_t width, const Norm &norm, float epsilon) {
    Floats sum = Floats::broadcast(0.0f);
    each_16(width, [&](std::size_t place, std::size_t count) { sum = sum + Floats::load(row + place, count); });
    const float size = static_cast<float>(width);
    const Floats mean = Floats::broadcast(sum.sum() / size);
    Floats squares = Floats::broadcast(0.0f);
    each_16(width, [&](std::size_t place, std::size_t count) {
        Floats centred = Floats::load(row + place, count) - mean;
        if (count < 16) centred = centred.keep(count, Floats::broadcast(0.0f));
        squares = fma(centred, centred, squares);
    });
    const float variance = squares.sum() / size;
    const Floats factor = Floats::broadcast(1.0f / std::sqrt(variance + epsilon));
    each_16(width, [&](std::size_t place, std::size_t count) {
        const Floats centred = (Floats::load(row + place, count) - mean) * factor;
        fma(centred, Floats::load(norm.weight + place, count), Floats::load(norm.bias + place, count))
            .store(row + place, count);
    });
    return variance - variance == 0.0f;
}

template <class Floats>
bool layer_norm(const FloatRows &values, std::size_t rows, std::size_t width, const Norm &norm, float epsilon) {
    bool finite = true;
    for (std::size_t row = 0; row < rows; ++row)
        finite = layer_norm_row<Floats>(values.row(row), width, norm, epsilon) && finite;
    return finite;
}

template <class Floats> bool softmax(const FloatRows &values, std::size_t rows, std::size_t width) {
    const Floats zero = Floats::broadcast(0.0f);
    bool finite = true;
    for (std::size_t r = 0; r < rows; ++r) {
        float *const row = values.row(r);
        Floats best = Floats::broadcast(row[0]), check = zero;
        each_16(width, [&](std::size_t place, std::size_t count) {
            const Floats lanes = Floats::load(row + place, count);
            best = max(count == 16 ? lanes : lanes.keep(count, best), best);
            check = fma(lanes, zero, check); // stays 0 but for infinities and NaN
        });
        finite = finite && check.sum() == 0.0f;
        const Floats largest = Floats::broadcast(best.largest());
        Floats sum = zero;
        each_16(width, [&](std::size_t place, std::size_t count) {
            Floats lanes = exponential(Floats::load(row + place, count) - largest);
            if (count < 16) lanes = lanes.keep(count, zero);
            lanes.store(row + place, count);
            sum = sum + lanes;
        });
        const Floats factor = Floats::broadcast(1.0f / sum.sum());
        each_16(width, [&](std::size_t place, std::size_t count) {
            (Floats::load(row + place, count) * factor).store(row + place, count);
        });
    }
    return finite;
}

template <class Floats>
void embed_int8(const std::int8_t *row, float scale, const float *position, const float *type, std::size_t width,
                float *out) {
    const Floats factor = Floats::broadcast(scale);
    each_16(width, [&](std::size_t place, std::size_t count) {
        const Floats word = fma(Floats::load_int8(row + place, count), factor, Floats::load(position + place, count));
        (word + Floats::load(type + place, count)).store(out + place, count);
    });
}

template <class Floats>
void embed_fp32(const float *word, const float *position, const float *type, std::size_t width, float *out) {
    each_16(width, [&](std::size_t place, std::size_t count) {
        const Floats sum = Floats::load(word + place, count) + Floats::load(position + place, count);
        (sum + Floats::load(type + place, count)).store(out + place, count);
    });
}

} // namespace edgebert::engine
