#include "heads.h"

#include <cmath>
#include <cstring>

#include "kernels/floats_scalar.h"
#include "kernels/rows.h"

namespace edgebert::engine {
namespace {

using scalar::Floats;

/// tanh(x) = 1 - 2 / (e^(2x) + 1) in place.
void tanh_row(float *row, std::size_t width) {
    each_16(width, [&](std::size_t place, std::size_t count) {
        const Floats lanes = Floats::load(row + place, count);
        const Floats power = exponential(lanes + lanes);
        Floats::make([&](int i) { return 1.0f - 2.0f / (power.lane[i] + 1.0f); }).store(row + place, count);
    });
}

/// 1 / (1 + e^-x) in place.
void sigmoid_row(float *row, std::size_t width) {
    each_16(width, [&](std::size_t place, std::size_t count) {
        const Floats power = exponential(Floats::broadcast(0.0f) - Floats::load(row + place, count));
        Floats::make([&](int i) { return 1.0f / (1.0f + power.lane[i]); }).store(row + place, count);
    });
}

/// output = input * layer, [count, outputs].
void product(const Kernels &kernels, const Linear &layer, const FloatRows &input, std::size_t count,
             const FloatRows &output) {
    kernels.product_fp32({input.data, input.stride, layer.weight_fp32, layer.inputs * kPanel, layer.inputs,
                          layer.outputs, count, layer.bias, output, Finish::kStore});
}

} // namespace

void pool(const Config &config, const FloatRows &tokens, std::size_t length, float *vector) {
    const std::size_t width = config.hidden;
    std::memcpy(vector, tokens.row(0), width * sizeof(float));
    for (std::size_t token = 1; token < length && config.pooling != Pooling::kCls; ++token) {
        const float *const row = tokens.row(token);
        for (std::size_t i = 0; i < width; ++i) {
            const float larger = row[i] > vector[i] ? row[i] : vector[i];
            vector[i] = config.pooling == Pooling::kMean ? vector[i] + row[i] : larger;
        }
    }
    for (std::size_t i = 0; i < width && config.pooling == Pooling::kMean; ++i)
        vector[i] /= static_cast<float>(length);
    normalize(config, vector);
}

void normalize(const Config &config, float *vector) {
    if (!config.normalize) return;
    Floats squares = Floats::broadcast(0.0f);
    each_16(config.hidden, [&](std::size_t place, std::size_t count) {
        const Floats lanes = Floats::load(vector + place, count);
        squares = fma(lanes, lanes, squares);
    });
    const float length = std::sqrt(squares.sum());
    const float divisor = length > 1e-12f ? length : 1e-12f;
    for (std::size_t i = 0; i < config.hidden; ++i)
        vector[i] /= divisor;
}

void classify(const Model &model, const Kernels &kernels, const FloatRows &first, std::size_t count,
              const FloatRows &pooled, const FloatRows &logits) {
    product(kernels, model.weights().pooler, first, count, pooled);
    for (std::size_t i = 0; i < count; ++i)
        tanh_row(pooled.row(i), model.config().hidden);
    product(kernels, model.weights().classifier, pooled, count, logits);
}

void token_logits(const Model &model, const Kernels &kernels, const FloatRows &tokens, std::size_t count,
                  const FloatRows &logits) {
    product(kernels, model.weights().classifier, tokens, count, logits);
}

void score(const Config &config, float *logits) {
    const std::size_t width = config.output_size();
    if (config.task == Task::kAnswer) return;
    if (config.problem == Problem::kSingleLabel) softmax_row(logits, width);
    if (config.problem == Problem::kMultiLabel) sigmoid_row(logits, width);
}

void softmax_row(float *values, std::size_t count) { softmax<Floats>({values, count}, 1, count); }

bool all_finite(const float *values, std::size_t count) {
    float check = 0.0f;
    for (std::size_t i = 0; i < count; ++i)
        check += values[i] - values[i];
    return check == 0.0f;
}

} // namespace edgebert::engine
