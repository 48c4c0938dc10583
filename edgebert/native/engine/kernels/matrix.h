// An INT8 product on a matrix unit, which multiplies up to 16 rows of 64 codes by 64 inputs of 16 outputs at once. A
// packed weight is what it wants: 16 groups of 4 inputs of a panel stand in a row, 1 KiB.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "product_int8.h"

namespace edgebert::engine {

constexpr std::size_t kMatrixRows = 16;
constexpr std::size_t kMatrixInputs = 64;
constexpr std::size_t kMatrixBytes = 64; // of a row of a register

/// Rows and bytes a row of the unit's registers, in the form that the unit reads (Intel's palette 1).
struct alignas(64) MatrixShapes {
    std::uint8_t palette = 1, first_row = 0, reserved[14] = {};
    std::uint16_t bytes[16] = {}; // of a row
    std::uint8_t rows[16] = {};

    /// Gives a register so many full rows.
    void set(int index, std::size_t count) {
        rows[index] = static_cast<std::uint8_t>(count);
        bytes[index] = kMatrixBytes;
    }
};
static_assert(sizeof(MatrixShapes) == 64, "the unit reads 64 bytes");

/// Finishes up to 16 rows of a panel: one copy of the code for all of them.
template <class Path>
__attribute__((noinline)) void finish_sums(const Int8Product &product, std::size_t row, std::size_t column,
                                           std::size_t rows, const std::int32_t (&sums)[kMatrixRows][kPanel]) {
    finish_tile<typename Path::Floats, typename Path::Dot>(product, row, column, static_cast<int>(rows), 1,
                                                           [&sums](int r, int)
                                                               EDGEBERT_ALWAYS { return Path::Dot::load(sums[r]); });
}

/// What a product does for a block of rows: registers 0 to 3 hold sums, of one or two times up to 16 rows, 4 and 5
/// codes of these rows, 6 and 7 weights. Four sums keep the unit busy while each waits for its last step.
template <class Path, int Blocks> class MatrixRows {
    using Unit = typename Path::Unit;
    static constexpr int kPanels = 4 / Blocks;

  public:
    /// `rows` are those of both blocks.
    MatrixRows(const Int8Product &product, std::size_t row, std::size_t rows)
        : product_(product), row_(row), count_{(rows + Blocks - 1) / Blocks, rows / Blocks} {
        MatrixShapes shapes;
        for (int i = 0; i < 4; ++i)
            shapes.set(i, count_[i / kPanels]);
        for (int block = 0; block < Blocks; ++block)
            shapes.set(4 + block, count_[block]);
        shapes.set(6, kMatrixInputs / kGroup);
        shapes.set(7, kMatrixInputs / kGroup);
        Unit::configure(shapes);
    }

    void run() const {
        const std::size_t panels = (product_.layer.outputs + kPanel - 1) / kPanel;
        std::size_t panel = 0;
        for (; panel + kPanels <= panels; panel += kPanels)
            tile(panel * kPanel, std::make_integer_sequence<int, kPanels>());
        for (; panel < panels; ++panel)
            tile(panel * kPanel, std::make_integer_sequence<int, 1>());
    }

  private:
    template <int... Panel> void tile(std::size_t column, std::integer_sequence<int, Panel...> some) const {
        alignas(64) std::int32_t sums[Blocks][sizeof...(Panel)][kMatrixRows][kPanel];
        add_up(column, some);
        (store_sums<Panel>(sums), ...);
        for (int block = 0; block < Blocks; ++block) {
            const std::size_t row = row_ + static_cast<std::size_t>(block) * count_[0];
            (finish_sums<Path>(product_, row, column + Panel * kPanel, count_[block], sums[block][Panel]), ...);
        }
    }

    /// The sums of all inputs.
    template <int... Panel> void add_up(std::size_t column, std::integer_sequence<int, Panel...>) const {
        const CodeRows &codes = product_.codes;
        const std::size_t inputs = product_.layer.inputs, panel_bytes = inputs * kPanel;
        const std::uint8_t *code = codes.data + row_ * codes.stride;
        const std::int8_t *weight = product_.layer.weight_int8 + column * inputs;
        // the first rows fetch the weights of the panels to the right, which may be in slow memory
        const std::size_t ahead = row_ == 0 ? sizeof...(Panel) * panel_bytes : 0;
        (zero_sums<Panel>(), ...);
        for (std::size_t input = 0; input < inputs; input += kMatrixInputs, code += kMatrixInputs) {
            Unit::template load<4>(code, codes.stride);
            if constexpr (Blocks > 1) Unit::template load<5>(code + count_[0] * codes.stride, codes.stride);
            (add<Panel>(weight + Panel * panel_bytes, ahead), ...);
            weight += kMatrixInputs * kPanel;
        }
    }

    /// Adds the products of 64 inputs and a panel.
    template <int Panel> static EDGEBERT_INLINE void add(const std::int8_t *weight, std::size_t ahead) {
        constexpr int kWeights = 6 + Panel % 2;
        Unit::template load<kWeights>(weight, kGroupBytes);
        Unit::template multiply<Panel, 4, kWeights>();
        if constexpr (Blocks > 1) Unit::template multiply<kPanels + Panel, 5, kWeights>();
        if (ahead == 0) return;
        for (std::size_t line = 0; line < kMatrixInputs * kPanel; line += kMatrixBytes)
            __builtin_prefetch(weight + ahead + line, 0, 2);
    }

    template <int Panel> static EDGEBERT_INLINE void zero_sums() {
        Unit::template zero<Panel>();
        if constexpr (Blocks > 1) Unit::template zero<kPanels + Panel>();
    }

    template <int Panel, std::size_t Count>
    static EDGEBERT_INLINE void store_sums(std::int32_t (&sums)[Blocks][Count][kMatrixRows][kPanel]) {
        Unit::template store<Panel>(sums[0][Panel], sizeof sums[0][Panel][0]);
        if constexpr (Blocks > 1) Unit::template store<kPanels + Panel>(sums[1][Panel], sizeof sums[1][Panel][0]);
    }

    const Int8Product &product_;
    std::size_t row_, count_[2]; // rows of the first block and of the second
};

/// Whether the unit is worth its set-up. With few inputs the end of a product takes longer than its sums.
inline bool matrix_pays(const Linear &layer, std::size_t rows) {
    constexpr std::size_t kLeastRows = 8, kLeastInputs = 256;
    return rows >= kLeastRows && layer.inputs >= kLeastInputs && layer.inputs % kMatrixInputs == 0;
}

/// `Path` has Unit, Floats, Dot, and kOtherwise, whose product it is where the unit does not pay.
template <class Path>
void product_matrix(const Linear &layer, const CodeRows &codes, std::size_t rows, const FloatRows &output,
                    Finish finish) {
    if (!matrix_pays(layer, rows)) {
        Path::kOtherwise.product_int8(layer, codes, rows, output, finish);
        return;
    }
    const Int8Product product{layer, codes, output, finish};
    touch_pages(layer.weight_int8, layer.inputs * round_up(layer.outputs, kPanel));
    std::size_t row = 0;
    for (std::size_t count = 0; rows - row > kMatrixRows; row += count) {
        count = std::min(rows - row, 2 * kMatrixRows);
        MatrixRows<Path, 2>(product, row, count).run();
    }
    if (row < rows) MatrixRows<Path, 1>(product, row, rows - row).run();
    Path::Unit::release();
}

/// The table of `Path::kOtherwise` with products of the unit.
template <class Path> Kernels with_matrix_products(const char *name) {
    Kernels kernels = Path::kOtherwise;
    kernels.name = name;
    kernels.product_int8 = &product_matrix<Path>;
    return kernels;
}

/// Whether the unit multiplies a tile as its definition says.
template <class Unit> bool matrix_multiplies() {
    alignas(64) std::uint8_t codes[kMatrixRows][kMatrixInputs];
    alignas(64) std::int8_t weights[kMatrixInputs / kGroup][kGroupBytes];
    alignas(64) std::int32_t sums[kMatrixRows][kPanel];
    for (std::size_t i = 0; i < sizeof codes; ++i) {
        codes[i / kMatrixInputs][i % kMatrixInputs] = static_cast<std::uint8_t>(i * 37 % 256);
        weights[i / kGroupBytes][i % kGroupBytes] = static_cast<std::int8_t>(static_cast<int>(i * 29 % 127) - 63);
    }
    MatrixShapes shapes;
    for (const int index : {0, 4, 6})
        shapes.set(index, kMatrixRows);
    Unit::configure(shapes);
    Unit::template zero<0>();
    Unit::template load<4>(codes, sizeof codes[0]);
    Unit::template load<6>(weights, sizeof weights[0]);
    Unit::template multiply<0, 4, 6>();
    Unit::template store<0>(sums, sizeof sums[0]);
    Unit::release();
    bool right = true;
    for (std::size_t row = 0; row < kMatrixRows; ++row) {
        for (std::size_t output = 0; output < kPanel; ++output) {
            std::int32_t sum = 0;
            for (std::size_t input = 0; input < kMatrixInputs; ++input)
                sum += codes[row][input] * weights[input / kGroup][output * kGroup + input % kGroup];
            right = right && sums[row][output] == sum;
        }
    }
    return right;
}

} // namespace edgebert::engine
