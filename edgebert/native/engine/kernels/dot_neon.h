// Integer products of the NEON paths. Codes minus 128 are signed, which the zero point makes up for.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace edgebert::engine::EDGEBERT_PATH {

struct Dot {
    static constexpr std::int32_t kCodeShift = 128;
    struct Sums {
        int32x4_t part[4];
    };
    struct Weights {
        int8x16_t part[4];
    };
    using Inputs = int8x16_t;

    static Sums zero() { return {{vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)}}; }
    static Weights weights(const std::int8_t *from) {
        return {{vld1q_s8(from), vld1q_s8(from + 16), vld1q_s8(from + 32), vld1q_s8(from + 48)}};
    }
    static Inputs inputs(const std::uint8_t *from) {
        return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(from), vdupq_n_u8(128)));
    }
    static Sums load(const std::int32_t *from) {
        return {{vld1q_s32(from), vld1q_s32(from + 4), vld1q_s32(from + 8), vld1q_s32(from + 12)}};
    }
    template <class Floats> static Floats corrected(const Sums &sums, const Sums &columns, std::int32_t zero_point) {
        return Floats::make(
            [&](int i) { return vcvtq_f32_s32(vmlsq_n_s32(sums.part[i], columns.part[i], zero_point)); });
    }

#if defined(__ARM_FEATURE_DOTPROD)
    template <int Group> static int8x16_t pick(Inputs inputs) { return inputs; }
    template <int Group> static void add(Sums &sums, int8x16_t input, const Weights &weights) {
        sums.part[0] = vdotq_laneq_s32(sums.part[0], weights.part[0], input, Group);
        sums.part[1] = vdotq_laneq_s32(sums.part[1], weights.part[1], input, Group);
        sums.part[2] = vdotq_laneq_s32(sums.part[2], weights.part[2], input, Group);
        sums.part[3] = vdotq_laneq_s32(sums.part[3], weights.part[3], input, Group);
    }
#else
    template <int Group> static int8x16_t pick(Inputs inputs) {
        return vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(inputs), Group));
    }
    template <int Group> static void add(Sums &sums, int8x16_t input, const Weights &weights) {
        for (int i = 0; i < 4; ++i) {
            // two products are at most 2 * 128 * 64 = 16384 and fit 16 bits
            const int16x8_t low = vmull_s8(vget_low_s8(input), vget_low_s8(weights.part[i]));
            const int16x8_t high = vmull_high_s8(input, weights.part[i]);
            sums.part[i] = vpadalq_s16(sums.part[i], vpaddq_s16(low, high));
        }
    }
#endif
};

} // namespace edgebert::engine::EDGEBERT_PATH
