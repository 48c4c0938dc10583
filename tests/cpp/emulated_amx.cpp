// The source of the AMX products on loops that do what the matrix unit does: emulated, not run. What the unit would
// refuse ends the test.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engine/kernels/dot_scalar.h"
#include "engine/kernels/floats_scalar.h"
#include "engine/kernels/matrix.h"
#include "engine/kernels/paths.h"

namespace edgebert::engine {
namespace {

void require(bool holds, const char *what) {
    if (holds) return;
    std::printf("the matrix unit refuses this: %s\n", what);
    std::abort();
}

/// Intel's "AMX Instruction Reference", chapter 3 of the Architecture Instruction Set Extensions.
class EmulatedUnit {
  public:
    static void configure(const MatrixShapes &shapes) {
        require(shapes.palette == 1 && shapes.first_row == 0, "palette");
        for (int i = 0; i < 16; ++i) {
            require(shapes.rows[i] <= (i < 8 ? 16 : 0) && shapes.bytes[i] <= (i < 8 ? 64 : 0), "size of a register");
            require((shapes.rows[i] == 0) == (shapes.bytes[i] == 0), "rows without bytes");
        }
        shapes_ = shapes;
        std::memset(registers_, 0, sizeof registers_);
        configured_ = true;
    }

    static void release() {
        require(configured_, "release before it is configured");
        configured_ = false;
    }

    template <int Register> static void zero() {
        row_count(Register);
        std::memset(registers_[Register], 0, sizeof registers_[Register]);
    }

    template <int Register> static void load(const void *from, std::size_t stride) {
        const int rows = row_count(Register);
        zero<Register>();
        for (int row = 0; row < rows; ++row)
            std::memcpy(registers_[Register][row], static_cast<const char *>(from) + row * static_cast<long>(stride),
                        shapes_.bytes[Register]);
    }

    template <int Register> static void store(void *to, std::size_t stride) {
        const int rows = row_count(Register);
        for (int row = 0; row < rows; ++row)
            std::memcpy(static_cast<char *>(to) + row * static_cast<long>(stride), registers_[Register][row],
                        shapes_.bytes[Register]);
    }

    template <int Sums, int Codes, int Weights> static void multiply() {
        const int rows = row_count(Sums), groups = row_count(Weights), outputs = shapes_.bytes[Sums] / 4;
        require(row_count(Codes) == rows, "rows of the codes");
        require(shapes_.bytes[Codes] == groups * 4, "groups of the codes");
        require(shapes_.bytes[Weights] == shapes_.bytes[Sums], "outputs of the weights");
        for (int row = 0; row < rows; ++row) {
            for (int output = 0; output < outputs; ++output) {
                std::int32_t sum;
                std::memcpy(&sum, registers_[Sums][row] + 4 * output, sizeof sum);
                for (int input = 0; input < 4 * groups; ++input) {
                    const auto weight =
                        static_cast<std::int8_t>(registers_[Weights][input / 4][4 * output + input % 4]);
                    sum += registers_[Codes][row][input] * weight;
                }
                std::memcpy(registers_[Sums][row] + 4 * output, &sum, sizeof sum);
            }
        }
    }

  private:
    static int row_count(int index) {
        require(configured_, "work before it is configured");
        require(shapes_.rows[index] > 0, "a register without rows");
        return shapes_.rows[index];
    }

    static inline MatrixShapes shapes_;
    static inline std::uint8_t registers_[8][16][64];
    static inline bool configured_ = false;
};

struct Int8 {
    using Unit = EmulatedUnit;
    using Floats = scalar::Floats;
    using Dot = scalar::Dot;
    static constexpr const Kernels &kOtherwise = kScalar;
};

} // namespace

const Kernels &emulated_amx_kernels();
bool emulated_amx_multiplies();

const Kernels &emulated_amx_kernels() {
    static const Kernels kernels = with_matrix_products<Int8>("amx_int8");
    return kernels;
}

bool emulated_amx_multiplies() { return matrix_multiplies<EmulatedUnit>(); }

} // namespace edgebert::engine
