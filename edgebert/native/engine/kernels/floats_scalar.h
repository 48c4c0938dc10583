// 16 floats in plain C++: the specification that every other Floats equals bit for bit.
#pragma once

#include <cstdint>
#include <cstring>

namespace edgebert::engine::scalar {

/// a * b + c rounded once, by IEEE 754. Without such an instruction: the product is exact in double precision and the
/// sum is rounded to odd there, so that rounding it again to float is rounding once (Boldo and Melquiond 2008).
inline float fused(float a, float b, float c) {
#if defined(__FP_FAST_FMAF)
    return __builtin_fmaf(a, b, c);
#else
    const double product = static_cast<double>(a) * static_cast<double>(b);
    const double addend = static_cast<double>(c);
    double sum = product + addend;
    const double part = sum - product;
    const double error = (product - (sum - part)) + (addend - part);
    std::int64_t bits;
    std::memcpy(&bits, &sum, sizeof bits);
    const bool inexact = error > 0 || error < 0;
    const bool away = (error > 0) == (sum > 0);
    bits += inexact && (bits & 1) == 0 ? (away ? 1 : -1) : 0;
    std::memcpy(&sum, &bits, sizeof bits);
    return static_cast<float>(sum);
#endif
}

struct Floats {
    float lane[16];

    template <class Each> static Floats make(Each each) {
        Floats out;
        for (int i = 0; i < 16; ++i)
            out.lane[i] = each(i);
        return out;
    }

    static Floats broadcast(float value) {
        return make([&](int) { return value; });
    }
    static Floats load(const float *from) {
        return make([&](int i) { return from[i]; });
    }
    /// The first `count` floats, zeros behind them.
    static Floats load(const float *from, std::size_t count) {
        return make([&](int i) { return static_cast<std::size_t>(i) < count ? from[i] : 0.0f; });
    }
    static Floats load_int8(const std::int8_t *from, std::size_t count) {
        return make([&](int i) { return static_cast<std::size_t>(i) < count ? static_cast<float>(from[i]) : 0.0f; });
    }

    void store(float *to) const { std::memcpy(to, lane, sizeof lane); }
    void store(float *to, std::size_t count) const { std::memcpy(to, lane, count * sizeof(float)); }
    /// Rounds to the nearest integer, halves to even, and cuts to 0 to 255.
    void store_codes(std::uint8_t *to) const {
        constexpr float kMagic = 12582912.0f; // 1.5 * 2^23: adding it leaves no bits for a fraction
        for (int i = 0; i < 16; ++i) {
            const float above = lane[i] > 0.0f ? lane[i] : 0.0f;
            const float cut = above < 255.0f ? above : 255.0f;
            to[i] = static_cast<std::uint8_t>((cut + kMagic) - kMagic);
        }
    }

    /// The first `count` lanes, behind them those of `other`.
    Floats keep(std::size_t count, const Floats &other) const {
        return make([&](int i) { return static_cast<std::size_t>(i) < count ? lane[i] : other.lane[i]; });
    }

    /// The lanes times 2 to the n, where those of `exponent` hold 1.5 * 2^23 + n, for normal results.
    Floats times_power_of_two(Floats exponent) const {
        return make([&](int i) {
            std::uint32_t bits, power;
            std::memcpy(&bits, &lane[i], sizeof bits);
            std::memcpy(&power, &exponent.lane[i], sizeof power);
            bits += power << 23;
            float value;
            std::memcpy(&value, &bits, sizeof value);
            return value;
        });
    }

    /// Adds lanes 8 apart, then 4, 2 and 1 apart.
    float sum() const {
        float part[8];
        for (int i = 0; i < 8; ++i)
            part[i] = lane[i] + lane[i + 8];
        for (int width = 4; width > 0; width /= 2) {
            for (int i = 0; i < width; ++i)
                part[i] = part[i] + part[i + width];
        }
        return part[0];
    }
    float largest() const {
        float best = lane[0];
        for (int i = 1; i < 16; ++i)
            best = lane[i] > best ? lane[i] : best;
        return best;
    }
    float smallest() const {
        float best = lane[0];
        for (int i = 1; i < 16; ++i)
            best = lane[i] < best ? lane[i] : best;
        return best;
    }
};

inline Floats operator+(const Floats &a, const Floats &b) {
    return Floats::make([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline Floats operator-(const Floats &a, const Floats &b) {
    return Floats::make([&](int i) { return a.lane[i] - b.lane[i]; });
}
inline Floats operator*(const Floats &a, const Floats &b) {
    return Floats::make([&](int i) { return a.lane[i] * b.lane[i]; });
}
inline Floats fma(const Floats &a, const Floats &b, const Floats &c) {
    return Floats::make([&](int i) { return fused(a.lane[i], b.lane[i], c.lane[i]); });
}
/// a > b ? a : b in every lane.
inline Floats max(const Floats &a, const Floats &b) {
    return Floats::make([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
/// a < b ? a : b in every lane.
inline Floats min(const Floats &a, const Floats &b) {
    return Floats::make([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}

} // namespace edgebert::engine::scalar
