// Every CPU path against the scalar one, which is the specification: equal bytes. And the polynomials against double.
#include <cmath>
#include <cstring>
#include <vector>

#include "check.h"
#include "engine/kernels/cpu.h"
#include "engine/kernels/floats_scalar.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/polynomials.h"
#include "played_amx.h"
#include "random.h"

namespace edgebert::engine {
#ifdef EDGEBERT_EMULATED
extern const Kernels kEmulatedAvxVnni;
#endif
extern const Kernels kEmulatedAmx;
} // namespace edgebert::engine

using namespace edgebert::engine;

namespace {

const Kernels &scalar_kernels() {
    const Kernels *const *kernels = available_kernels();
    while (kernels[1] != nullptr)
        ++kernels;
    return **kernels;
}

template <class Each> void each_path(Each each) {
    for (const Kernels *const *kernels = available_kernels(); *kernels != nullptr; ++kernels)
        each(**kernels);
#ifdef EDGEBERT_EMULATED
    if (detect_cpu().avx2) each(kEmulatedAvxVnni);
#endif
    each(kEmulatedAmx);
    if (const Kernels *const played = played_amx_kernels()) each(*played);
}

/// Whether this CPU does not have a path's instructions.
bool emulated(const Kernels &kernels) {
    for (const Kernels *const *own = available_kernels(); *own != nullptr; ++own) {
        if (*own == &kernels) return false;
    }
    return true;
}

template <class Value> bool same(const std::vector<Value> &a, const std::vector<Value> &b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(Value)) == 0;
}

/// A layer and an input with random or extreme codes.
struct Int8Case {
    std::size_t rows, inputs, outputs, padded, stride;
    std::vector<std::uint8_t> codes;
    std::vector<CodeScale> scales;
    std::vector<std::int8_t> weight;
    std::vector<std::int32_t> column_sum;
    std::vector<float> scale, bias, before;

    Int8Case(Random &random, std::size_t row_count, std::size_t input_count, std::size_t output_count, bool extreme,
             int largest = 64)
        : rows(row_count), inputs(input_count), outputs(output_count), padded(round_up(outputs, kPanel)),
          stride(round_up(inputs, kCodeAlignment)), codes(rows * stride + kCodeAlignment), scales(rows),
          weight(padded * round_up(inputs, 4)), column_sum(padded), scale(random.reals(padded, 0.1f)),
          bias(random.reals(padded, 1.0f)), before(random.reals(rows * padded, 2.0f)) {
        const std::uint8_t highest = random.between(0, 1) == 0 ? 255 : 0;
        for (std::uint8_t &code : codes)
            code = extreme ? highest : static_cast<std::uint8_t>(random.between(0, 255));
        for (std::size_t n = 0; n < outputs; ++n) {
            for (std::size_t k = 0; k < inputs; ++k) {
                const int value = extreme ? (n % 2 == 0 ? largest : -largest) : random.between(-largest, largest);
                weight[((n / 16 * ((inputs + 3) / 4) + k / 4) * 16 + n % 16) * 4 + k % 4] =
                    static_cast<std::int8_t>(value);
                column_sum[n] += value;
            }
        }
        for (CodeScale &token : scales)
            token = {random.real(0.02f), random.between(0, 255)};
    }

    Linear layer() const {
        Linear layer;
        layer.inputs = inputs;
        layer.outputs = outputs;
        layer.weight_int8 = weight.data();
        layer.scale = scale.data();
        layer.column_sum = column_sum.data();
        layer.bias = bias.data();
        return layer;
    }

    std::vector<float> run(const Kernels &kernels, Finish finish) { return run(kernels, finish, layer()); }

    std::vector<float> run(const Kernels &kernels, Finish finish, const Linear &layer) {
        std::vector<float> output = before;
        kernels.product_int8(layer, {codes.data(), stride, scales.data()}, rows, {output.data(), padded}, finish);
        return output;
    }

    /// Whether sums of 4 products of two groups of a panel fit 16 bits for all codes up to `largest_code`.
    bool narrow(std::size_t panel, std::size_t pair, int largest_code) const {
        const std::int8_t *const first = weight.data() + (panel * ((inputs + 3) / 4) + 2 * pair) * 64;
        for (std::size_t i = 0; i < 64; i += 2) {
            int above = 0, below = 0;
            for (const std::int8_t value : {first[i], first[i + 1], first[64 + i], first[64 + i + 1]})
                (value > 0 ? above : below) += value * largest_code;
            if (above > INT16_MAX || below < -INT16_MAX) return false;
        }
        return true;
    }

