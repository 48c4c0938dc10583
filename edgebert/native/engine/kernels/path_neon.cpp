#define EDGEBERT_PATH neon
#include "dot_neon.h"
#include "floats_neon.h"
#include "path.h"
#include "paths.h"

namespace edgebert::engine {
namespace EDGEBERT_PATH {
namespace {

struct Int8 {
    using Floats = neon::Floats;
    using Dot = neon::Dot;
    static constexpr int kRows = 4, kPanels = 1;
};

struct Fp32 {
    using Floats = neon::Floats;
    static constexpr int kRows = 6, kPanels = 1;
};

} // namespace
} // namespace EDGEBERT_PATH

extern const Kernels kNeon = make_kernels<neon::Int8, neon::Fp32>("neon");

} // namespace edgebert::engine
