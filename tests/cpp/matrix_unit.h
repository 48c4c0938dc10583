// The matrix unit AMX played by loops, as Intel's "Architecture Instruction Set Extensions Programming Reference"
// defines its instructions. What the unit would refuse ends the test.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engine/kernels/matrix.h"

class MatrixUnit {
  public:
    using Shapes = edgebert::engine::MatrixShapes;

    void configure(const Shapes &shapes) {
        require(shapes.palette == 1 && shapes.first_row == 0, "palette");
        for (int i = 0; i < 16; ++i) {
            require(shapes.rows[i] <= (i < 8 ? 16 : 0) && shapes.bytes[i] <= (i < 8 ? 64 : 0), "size of a register");
            require((shapes.rows[i] == 0) == (shapes.bytes[i] == 0), "rows without bytes");
        }
        shapes_ = shapes;
        std::memset(registers_, 0, sizeof registers_);
        configured_ = true;
    }

    void release() {
        require(configured_, "release before it is configured");
        configured_ = false;
    }

    void zero(int index) {
        row_count(index);
        std::memset(registers_[index], 0, sizeof registers_[index]);
    }

    void load(int index, const void *from, std::int64_t stride) {
        const int rows = row_count(index);
        zero(index);
        for (int row = 0; row < rows; ++row)
            std::memcpy(registers_[index][row], static_cast<const char *>(from) + row * stride, shapes_.bytes[index]);
    }

    void store(int index, void *to, std::int64_t stride) const {
        const int rows = row_count(index);
        for (int row = 0; row < rows; ++row)
            std::memcpy(static_cast<char *>(to) + row * stride, registers_[index][row], shapes_.bytes[index]);
    }

    /// TDPBUSD sums, codes, weights
    void multiply(int sums, int codes, int weights) {
        const int rows = row_count(sums), groups = row_count(weights), outputs = shapes_.bytes[sums] / 4;
        require(row_count(codes) == rows, "rows of the codes");
        require(shapes_.bytes[codes] == groups * 4, "groups of the codes");
        require(shapes_.bytes[weights] == shapes_.bytes[sums], "outputs of the weights");
        for (int row = 0; row < rows; ++row) {
            for (int output = 0; output < outputs; ++output) {
                std::int32_t sum;
                std::memcpy(&sum, registers_[sums][row] + 4 * output, sizeof sum);
                for (int input = 0; input < 4 * groups; ++input) {
                    const std::uint8_t weight = registers_[weights][input / 4][4 * output + input % 4];
                    sum += registers_[codes][row][input] * static_cast<std::int8_t>(weight);
                }
                std::memcpy(registers_[sums][row] + 4 * output, &sum, sizeof sum);
            }
        }
    }

  private:
    static void require(bool holds, const char *what) {
        if (holds) return;
        std::printf("the matrix unit refuses this: %s\n", what);
        std::abort();
    }

    int row_count(int index) const {
        require(configured_, "work before it is configured");
        require(shapes_.rows[index] > 0, "a register without rows");
        return shapes_.rows[index];
    }

    Shapes shapes_;
    std::uint8_t registers_[8][16][64] = {};
    bool configured_ = false;
};
