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
    /// Tokens of one text in a row: the first of the text's tokens.
    struct Part {
        std::size_t begin, count;
    };
    struct Row {
        std::size_t length; // 0: the strategy cannot make the pair fit
        bool truncated;     // the row does not hold all tokens of its texts
        Part first, second;
    };

    /// `memory` gives its memory once, here; `model` must outlive it. `max_length` is at least special_tokens(false).
    FixedEncoder(const TextModel &model, std::size_t max_length, OffsetUnit unit, std::pmr::memory_resource *memory);

    /// Special tokens of a row: the least that `max_length` must be.
    std::size_t special_tokens(bool pair) const { return added_by(row_template(pair)); }

    /// Bytes that a text may have. Tokenizers with added tokens that are looked for in normalized text keep all of it.
    std::size_t max_text() const;

    /// Writes the row to `ids` and `types`, `max_length` of each. Both texts fit `max_text`, and `max_length` the
    /// special tokens.
    Row encode(const Input &input, TruncationStrategy strategy, std::int32_t *ids, std::int32_t *types);

    /// The tokens of the texts encoded last, with spans and words where the unit is not kNone.
    const TokenList &first() const { return workspace_.first; }
    const TokenList &second() const { return workspace_.second; }

  private:
    const Template &row_template(bool pair) const {
        return pair ? model_.data.settings().pair : model_.data.settings().single;
    }

    const TextModel &model_;
    std::size_t max_length_;
    OffsetUnit unit_;
    Workspace workspace_;
};

} // namespace edgebert::text
