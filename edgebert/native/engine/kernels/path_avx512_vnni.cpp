#define EDGEBERT_PATH avx512_vnni
#include "dot_x86.h"
#include "floats_avx512.h"
#include "path.h"
#include "paths.h"

namespace edgebert::engine {
namespace EDGEBERT_PATH {
namespace {

struct Int8 {
    using Floats = avx512_vnni::Floats;
    using Dot = avx512_vnni::Dot;
    static constexpr int kRows = 12, kPanels = 2;
};

struct Fp32 {
    using Floats = avx512_vnni::Floats;
    static constexpr int kRows = 12, kPanels = 2;
};

} // namespace
} // namespace EDGEBERT_PATH

extern const Kernels kAvx512Vnni = make_kernels<avx512_vnni::Int8, avx512_vnni::Fp32>("avx512_vnni");

} // namespace edgebert::engine
