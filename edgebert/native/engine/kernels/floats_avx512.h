// 16 floats in one AVX-512 register.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace edgebert::engine::EDGEBERT_PATH {

inline __mmask16 first_lanes(std::size_t count) { return static_cast<__mmask16>((1u << count) - 1u); }

struct Floats {
    __m512 all;

    static Floats broadcast(float value) { return {_mm512_set1_ps(value)}; }
    static Floats load(const float *from) { return {_mm512_loadu_ps(from)}; }
    static Floats load(const float *from, std::size_t count) {
        return {_mm512_maskz_loadu_ps(first_lanes(count), from)};
    }
    static Floats load_int8(const std::int8_t *from, std::size_t count) {
        const __m128i bytes = _mm_maskz_loadu_epi8(first_lanes(count), from);
        return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
    }

    void store(float *to) const { _mm512_storeu_ps(to, all); }
    void store(float *to, std::size_t count) const { _mm512_mask_storeu_ps(to, first_lanes(count), all); }
    void store_codes(std::uint8_t *to) const {
        const __m512i whole = _mm512_max_epi32(_mm512_cvtps_epi32(all), _mm512_setzero_si512());
        _mm_storeu_si128(reinterpret_cast<__m128i *>(to), _mm512_cvtusepi32_epi8(whole));
    }

    Floats keep(std::size_t count, Floats other) const {
        return {_mm512_mask_mov_ps(other.all, first_lanes(count), all)};
    }
    Floats times_power_of_two(Floats exponent) const {
        const __m512i shifted = _mm512_slli_epi32(_mm512_castps_si512(exponent.all), 23);
        return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(all), shifted))};
    }

    template <class Wide, class Narrow> float reduce(Wide wide, Narrow narrow) const {
        const __m256 eight = wide(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
        const __m128 four = narrow(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
        const __m128 two = narrow(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(narrow(two, _mm_movehdup_ps(two)));
    }
    float sum() const {
        return reduce([](__m256 a, __m256 b) { return _mm256_add_ps(a, b); },
                      [](__m128 a, __m128 b) { return _mm_add_ps(a, b); });
    }
    float largest() const {
        return reduce([](__m256 a, __m256 b) { return _mm256_max_ps(a, b); },
                      [](__m128 a, __m128 b) { return _mm_max_ps(a, b); });
    }
    float smallest() const {
        return reduce([](__m256 a, __m256 b) { return _mm256_min_ps(a, b); },
                      [](__m128 a, __m128 b) { return _mm_min_ps(a, b); });
    }
};

/// Packs of 32 to 16 and of 16 to 8 bits saturate as `store_codes` does. They work within 128 bits, so 4 bytes of each
/// of the four lie side by side after them.
inline void store_64_codes(const Floats (&values)[4], std::uint8_t *to) {
    const __m512i low = _mm512_packs_epi32(_mm512_cvtps_epi32(values[0].all), _mm512_cvtps_epi32(values[1].all));
    const __m512i high = _mm512_packs_epi32(_mm512_cvtps_epi32(values[2].all), _mm512_cvtps_epi32(values[3].all));
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm512_storeu_si512(to, _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high)));
}

inline Floats operator+(Floats a, Floats b) { return {_mm512_add_ps(a.all, b.all)}; }
inline Floats operator-(Floats a, Floats b) { return {_mm512_sub_ps(a.all, b.all)}; }
inline Floats operator*(Floats a, Floats b) { return {_mm512_mul_ps(a.all, b.all)}; }
inline Floats fma(Floats a, Floats b, Floats c) { return {_mm512_fmadd_ps(a.all, b.all, c.all)}; }
inline Floats max(Floats a, Floats b) { return {_mm512_max_ps(a.all, b.all)}; }
inline Floats min(Floats a, Floats b) { return {_mm512_min_ps(a.all, b.all)}; }

} // namespace edgebert::engine::EDGEBERT_PATH
