#define EDGEBERT_PATH amx_int8
#include "amx.h"
#include "dot_x86.h"
#include "floats_avx512.h"
#include "matrix.h"
#include "paths.h"

namespace edgebert::engine {
namespace EDGEBERT_PATH {
namespace {

struct Int8 {
    using Unit = Amx;
    using Floats = amx_int8::Floats;
    using Dot = amx_int8::Dot;
    static constexpr const Kernels &kOtherwise = kAvx512Vnni;
};

} // namespace
} // namespace EDGEBERT_PATH

const Kernels *amx_int8_kernels() {
    static const Kernels kernels = with_matrix_products<amx_int8::Int8>("amx_int8");
    static const bool right = matrix_multiplies<Amx>();
    return right ? &kernels : nullptr;
}

} // namespace edgebert::engine