    /// The sum of one output, straight from its definition.
    float defined(std::size_t row, std::size_t n) const {
        std::int64_t sum = 0;
        for (std::size_t k = 0; k < inputs; ++k) {
            const int code = weight[((n / 16 * ((inputs + 3) / 4) + k / 4) * 16 + n % 16) * 4 + k % 4];
            sum += (codes[row * stride + k] - scales[row].zero_point) * code;
        }
        return std::fma(static_cast<float>(sum), scale[n] * scales[row].scale, bias[n]);
    }
};

void int8_products_are_equal() {
    Random random(1);
    const std::size_t inputs[] = {1, 3, 4, 16, 26, 63, 64, 78, 312, 384, 1000};
    const std::size_t outputs[] = {1, 15, 16, 17, 32, 33, 48, 100};
    for (int turn = 0; turn < 120; ++turn) {
        const auto rows = static_cast<std::size_t>(random.between(1, 40));
        Int8Case work(random, rows, inputs[random.bits() % 11], outputs[random.bits() % 8], turn % 4 == 0);
        for (const Finish finish :
             {Finish::kStore, Finish::kGelu, Finish::kCoarseGelu, Finish::kAdd, Finish::kAddGelu}) {
            const std::vector<float> expected = work.run(scalar_kernels(), finish);
            each_path([&](const Kernels &kernels) { CHECK(same(work.run(kernels, finish), expected)); });
        }
        const std::vector<float> plain = work.run(scalar_kernels(), Finish::kStore);
        for (std::size_t i = 0; i < work.outputs; ++i)
            CHECK(plain[(rows - 1) * work.padded + i] == work.defined(rows - 1, i));
    }
}

/// Shapes that a matrix unit takes, some of them with weights of 8 bits, as wide codes have them.
void matrix_products_are_equal() {
    Random random(4);
    for (int turn = 0; turn < 40; ++turn) {
        const std::size_t inputs = 256 + 64 * static_cast<std::size_t>(random.between(0, 4));
        const auto rows = static_cast<std::size_t>(random.between(7, 100));
        const auto outputs = static_cast<std::size_t>(random.between(1, 150));
        const bool wide = turn % 2 == 1;
        Int8Case work(random, rows, inputs, outputs, turn % 4 == 0, wide ? 127 : 64);
        if (wide) {
            for (std::uint8_t &code : work.codes)
                code &= 127;
        }
        Linear layer = work.layer();
        if (turn % 3 == 0) layer.scale = layer.bias = nullptr;
        const Finish finish[] = {Finish::kStore, Finish::kGelu, Finish::kCoarseGelu, Finish::kAdd, Finish::kAddGelu};
        const std::vector<float> expected = work.run(scalar_kernels(), finish[turn % 5], layer);
        each_path([&](const Kernels &kernels) { CHECK(same(work.run(kernels, finish[turn % 5], layer), expected)); });
    }
}

void narrow_products_are_equal() {
    Random random(3);
    const std::size_t inputs[] = {1, 4, 8, 12, 26, 64, 384};
    bool found = false; // a path that looks for them
    int narrow = 0, wide = 0;
    for (int turn = 0; turn < 120; ++turn) {
        const auto rows = static_cast<std::size_t>(random.between(1, 20));
        // sums of 4 weights are 128 with 32 in each, which is the most that fits, and 132 with 33
        const int largest = turn % 4 == 0 ? 32 + turn % 8 / 4 : random.between(30, 64);
        Int8Case work(random, rows, inputs[random.bits() % 7], turn % 3 == 0 ? 40 : 16, turn % 4 == 0, largest);
        const std::size_t pairs = panel_marks(work.inputs), panels = work.padded / kPanel;
        const std::vector<float> expected = work.run(scalar_kernels(), Finish::kStore);
        each_path([&](const Kernels &kernels) {
            if (kernels.find_narrow == nullptr) return;
            found = true;
            for (const int largest_code : {127, 255}) {
                std::vector<std::uint8_t> marks(panels * pairs + 1, 7);
                Linear layer = work.layer();
                kernels.find_narrow(layer, largest_code, marks.data());
                CHECK(marks.back() == 7);
                for (std::size_t i = 0; i < panels * pairs; ++i) {
                    CHECK(marks[i] == static_cast<std::uint8_t>(work.narrow(i / pairs, i % pairs, largest_code)));
                    ++(marks[i] == 1 ? narrow : wide);
                }
                layer.narrow = marks.data();
                if (largest_code == 255) CHECK(same(work.run(kernels, Finish::kStore, layer), expected));
            }
        });
    }
    CHECK(!found || (narrow > 100 && wide > 100));
}

