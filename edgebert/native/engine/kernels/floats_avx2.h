// 16 floats in two AVX2 registers.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace edgebert::engine::EDGEBERT_PATH {

inline __m256i first_lanes(std::ptrdiff_t count) {
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), index);
}

struct Floats {
    __m256 low, high;

    static Floats broadcast(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
    static Floats load(const float *from) { return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
    static Floats load(const float *from, std::size_t count) {
        if (count == 16) return load(from);
        const auto n = static_cast<std::ptrdiff_t>(count);
        return {_mm256_maskload_ps(from, first_lanes(n)), _mm256_maskload_ps(from + 8, first_lanes(n - 8))};
    }
    static Floats load_int8(const std::int8_t *from, std::size_t count) {
        __m128i bytes;
        if (count == 16) {
            bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from));
        } else {
            alignas(16) std::int8_t padded[16] = {};
            for (std::size_t i = 0; i < count; ++i)
                padded[i] = from[i];
            bytes = _mm_load_si128(reinterpret_cast<const __m128i *>(padded));
        }
        return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
                _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes)))};
    }

    void store(float *to) const {
        _mm256_storeu_ps(to, low);
        _mm256_storeu_ps(to + 8, high);
    }
    void store(float *to, std::size_t count) const {
        if (count == 16) return store(to);
        const auto n = static_cast<std::ptrdiff_t>(count);
        _mm256_maskstore_ps(to, first_lanes(n), low);
        _mm256_maskstore_ps(to + 8, first_lanes(n - 8), high);
    }
    void store_codes(std::uint8_t *to) const {
        const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high));
        const __m256i ordered = _mm256_permute4x64_epi64(words, 0xD8);
        const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1));
        _mm_storeu_si128(reinterpret_cast<__m128i *>(to), bytes);
    }

    Floats keep(std::size_t count, Floats other) const {
        const auto n = static_cast<std::ptrdiff_t>(count);
        return {_mm256_blendv_ps(other.low, low, _mm256_castsi256_ps(first_lanes(n))),
                _mm256_blendv_ps(other.high, high, _mm256_castsi256_ps(first_lanes(n - 8)))};
    }
    Floats times_power_of_two(Floats exponent) const {
        const auto half = [](__m256 value, __m256 power) {
            const __m256i shifted = _mm256_slli_epi32(_mm256_castps_si256(power), 23);
            return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(value), shifted));
        };
        return {half(low, exponent.low), half(high, exponent.high)};
    }

    template <class Combine> static float reduce(__m256 eight, Combine combine) {
        const __m128 four = combine(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
        const __m128 two = combine(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(combine(two, _mm_movehdup_ps(two)));
    }
    float sum() const {
        return reduce(_mm256_add_ps(low, high), [](__m128 a, __m128 b) { return _mm_add_ps(a, b); });
    }
    float largest() const {
        return reduce(_mm256_max_ps(low, high), [](__m128 a, __m128 b) { return _mm_max_ps(a, b); });
    }
    float smallest() const {
        return reduce(_mm256_min_ps(low, high), [](__m128 a, __m128 b) { return _mm_min_ps(a, b); });
    }
};

inline Floats operator+(Floats a, Floats b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
inline Floats operator-(Floats a, Floats b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
inline Floats operator*(Floats a, Floats b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
inline Floats fma(Floats a, Floats b, Floats c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline Floats max(Floats a, Floats b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
inline Floats min(Floats a, Floats b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }

} // namespace edgebert::engine::EDGEBERT_PATH
