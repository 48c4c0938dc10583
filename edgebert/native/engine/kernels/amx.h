// The instructions of AMX, a matrix unit with 8 registers of up to 16 rows of 64 bytes. GCC's intrinsics take the
// number of a register as a literal only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lanes.h"
#include "matrix.h"

namespace edgebert::engine {

struct Amx {
    /// Gives the registers their sizes and sets them to zero.
    static void configure(const MatrixShapes &shapes) { __asm__ volatile("ldtilecfg %0" : : "m"(shapes)); }

    /// Gives the registers back: a thread without them is switched faster.
    static void release() { __asm__ volatile("tilerelease"); }

    template <int Register> static EDGEBERT_INLINE void zero() {
        __asm__ volatile("tilezero %%tmm%c0" : : "i"(Register));
    }

    /// Rows of bytes, one every `stride` bytes.
    template <int Register> static EDGEBERT_INLINE void load(const void *from, std::size_t stride) {
        __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(Register) : "memory");
    }

    template <int Register> static EDGEBERT_INLINE void store(void *to, std::size_t stride) {
        __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(Register) : "memory");
    }

    /// sums[row][output] += sum over groups and i < 4 of codes[row][4 * group + i] * weights[group][4 * output + i],
    /// codes being unsigned and weights signed.
    template <int Sums, int Codes, int Weights> static EDGEBERT_INLINE void multiply() {
        __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(Sums), "i"(Codes), "i"(Weights));
    }
};

} // namespace edgebert::engine
