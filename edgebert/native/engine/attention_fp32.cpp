#include <cstring>

#include "attention.h"

namespace edgebert::engine {

float *FloatAttention::keys(std::size_t head, std::size_t slot) const {
    const std::size_t size = place_.config.head_size();
    return keys_values_.keys + head * place_.buffers.head_slots * size + slot / kPanel * size * kPanel;
}

float *FloatAttention::values(std::size_t head, std::size_t slot) const {
    return keys_values_.values + head * place_.buffers.head_slots * place_.padded_head() + slot * kPanel;
}

bool FloatAttention::keep_key_value(const float *qkv, std::size_t slot) const {
    const std::size_t size = place_.config.head_size(), panels = place_.padded_head() / kPanel;
    const float *key = qkv + place_.config.hidden, *value = key + place_.config.hidden;
    for (std::size_t head = 0; head < place_.config.heads; ++head, key += size, value += size) {
        float *const to = keys(head, slot) + slot % kPanel;
        for (std::size_t i = 0; i < size; ++i)
            to[i * kPanel] = key[i];
        for (std::size_t panel = 0; panel < panels; ++panel) {
            const std::size_t count = std::min(kPanel, size - panel * kPanel);
            std::memcpy(values(head, slot) + panel * place_.buffers.head_slots * kPanel, value + panel * kPanel,
                        count * sizeof(float));
        }
    }
    return true;
}

bool FloatAttention::attend(const Segment &segment, std::size_t head, std::size_t row, std::size_t count,
                            const FloatRows &context) const {
    const std::size_t size = place_.config.head_size(), column = head * size;
    const FloatRows &qkv = place_.buffers.qkv, &scores = place_.scratch.scores;
    place_.kernels.product_fp32({qkv.row(row) + column, qkv.stride, keys(head, segment.slot), size * kPanel, size,
                                 segment.length, count, nullptr, scores, Finish::kStore});
    const bool finite = place_.kernels.softmax(scores, count, segment.length);
    place_.kernels.product_fp32({scores.data,
                                 scores.stride,
                                 values(head, segment.slot),
                                 place_.buffers.head_slots * kPanel,
                                 segment.length,
                                 size,
                                 count,
                                 nullptr,
                                 {context.data + column, context.stride},
                                 Finish::kStore});
    return finite;
}

} // namespace edgebert::engine
