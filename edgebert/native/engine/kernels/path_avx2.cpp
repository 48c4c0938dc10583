#define EDGEBERT_PATH avx2
#include "dot_x86.h"
#include "floats_avx2.h"
#include "path.h"
#include "paths.h"
#include "tile_avx2.h"

namespace edgebert::engine {

template <int Rows> struct Multiply<avx2::Dot, Rows, 1> {
    static EDGEBERT_INLINE void run(const TileInput &tile, avx2::Dot::Sums (&sums)[Rows][1]) {
        avx2::tile_narrow<avx2::Dot>(tile, sums);
    }
};

namespace EDGEBERT_PATH {
namespace {

struct Int8 {
    using Floats = avx2::Floats;
    using Dot = avx2::Dot;
    static constexpr int kRows = 4, kPanels = 1; // with the weights of two groups that is all that registers hold
};

struct Fp32 {
    using Floats = avx2::Floats;
    static constexpr int kRows = 6, kPanels = 1;
};

} // namespace
} // namespace EDGEBERT_PATH

extern const Kernels kAvx2 = make_kernels<avx2::Int8, avx2::Fp32>("avx2", &avx2::find_narrow);

} // namespace edgebert::engine