void fp32_products_are_equal() {
    Random random(2);
    for (int turn = 0; turn < 80; ++turn) {
        const auto rows = static_cast<std::size_t>(random.between(1, 30));
        const auto depth = static_cast<std::size_t>(random.between(1, 130));
        const auto columns = static_cast<std::size_t>(random.between(1, 70));
        const std::size_t padded = round_up(columns, kPanel);
        const std::vector<float> input = random.reals(rows * depth, 3.0f), weight = random.reals(padded * depth, 1.0f);
        const std::vector<float> bias = random.reals(padded, 1.0f), before = random.reals(rows * columns, 2.0f);
        const auto run = [&](const Kernels &kernels) {
            std::vector<float> output = before;
            kernels.product_fp32({input.data(),
                                  depth,
                                  weight.data(),
                                  depth * kPanel,
                                  depth,
                                  columns,
                                  rows,
                                  turn % 2 == 0 ? bias.data() : nullptr,
                                  {output.data(), columns},
                                  turn % 3 == 0 ? Finish::kAdd : Finish::kStore});
            return output;
        };
        const std::vector<float> expected = run(scalar_kernels());
        each_path([&](const Kernels &kernels) { CHECK(same(run(kernels), expected)); });
        float sum = 0; // one chain of fused steps, as the contract says
        for (std::size_t k = 0; k < depth; ++k)
            sum = std::fma(input[k], weight[k * kPanel], sum);
        if (turn % 2 == 0) sum = sum + bias[0];
        if (turn % 3 == 0) sum = before[0] + sum;
        CHECK(expected[0] == sum);
    }
}

void row_work_is_equal() {
    Random random(3);
    for (int turn = 0; turn < 200; ++turn) {
        const auto width = static_cast<std::size_t>(random.between(1, 200));
        const float scales[] = {1e-20f, 1e-3f, 1.0f, 50.0f};
        const std::vector<float> values = random.reals(width, scales[turn % 4]);
        const std::vector<float> smoothing = random.reals(width, 2.0f), weight = random.reals(width, 2.0f);
        const auto quantize = [&](const Kernels &kernels) {
            std::vector<float> input = values;
            std::vector<std::uint8_t> codes(round_up(width, 16) + sizeof(CodeScale));
            CodeScale scale{};
            CHECK(kernels.quantize({input.data(), width}, 1, width, turn % 2 == 0 ? smoothing.data() : nullptr,
                                   {codes.data(), codes.size(), &scale}));
            std::memcpy(codes.data() + round_up(width, 16), &scale, sizeof scale);
            return codes;
        };
        const auto rows = [&](const Kernels &kernels) {
            std::vector<float> norm = values, soft = values, embedded(width);
            const std::vector<std::int8_t> bytes(width, static_cast<std::int8_t>(turn - 100));
            CHECK(kernels.layer_norm({norm.data(), width}, 1, width, {weight.data(), smoothing.data()}, 1e-12f));
            CHECK(kernels.softmax({soft.data(), width}, 1, width));
            kernels.embed_int8(bytes.data(), 0.3f, values.data(), weight.data(), width, embedded.data());
            norm.insert(norm.end(), soft.begin(), soft.end());
            norm.insert(norm.end(), embedded.begin(), embedded.end());
            kernels.embed_fp32(smoothing.data(), values.data(), weight.data(), width, embedded.data());
            norm.insert(norm.end(), embedded.begin(), embedded.end());
            return norm;
        };
        const auto expected_codes = quantize(scalar_kernels());
        const auto expected_rows = rows(scalar_kernels());
        each_path([&](const Kernels &kernels) {
            CHECK(same(quantize(kernels), expected_codes));
            CHECK(same(rows(kernels), expected_rows));
        });
    }
}

