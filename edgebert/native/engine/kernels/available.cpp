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
#if defined(__x86_64__)
        add(cpu.avx512_vnni, kAvx512Vnni);
        add(cpu.avx_vnni, kAvxVnni);
        add(cpu.avx2, kAvx2);
#elif defined(__aarch64__)
        add(cpu.neon_dotprod, kNeonDotprod);
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
