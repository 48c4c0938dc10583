// Work on single rows: LayerNorm, softmax, embeddings.
#pragma once

#include <cmath>

#include "kernels.h"
#include "lanes.h"
#include "polynomials.h"
#include "together.h"

namespace edgebert::engine {

/// (x - mean) / sqrt(variance + epsilon) * weight + bias, the variance from centred values.
template <class Floats, int Rows>
EDGEBERT_INLINE bool layer_norm_together(const FloatRows &values, std::size_t width, const Norm &norm, float epsilon) {
    const Floats zero = Floats::broadcast(0.0f);
    const float size = static_cast<float>(width);
    const auto each = [&](auto work) {
        each_16(width, [&](std::size_t place, std::size_t count) {
            EDGEBERT_UNROLL
            for (int r = 0; r < Rows; ++r)
                work(r, Floats::load(values.row(static_cast<std::size_t>(r)) + place, count), count);
        });
    };
    Floats sum[Rows], mean[Rows], squares[Rows], factor[Rows];
    EDGEBERT_UNROLL
    for (int r = 0; r < Rows; ++r)
        sum[r] = squares[r] = zero;
    each([&](int r, const Floats &lanes, std::size_t) { sum[r] = sum[r] + lanes; });
    EDGEBERT_UNROLL
    for (int r = 0; r < Rows; ++r)
        mean[r] = Floats::broadcast(sum[r].sum() / size);
    each([&](int r, const Floats &lanes, std::size_t count) {
        Floats centred = lanes - mean[r];
        if (count < 16) centred = centred.keep(count, zero);
        squares[r] = fma(centred, centred, squares[r]);
    });
    bool finite = true;
    EDGEBERT_UNROLL
    for (int r = 0; r < Rows; ++r) {
        const float variance = squares[r].sum() / size;
        finite = finite && variance - variance == 0.0f;
        factor[r] = Floats::broadcast(1.0f / std::sqrt(variance + epsilon));
    }
    const float *const weights = norm.weight, *const biases = norm.bias;
    each_16(width, [&](std::size_t place, std::size_t count) {
        const Floats weight = Floats::load(weights + place, count), bias = Floats::load(biases + place, count);
        EDGEBERT_UNROLL
        for (int r = 0; r < Rows; ++r) {
            float *const to = values.row(static_cast<std::size_t>(r)) + place;
            fma((Floats::load(to, count) - mean[r]) * factor[r], weight, bias).store(to, count);
        }
    });
    return finite;
}

template <class Floats>
bool layer_norm(const FloatRows &values, std::size_t rows, std::size_t width, const Norm &norm, float epsilon) {
    return rows_together<4>(rows, [&](std::size_t row, auto together) {
        const FloatRows some{values.row(row), values.stride};
        return layer_norm_together<Floats, decltype(together)::value>(some, width, norm, epsilon);
    });
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
