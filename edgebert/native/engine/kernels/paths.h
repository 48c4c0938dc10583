// The tables of all paths; which of them are built depends on the target.
#pragma once

#include "kernels.h"

namespace edgebert::engine {

extern const Kernels kScalar, kAvx2, kAvxVnni, kAvx512Vnni, kNeon, kNeonDotprod, kNeonI8mm;

} // namespace edgebert::engine
