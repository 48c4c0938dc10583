// The source of the AMX products on loops in place of the unit: emulated, not run. It works on every CPU.
#include "engine/kernels/dot_scalar.h"
#include "engine/kernels/floats_scalar.h"
#include "engine/kernels/matrix.h"
#include "engine/kernels/paths.h"
#include "matrix_unit.h"

namespace edgebert::engine {
namespace {

MatrixUnit unit;

struct EmulatedAmx {
    static void configure(const MatrixShapes &shapes) { unit.configure(shapes); }
    static void release() { unit.release(); }
    template <int Register> static void zero() { unit.zero(Register); }
    template <int Register> static void load(const void *from, std::size_t stride) {
        unit.load(Register, from, static_cast<std::int64_t>(stride));
    }
    template <int Register> static void store(void *to, std::size_t stride) {
        unit.store(Register, to, static_cast<std::int64_t>(stride));
    }
    template <int Sums, int Codes, int Weights> static void multiply() { unit.multiply(Sums, Codes, Weights); }
};

struct Int8 {
    using Unit = EmulatedAmx;
    using Floats = scalar::Floats;
    using Dot = scalar::Dot;
    static constexpr const Kernels &kOtherwise = kScalar;
};

} // namespace

extern const Kernels kEmulatedAmx;
const Kernels kEmulatedAmx = with_matrix_products<Int8>("amx_int8");

} // namespace edgebert::engine
