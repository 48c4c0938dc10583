#include "buffers.h"

#include <algorithm>

#include "weights.h"

namespace edgebert::engine {
namespace {

constexpr std::size_t kLine = 64; // bytes

/// Hands out memory piece by piece, or only counts it.
class Planner {
  public:
    explicit Planner(void *memory) : memory_(static_cast<unsigned char *>(memory)) {}

    template <class Value> Value *take(std::size_t count) {
        Value *const piece = memory_ == nullptr ? nullptr : reinterpret_cast<Value *>(memory_ + bytes_);
        bytes_ += round_up(count * sizeof(Value), kLine);
        return piece;
    }

    /// Rows an odd number of cache lines apart, so that the same column of many rows does not fall into one set.
    FloatRows rows(std::size_t count, std::size_t width) {
        const std::size_t stride = ((width + 15) / 16 | 1) * 16;
        return {take<float>(count * stride), stride};
    }

    CodeRows codes(std::size_t count, std::size_t width, std::size_t scales) {
        const std::size_t stride = ((width + kLine - 1) / kLine | 1) * kLine;
        return {take<std::uint8_t>(count * stride + kLine), stride, take<CodeScale>(scales)};
    }

    std::size_t bytes() const { return bytes_; }

  private:
    unsigned char *memory_;
    std::size_t bytes_ = 0;
};

Scratch plan_scratch(Planner &planner, const Config &config, std::size_t slots) {
    Scratch scratch{};
    const std::size_t widest = std::max(config.hidden, config.intermediate);
    if (config.precision == Precision::kInt8) scratch.codes = planner.codes(kBlockRows, widest, kBlockRows);
    if (config.wide) scratch.low_codes = planner.codes(kBlockRows, widest, kBlockRows);
    scratch.intermediate = planner.rows(kBlockRows, config.intermediate);
    scratch.scores = planner.rows(kScoreRows, slots);
    if (config.attention == Precision::kFp32) return scratch;
    const std::size_t padded_head = round_up(config.head_size(), kPanel);
    scratch.qkv = planner.rows(kBlockRows, 3 * config.hidden);
    scratch.probabilities = planner.codes(kScoreRows, slots, kScoreRows);
    scratch.head_codes = planner.take<std::uint8_t>(config.heads * padded_head);
    scratch.head_scales = planner.take<HeadScale>(config.heads);
    scratch.head_values = planner.take<std::int8_t>(padded_head * slots);
    scratch.column_sums = planner.take<std::int32_t>(padded_head);
    return scratch;
}

void plan_attention(Planner &planner, const Config &config, Buffers &buffers) {
    const std::size_t slots = buffers.slots, heads = config.heads, size = config.head_size();
    const std::size_t padded = round_up(size, kPanel), head_slots = buffers.head_slots;
    if (config.attention == Precision::kFp32) {
        buffers.qkv = planner.rows(slots, 3 * config.hidden);
        for (KeysValues &layer : buffers.keys_values) {
            layer.keys = planner.take<float>(head_slots * config.hidden);
            layer.values = planner.take<float>(heads * head_slots * padded);
        }
        return;
    }
    buffers.queries = planner.codes(slots, heads * padded, heads * head_slots);
    for (KeysValuesInt8 &layer : buffers.keys_values_int8) {
        layer.keys = planner.take<std::int8_t>(heads * head_slots * round_up(size, 4));
        layer.key_scales = planner.take<float>(heads * head_slots);
        layer.key_sums = planner.take<std::int32_t>(heads * head_slots);
        layer.values = planner.take<std::uint8_t>(heads * slots * padded);
        layer.value_scales = planner.take<float>(heads * head_slots);
    }
}

} // namespace

Buffers plan_buffers(const Config &config, std::size_t max_tokens, std::size_t threads, std::size_t narrow,
                     void *memory) {
    Planner planner(memory);
    Buffers buffers{};
    buffers.slots = round_up(max_tokens, kPanel);
    buffers.head_slots = buffers.slots + kPanel;
    const std::size_t texts = buffers.slots / kPanel;
    buffers.hidden = planner.rows(buffers.slots, config.hidden);
    buffers.context = planner.rows(buffers.slots, config.hidden);
    plan_attention(planner, config, buffers);
    buffers.first = planner.rows(texts, config.hidden);
    if (config.task == Task::kClassify) buffers.pooled = planner.rows(texts, config.hidden);
    if (config.task != Task::kEmbed)
        buffers.logits = planner.rows(config.answers_tokens() ? buffers.slots : texts, config.output_size());
    buffers.layers = planner.take<LayerWeights>(config.layers);
    buffers.narrow = planner.take<std::uint8_t>(narrow);
    buffers.segments = planner.take<Segment>(texts);
    buffers.scratch = planner.take<Scratch>(threads);
    for (std::size_t i = 0; i < threads; ++i) {
        const Scratch scratch = plan_scratch(planner, config, buffers.slots);
        if (memory != nullptr) buffers.scratch[i] = scratch;
    }
    buffers.bytes = planner.bytes();
    return buffers;
}

} // namespace edgebert::engine
