#include "encoder.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "float_control.h"

namespace edgebert::engine {
namespace {

/// One member's part of a pass: the rows from begin_ to end_.
class Member {
  public:
    Member(const Pass &pass, std::size_t index)
        : pass_(pass), config_(pass.model.config()), buffers_(pass.buffers), kernels_(pass.kernels),
          scratch_(pass.buffers.scratch[index]), begin_(pass.rows * index / pass.active),
          end_(pass.rows * (index + 1) / pass.active) {}

    bool run() {
        embed();
        const std::vector<LayerWeights> &layers = pass_.model.weights().layers;
        for (std::size_t i = 0; i < layers.size(); ++i) {
            const KeysValues &keys_values = buffers_.keys_values[i % 2];
            project(layers[i], keys_values);
            pass_.team.meet();
            if (i + 1 == layers.size() && pass_.first_only) {
                finish_first(layers[i], keys_values);
            } else {
                attend(keys_values);
                transform(layers[i], buffers_.hidden, begin_, end_);
            }
        }
        return finite_;
    }

  private:
    /// Calls `each(segment, from, to)` for every text with rows of this member's, from and to being tokens of it.
    template <class Each> void segments(Each each) const {
        for (std::size_t i = 0; i < pass_.count; ++i) {
            const Segment &segment = buffers_.segments[i];
            const std::size_t from = std::max(begin_, segment.row), to = std::min(end_, segment.row + segment.length);
            if (from < to) each(i, segment, from - segment.row, to - segment.row);
        }
    }

    /// Calls `each(row, count)` for blocks of about equal size.
    template <class Each> static void blocks(std::size_t begin, std::size_t end, std::size_t largest, Each each) {
        const std::size_t rows = end - begin, count = (rows + largest - 1) / largest;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t from = begin + rows * i / count, to = begin + rows * (i + 1) / count;
            each(from, to - from);
        }
    }

    static FloatRows from(const FloatRows &rows, std::size_t row) { return {rows.row(row), rows.stride}; }

    void embed() {
        segments([&](std::size_t text, const Segment &segment, std::size_t from, std::size_t to) {
            for (std::size_t token = from; token < to; ++token)
                embed_token(pass_.texts[text], token, buffers_.hidden.row(segment.row + token));
        });
        normalize(buffers_.hidden, begin_, end_ - begin_, pass_.model.weights().norm);
    }

    void embed_token(const TokenRow &text, std::size_t token, float *out) const {
        const Weights &weights = pass_.model.weights();
        const std::size_t width = config_.hidden;
        const auto id = static_cast<std::size_t>(text.ids[token]);
        const float *const position = weights.position + token * width;
        const bool second = text.types != nullptr && text.types[token] != 0;
        const float *const type = weights.type + (second ? width : 0);
        if (config_.precision == Precision::kInt8) {
            kernels_.embed_int8(weights.word_rows + id * width, weights.word_scales[id], position, type, width, out);
        } else {
            kernels_.embed_fp32(weights.word + id * width, position, type, width, out);
        }
    }

    void normalize(const FloatRows &rows, std::size_t row, std::size_t count, const Norm &norm) {
        finite_ &= kernels_.layer_norm(from(rows, row), count, config_.hidden, norm, config_.layer_norm_epsilon);
    }

    void linear(const Linear &layer, const FloatRows &input, std::size_t rows, const FloatRows &output, Finish finish) {
        if (layer.weight_int8 != nullptr) {
            finite_ &= kernels_.quantize(input, rows, layer.inputs, layer.smoothing, scratch_.codes);
            kernels_.product_int8(layer, scratch_.codes, rows, output, finish);
        } else {
            kernels_.product_fp32({input.data, input.stride, layer.weight_fp32, layer.inputs * kPanel, layer.inputs,
                                   layer.outputs, rows, layer.bias, output, finish});
        }
    }

    /// Queries, keys and values of this member's rows.
    void project(const LayerWeights &layer, const KeysValues &keys_values) {
        blocks(begin_, end_, kBlockRows, [&](std::size_t row, std::size_t count) {
            linear(layer.qkv, from(buffers_.hidden, row), count, from(buffers_.qkv, row), Finish::kStore);
        });
        segments([&](std::size_t, const Segment &segment, std::size_t from, std::size_t to) {
            for (std::size_t token = from; token < to; ++token)
                pack(buffers_.qkv.row(segment.row + token), segment.slot + token, keys_values);
        });
    }

