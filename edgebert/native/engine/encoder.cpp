#include "encoder.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "attention.h"
#include "float_control.h"

namespace edgebert::engine {
namespace {

/// The outputs of a layer from `first` on, the first of a panel.
Linear outputs_from(Linear layer, std::size_t first) {
    const std::size_t inputs = round_up(layer.inputs, 4);
    if (layer.weight_int8 != nullptr) {
        layer.weight_int8 += first * inputs;
        layer.scale += first;
        layer.column_sum += first;
        if (layer.narrow != nullptr) layer.narrow += first / kPanel * panel_marks(inputs);
    } else {
        layer.weight_fp32 += first * layer.inputs;
    }
    layer.bias += first;
    layer.outputs -= first;
    return layer;
}

Linear first_outputs(Linear layer, std::size_t count) {
    layer.outputs = count;
    return layer;
}

/// One member's part of a pass: the rows from begin_ to end_.
class Member {
  public:
    Member(const Pass &pass, std::size_t index)
        : pass_(pass), config_(pass.model.config()), buffers_(pass.buffers), kernels_(pass.kernels),
          scratch_(pass.buffers.scratch[index]), begin_(pass.rows * index / pass.active),
          end_(pass.rows * (index + 1) / pass.active) {}

    bool run() {
        embed();
        if (config_.attention == Precision::kInt8) {
            layers<Int8Attention>();
        } else {
            layers<FloatAttention>();
        }
        return finite_;
    }

  private:
    template <class Attention> void layers() {
        for (std::size_t i = 0; i < config_.layers; ++i) {
            const LayerWeights &layer = buffers_.layers[i];
            const Attention attention({config_, buffers_, kernels_, scratch_, i % 2});
            const bool first_only = pass_.first_only && i + 1 == config_.layers;
            project(layer, attention, first_only);
            pass_.team.meet();
            if (first_only) {
                finish_first(layer, attention);
            } else {
                attend(attention);
                transform(layer, buffers_.hidden, begin_, end_);
            }
        }
    }

    /// Calls `each(text, segment, from, to)` for every text with rows from begin to end, from and to being tokens of
    /// it.
    template <class Each> void segments(std::size_t begin, std::size_t end, Each each) const {
        for (std::size_t i = 0; i < pass_.count; ++i) {
            const Segment &segment = buffers_.segments[i];
            const std::size_t from = std::max(begin, segment.row), to = std::min(end, segment.row + segment.length);
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
        segments(begin_, end_, [&](std::size_t text, const Segment &segment, std::size_t from, std::size_t to) {
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
        if (layer.weight_int8 != nullptr && config_.wide) {
            wide_linear(layer, input, rows, output, finish);
        } else if (layer.weight_int8 != nullptr) {
            finite_ &= kernels_.quantize(input, rows, layer.inputs, layer.smoothing, scratch_.codes);
            kernels_.product_int8(layer, scratch_.codes, rows, output, finish);
        } else {
            kernels_.product_fp32({input.data, input.stride, layer.weight_fp32, layer.inputs * kPanel, layer.inputs,
                                   layer.outputs, rows, layer.bias, output, finish});
        }
    }

    /// With wide activations: the product of their high halves, and then that of their low halves added.
    void wide_linear(const Linear &layer, const FloatRows &input, std::size_t rows, const FloatRows &output,
                     Finish finish) {
        const CodeRows &high = scratch_.codes, &low = scratch_.low_codes;
        finite_ &= kernels_.quantize_wide(input, rows, layer.inputs, layer.smoothing, high, low);
        kernels_.product_int8(layer, high, rows, output, finish == Finish::kAdd ? Finish::kAdd : Finish::kStore);
        Linear rest = layer;
        rest.bias = nullptr;
        kernels_.product_int8(rest, low, rows, output, finish == Finish::kGelu ? Finish::kAddGelu : Finish::kAdd);
    }

    /// Keys and values of this member's rows, and their queries unless those of first tokens alone are wanted.
    template <class Attention> void project(const LayerWeights &layer, const Attention &attention, bool first_only) {
        const std::size_t skipped = first_only ? config_.hidden / kPanel * kPanel : 0;
        const Linear wanted = outputs_from(layer.qkv, skipped);
        blocks(begin_, end_, kBlockRows, [&](std::size_t row, std::size_t count) {
            const FloatRows output = attention.output(row);
            linear(wanted, from(buffers_.hidden, row), count, {output.data + skipped, output.stride}, Finish::kStore);
            segments(row, row + count, [&](std::size_t, const Segment &segment, std::size_t first, std::size_t last) {
                for (std::size_t token = first; token < last; ++token) {
                    const float *const qkv = output.row(segment.row + token - row);
                    finite_ &= attention.keep_key_value(qkv, segment.slot + token);
                    if (!first_only) finite_ &= attention.keep_query(qkv, segment.row + token);
                }
            });
        });
    }

    template <class Attention> void attend(const Attention &attention) {
        segments(begin_, end_, [&](std::size_t, const Segment &segment, std::size_t first, std::size_t last) {
            for (std::size_t head = 0; head < config_.heads; ++head) {
                attention.begin_head(segment, head);
                blocks(segment.row + first, segment.row + last, kScoreRows, [&](std::size_t row, std::size_t count) {
                    finite_ &= attention.attend(segment, head, row, count, from(buffers_.context, row));
                });
            }
        });
    }

    /// Everything of a layer that follows the attention, for `rows` from begin to end.
    void transform(const LayerWeights &layer, const FloatRows &rows, std::size_t begin, std::size_t end) {
        blocks(begin, end, kBlockRows, [&](std::size_t row, std::size_t count) {
            const FloatRows hidden = from(rows, row);
            linear(layer.attention_output, from(buffers_.context, row), count, hidden, Finish::kAdd);
            normalize(hidden, 0, count, layer.attention_norm);
            const bool codes = layer.output.weight_int8 != nullptr && !config_.wide;
            const Finish gelu = codes ? Finish::kCoarseGelu : Finish::kGelu;
            linear(layer.intermediate, hidden, count, scratch_.intermediate, gelu);
            linear(layer.output, scratch_.intermediate, count, hidden, Finish::kAdd);
            normalize(hidden, 0, count, layer.output_norm);
        });
    }

    /// The rest of the last layer for the first token of each text whose first token is this member's. Rows are
    /// numbered by texts from here on; nobody reads those of other members.
    template <class Attention> void finish_first(const LayerWeights &layer, const Attention &attention) {
        std::size_t begin = pass_.count, end = pass_.count;
        segments(begin_, end_, [&](std::size_t text, const Segment &segment, std::size_t first, std::size_t) {
            if (first != 0) return;
            begin = std::min(begin, text);
            end = text + 1;
            std::memcpy(buffers_.first.row(text), buffers_.hidden.row(segment.row), config_.hidden * sizeof(float));
        });
        const Linear queries = first_outputs(layer.qkv, config_.hidden);
        blocks(begin, end, kBlockRows, [&](std::size_t text, std::size_t count) {
            const FloatRows output = attention.output(text);
            linear(queries, from(buffers_.first, text), count, output, Finish::kStore);
            for (std::size_t i = 0; i < count; ++i)
                finite_ &= attention.keep_query(output.row(i), text + i);
        });
        for (std::size_t text = begin; text < end; ++text) {
            for (std::size_t head = 0; head < config_.heads; ++head) {
                attention.begin_head(buffers_.segments[text], head);
                finite_ &= attention.attend(buffers_.segments[text], head, text, 1, from(buffers_.context, text));
            }
        }
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
