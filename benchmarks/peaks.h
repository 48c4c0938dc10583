// Loops of a path's multiply instructions on registers alone: what no product can exceed.
#pragma once

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>

#include "engine/kernels/amx.h"
#endif

namespace edgebert::benchmark {

struct Peaks {
    void (*int8)() = nullptr;
    double int8_operations = 0; // multiply-accumulates of a call
    void (*fp32)() = nullptr;
    double fp32_operations = 0;
};

#if defined(__x86_64__)

constexpr int kTurns = 2000, kChains = 10;

// ten chains in registers; the empty statement keeps the compiler from merging or removing their steps
#define EDGEBERT_STEP(sum, step)                                                                                       \
    do {                                                                                                               \
        step(sum);                                                                                                     \
        __asm__ volatile("" : "+v"(sum));                                                                              \
    } while (false)
#define EDGEBERT_CHAINS(type, start, step)                                                                             \
    type a0 = start, a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0, a8 = a0, a9 = a0;                  \
    for (int turn = 0; turn < kTurns; ++turn) {                                                                        \
        EDGEBERT_STEP(a0, step);                                                                                       \
        EDGEBERT_STEP(a1, step);                                                                                       \
        EDGEBERT_STEP(a2, step);                                                                                       \
        EDGEBERT_STEP(a3, step);                                                                                       \
        EDGEBERT_STEP(a4, step);                                                                                       \
        EDGEBERT_STEP(a5, step);                                                                                       \
        EDGEBERT_STEP(a6, step);                                                                                       \
        EDGEBERT_STEP(a7, step);                                                                                       \
        EDGEBERT_STEP(a8, step);                                                                                       \
        EDGEBERT_STEP(a9, step);                                                                                       \
    }

// two groups of inputs, widened together
#define EDGEBERT_AVX2_INT8(sum)                                                                                        \
    __asm__ volatile("" : "+v"(b), "+v"(c));                                                                           \
    sum = _mm256_add_epi32(                                                                                            \
        sum, _mm256_madd_epi16(_mm256_add_epi16(_mm256_maddubs_epi16(a, b), _mm256_maddubs_epi16(a, c)), one))
#define EDGEBERT_AVX2_FP32(sum) sum = _mm256_fmadd_ps(a, b, sum)
#define EDGEBERT_AVX_VNNI_INT8(sum) sum = _mm256_dpbusd_avx_epi32(sum, a, b)
#define EDGEBERT_AVX512_INT8(sum) sum = _mm512_dpbusd_epi32(sum, a, b)
#define EDGEBERT_AVX512_FP32(sum) sum = _mm512_fmadd_ps(a, b, sum)

__attribute__((target("avx2,fma"))) inline void avx2_int8() {
    const __m256i a = _mm256_set1_epi8(3), one = _mm256_set1_epi16(1);
    __m256i b = _mm256_set1_epi8(5), c = b;
    EDGEBERT_CHAINS(__m256i, _mm256_setzero_si256(), EDGEBERT_AVX2_INT8)
}

__attribute__((target("avx2,fma"))) inline void avx2_fp32() {
    const __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
    EDGEBERT_CHAINS(__m256, _mm256_setzero_ps(), EDGEBERT_AVX2_FP32)
}

__attribute__((target("avx2,avxvnni"))) inline void avx_vnni_int8() {
    const __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
    EDGEBERT_CHAINS(__m256i, _mm256_setzero_si256(), EDGEBERT_AVX_VNNI_INT8)
}

__attribute__((target("avx512f,avx512vnni"))) inline void avx512_vnni_int8() {
    const __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
    EDGEBERT_CHAINS(__m512i, _mm512_setzero_si512(), EDGEBERT_AVX512_INT8)
}

__attribute__((target("avx512f"))) inline void avx512_fp32() {
    const __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
    EDGEBERT_CHAINS(__m512, _mm512_setzero_ps(), EDGEBERT_AVX512_FP32)
}

/// Four sums, as the products have them.
__attribute__((target("amx-tile,amx-int8"))) inline void amx_int8() {
    using engine::Amx;
    engine::MatrixShapes shapes;
    for (int i = 0; i < 8; ++i)
        shapes.set(i, engine::kMatrixRows);
    Amx::configure(shapes);
    for (int turn = 0; turn < kTurns; ++turn) {
        Amx::multiply<0, 4, 6>();
        Amx::multiply<1, 4, 7>();
        Amx::multiply<2, 5, 6>();
        Amx::multiply<3, 5, 7>();
    }
    Amx::release();
}

inline Peaks find_peaks(const char *path) {
    constexpr double kSteps = static_cast<double>(kTurns) * kChains;
    if (std::strcmp(path, "avx2") == 0) return {&avx2_int8, kSteps * 64, &avx2_fp32, kSteps * 8};
    if (std::strcmp(path, "avx_vnni") == 0) return {&avx_vnni_int8, kSteps * 32, &avx2_fp32, kSteps * 8};
    if (std::strcmp(path, "avx512_vnni") == 0) return {&avx512_vnni_int8, kSteps * 64, &avx512_fp32, kSteps * 16};
    if (std::strcmp(path, "amx_int8") == 0) return {&amx_int8, kTurns * 4.0 * 16 * 16 * 64, &avx512_fp32, kSteps * 16};
    return {};
}

#else

inline Peaks find_peaks(const char *) { return {}; }

#endif

} // namespace edgebert::benchmark
