// The tables of all paths; which of them are built depends on the target.
#pragma once

#include "kernels.h"

namespace edgebert::engine {

extern const Kernels kScalar, kAvx2, kAvxVnni, kAvx512Vnni, kNeon, kNeonDotprod, kNeonI8mm;

/// The AVX-512 VNNI path with products of AMX; nullptr where that does not multiply as its definition says.
const Kernels *amx_int8_kernels();

} // namespace edgebert::engine
