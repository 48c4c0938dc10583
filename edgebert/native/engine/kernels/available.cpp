#include "cpu.h"
#include "paths.h"

namespace edgebert::engine {
namespace {

/// The list that `available_kernels` gives out, made at its first call.
struct Available {
    const Kernels *list[8] = {};

    Available() {
        const Cpu cpu = detect_cpu();
        std::size_t count = 0;
        const auto add = [&](bool usable, const Kernels &kernels) {
            if (usable) list[count++] = &kernels;
        };
#ifdef EDGEBERT_PATH_AMX_INT8
        if (const Kernels *const kernels = cpu.amx_int8 ? amx_int8_kernels() : nullptr) add(true, *kernels);
#endif
#ifdef EDGEBERT_PATH_AVX512_VNNI
        add(cpu.avx512_vnni, kAvx512Vnni);
#endif
#ifdef EDGEBERT_PATH_AVX_VNNI
        add(cpu.avx_vnni, kAvxVnni);
#endif
#ifdef EDGEBERT_PATH_AVX2
        add(cpu.avx2, kAvx2);
#endif
#ifdef EDGEBERT_PATH_NEON_I8MM
        add(cpu.neon_i8mm, kNeonI8mm);
#endif
#ifdef EDGEBERT_PATH_NEON_DOTPROD
        add(cpu.neon_dotprod, kNeonDotprod);
#endif
#ifdef EDGEBERT_PATH_NEON
        add(true, kNeon);
#endif
        static_cast<void>(cpu);
        add(true, kScalar);
    }
};

} // namespace

const Kernels *const *available_kernels() {
    static const Available available;
    return available.list;
}

} // namespace edgebert::engine
