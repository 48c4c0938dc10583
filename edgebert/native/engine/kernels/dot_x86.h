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
    static void store(Sums sums, std::int32_t *to) { _mm512_storeu_si512(to, sums); }
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
    static void store(const Sums &sums, std::int32_t *to) {
        auto *const lanes = reinterpret_cast<__m256i *>(to);
        _mm256_storeu_si256(lanes, sums.low);
        _mm256_storeu_si256(lanes + 1, sums.high);
    }

  private:
    static __m256i add_products(__m256i sums, __m256i input, __m256i weights) {
#if defined(__AVXVNNI__)
        return _mm256_dpbusd_avx_epi32(sums, input, weights);
#else
        // weights are -64 to 64, so the sum of two products is at most 2 * 255 * 64 = 32640 and fits 16 bits
        const __m256i pairs = _mm256_maddubs_epi16(input, weights);
        sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
        __asm__("" : "+x"(sums)); // else GCC adds the products of many groups up first, in memory
        return sums;
#endif
    }
};

#endif

} // namespace edgebert::engine::EDGEBERT_PATH
