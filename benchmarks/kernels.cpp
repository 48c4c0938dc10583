// Multiply-accumulates a second of the engine's products on one thread, beside a loop of the same instructions on
// registers alone. Both are the best of interleaved rounds.
//
//     cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release && cmake --build build/release
//     build/release/benchmark_kernels [path]
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "engine/kernels/kernels.h"
#include "peaks.h"

namespace {

using namespace edgebert::engine;

struct Shape {
    std::size_t rows, inputs, outputs;
};

constexpr Shape kShapes[] = {{3, 384, 1536},  {8, 384, 1536},  {16, 384, 384},  {16, 384, 1536}, {16, 1536, 384},
                             {32, 384, 1536}, {64, 384, 384},  {64, 384, 1152}, {64, 384, 1536}, {64, 1536, 384},
                             {16, 768, 3072}, {64, 768, 3072}, {64, 3072, 768}};

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// The best rate of `rounds` rounds of `work`, which does `operations` a call, in 10^9 a second.
template <class Work> double best_rate(int rounds, double operations, Work work) {
    double best = 0;
    for (int i = 0; i < rounds; ++i) {
        int calls = 0;
        const double start = seconds();
        double spent = 0;
        do {
            work();
            ++calls;
            spent = seconds() - start;
        } while (spent < 0.003);
        best = std::max(best, operations * calls / spent / 1e9);
    }
    return best;
}

/// A layer of one shape with an input, for both precisions.
class Case {
  public:
    explicit Case(const Shape &shape)
        : shape_(shape), padded_(round_up(shape.outputs, kPanel)), codes_(shape.rows * stride() + 64),
          scales_(shape.rows, CodeScale{0.01f, 100}), weight_(padded_ * shape.inputs), sums_(padded_),
          floats_(padded_ * shape.inputs, 0.5f), scale_(padded_, 0.01f), bias_(padded_, 1.0f),
          input_(shape.rows * shape.inputs, 0.25f), output_(shape.rows * padded_) {
        for (std::size_t i = 0; i < codes_.size(); ++i)
            codes_[i] = static_cast<std::uint8_t>(i * 37 % 251);
        // most weights are small, as those of a model are: of pairs of groups 4 % are not narrow, as in MiniLM
        std::minstd_rand random;
        const auto draw = [&random] { return static_cast<int>(random() / 64 % 41) - 20; };
        for (std::int8_t &weight : weight_)
            weight = static_cast<std::int8_t>(draw() + draw() + draw());
    }

    double operations() const { return static_cast<double>(shape_.rows * shape_.inputs * shape_.outputs); }

    void mark(const Kernels &kernels) {
        if (kernels.find_narrow == nullptr) return;
        std::vector<std::uint8_t> marks(padded_ / kPanel * panel_marks(shape_.inputs));
        kernels.find_narrow(layer(), 255, marks.data());
        narrow_ = std::move(marks);
    }

    void int8(const Kernels &kernels, Finish finish) {
        kernels.product_int8(layer(), {codes_.data(), stride(), scales_.data()}, shape_.rows, {output_.data(), padded_},
                             finish);
    }

    void fp32(const Kernels &kernels) {
        kernels.product_fp32({input_.data(),
                              shape_.inputs,
                              floats_.data(),
                              shape_.inputs * kPanel,
                              shape_.inputs,
                              shape_.outputs,
                              shape_.rows,
                              bias_.data(),
                              {output_.data(), padded_},
                              Finish::kStore});
    }

  private:
    std::size_t stride() const { return (shape_.inputs / 64 | 1) * 64; }

    Linear layer() const {
        Linear layer;
        layer.inputs = shape_.inputs;
        layer.outputs = shape_.outputs;
        layer.weight_int8 = weight_.data();
        layer.scale = scale_.data();
        layer.column_sum = sums_.data();
        layer.bias = bias_.data();
        if (!narrow_.empty()) layer.narrow = narrow_.data();
        return layer;
    }

    Shape shape_;
    std::size_t padded_;
    std::vector<std::uint8_t> codes_;
    std::vector<CodeScale> scales_;
    std::vector<std::int8_t> weight_;
    std::vector<std::int32_t> sums_;
    std::vector<std::uint8_t> narrow_;
    std::vector<float> floats_, scale_, bias_, input_, output_;
};

void measure(const Kernels &kernels) {
    const edgebert::benchmark::Peaks peaks = edgebert::benchmark::find_peaks(kernels.name);
    double int8_peak = 0, fp32_peak = 0;
    std::printf("\n%s: rows x inputs x outputs | int8 GMAC/s, share of peak | with gelu | fp32 GMAC/s, share\n",
                kernels.name);
    for (const Shape &shape : kShapes) {
        Case work(shape);
        work.mark(kernels);
        double plain = 0, gelu = 0, fp32 = 0;
        for (int round = 0; round < 8; ++round) {
            if (peaks.int8 != nullptr) int8_peak = std::max(int8_peak, best_rate(1, peaks.int8_operations, peaks.int8));
            plain = std::max(plain, best_rate(1, work.operations(), [&] { work.int8(kernels, Finish::kStore); }));
            gelu = std::max(gelu, best_rate(1, work.operations(), [&] { work.int8(kernels, Finish::kGelu); }));
            if (peaks.fp32 != nullptr) fp32_peak = std::max(fp32_peak, best_rate(1, peaks.fp32_operations, peaks.fp32));
            fp32 = std::max(fp32, best_rate(1, work.operations(), [&] { work.fp32(kernels); }));
        }
        std::printf("%4zu x %4zu x %4zu | %6.1f %3.0f %% | %6.1f | %6.1f %3.0f %%\n", shape.rows, shape.inputs,
                    shape.outputs, plain, int8_peak > 0 ? 100 * plain / int8_peak : 0, gelu, fp32,
                    fp32_peak > 0 ? 100 * fp32 / fp32_peak : 0);
    }
    std::printf("peak: int8 %.1f, fp32 %.1f GMAC/s\n", int8_peak, fp32_peak);
}

} // namespace

int main(int argc, char **argv) {
    for (const Kernels *const *kernels = available_kernels(); *kernels != nullptr; ++kernels) {
        if (argc < 2 || std::strcmp(argv[1], (*kernels)->name) == 0) measure(**kernels);
    }
    return 0;
}
