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

    CodeRows codes(std::size_t count, std::size_t width) {
        const std::size_t stride = ((width + kLine - 1) / kLine | 1) * kLine;
        return {take<std::uint8_t>(count * stride + kLine), stride, take<CodeScale>(count)};
    }

    std::size_t bytes() const { return bytes_; }

  private:
    unsigned char *memory_;
    std::size_t bytes_ = 0;
};

Scratch plan_scratch(Planner &planner, const Config &config, std::size_t slots) {
    Scratch scratch{};
    const std::size_t widest = std::max(config.hidden, config.intermediate);
    if (config.precision == Precision::kInt8) scratch.codes = planner.codes(kBlockRows, widest);
    scratch.intermediate = planner.rows(kBlockRows, config.intermediate);
    scratch.scores = planner.rows(kScoreRows, slots);
    return scratch;
}

} // namespace

Buffers plan_buffers(const Config &config, std::size_t max_tokens, std::size_t threads, void *memory) {
    Planner planner(memory);
    Buffers buffers{};
    buffers.slots = round_up(max_tokens, kPanel);
    const std::size_t texts = buffers.slots / kPanel, padded_head = round_up(config.head_size(), kPanel);
    buffers.hidden = planner.rows(buffers.slots, config.hidden);
    buffers.qkv = planner.rows(buffers.slots, 3 * config.hidden);
    buffers.context = planner.rows(buffers.slots, config.hidden);
    for (KeysValues &layer : buffers.keys_values) {
        layer.keys = planner.take<float>(buffers.slots * config.hidden);
        layer.values = planner.take<float>(config.heads * buffers.slots * padded_head);
    }
    buffers.first = planner.rows(texts, config.hidden);
    if (config.task == Task::kClassify) buffers.pooled = planner.rows(texts, config.hidden);
    if (config.task != Task::kEmbed)
        buffers.logits = planner.rows(config.answers_tokens() ? buffers.slots : texts, config.output_size());
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
