// Integer products in plain C++: the specification.
#pragma once

#include <cstdint>
#include <cstring>

namespace edgebert::engine::scalar {

struct Dot {
    static constexpr std::int32_t kCodeShift = 0;
    struct Sums {
        std::int32_t lane[16];
    };
    using Weights = const std::int8_t *; // [16, 4]
    using Inputs = const std::uint8_t *;

    static Sums zero() { return {}; }
    static Weights weights(const std::int8_t *from) { return from; }
    static Inputs inputs(const std::uint8_t *from) { return from; }
    template <int Group> static Inputs pick(Inputs from) { return from + 4 * Group; }
    template <int Group> static void add(Sums &sums, Inputs input, Weights weights) {
        for (int output = 0; output < 16; ++output) {
            for (int i = 0; i < 4; ++i)
                sums.lane[output] += input[i] * weights[4 * output + i];
        }
    }
    static Sums load(const std::int32_t *from) {
        Sums sums;
        std::memcpy(&sums, from, sizeof sums);
        return sums;
    }
    /// sum - zero_point * column_sum, in integers, then as floats.
    template <class Floats> static Floats corrected(const Sums &sums, const Sums &columns, std::int32_t zero_point) {
        return Floats::make([&](int i) { return static_cast<float>(sums.lane[i] - zero_point * columns.lane[i]); });
    }
};

} // namespace edgebert::engine::scalar
