#include "weights.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "error.h"

namespace edgebert::engine {
namespace {

using Shape = std::vector<std::uint64_t>;

/// Vectorizable: no branch in the loop.
bool all_finite(const float *values, std::size_t count) {
    std::int32_t largest = 0;
    for (std::size_t i = 0; i < count; ++i) {
        std::int32_t bits;
        std::memcpy(&bits, values + i, sizeof bits);
        largest = std::max(largest, bits & 0x7FFFFFFF);
    }
    return largest < 0x7F800000;
}

template <class Value> bool all_within(const Value *values, std::size_t count, Value limit) {
    Value low = 0, high = 0;
    for (std::size_t i = 0; i < count; ++i) {
        low = std::min(low, values[i]);
        high = std::max(high, values[i]);
    }
    return low >= -limit && high <= limit;
}

class Finder {
  public:
    Finder(const file::Safetensors &file, const Config &config)
        : file_(file), precision_(config.precision), max_weight_(config.wide ? 127 : 64) {}

    /// A tensor of this type and shape, aligned for use in place.
    const file::Tensor &tensor(const std::string &name, const char *dtype, const Shape &shape) const {
        const auto found = file_.tensors.find(name);
        if (found == file_.tensors.end()) throw ModelFileError("the tensor " + name + " is missing");
        const file::Tensor &tensor = found->second;
        if (tensor.dtype != dtype || tensor.shape != shape) {
            throw ModelFileError("the tensor " + name + " has another type or shape than the model's settings say");
        }
        if (reinterpret_cast<std::uintptr_t>(tensor.data) % 64 != 0) {
            throw ModelFileError("the tensor " + name + " does not start at a multiple of 64 bytes");
        }
        return tensor;
    }

    const float *floats(const std::string &name, const Shape &shape) const {
        const file::Tensor &found = tensor(name, "F32", shape);
        const auto *const values = reinterpret_cast<const float *>(found.data);
        if (!all_finite(values, found.size / sizeof(float))) {
            throw ModelFileError("the tensor " + name + " holds a number that is not finite");
        }
        return values;
    }

    const std::int8_t *codes(const std::string &name, const Shape &shape, std::int8_t limit) const {
        const file::Tensor &found = tensor(name, "I8", shape);
        const auto *const values = reinterpret_cast<const std::int8_t *>(found.data);
        if (!all_within(values, found.size, limit)) {
            throw ModelFileError("the tensor " + name + " holds a number beyond " + std::to_string(limit));
        }
        return values;
    }

    const std::int32_t *column_sums(const std::string &name, std::size_t count, std::size_t inputs) const {
        const file::Tensor &found = tensor(name, "I32", {count});
        const auto *const values = reinterpret_cast<const std::int32_t *>(found.data);
        if (!all_within(values, count, static_cast<std::int32_t>(inputs) * max_weight_)) {
            throw ModelFileError("the tensor " + name + " holds a sum that its weights cannot have");
        }
        return values;
    }

    Norm norm(const std::string &name, std::size_t width) const {
        return {floats(name + ".weight", {width}), floats(name + ".bias", {width})};
    }

    Linear fp32(const std::string &name, std::size_t inputs, std::size_t outputs) const {
        Linear layer;
        layer.inputs = inputs;
        layer.outputs = outputs;
        const std::size_t panels = (outputs + kPanel - 1) / kPanel;
        layer.weight_fp32 = floats(name + ".weight", {panels, inputs, kPanel});
        layer.bias = floats(name + ".bias", {panels * kPanel});
        return layer;
    }

    /// A linear layer of the encoder: an INT8 model may keep some of them in FP32.
    Linear linear(const std::string &name, std::size_t inputs, std::size_t outputs) const {
        const auto weight = file_.tensors.find(name + ".weight");
        const bool kept = weight != file_.tensors.end() && weight->second.dtype == "F32";
        if (kept || precision_ == Precision::kFp32) return fp32(name, inputs, outputs);
        Linear layer;
        layer.inputs = inputs;
        layer.outputs = outputs;
        const std::size_t panels = (outputs + kPanel - 1) / kPanel, padded = panels * kPanel;
        layer.weight_int8 = codes(name + ".weight", {panels, (inputs + 3) / 4, kPanel, 4}, max_weight_);
        layer.scale = floats(name + ".scale", {padded});
        layer.column_sum = column_sums(name + ".column_sum", padded, inputs);
        layer.bias = floats(name + ".bias", {padded});
        const bool smoothed = file_.tensors.count(name + ".smoothing") != 0;
        if (smoothed) layer.smoothing = floats(name + ".smoothing", {inputs});
        return layer;
    }

  private:
    const file::Safetensors &file_;
    Precision precision_;
    std::int8_t max_weight_; // two products of a weight and a code fit 16 bits: 2 * 64 * 255 and 2 * 127 * 127
};

LayerWeights read_layer(const Finder &finder, const Config &config, std::size_t index) {
    const std::string name = "layer." + std::to_string(index) + ".";
    LayerWeights layer;
    layer.qkv = finder.linear(name + "qkv", config.hidden, 3 * config.hidden);
    layer.attention_output = finder.linear(name + "attention_output", config.hidden, config.hidden);
    layer.intermediate = finder.linear(name + "intermediate", config.hidden, config.intermediate);
    layer.output = finder.linear(name + "output", config.intermediate, config.hidden);
    layer.attention_norm = finder.norm(name + "attention_norm", config.hidden);
    layer.output_norm = finder.norm(name + "output_norm", config.hidden);
    return layer;
}

void read_embeddings(const Finder &finder, const Config &config, Weights &weights) {
    const std::string word = "embeddings.word";
    if (config.precision == Precision::kInt8) {
        weights.word_rows = finder.codes(word + ".rows", {config.vocabulary, config.hidden}, 127);
        weights.word_scales = finder.floats(word + ".scales", {config.vocabulary});
    } else {
        weights.word = finder.floats(word, {config.vocabulary, config.hidden});
    }
    weights.position = finder.floats("embeddings.position", {config.max_tokens, config.hidden});
    weights.type = finder.floats("embeddings.type", {2, config.hidden});
    weights.norm = finder.norm("embeddings.norm", config.hidden);
}

} // namespace

Weights read_weights(const file::Safetensors &file, const Config &config) {
    const Finder finder(file, config);
    Weights weights;
    read_embeddings(finder, config, weights);
    for (std::size_t i = 0; i < config.layers; ++i)
        weights.layers.push_back(read_layer(finder, config, i));
    if (config.task == Task::kClassify) weights.pooler = finder.fp32("pooler", config.hidden, config.hidden);
    if (config.task != Task::kEmbed)
        weights.classifier = finder.fp32("classifier", config.hidden, config.output_size());
    return weights;
}

} // namespace edgebert::engine