/// Heads as codes, probabilities as codes and values as a weight: all bytes that INT8 attention makes.
std::vector<std::uint8_t> attention_bytes(const Kernels &kernels, const std::vector<float> &values, std::size_t heads,
                                          std::size_t size) {
    const std::size_t padded = round_up(size, 16), tokens = values.size() / (heads * size);
    std::vector<std::uint8_t> codes(tokens * heads * padded), bytes;
    std::vector<HeadScale> scales(heads);
    const auto keep = [&](const void *data, std::size_t count) {
        const auto *const from = static_cast<const std::uint8_t *>(data);
        bytes.insert(bytes.end(), from, from + count);
    };
    for (std::size_t token = 0; token < tokens; ++token) {
        CHECK(kernels.quantize_heads(&values[token * heads * size], heads, size, 64.0f, token % 2 == 0,
                                     &codes[token * heads * padded], scales.data()));
        keep(scales.data(), heads * sizeof(HeadScale));
    }
    keep(codes.data(), codes.size());
    std::vector<std::int8_t> weight(padded * round_up(tokens, 4));
    std::vector<std::int32_t> sums(padded);
    kernels.pack_values(codes.data(), heads * padded, tokens, size, weight.data(), sums.data());
    keep(weight.data(), weight.size());
    keep(sums.data(), sums.size() * sizeof(sums[0]));
    std::vector<float> scores = values, factors(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(size));
    for (float &factor : factors)
        factor = std::abs(factor);
    std::vector<std::uint8_t> probabilities(tokens * heads * padded);
    std::vector<CodeScale> row_scales(tokens * heads);
    kernels.softmax_codes({scores.data(), size}, tokens * heads, size, factors.data(),
                          {probabilities.data(), padded, row_scales.data()});
    keep(probabilities.data(), probabilities.size());
    keep(row_scales.data(), row_scales.size() * sizeof(CodeScale));
    return bytes;
}

void attention_is_equal() {
    Random random(6);
    for (int turn = 0; turn < 60; ++turn) {
        const auto heads = static_cast<std::size_t>(random.between(1, 4));
        const auto size = static_cast<std::size_t>(random.between(1, 70));
        const auto tokens = static_cast<std::size_t>(random.between(1, 19));
        const float scales[] = {0.0f, 1e-33f, 1.0f, 30.0f};
        const std::vector<float> values = random.reals(tokens * heads * size, scales[turn % 4]);
        const std::vector<std::uint8_t> expected = attention_bytes(scalar_kernels(), values, heads, size);
        each_path(
            [&](const Kernels &kernels) { CHECK(same(attention_bytes(kernels, values, heads, size), expected)); });
    }
}

void wide_codes_are_equal() {
    Random random(8);
    for (int turn = 0; turn < 100; ++turn) {
        const auto width = static_cast<std::size_t>(random.between(1, 200));
        std::vector<float> values = random.reals(width, 4.0f);
        const auto run = [&](const Kernels &kernels) {
            std::vector<std::uint8_t> high(round_up(width, 16)), low(high.size());
            CodeScale scales[2];
            CHECK(kernels.quantize_wide({values.data(), width}, 1, width, nullptr, {high.data(), high.size(), scales},
                                        {low.data(), low.size(), scales + 1}));
            const float step = scales[1].scale;
            const int zero = 128 * scales[0].zero_point + scales[1].zero_point;
            CHECK(scales[0].scale == 128 * step);
            for (std::size_t i = 0; i < width; ++i) {
                CHECK(high[i] < 128 && low[i] < 128);
                const auto code = static_cast<float>(128 * high[i] + low[i] - zero);
                CHECK(std::abs(code * step - values[i]) <= 0.51f * step);
            }
            high.insert(high.end(), low.begin(), low.end());
            return high;
        };
        const std::vector<std::uint8_t> expected = run(scalar_kernels());
        each_path([&](const Kernels &kernels) { CHECK(same(run(kernels), expected)); });
    }
}

