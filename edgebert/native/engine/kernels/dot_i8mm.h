// Integer products of the NEON path with SMMLA, which multiplies 2 rows of 8 codes by 8 weights of 2 outputs. It takes
// weights in the same form as the other paths and puts 8 inputs of an output side by side in registers.
#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "kernels.h"
#include "lanes.h"
#include "tile_int8.h"

namespace edgebert::engine::EDGEBERT_PATH {

struct Dot {
    static constexpr std::int32_t kCodeShift = 128;
    struct Sums {
        int32x4_t part[4];
    };

    static Sums load(const std::int32_t *from) {
        return {{vld1q_s32(from), vld1q_s32(from + 4), vld1q_s32(from + 8), vld1q_s32(from + 12)}};
    }
    template <class Floats> static Floats corrected(const Sums &sums, const Sums &columns, std::int32_t zero_point) {
        return Floats::make(
            [&](int i) { return vcvtq_f32_s32(vmlsq_n_s32(sums.part[i], columns.part[i], zero_point)); });
    }

    /// Two rows by 16 outputs: a register holds 2 outputs of the one row and the same of the other.
    struct Pair {
        int32x4_t part[8];
    };

    /// 8 codes of each of two rows, signed.
    static int8x16_t inputs(const std::uint8_t *first, const std::uint8_t *second) {
        const uint8x16_t codes = vcombine_u8(vld1_u8(first), vld1_u8(second));
        return vreinterpretq_s8_u8(veorq_u8(codes, vdupq_n_u8(128)));
    }

    /// 8 inputs of four outputs from two groups of 4 inputs; `next` is nullptr behind the last.
    static void weights(const std::int8_t *group, const std::int8_t *next, int8x16_t (&out)[2]) {
        const int32x4_t near = vreinterpretq_s32_s8(vld1q_s8(group));
        const int32x4_t far = next == nullptr ? vdupq_n_s32(0) : vreinterpretq_s32_s8(vld1q_s8(next));
        out[0] = vreinterpretq_s8_s32(vzip1q_s32(near, far));
        out[1] = vreinterpretq_s8_s32(vzip2q_s32(near, far));
    }

    /// Adds the products of 8 inputs, or of the last 4.
    template <int Pairs>
    static EDGEBERT_INLINE void add(Pair (&pairs)[Pairs], const int8x16_t (&inputs)[Pairs], const std::int8_t *group,
                                    const std::int8_t *next) {
        EDGEBERT_UNROLL
        for (int i = 0; i < 4; ++i) {
            int8x16_t four[2];
            weights(group + 16 * i, next == nullptr ? nullptr : next + 16 * i, four);
            EDGEBERT_UNROLL
            for (int pair = 0; pair < Pairs; ++pair) {
                pairs[pair].part[2 * i] = vmmlaq_s32(pairs[pair].part[2 * i], inputs[pair], four[0]);
                pairs[pair].part[2 * i + 1] = vmmlaq_s32(pairs[pair].part[2 * i + 1], inputs[pair], four[1]);
            }
        }
    }
};

} // namespace edgebert::engine::EDGEBERT_PATH

namespace edgebert::engine {

/// As `tile_int8`, with rows two by two.
template <class Dot, int Rows, int Panels>
EDGEBERT_INLINE void tile_pairs(TileInput tile, typename Dot::Sums (&sums)[Rows][Panels]) {
    static_assert(Panels == 1, "a tile is one panel wide");
    constexpr int kPairs = (Rows + 1) / 2;
    typename Dot::Pair pairs[kPairs];
    for (typename Dot::Pair &pair : pairs) {
        for (int32x4_t &part : pair.part)
            part = vdupq_n_s32(0);
    }
    const auto load = [&](int8x16_t(&inputs)[kPairs]) {
        EDGEBERT_UNROLL
        for (int pair = 0; pair < kPairs; ++pair) {
            const std::uint8_t *const first = tile.codes + static_cast<std::size_t>(2 * pair) * tile.stride;
            inputs[pair] = Dot::inputs(first, 2 * pair + 1 < Rows ? first + tile.stride : first);
        }
    };
    int8x16_t inputs[kPairs];
    for (; tile.groups >= 2; tile.advance(2)) {
        load(inputs);
        Dot::add(pairs, inputs, tile.weight, tile.weight + kGroupBytes);
    }
    if (tile.groups > 0) {
        load(inputs);
        Dot::add(pairs, inputs, tile.weight, nullptr);
    }
    EDGEBERT_UNROLL
    for (int row = 0; row < Rows; ++row) {
        EDGEBERT_UNROLL
        for (int i = 0; i < 4; ++i) {
            const int64x2_t low = vreinterpretq_s64_s32(pairs[row / 2].part[2 * i]);
            const int64x2_t high = vreinterpretq_s64_s32(pairs[row / 2].part[2 * i + 1]);
            sums[row][0].part[i] = vreinterpretq_s32_s64(row % 2 == 0 ? vzip1q_s64(low, high) : vzip2q_s64(low, high));
        }
    }
}

} // namespace edgebert::engine
