// The source of the AVX-VNNI path with SIMDe's emulation of its one instruction that AVX2 lacks: emulated, not run.
#include <immintrin.h>
#include <simde/x86/avx512/dpbusd.h>

// names of its own, beside those of the path in the library
#define avx_vnni emulated_avx_vnni
#define kAvxVnni kEmulatedAvxVnni
#define __AVXVNNI__ 1
#define _mm256_dpbusd_avx_epi32 simde_mm256_dpbusd_epi32
#include "engine/kernels/path_avx_vnni.cpp"
