#define EDGEBERT_PATH avx2
#include "dot_x86.h"
#include "floats_avx2.h"
#include "path.h"
#include "paths.h"

namespace edgebert::engine {
namespace EDGEBERT_PATH {
namespace {

struct Int8 {
    using Floats = avx2::Floats;
    using Dot = avx2::Dot;
    static constexpr int kRows = 6, kPanels = 1;
};

struct Fp32 {
    using Floats = avx2::Floats;
    static constexpr int kRows = 6, kPanels = 1;
};

} // namespace
} // namespace EDGEBERT_PATH

extern const Kernels kAvx2 = make_kernels<avx2::Int8, avx2::Fp32>("avx2");

} // namespace edgebert::engine
