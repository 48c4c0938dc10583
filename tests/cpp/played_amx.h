#pragma once

#include "engine/kernels/kernels.h"

/// The AMX path as it is built, on a CPU that has AVX-512 VNNI and no AMX: each instruction of the unit traps and is
/// played by loops. nullptr: this CPU has the unit, or lacks the rest.
const edgebert::engine::Kernels *played_amx_kernels();
