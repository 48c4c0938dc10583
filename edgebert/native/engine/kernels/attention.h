// Work of INT8 attention: codes for queries, keys and values, and for the probabilities.
#pragma once

#include <cstring>

#include "codes.h"
#include "kernels.h"
#include "lanes.h"
#include "polynomials.h"

namespace edgebert::engine {

/// The largest magnitude that a head may hold: products of two scales stay finite, and so do the scores.
constexpr float kLargestHeadValue = 1e15f;

/// A few heads of a token: how far each goes, and what its codes are made with.
struct SomeHeads {
    static constexpr std::size_t kMost = 16;
    float largest[kMost], inverse[kMost], scale[kMost];

    /// A division takes long, so those of all heads are made at once: no branch in the loop.
    void find_scales(float limit) {
        for (std::size_t head = 0; head < kMost; ++head) {
            const bool used = largest[head] >= 1e-30f; // else as good as zero, and limit / largest could be infinite
            const float quotient = limit / (used ? largest[head] : 1.0f);
            inverse[head] = used ? quotient : 0.0f;
            scale[head] = used ? largest[head] * (1.0f / limit) : 0.0f;
        }
    }
};

/// The largest magnitude of a head; `check` stays 0 but for infinities and NaN.
template <class Floats> EDGEBERT_INLINE float largest_magnitude(const float *from, std::size_t size, Floats &check) {
    const Floats zero = Floats::broadcast(0.0f);
    Floats low = zero, high = zero, seen = zero;
    each_16(size, [&](std::size_t place, std::size_t count) {
        const Floats lanes = Floats::load(from + place, count);
        low = min(lanes, low);
        high = max(lanes, high);
        seen = fma(lanes, zero, seen);
    });
    check = check + seen;
    return max(high, zero - low).largest();
}

/// Codes of one head: round(value * factor) + 128, [size padded to 16]; the padding stands for zeros. Returns the sum
/// of code - 128 where it is asked for.
template <class Floats>
EDGEBERT_INLINE std::int32_t head_codes(const float *from, std::size_t size, float factor, bool with_sum,
                                        std::uint8_t *codes) {
    const Floats inverse = Floats::broadcast(factor), middle = Floats::broadcast(128.0f);
    if (!with_sum) {
        store_row_codes<Floats>(size, codes, [&](std::size_t place, std::size_t count) {
            return fma(Floats::load(from + place, count), inverse, middle);
        });
        return 0;
    }
    const Floats magic = Floats::broadcast(12582912.0f); // 1.5 * 2^23: adding it leaves no bits for a fraction
    Floats sum = Floats::broadcast(0.0f);
    store_row_codes<Floats>(size, codes, [&](std::size_t place, std::size_t count) {
        const Floats shifted = fma(Floats::load(from + place, count), inverse, middle);
        sum = sum + ((shifted + magic) - magic);
        return shifted;
    });
    return static_cast<std::int32_t>(sum.sum()) - static_cast<std::int32_t>(128 * round_up(size, 16));
}

template <class Floats>
bool quantize_heads(const float *row, std::size_t heads, std::size_t size, float limit, bool with_sum,
                    std::uint8_t *codes, HeadScale *scales) {
    const std::size_t padded = round_up(size, 16);
    Floats check = Floats::broadcast(0.0f);
    float most = 0.0f;
    for (std::size_t first = 0; first < heads; first += SomeHeads::kMost) {
        const std::size_t count = heads - first < SomeHeads::kMost ? heads - first : SomeHeads::kMost;
        SomeHeads some{};
        for (std::size_t head = 0; head < count; ++head) {
            some.largest[head] = largest_magnitude<Floats>(row + (first + head) * size, size, check);
            most = some.largest[head] > most ? some.largest[head] : most;
        }
        some.find_scales(limit);
        for (std::size_t head = 0; head < count; ++head) {
            const std::size_t place = first + head;
            scales[place] = {some.scale[head], head_codes<Floats>(row + place * size, size, some.inverse[head],
                                                                  with_sum, codes + place * padded)};
        }
    }
    return check.sum() == 0.0f && most <= kLargestHeadValue;
}

template <class Floats> EDGEBERT_INLINE float largest_of(const float *row, std::size_t width) {
    Floats best = Floats::broadcast(row[0]);
    each_16(width, [&](std::size_t place, std::size_t count) {
        const Floats lanes = Floats::load(row + place, count);
        best = max(count == 16 ? lanes : lanes.keep(count, best), best);
    });
    return best.largest();
}

/// Sum of exponentials of a row, and the largest of them times their factors.
struct SoftmaxExtent {
    float sum, most;
};

/// Turns a row into exponentials times their factors.
template <class Floats>
EDGEBERT_INLINE SoftmaxExtent exponentials(float *row, std::size_t width, float largest, const float *factors) {
    const Floats zero = Floats::broadcast(0.0f), highest = Floats::broadcast(largest);
    Floats sum = zero, most = zero;
    each_16(width, [&](std::size_t place, std::size_t count) {
        Floats lanes = coarse_exponential(Floats::load(row + place, count) - highest);
        if (count < 16) lanes = lanes.keep(count, zero);
        sum = sum + lanes;
        lanes = lanes * Floats::load(factors + place, count);
        lanes.store(row + place, count);
        most = max(lanes, most);
    });
    return {sum.sum(), most.largest()};
}

template <class Floats>
EDGEBERT_INLINE CodeScale row_codes(const float *row, std::size_t width, const SoftmaxExtent &extent,
                                    std::uint8_t *codes) {
    const bool used = extent.most >= 1e-30f; // else as good as zero, and 255 / most could be infinite
    const Floats inverse = Floats::broadcast(used ? 255.0f / extent.most : 0.0f);
    store_row_codes<Floats>(
        width, codes, [&](std::size_t place, std::size_t count) { return Floats::load(row + place, count) * inverse; });
    return {used ? extent.most / (extent.sum * 255.0f) : 0.0f, 0};
}

/// Step by step for a few rows, so that the end of one row's sums is waited for while others are at work.
template <class Floats>
void softmax_codes(const FloatRows &scores, std::size_t rows, std::size_t width, const float *factors,
                   const CodeRows &codes) {
    constexpr std::size_t kAtOnce = 8;
    for (std::size_t first = 0; first < rows; first += kAtOnce) {
        const std::size_t end = first + kAtOnce < rows ? first + kAtOnce : rows;
        float largest[kAtOnce];
        SoftmaxExtent extents[kAtOnce];
        for (std::size_t row = first; row < end; ++row)
            largest[row - first] = largest_of<Floats>(scores.row(row), width);
        for (std::size_t row = first; row < end; ++row)
            extents[row - first] = exponentials<Floats>(scores.row(row), width, largest[row - first], factors);
        for (std::size_t row = first; row < end; ++row) {
            codes.scales[row] =
                row_codes<Floats>(scores.row(row), width, extents[row - first], codes.data + row * codes.stride);
        }
    }
}

/// Turns the values of a head, [tokens, size] codes with 128 added, into a packed weight [size / 16, tokens / 4, 16,
/// 4].
template <class Floats>
void pack_values(const std::uint8_t *values, std::size_t stride, std::size_t tokens, std::size_t size,
                 std::int8_t *weight, std::int32_t *column_sums) {
    static const std::uint8_t nothing[16] = {128, 128, 128, 128, 128, 128, 128, 128,
                                             128, 128, 128, 128, 128, 128, 128, 128};
    for (std::size_t place = 0; place < size; place += 16) {
        std::int32_t sums[16] = {};
        for (std::size_t token = 0; token < tokens; token += 4, weight += 64) {
            const std::uint8_t *rows[4];
            for (std::size_t i = 0; i < 4; ++i)
                rows[i] = token + i < tokens ? values + (token + i) * stride + place : nothing;
            std::uint8_t codes[64];
            for (std::size_t lane = 0; lane < 16; ++lane) {
                codes[4 * lane] = rows[0][lane] ^ 128;
                codes[4 * lane + 1] = rows[1][lane] ^ 128;
                codes[4 * lane + 2] = rows[2][lane] ^ 128;
                codes[4 * lane + 3] = rows[3][lane] ^ 128;
                sums[lane] += rows[0][lane] + rows[1][lane] + rows[2][lane] + rows[3][lane] - 512;
            }
            std::memcpy(weight, codes, sizeof codes);
        }
        std::memcpy(column_sums + place, sums, sizeof sums);
    }
}

} // namespace edgebert::engine
