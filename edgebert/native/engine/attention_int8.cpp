#include <cstring>

#include "attention.h"

namespace edgebert::engine {
namespace {

constexpr std::uint32_t kMiddles = 0x80808080; // turns four codes with 128 added into signed ones and back

} // namespace

bool Int8Attention::keep_query(const float *qkv, std::size_t row) const {
    const Config &config = place_.config;
    const CodeRows &queries = place_.buffers.queries;
    HeadScale *const scales = place_.scratch.head_scales;
    const bool finite = place_.kernels.quantize_heads(qkv, config.heads, config.head_size(), kQueryLimit, false,
                                                      queries.data + row * queries.stride, scales);
    for (std::size_t head = 0; head < config.heads; ++head)
        queries.scales[head * place_.buffers.head_slots + row] = {scales[head].scale, 128};
    return finite;
}

bool Int8Attention::keep_key_value(const float *qkv, std::size_t slot) const {
    const Config &config = place_.config;
    const std::size_t hidden = config.hidden, size = config.head_size(), slots = place_.buffers.head_slots;
    HeadScale *const scales = place_.scratch.head_scales;
    const auto quantize = place_.kernels.quantize_heads;
    bool finite = quantize(qkv + hidden, config.heads, size, kKeyLimit, true, place_.scratch.head_codes, scales);
    for (std::size_t head = 0; head < config.heads; ++head)
        keep_key(head, slot);
    std::uint8_t *const values = keys_values_.values + slot * config.heads * place_.padded_head();
    finite = quantize(qkv + 2 * hidden, config.heads, size, kKeyLimit, false, values, scales) && finite;
    for (std::size_t head = 0; head < config.heads; ++head)
        keys_values_.value_scales[head * slots + slot] = scales[head].scale;
    return finite;
}

/// Puts a head's key into the panel of its slot.
void Int8Attention::keep_key(std::size_t head, std::size_t slot) const {
    const std::size_t groups = round_up(place_.config.head_size(), 4) / 4, slots = place_.buffers.head_slots;
    const std::uint8_t *from = place_.scratch.head_codes + head * place_.padded_head();
    std::int8_t *to = keys_values_.keys + head * slots * groups * 4 + slot / kPanel * groups * 64 + slot % kPanel * 4;
    for (std::size_t group = 0; group < groups; ++group, from += 4, to += 64) {
        std::uint32_t codes;
        std::memcpy(&codes, from, sizeof codes);
        codes ^= kMiddles;
        std::memcpy(to, &codes, sizeof codes);
    }
    const HeadScale &scale = place_.scratch.head_scales[head];
    keys_values_.key_scales[head * slots + slot] = scale.scale;
    keys_values_.key_sums[head * slots + slot] = scale.sum;
}

void Int8Attention::begin_head(const Segment &segment, std::size_t head) const {
    const std::size_t padded = place_.padded_head(), stride = place_.config.heads * padded;
    place_.kernels.pack_values(keys_values_.values + segment.slot * stride + head * padded, stride, segment.length,
                               place_.config.head_size(), place_.scratch.head_values, place_.scratch.column_sums);
}

bool Int8Attention::attend(const Segment &segment, std::size_t head, std::size_t row, std::size_t count,
                           const FloatRows &context) const {
    const std::size_t size = place_.config.head_size(), slots = place_.buffers.head_slots;
    const std::size_t place = head * slots + segment.slot;
    const CodeRows &queries = place_.buffers.queries, &probabilities = place_.scratch.probabilities;
    Linear keys;
    keys.inputs = size;
    keys.outputs = segment.length;
    keys.weight_int8 = keys_values_.keys + place * round_up(size, 4);
    keys.scale = keys_values_.key_scales + place;
    keys.column_sum = keys_values_.key_sums + place;
    const CodeRows some{queries.data + row * queries.stride + head * place_.padded_head(), queries.stride,
                        queries.scales + head * slots + row};
    const FloatRows &scores = place_.scratch.scores;
    place_.kernels.product_int8(keys, some, count, scores, Finish::kStore);
    place_.kernels.softmax_codes(scores, count, segment.length, keys_values_.value_scales + place, probabilities);
    Linear values;
    values.inputs = segment.length;
    values.outputs = size;
    values.weight_int8 = place_.scratch.head_values;
    values.column_sum = place_.scratch.column_sums;
    place_.kernels.product_int8(values, probabilities, count, {context.data + head * size, context.stride},
                                Finish::kStore);
    return true; // keep_query and keep_key_value saw to it
}

} // namespace edgebert::engine
