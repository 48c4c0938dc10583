// Integer products of the x86 paths: a token's 4 codes are spread to all lanes, u8 times s8.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace edgebert::engine::EDGEBERT_PATH {

inline std::int32_t load_group(const std::uint8_t *from) {
    std::int32_t value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

#if defined(__AVX512VNNI__)

struct Dot {
    static constexpr std::int32_t kCodeShift = 0;
    using Sums = __m512i;
    using Weights = __m512i;
    using Inputs = const std::uint8_t *;

    static Sums zero() { return _mm512_setzero_si512(); }
    static Weights weights(const std::int8_t *from) { return _mm512_loadu_si512(from); }
    static Inputs inputs(const std::uint8_t *from) { return from; }
    template <int Group> static __m512i pick(Inputs from) { return _mm512_set1_epi32(load_group(from + 4 * Group)); }
    template <int Group> static void add(Sums &sums, __m512i input, Weights weights) {
        sums = _mm512_dpbusd_epi32(sums, input, weights);
    }
    static Sums load(const std::int32_t *from) { return _mm512_loadu_si512(from); }
    template <class Floats> static Floats corrected(Sums sums, Sums columns, std::int32_t zero_point) {
        const __m512i shift = _mm512_mullo_epi32(_mm512_set1_epi32(zero_point), columns);
        return {_mm512_cvtepi32_ps(_mm512_sub_epi32(sums, shift))};
    }
};

#else

struct Dot {
    static constexpr std::int32_t kCodeShift = 0;
    struct Sums {
        __m256i low, high;
    };
    using Weights = Sums;
    using Inputs = const std::uint8_t *;

    static Sums zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
    static Weights weights(const std::int8_t *from) {
        const auto *const lanes = reinterpret_cast<const __m256i *>(from);
        return {_mm256_loadu_si256(lanes), _mm256_loadu_si256(lanes + 1)};
    }
    static Inputs inputs(const std::uint8_t *from) { return from; }
    template <int Group> static __m256i pick(Inputs from) { return _mm256_set1_epi32(load_group(from + 4 * Group)); }
    template <int Group> static void add(Sums &sums, __m256i input, const Weights &weights) {
        sums.low = add_products(sums.low, input, weights.low);
        sums.high = add_products(sums.high, input, weights.high);
    }
    static Sums load(const std::int32_t *from) {
        const auto *const lanes = reinterpret_cast<const __m256i *>(from);
        return {_mm256_loadu_si256(lanes), _mm256_loadu_si256(lanes + 1)};
    }
    template <class Floats> static Floats corrected(const Sums &sums, const Sums &columns, std::int32_t zero_point) {
        const __m256i zero = _mm256_set1_epi32(zero_point);
        const auto half = [zero](__m256i sum, __m256i column_sum) {
            return _mm256_cvtepi32_ps(_mm256_sub_epi32(sum, _mm256_mullo_epi32(zero, column_sum)));
        };
        return {half(sums.low, columns.low), half(sums.high, columns.high)};
    }

#if defined(__AVXVNNI__)
  private:
    static __m256i add_products(__m256i sums, __m256i input, __m256i weights) {
        return _mm256_dpbusd_avx_epi32(sums, input, weights);
    }
#else
    /// Adds the products of two groups of which four fit 16 bits, see tile_avx2.h.
    static void add_both(Sums &sums, __m256i input, const Weights &weights, __m256i next, const Weights &next_weights) {
        const auto both = [&](__m256i here, __m256i there) {
            return _mm256_add_epi16(_mm256_maddubs_epi16(input, here), _mm256_maddubs_epi16(next, there));
        };
        sums.low = add_pairs(sums.low, both(weights.low, next_weights.low));
        sums.high = add_pairs(sums.high, both(weights.high, next_weights.high));
    }

  private:
    static __m256i add_products(__m256i sums, __m256i input, __m256i weights) {
        // weights are -64 to 64, so the sum of two products is at most 2 * 255 * 64 = 32640 and fits 16 bits
        return add_pairs(sums, _mm256_maddubs_epi16(input, weights));
    }

    static __m256i add_pairs(__m256i sums, __m256i pairs) {
        sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
        __asm__("" : "+x"(sums)); // else GCC adds the products of many groups up first, in memory
        return sums;
    }
#endif
};

#endif

} // namespace edgebert::engine::EDGEBERT_PATH
