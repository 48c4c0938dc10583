// Quantization of rows, each with a scale and a zero point of its own.
#pragma once

#include "codes.h"
#include "kernels.h"
#include "lanes.h"
#include "together.h"

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

/// Lowest and highest of 0 and the numbers of each row. False: one of them is not finite, or their distance.
template <class Floats, int Rows, class Value>
EDGEBERT_INLINE bool find_extents(std::size_t width, Value value, float (&lowest)[Rows], float (&highest)[Rows]) {
    const Floats zero = Floats::broadcast(0.0f);
    Floats low[Rows], high[Rows], check[Rows];
    EDGEBERT_UNROLL
    for (int r = 0; r < Rows; ++r)
        low[r] = high[r] = check[r] = zero;
    each_16(width, [&](std::size_t place, std::size_t count) {
        EDGEBERT_UNROLL
        for (int r = 0; r < Rows; ++r) {
            const Floats lanes = value(r, place, count);
            low[r] = min(lanes, low[r]);
            high[r] = max(lanes, high[r]);
            check[r] = fma(lanes, zero, check[r]); // stays 0 but for infinities and NaN
        }
    });
    bool finite = true;
    EDGEBERT_UNROLL
    for (int r = 0; r < Rows; ++r) {
        lowest[r] = low[r].smallest();
        highest[r] = high[r].largest();
        const float span = highest[r] - lowest[r];
        finite = finite && check[r].sum() == 0.0f && span - span == 0.0f;
    }
    return finite;
}

/// Calls `each(row, Rows, value)` for rows together, value(r, place, count) being 16 numbers of the r-th of them times
/// the smoothing.
template <class Floats, class Each>
EDGEBERT_INLINE bool smoothed_rows(const FloatRows &input, std::size_t rows, const float *smoothing, Each each) {
    return rows_together<2>(rows, [&](std::size_t row, auto together) {
        const FloatRows from{input.row(row), input.stride};
        const auto plain = [from](int r, std::size_t place, std::size_t count) {
            return Floats::load(from.row(static_cast<std::size_t>(r)) + place, count);
        };
        if (smoothing == nullptr) return each(row, together, plain);
        return each(row, together, [plain, smoothing](int r, std::size_t place, std::size_t count) {
            return plain(r, place, count) * Floats::load(smoothing + place, count);
        });
    });
}

/// Calls `each(row, quantizers, value)` for rows together, once it is known how far the numbers of each go.
template <class Floats, class Each>
EDGEBERT_INLINE bool quantized_rows(const FloatRows &input, std::size_t rows, std::size_t width, const float *smoothing,
                                    float most, Each each) {
    return smoothed_rows<Floats>(input, rows, smoothing, [&](std::size_t row, auto together, auto value) {
        constexpr int kRows = decltype(together)::value;
        float low[kRows], high[kRows];
        if (!find_extents<Floats>(width, value, low, high)) return false;
        EDGEBERT_UNROLL
        for (int r = 0; r < kRows; ++r)
            each(row + static_cast<std::size_t>(r), Quantizer(low[r], high[r], most),
                 [&value, r](std::size_t place, std::size_t count) { return value(r, place, count); });
        return true;
    });
}

/// code = round(value * smoothing / scale + zero_point)
template <class Floats>
bool quantize(const FloatRows &input, std::size_t rows, std::size_t width, const float *smoothing,
              const CodeRows &codes) {
    const auto each = [&](std::size_t row, const Quantizer &quantizer, auto value) {
        const Floats inverse = Floats::broadcast(quantizer.inverse), shift = Floats::broadcast(quantizer.zero_point);
        store_row_codes<Floats>(width, codes.data + row * codes.stride, [&](std::size_t place, std::size_t count) {
            return fma(value(place, count), inverse, shift);
        });
        codes.scales[row] = quantizer.scale;
    };
    return quantized_rows<Floats>(input, rows, width, smoothing, 255.0f, each);
}

/// The same in 14 bits: code = 128 * high + low.
template <class Floats>
bool quantize_wide(const FloatRows &input, std::size_t rows, std::size_t width, const float *smoothing,
                   const CodeRows &high, const CodeRows &low) {
    const Floats magic = Floats::broadcast(12582912.0f), most = Floats::broadcast(16383.0f);
    const auto each = [&](std::size_t row, const Quantizer &quantizer, auto value) {
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
    };
    return quantized_rows<Floats>(input, rows, width, smoothing, 16383.0f, each);
}

} // namespace edgebert::engine
