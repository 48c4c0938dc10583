// 16 floats in four NEON registers.
#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <cstring>

namespace edgebert::engine::EDGEBERT_PATH {

struct Floats {
    float32x4_t part[4];

    template <class Each> static Floats make(Each each) { return {{each(0), each(1), each(2), each(3)}}; }

    static Floats broadcast(float value) {
        return make([&](int) { return vdupq_n_f32(value); });
    }
    static Floats load(const float *from) {
        return make([&](int i) { return vld1q_f32(from + 4 * i); });
    }
    static Floats load(const float *from, std::size_t count) {
        if (count == 16) return load(from);
        float padded[16] = {};
        std::memcpy(padded, from, count * sizeof(float));
        return load(padded);
    }
    static Floats load_int8(const std::int8_t *from, std::size_t count) {
        std::int8_t padded[16] = {};
        std::memcpy(padded, from, count);
        const int8x16_t bytes = vld1q_s8(padded);
        const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_s8(vget_high_s8(bytes));
        return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(low))),
                 vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)))}};
    }

    void store(float *to) const {
        for (int i = 0; i < 4; ++i)
            vst1q_f32(to + 4 * i, part[i]);
    }
    void store(float *to, std::size_t count) const {
        if (count == 16) return store(to);
        float padded[16];
        store(padded);
        std::memcpy(to, padded, count * sizeof(float));
    }
    void store_codes(std::uint8_t *to) const {
        const auto words = [this](int i) {
            return vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(part[i])), vqmovn_s32(vcvtnq_s32_f32(part[i + 1])));
        };
        vst1q_u8(to, vcombine_u8(vqmovun_s16(words(0)), vqmovun_s16(words(2))));
    }

    Floats keep(std::size_t count, const Floats &other) const {
        float lanes[16];
        other.store(lanes);
        store(lanes, count);
        return load(lanes);
    }
    Floats times_power_of_two(Floats exponent) const {
        return make([&](int i) {
            const int32x4_t shifted = vshlq_n_s32(vreinterpretq_s32_f32(exponent.part[i]), 23);
            return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(part[i]), shifted));
        });
    }

    float sum() const {
        const float32x4_t four = vaddq_f32(vaddq_f32(part[0], part[2]), vaddq_f32(part[1], part[3]));
        const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
        return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
    }
    float largest() const { return vmaxvq_f32(vmaxq_f32(vmaxq_f32(part[0], part[1]), vmaxq_f32(part[2], part[3]))); }
    float smallest() const { return vminvq_f32(vminq_f32(vminq_f32(part[0], part[1]), vminq_f32(part[2], part[3]))); }
};

inline Floats operator+(const Floats &a, const Floats &b) {
    return Floats::make([&](int i) { return vaddq_f32(a.part[i], b.part[i]); });
}
inline Floats operator-(const Floats &a, const Floats &b) {
    return Floats::make([&](int i) { return vsubq_f32(a.part[i], b.part[i]); });
}
inline Floats operator*(const Floats &a, const Floats &b) {
    return Floats::make([&](int i) { return vmulq_f32(a.part[i], b.part[i]); });
}
inline Floats fma(const Floats &a, const Floats &b, const Floats &c) {
    return Floats::make([&](int i) { return vfmaq_f32(c.part[i], a.part[i], b.part[i]); });
}
inline Floats max(const Floats &a, const Floats &b) {
    return Floats::make([&](int i) { return vbslq_f32(vcgtq_f32(a.part[i], b.part[i]), a.part[i], b.part[i]); });
}
inline Floats min(const Floats &a, const Floats &b) {
    return Floats::make([&](int i) { return vbslq_f32(vcltq_f32(a.part[i], b.part[i]), a.part[i], b.part[i]); });
}

} // namespace edgebert::engine::EDGEBERT_PATH
