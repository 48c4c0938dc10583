// exp and erf as polynomials, in 16 lanes. Coefficients are Chebyshev fits; each Horner step is one fused
// multiply-add. Errors are measured against double precision in tests/cpp/test_kernels.cpp.
#pragma once

#include "lanes.h"

namespace edgebert::engine {

/// coefficients[0] is that of the highest power.
template <class Floats, std::size_t Count>
EDGEBERT_INLINE Floats horner(const float (&coefficients)[Count], const Floats &x) {
    Floats result = Floats::broadcast(coefficients[0]);
    for (std::size_t i = 1; i < Count; ++i)
        result = fma(result, x, Floats::broadcast(coefficients[i]));
    return result;
}

/// e to the x within 2 ulp for x from -87 to 88; x is cut to that range. e^x = 2^n * e^r, |r| <= ln(2) / 2.
template <class Floats> EDGEBERT_INLINE Floats exponential(const Floats &x) {
    constexpr float kTail[] = {0.00139336579f, 0.00836318173f, 0.041666463f, 0.166665763f, 0.5f};
    const Floats magic = Floats::broadcast(12582912.0f); // 1.5 * 2^23: adding it leaves no bits for a fraction
    const Floats one = Floats::broadcast(1.0f);
    const Floats cut = min(max(x, Floats::broadcast(-87.0f)), Floats::broadcast(88.0f));
    const Floats shifted = fma(cut, Floats::broadcast(1.44269504f), magic);
    const Floats n = shifted - magic;
    // ln(2) in two parts: the first has few bits, so its multiple is exact
    const Floats high = fma(n, Floats::broadcast(-0.693359375f), cut);
    const Floats r = fma(n, Floats::broadcast(2.12194440e-4f), high);
    const Floats tail = horner(kTail, r);
    return fma(fma(r, tail, one), r, one).times_power_of_two(shifted);
}

/// e to the x within 1e-4 of it, for x from -87 to 0 and results that become 8-bit codes; x is cut at -87.
template <class Floats> EDGEBERT_INLINE Floats coarse_exponential(const Floats &x) {
    constexpr float kPowers[] = {0.165668337f, 0.504964101f, 1.00016423f, 0.999928044f};
    const Floats magic = Floats::broadcast(12582912.0f); // 1.5 * 2^23: adding it leaves no bits for a fraction
    const Floats cut = max(x, Floats::broadcast(-87.0f));
    const Floats shifted = fma(cut, Floats::broadcast(1.44269504f), magic);
    const Floats r = fma(shifted - magic, Floats::broadcast(-0.693147182f), cut);
    return horner(kPowers, r).times_power_of_two(shifted);
}

/// erf(x) within 2e-7: x times a polynomial in x squared, mapped to -1 to 1; x is cut to 3.7, where erf is 1 - 1.7e-7.
template <class Floats> EDGEBERT_INLINE Floats error_function(const Floats &x) {
    constexpr float kEven[] = {0.000768400787f, -0.00182446814f, 0.00139825873f, -0.00268816459f, 0.0084804846f,
                               -0.0152504779f,  0.0230754986f,   -0.0356011018f, 0.0521475151f,   -0.0705938563f,
                               0.0905216187f,   -0.112628102f,   0.140795439f,   -0.190468282f,   0.382137477f};
    const Floats limit = Floats::broadcast(3.7f);
    const Floats cut = min(max(x, Floats::broadcast(-3.7f)), limit);
    const Floats mapped = fma(cut * cut, Floats::broadcast(0.146092042f), Floats::broadcast(-1.0f));
    return horner(kEven, mapped) * cut;
}

/// x * (1 + erf(x / sqrt(2))) / 2
template <class Floats> EDGEBERT_INLINE Floats gelu(const Floats &x) {
    const Floats half = x * Floats::broadcast(0.5f);
    return fma(half, error_function(x * Floats::broadcast(0.707106781f)), half);
}

/// The same within 2e-4, for results that become 8-bit codes: x / 2 + x * y * polynomial(y^2), y being x cut to -4 to
/// 4, where the polynomial makes it x or 0.
template <class Floats> EDGEBERT_INLINE Floats coarse_gelu(const Floats &x) {
    constexpr float kEven[] = {2.25884962e-08f, -1.58884328e-06f, 4.77642424e-05f, -0.000812191336f,
                               0.00876371205f,  -0.0645544635f,   0.397870306f};
    const Floats cut = min(max(x, Floats::broadcast(-4.0f)), Floats::broadcast(4.0f));
    return fma(horner(kEven, cut * cut), cut, Floats::broadcast(0.5f)) * x;
}

} // namespace edgebert::engine
