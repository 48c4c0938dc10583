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

/// A text of a pass. Its keys and values start at a slot that is a multiple of 16.
struct Segment {
    std::size_t row, length, slot;
};

/// What a thread needs for itself.
struct Scratch {
    CodeRows codes;         // [kBlockRows, widest input], INT8 models only
    FloatRows intermediate; // [kBlockRows, intermediate]
    FloatRows scores;       // [kScoreRows, slots]
};

/// Keys and values of a layer, for each head apart and in panels, as products need them.
struct KeysValues {
    float *keys;   // [heads, slots / 16, head_size, 16]
    float *values; // [heads, ceil(head_size / 16), slots, 16]
};

/// Everything that a session computes with, planned once in one piece of memory.
struct Buffers {
    std::size_t slots;         // tokens of a pass, each text rounded up to 16
    FloatRows hidden;          // [slots, hidden]
    FloatRows qkv;             // [slots, 3 * hidden]
    FloatRows context;         // [slots, hidden]
    KeysValues keys_values[2]; // of even and odd layers: a thread may be a layer ahead of one that still reads
    FloatRows first;           // [texts, hidden], the first token of each text
    FloatRows pooled;          // [texts, hidden], of a classify model
    FloatRows logits;          // [texts, labels] of a classify model, [slots, output_size] of a tag or answer model
    Segment *segments;         // [texts]
    Scratch *scratch;          // [threads]
    std::size_t bytes;
};

/// Lays the buffers out from `memory` on, which is aligned to 64 bytes; with nullptr it only finds `bytes`.
Buffers plan_buffers(const Config &config, std::size_t max_tokens, std::size_t threads, void *memory);

} // namespace edgebert::engine
