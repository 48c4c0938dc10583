#pragma once

#include <cstddef>
#include <cstdint>

#include "config.h"
#include "kernels/kernels.h"

namespace edgebert::engine {

/// Rows that a thread takes through a layer's products at once: their numbers stay in the second-level cache.
constexpr std::size_t kBlockRows = 48;

/// Query rows whose attention scores a thread holds at once.
constexpr std::size_t kScoreRows = 24;

/// The limits of codes in INT8 attention. Keys and values are weights of a product with u8 codes.
constexpr float kQueryLimit = 127.0f, kKeyLimit = 64.0f;

/// A text of a pass. Its keys and values start at a slot that is a multiple of 16.
struct Segment {
    std::size_t row, length, slot;
};

/// What a thread needs for itself.
struct Scratch {
    CodeRows codes;         // [kBlockRows, widest input], INT8 models only; the high half of wide activations
    CodeRows low_codes;     // the low half of wide activations
    FloatRows intermediate; // [kBlockRows, intermediate]
    FloatRows scores;       // [kScoreRows, slots]

    // for INT8 attention
    FloatRows qkv;             // [kBlockRows, 3 * hidden]
    CodeRows probabilities;    // [kScoreRows, slots]
    std::uint8_t *head_codes;  // [heads, head size padded to 16]
    HeadScale *head_scales;    // [heads]
    std::int8_t *head_values;  // a head's values as a packed weight, [head size / 16, slots / 4, 16, 4]
    std::int32_t *column_sums; // of it, [head size padded to 16]
};

/// Keys and values of a layer, for each head apart and in panels, as products need them.
struct KeysValues {
    float *keys;   // [heads, head_slots / 16, head_size, 16]
    float *values; // [heads, ceil(head_size / 16), head_slots, 16]
};

/// The same for INT8 attention, as codes.
struct KeysValuesInt8 {
    std::int8_t *keys; // [heads, head_slots / 16, ceil(head_size / 4), 16, 4], a packed weight for each head and text
    float *key_scales; // [heads, head_slots]
    std::int32_t *key_sums; // [heads, head_slots]
    std::uint8_t *values;   // [slots, heads, head_size padded to 16], with 128 added
    float *value_scales;    // [heads, head_slots]
};

/// Everything that a session computes with, planned once in one piece of memory.
struct Buffers {
    std::size_t slots;      // tokens of a pass, each text rounded up to 16
    std::size_t head_slots; // from one head to the next: more than slots, so that heads do not fall into one cache set
    FloatRows hidden;       // [slots, hidden]
    FloatRows context;      // [slots, hidden]

    // for FP32 attention; keys and values of even and odd layers, as a thread may be a layer ahead of one that reads
    FloatRows qkv; // [slots, 3 * hidden]
    KeysValues keys_values[2];

    // for INT8 attention
    CodeRows queries; // [slots, heads * head size padded to 16], with scales [heads, head_slots]
    KeysValuesInt8 keys_values_int8[2];

    FloatRows first;      // [texts, hidden], the first token of each text
    FloatRows pooled;     // [texts, hidden], of a classify model
    FloatRows logits;     // [texts, labels] of a classify model, [slots, output_size] of a tag or answer model
    LayerWeights *layers; // [layers], the model's, with their marks
    std::uint8_t *narrow; // the marks, for paths that use them
    Segment *segments;    // [texts]
    Scratch *scratch;     // [threads]
    std::size_t bytes;
};

/// Lays the buffers out from `memory` on, which is aligned to 64 bytes; with nullptr it only finds `bytes`. `narrow` is
/// the number of marks.
Buffers plan_buffers(const Config &config, std::size_t max_tokens, std::size_t threads, std::size_t narrow,
                     void *memory);

} // namespace edgebert::engine
