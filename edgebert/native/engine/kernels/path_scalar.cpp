#include "dot_scalar.h"
#include "floats_scalar.h"
#include "path.h"
#include "paths.h"

namespace edgebert::engine {
namespace scalar {
namespace {

struct Int8 {
    using Floats = scalar::Floats;
    using Dot = scalar::Dot;
    static constexpr int kRows = 2, kPanels = 1;
};

struct Fp32 {
    using Floats = scalar::Floats;
    static constexpr int kRows = 2, kPanels = 1;
};

} // namespace
} // namespace scalar

extern const Kernels kScalar = make_kernels<scalar::Int8, scalar::Fp32>("scalar");

} // namespace edgebert::engine