    /// Puts a token's key and value into the panels of its slot.
    void pack(const float *qkv, std::size_t slot, const KeysValues &keys_values) const {
        const std::size_t size = config_.head_size(), panels = (size + kPanel - 1) / kPanel;
        const float *key = qkv + config_.hidden, *value = qkv + 2 * config_.hidden;
        for (std::size_t head = 0; head < config_.heads; ++head, key += size, value += size) {
            float *const keys = this->keys(keys_values, head, slot) + slot % kPanel;
            for (std::size_t i = 0; i < size; ++i)
                keys[i * kPanel] = key[i];
            for (std::size_t panel = 0; panel < panels; ++panel) {
                const std::size_t count = std::min(kPanel, size - panel * kPanel);
                std::memcpy(values(keys_values, head, slot) + panel * buffers_.slots * kPanel, value + panel * kPanel,
                            count * sizeof(float));
            }
        }
    }

    float *keys(const KeysValues &keys_values, std::size_t head, std::size_t slot) const {
        const std::size_t size = config_.head_size();
        return keys_values.keys + head * buffers_.slots * size + slot / kPanel * size * kPanel;
    }

    float *values(const KeysValues &keys_values, std::size_t head, std::size_t slot) const {
        const std::size_t padded = round_up(config_.head_size(), kPanel);
        return keys_values.values + head * buffers_.slots * padded + slot * kPanel;
    }

    void attend(const KeysValues &keys_values) {
        segments([&](std::size_t, const Segment &segment, std::size_t first, std::size_t last) {
            for (std::size_t head = 0; head < config_.heads; ++head) {
                blocks(segment.row + first, segment.row + last, kScoreRows, [&](std::size_t row, std::size_t count) {
                    attend_head(segment, head, keys_values, row, from(buffers_.context, row), count);
                });
            }
        });
    }

    /// context = softmax(queries * keys) * values for one head and a few rows of one text.
    void attend_head(const Segment &segment, std::size_t head, const KeysValues &keys_values, std::size_t row,
                     const FloatRows &context, std::size_t count) {
        const std::size_t size = config_.head_size(), column = head * size;
        const FloatRows &scores = scratch_.scores;
        kernels_.product_fp32({buffers_.qkv.row(row) + column, buffers_.qkv.stride,
                               keys(keys_values, head, segment.slot), size * kPanel, size, segment.length, count,
                               nullptr, scores, Finish::kStore});
        finite_ &= kernels_.softmax(scores, count, segment.length);
        kernels_.product_fp32({scores.data,
                               scores.stride,
                               values(keys_values, head, segment.slot),
                               buffers_.slots * kPanel,
                               segment.length,
                               size,
                               count,
                               nullptr,
                               {context.data + column, context.stride},
                               Finish::kStore});
    }

    /// Everything of a layer that follows the attention, for `rows` from begin to end.
    void transform(const LayerWeights &layer, const FloatRows &rows, std::size_t begin, std::size_t end) {
        blocks(begin, end, kBlockRows, [&](std::size_t row, std::size_t count) {
            const FloatRows hidden = from(rows, row);
            linear(layer.attention_output, from(buffers_.context, row), count, hidden, Finish::kAdd);
            normalize(hidden, 0, count, layer.attention_norm);
            linear(layer.intermediate, hidden, count, scratch_.intermediate, Finish::kGelu);
            linear(layer.output, scratch_.intermediate, count, hidden, Finish::kAdd);
            normalize(hidden, 0, count, layer.output_norm);
        });
    }

    /// The rest of the last layer for the first token of each text whose first token is this member's.
    void finish_first(const LayerWeights &layer, const KeysValues &keys_values) {
        std::size_t begin = pass_.count, end = pass_.count;
        segments([&](std::size_t text, const Segment &segment, std::size_t first, std::size_t) {
            if (first != 0) return;
            begin = std::min(begin, text);
            end = text + 1;
            // rows of the context are numbered by texts here; nobody reads those of other members
            for (std::size_t head = 0; head < config_.heads; ++head)
                attend_head(segment, head, keys_values, segment.row, from(buffers_.context, text), 1);
            std::memcpy(buffers_.first.row(text), buffers_.hidden.row(segment.row), config_.hidden * sizeof(float));
        });
        if (begin < end) transform(layer, buffers_.first, begin, end);
    }

    const Pass &pass_;
    const Config &config_;
    const Buffers &buffers_;
    const Kernels &kernels_;
    const Scratch &scratch_;
    std::size_t begin_, end_;
    bool finite_ = true;
};

struct Job {
    const Pass &pass;
    std::atomic<bool> finite;
};

void work(void *job, std::size_t index) {
    const FloatControl control;
    auto &shared = *static_cast<Job *>(job);
    if (!Member(shared.pass, index).run()) shared.finite = false;
}

} // namespace

bool Pass::run() {
    Job job{*this, {true}};
    team.run(&work, &job, active);
    return job.finite;
}

} // namespace edgebert::engine
