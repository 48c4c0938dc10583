#include "narrow.h"

#include <algorithm>

namespace edgebert::engine {
namespace {

constexpr Linear LayerWeights::*kProducts[] = {&LayerWeights::qkv, &LayerWeights::attention_output,
                                               &LayerWeights::intermediate, &LayerWeights::output};

std::size_t marks_of(const Linear &layer) {
    if (layer.weight_int8 == nullptr) return 0;
    return (layer.outputs + kPanel - 1) / kPanel * panel_marks(layer.inputs);
}

} // namespace

std::size_t narrow_bytes(const Model &model, const Kernels &kernels) {
    std::size_t bytes = 0;
    if (kernels.find_narrow == nullptr) return bytes;
    for (const LayerWeights &layer : model.weights().layers) {
        for (const auto product : kProducts)
            bytes += marks_of(layer.*product);
    }
    return bytes;
}

void narrow_layers(const Model &model, const Kernels &kernels, const Buffers &buffers) {
    const std::vector<LayerWeights> &layers = model.weights().layers;
    std::copy(layers.begin(), layers.end(), buffers.layers);
    if (kernels.find_narrow == nullptr) return;
    const std::int32_t largest_code = model.config().wide ? 127 : 255;
    std::uint8_t *marks = buffers.narrow;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        for (const auto product : kProducts) {
            Linear &linear = buffers.layers[i].*product;
            if (linear.weight_int8 == nullptr) continue;
            kernels.find_narrow(linear, largest_code, marks);
            linear.narrow = marks;
            marks += marks_of(linear);
        }
    }
}

} // namespace edgebert::engine
