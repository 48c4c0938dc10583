#define EDGEBERT_PATH avx_vnni
#include "dot_x86.h"
#include "floats_avx2.h"
#include "path.h"
#include "paths.h"

namespace edgebert::engine {
namespace EDGEBERT_PATH {
namespace {

struct Int8 {
    using Floats = avx_vnni::Floats;
    using Dot = avx_vnni::Dot;
    static constexpr int kRows = 6, kPanels = 1;
};

struct Fp32 {
    using Floats = avx_vnni::Floats;
    static constexpr int kRows = 6, kPanels = 1;
};

} // namespace
} // namespace EDGEBERT_PATH

extern const Kernels kAvxVnni = make_kernels<avx_vnni::Int8, avx_vnni::Fp32>("avx_vnni");

} // namespace edgebert::engine
