// A small random model for the tests of the engine, the same on every machine.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "engine/crc32c.h"
#include "engine/model.h"
#include "file/safetensors.h"
#include "random.h"

namespace sample {

using namespace edgebert;

struct EngineShape {
    std::size_t layers = 2, hidden = 48, heads = 4, intermediate = 100, vocabulary = 30, max_tokens = 40;
    const char *attention = "fp32", *activations = "8"; // of an INT8 model
};

/// Bytes that start at a multiple of 64.
class AlignedBytes {
  public:
    explicit AlignedBytes(const std::string &bytes)
        : size_(bytes.size()), data_(std::aligned_alloc(64, engine::round_up(size_ + 1, 64))) {
        std::memcpy(data_, bytes.data(), size_);
    }
    ~AlignedBytes() { std::free(data_); }
    AlignedBytes(const AlignedBytes &) = delete;
    AlignedBytes &operator=(const AlignedBytes &) = delete;

    const void *data() const { return data_; }
    std::size_t size() const { return size_; }

  private:
    std::size_t size_;
    void *data_;
};

class ModelWriter {
  public:
    ModelWriter(const EngineShape &shape, bool int8, engine::Task task) : shape_(shape), int8_(int8), task_(task) {}

    /// The bytes of the file with the right checksum.
    std::string bytes() {
        embeddings();
        for (std::size_t i = 0; i < shape_.layers; ++i) {
            const std::string name = "layer." + std::to_string(i) + ".";
            linear(name + "qkv", shape_.hidden, 3 * shape_.hidden, int8_, i == 0);
            linear(name + "attention_output", shape_.hidden, shape_.hidden, int8_, false);
            linear(name + "intermediate", shape_.hidden, shape_.intermediate, int8_, false);
            linear(name + "output", shape_.intermediate, shape_.hidden, int8_, true);
            norm(name + "attention_norm");
            norm(name + "output_norm");
        }
        if (task_ == engine::Task::kClassify) linear("pooler", shape_.hidden, shape_.hidden, false, false);
        if (task_ != engine::Task::kEmbed)
            linear("classifier", shape_.hidden, task_ == engine::Task::kAnswer ? 2 : 3, false, false);
        return seal(file::write_safetensors(tensors_, metadata()));
    }

    /// Puts the right checksum into a file.
    static std::string seal(std::string content) {
        const std::string key = "\"edgebert.crc32c\":\"";
        const std::size_t place = content.find(key) + key.size();
        content.replace(place, 8, "00000000");
        char digits[9];
        std::snprintf(digits, sizeof digits, "%08x",
                      static_cast<unsigned>(engine::crc32c(0, content.data(), content.size())));
        return content.replace(place, 8, digits);
    }

  private:
    using Extents = std::vector<std::uint64_t>;

    template <class Value> void add(const std::string &name, const char *dtype, Extents shape, const Value &values) {
        const auto *const raw = reinterpret_cast<const char *>(values.data());
        tensors_.push_back({name, dtype, std::move(shape), std::string(raw, values.size() * sizeof(values[0]))});
    }

    void floats(const std::string &name, Extents shape, float scale, float middle = 0.0f) {
        std::size_t count = 1;
        for (const std::uint64_t extent : shape)
            count *= extent;
        std::vector<float> values = random_.reals(count, scale);
        for (float &value : values)
            value += middle;
        add(name, "F32", std::move(shape), values);
    }

    void norm(const std::string &name) {
        floats(name + ".weight", {shape_.hidden}, 0.3f, 1.0f);
        floats(name + ".bias", {shape_.hidden}, 0.1f);
    }

    void embeddings() {
        if (int8_) {
            std::vector<std::int8_t> rows(shape_.vocabulary * shape_.hidden);
            for (std::int8_t &code : rows)
                code = static_cast<std::int8_t>(random_.between(-127, 127));
            add("embeddings.word.rows", "I8", {shape_.vocabulary, shape_.hidden}, rows);
            floats("embeddings.word.scales", {shape_.vocabulary}, 0.005f, 0.01f);
        } else {
            floats("embeddings.word", {shape_.vocabulary, shape_.hidden}, 1.0f);
        }
        floats("embeddings.position", {shape_.max_tokens, shape_.hidden}, 0.3f);
        floats("embeddings.type", {2, shape_.hidden}, 0.3f);
        norm("embeddings.norm");
    }

    void linear(const std::string &name, std::size_t inputs, std::size_t outputs, bool int8, bool smoothing) {
        const std::size_t panels = (outputs + 15) / 16, groups = (inputs + 3) / 4;
        floats(name + ".bias", {panels * 16}, 0.1f);
        if (!int8) return floats(name + ".weight", {panels, inputs, 16}, 0.2f);
        std::vector<std::int8_t> weight(panels * groups * 64);
        std::vector<std::int32_t> sums(panels * 16);
        for (std::size_t i = 0; i < weight.size(); ++i) {
            const std::size_t output = i / (groups * 64) * 16 + i % 64 / 4, input = i / 64 % groups * 4 + i % 4;
            if (output >= outputs || input >= inputs) continue;
            weight[i] = static_cast<std::int8_t>(random_.between(-64, 64));
            sums[output] += weight[i];
        }
        add(name + ".weight", "I8", {panels, groups, 16, 4}, weight);
        add(name + ".column_sum", "I32", {panels * 16}, sums);
        floats(name + ".scale", {panels * 16}, 0.001f, 0.003f);
        if (smoothing) floats(name + ".smoothing", {inputs}, 0.5f, 1.0f);
    }

    engine::Metadata metadata() const {
        const auto number = [](std::size_t value) { return std::to_string(value); };
        engine::Metadata out{{"edgebert.format", "1"},
                             {"edgebert.name", "sample"},
                             {"edgebert.task", task_name()},
                             {"edgebert.precision", int8_ ? "int8" : "fp32"},
                             {"edgebert.attention", shape_.attention},
                             {"edgebert.activations", shape_.activations},
                             {"edgebert.layers", number(shape_.layers)},
                             {"edgebert.hidden", number(shape_.hidden)},
                             {"edgebert.heads", number(shape_.heads)},
                             {"edgebert.intermediate", number(shape_.intermediate)},
                             {"edgebert.vocabulary", number(shape_.vocabulary)},
                             {"edgebert.max_tokens", number(shape_.max_tokens)},
                             {"edgebert.activation", "gelu"},
                             {"edgebert.layer_norm_epsilon", "1e-12"},
                             {"edgebert.pooling", "mean"},
                             {"edgebert.normalize", "true"},
                             {"edgebert.crc32c", "00000000"}};
        const bool tags = task_ == engine::Task::kTag;
        out["edgebert.labels"] = tags ? R"(["O","B-ON","I-ON"])" : R"(["on","off","dim"])";
        out["edgebert.problem_type"] = "single_label_classification";
        return out;
    }

    const char *task_name() const {
        switch (task_) {
        case engine::Task::kEmbed: return "embed";
        case engine::Task::kClassify: return "classify";
        case engine::Task::kTag: return "tag";
        case engine::Task::kAnswer: return "answer";
        }
        return "";
    }

    EngineShape shape_;
    bool int8_;
    engine::Task task_;
    Random random_{7};
    std::vector<file::NewTensor> tensors_;
};

} // namespace sample
