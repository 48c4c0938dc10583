#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#elif defined(__aarch64__)
#include <cstdint>
#endif

namespace edgebert::engine {

/// Sets the floating-point control register to IEEE 754's defaults (nearest even, denormals kept, nothing trapped) and
/// restores the caller's at the end: bits must not depend on what the program around does.
class FloatControl {
  public:
#if defined(__x86_64__)
    FloatControl() : before_(_mm_getcsr()) { _mm_setcsr(0x1F80); }
    ~FloatControl() { _mm_setcsr(before_); }
#elif defined(__aarch64__)
    FloatControl() {
        __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
        set(0);
    }
    ~FloatControl() { set(before_); }
#else
    FloatControl() = default;
#endif
    FloatControl(const FloatControl &) = delete;
    FloatControl &operator=(const FloatControl &) = delete;

  private:
#if defined(__x86_64__)
    unsigned before_;
#elif defined(__aarch64__)
    static void set(std::uint64_t value) { __asm__ volatile("msr fpcr, %0" : : "r"(value)); }
    std::uint64_t before_;
#endif
};

} // namespace edgebert::engine
