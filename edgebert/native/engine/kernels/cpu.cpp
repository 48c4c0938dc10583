#include "cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace edgebert::engine {

#if defined(__x86_64__)

namespace {

struct Registers {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf, unsigned part) {
    Registers r;
    __get_cpuid_count(leaf, part, &r.eax, &r.ebx, &r.ecx, &r.edx);
    return r;
}

/// Register sets that the operating system saves (XCR0).
unsigned saved_state() {
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

bool bit(unsigned value, unsigned index) { return (value >> index & 1) != 0; }

/// Linux lets a process use the registers of AMX once it has asked for them, as they make signal frames larger.
bool may_use_amx() {
#if defined(__linux__)
    constexpr int kRequestPermission = 0x1023, kTileData = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
    return false;
#endif
}

} // namespace

Cpu detect_cpu() {
    Cpu cpu;
    const Registers one = cpuid(1, 0), seven = cpuid(7, 0), seven_one = cpuid(7, 1);
    cpu.sse42 = bit(one.ecx, 20);
    const unsigned saved = bit(one.ecx, 27) ? saved_state() : 0;
    const bool ymm = (saved & 0x06) == 0x06, zmm = (saved & 0xE6) == 0xE6, tiles = (saved & 0x60000) == 0x60000;
    cpu.avx2 = ymm && bit(one.ecx, 28) && bit(one.ecx, 12) && bit(seven.ebx, 5);
    cpu.avx_vnni = cpu.avx2 && seven.eax >= 1 && bit(seven_one.eax, 4);
    const bool avx512 = bit(seven.ebx, 16) && bit(seven.ebx, 17) && bit(seven.ebx, 30) && bit(seven.ebx, 31);
    cpu.avx512_vnni = cpu.avx2 && zmm && avx512 && bit(seven.ecx, 11);
    const bool amx = bit(seven.edx, 24) && bit(seven.edx, 25);
    cpu.amx_int8 = cpu.avx512_vnni && tiles && amx && may_use_amx();
    return cpu;
}

#elif defined(__aarch64__) && defined(__linux__)

Cpu detect_cpu() {
    constexpr unsigned long kCrc32 = 1ul << 7, kDotprod = 1ul << 20; // of AT_HWCAP
    constexpr unsigned long kI8mm = 1ul << 13;                       // of AT_HWCAP2
    const unsigned long capabilities = getauxval(AT_HWCAP);
    Cpu cpu;
    cpu.arm_crc32 = (capabilities & kCrc32) != 0;
    cpu.neon_dotprod = (capabilities & kDotprod) != 0;
    cpu.neon_i8mm = (getauxval(AT_HWCAP2) & kI8mm) != 0;
    return cpu;
}

#else

Cpu detect_cpu() { return {}; }

#endif

} // namespace edgebert::engine
