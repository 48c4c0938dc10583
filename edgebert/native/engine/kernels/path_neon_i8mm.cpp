#define EDGEBERT_PATH neon_i8mm
#include "dot_i8mm.h"
#include "floats_neon.h"
#include "path.h"
#include "paths.h"

namespace edgebert::engine {

template <int Rows, int Panels> struct Multiply<neon_i8mm::Dot, Rows, Panels> {
    static EDGEBERT_INLINE void run(const TileInput &tile, neon_i8mm::Dot::Sums (&sums)[Rows][Panels]) {
        tile_pairs<neon_i8mm::Dot>(tile, sums);
    }
};

namespace EDGEBERT_PATH {
namespace {

struct Int8 {
    using Floats = neon_i8mm::Floats;
    using Dot = neon_i8mm::Dot;
    static constexpr int kRows = 6, kPanels = 1;
};

struct Fp32 {
    using Floats = neon_i8mm::Floats;
    static constexpr int kRows = 6, kPanels = 1;
};

} // namespace
} // namespace EDGEBERT_PATH

extern const Kernels kNeonI8mm = make_kernels<neon_i8mm::Int8, neon_i8mm::Fp32>("neon_i8mm");

} // namespace edgebert::engine