void numbers_that_are_not_finite_are_seen() {
    for (const float wrong : {std::nanf(""), INFINITY, -INFINITY}) {
        each_path([&](const Kernels &kernels) {
            std::vector<float> values(40, 1.0f);
            values[37] = wrong;
            std::vector<std::uint8_t> codes(64);
            CodeScale scale{};
            CHECK(!kernels.quantize({values.data(), 40}, 1, 40, nullptr, {codes.data(), 64, &scale}));
            CHECK(!kernels.quantize_wide({values.data(), 40}, 1, 40, nullptr, {codes.data(), 64, &scale},
                                         {codes.data(), 64, &scale}));
            std::vector<HeadScale> scales(4);
            CHECK(!kernels.quantize_heads(values.data(), 4, 10, 64.0f, false, codes.data(), scales.data()));
            CHECK(!kernels.layer_norm({values.data(), 40}, 1, 40, {values.data(), values.data()}, 1e-12f));
            values.assign(40, 1.0f);
            values[37] = wrong;
            CHECK(!kernels.softmax({values.data(), 40}, 1, 40));
        });
    }
}

void fused_rounds_once() {
    Random random(4);
    for (int i = 0; i < 200000; ++i) {
        const auto real = [&] { return std::ldexp(random.real(1.0f), random.between(-70, 40)); };
        const float a = real(), b = real(), c = i % 3 == 0 ? -a * b : real();
        CHECK(scalar::fused(a, b, c) == std::fma(a, b, c));
    }
}

/// The largest error of `value` over -range to range, in units of `unit(x)`.
template <class Value, class Exact, class Unit>
double largest_error(float low, float high, Value value, Exact exact, Unit unit) {
    constexpr int kSteps = 200000;
    double worst = 0;
    for (int i = 0; i <= kSteps; ++i) {
        const float x = low + (high - low) * static_cast<float>(i) / static_cast<float>(kSteps);
        const double right = exact(static_cast<double>(x));
        worst = std::max(worst, std::abs(static_cast<double>(value(x)) - right) / unit(right));
    }
    return worst;
}

void polynomials_are_accurate() {
    using scalar::Floats;
    const auto one = [](double) { return 1.0; };
    const auto ulp = [](double right) {
        const auto rounded = static_cast<float>(right);
        return static_cast<double>(std::nextafter(rounded, INFINITY)) - static_cast<double>(rounded);
    };
    const auto exponential_of = [](float x) { return exponential(Floats::broadcast(x)).lane[0]; };
    const double exp_error = largest_error(-87.0f, 88.0f, exponential_of, [](double x) { return std::exp(x); }, ulp);
    const auto erf_of = [](float x) { return error_function(Floats::broadcast(x)).lane[0]; };
    const double erf_error = largest_error(-6.0f, 6.0f, erf_of, [](double x) { return std::erf(x); }, one);
    const auto gelu_of = [](float x) { return gelu(Floats::broadcast(x)).lane[0]; };
    const auto exact_gelu = [](double x) { return x * (1 + std::erf(x / std::sqrt(2.0))) / 2; };
    const double gelu_error = largest_error(-6.0f, 6.0f, gelu_of, exact_gelu, one);
    std::printf("largest errors: exp %.2f ulp, erf %.2g, gelu %.2g\n", exp_error, erf_error, gelu_error);
    const auto coarse_exponential_of = [](float x) { return coarse_exponential(Floats::broadcast(x)).lane[0]; };
    const auto itself = [](double right) { return right; };
    const double coarse_exp =
        largest_error(-87.0f, 0.0f, coarse_exponential_of, [](double x) { return std::exp(x); }, itself);
    const auto coarse_gelu_of = [](float x) { return coarse_gelu(Floats::broadcast(x)).lane[0]; };
    const double coarse = largest_error(-8.0f, 8.0f, coarse_gelu_of, exact_gelu, one);
    std::printf("coarse: exp %.2g of it, gelu %.2g\n", coarse_exp, coarse);
    CHECK(coarse_exp < 1e-4);
    CHECK(coarse < 2e-4);
    CHECK(exp_error < 2);
    CHECK(erf_error < 2.5e-7);
    CHECK(gelu_error < 8e-7);
}

} // namespace

int main() {
    each_path([](const Kernels &kernels) {
        const bool played = &kernels == played_amx_kernels();
        std::printf("path %s%s\n", kernels.name,
                    played              ? ", its instructions played"
                    : emulated(kernels) ? ", emulated"
                                        : "");
    });
    int8_products_are_equal();
    matrix_products_are_equal();
    narrow_products_are_equal();
    fp32_products_are_equal();
    row_work_is_equal();
    attention_is_equal();
    wide_codes_are_equal();
    numbers_that_are_not_finite_are_seen();
    fused_rounds_once();
    polynomials_are_accurate();
    std::printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
