// Numbers that are the same on every machine, made without the C library's mathematics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed * 2 + 1) {}

    std::uint32_t bits() {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::uint32_t>(state_ >> 33);
    }

    /// From `low` to `high`, both among them.
    int between(int low, int high) {
        return low + static_cast<int>(bits() % static_cast<std::uint32_t>(high - low + 1));
    }

    /// From -scale to scale.
    float real(float scale) { return (static_cast<float>(bits() & 0xFFFFFF) / 8388608.0f - 1.0f) * scale; }

    std::vector<float> reals(std::size_t count, float scale) {
        std::vector<float> out(count);
        for (float &value : out)
            value = real(scale);
        return out;
    }

  private:
    std::uint64_t state_;
};
