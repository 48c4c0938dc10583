#define EDGEBERT_PATH neon_dotprod
#include "dot_neon.h"
#include "floats_neon.h"
#include "path.h"
#include "paths.h"

namespace edgebert::engine {
namespace EDGEBERT_PATH {
namespace {

struct Int8 {
    using Floats = neon_dotprod::Floats;
    using Dot = neon_dotprod::Dot;
    static constexpr int kRows = 4, kPanels = 1;
};

struct Fp32 {
    using Floats = neon_dotprod::Floats;
    static constexpr int kRows = 6, kPanels = 1;
};

} // namespace
} // namespace EDGEBERT_PATH

extern const Kernels kNeonDotprod = make_kernels<neon_dotprod::Int8, neon_dotprod::Fp32>("neon_dotprod");

} // namespace edgebert::engine
