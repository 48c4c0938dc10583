#pragma once

namespace edgebert::engine {

/// What the CPU can do and the operating system allows.
struct Cpu {
    bool sse42 = false;       // the crc32 instruction
    bool avx2 = false;        // AVX2 and FMA
    bool avx_vnni = false;    // and VNNI on 256 bits
    bool avx512_vnni = false; // AVX-512 F, BW, DQ, VL and VNNI
    bool amx_int8 = false;    // and the matrix unit AMX with INT8
    bool neon_dotprod = false;
    bool neon_i8mm = false;
    bool arm_crc32 = false;
};

Cpu detect_cpu();

} // namespace edgebert::engine
