#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>

#include "sequence.h"
#include "tokenizer.h"

namespace edgebert::text {

/// Encodes one text or pair at a time and never allocates after its construction. The ids are those of
/// `Tokenizer::encode` with `max_length`, the pair's longer text cut first.
class FixedEncoder {
  public:
    struct Row {
        std::size_t length;
        bool truncated; // the row does not hold all tokens of its texts
    };

    /// `memory` gives its memory once, here; `model` must outlive it. `max_length` is at least special_tokens(false).
    FixedEncoder(const TextModel &model, std::size_t max_length, std::pmr::memory_resource *memory);

    /// Special tokens of a row: the least that `max_length` must be.
    std::size_t special_tokens(bool pair) const { return added_by(row_template(pair)); }

    /// Bytes that a text may have. Tokenizers with added tokens that are looked for in normalized text keep all of it.
    std::size_t max_text() const;

    /// Writes the row to `ids` and `types`, `max_length` of each. Both texts fit `max_text`, and `max_length` the
    /// special tokens.
    Row encode(const Input &input, std::int32_t *ids, std::int32_t *types);

  private:
    const Template &row_template(bool pair) const {
        return pair ? model_.data.settings().pair : model_.data.settings().single;
    }

    const TextModel &model_;
    std::size_t max_length_;
    Workspace workspace_;
};

} // namespace edgebert::text
