#pragma once

#include <algorithm>
#include <cstddef>

#include "buffers.h"
#include "config.h"

namespace edgebert::engine {

/// What the attention of one member of the team works with.
struct AttentionPlace {
    const Config &config;
    const Buffers &buffers;
    const Kernels &kernels;
    const Scratch &scratch;
    std::size_t parity; // of the layer

    std::size_t padded_head() const { return round_up(config.head_size(), kPanel); }
};

/// Attention in FP32. Queries are read where the product left them.
class FloatAttention {
  public:
    explicit FloatAttention(const AttentionPlace &place)
        : place_(place), keys_values_(place.buffers.keys_values[place.parity]) {}

    /// Where the product of a block of rows goes, [rows, 3 * hidden].
    FloatRows output(std::size_t row) const { return {place_.buffers.qkv.row(row), place_.buffers.qkv.stride}; }

    bool keep_query(const float *, std::size_t) const { return true; }
    bool keep_key_value(const float *qkv, std::size_t slot) const;

    void begin_head(const Segment &, std::size_t) const {}

    /// context = softmax(queries * keys) * values for one head and `count` queries from `row` on. False: a number is
    /// not finite.
    bool attend(const Segment &segment, std::size_t head, std::size_t row, std::size_t count,
                const FloatRows &context) const;

  private:
    float *keys(std::size_t head, std::size_t slot) const;
    float *values(std::size_t head, std::size_t slot) const;

    AttentionPlace place_;
    KeysValues keys_values_;
};

/// Attention with INT8 products: queries, keys and values have a scale for each head of a token. A value's scale is
/// multiplied onto its probabilities before these become codes with a scale a row.
class Int8Attention {
  public:
    explicit Int8Attention(const AttentionPlace &place)
        : place_(place), keys_values_(place.buffers.keys_values_int8[place.parity]) {}

    FloatRows output(std::size_t) const { return place_.scratch.qkv; }

    /// Keeps the codes of the queries in a row of the product's output as those of `row`.
    bool keep_query(const float *qkv, std::size_t row) const;
    bool keep_key_value(const float *qkv, std::size_t slot) const;

    /// Packs the values of a head, before `attend`.
    void begin_head(const Segment &segment, std::size_t head) const;
    bool attend(const Segment &segment, std::size_t head, std::size_t row, std::size_t count,
                const FloatRows &context) const;

  private:
    void keep_key(std::size_t head, std::size_t slot) const;

    AttentionPlace place_;
    KeysValuesInt8 keys_values_;
};

} // namespace edgebert::engine
