#pragma once

#include <cstddef>
#include <string_view>

#include "model_data.h"

namespace edgebert::text {

/// A stretch of text: an added token, or text between added tokens (`added` is -1).
struct Split {
    std::size_t begin, end;
    std::int32_t added;
};

/// Finds the first bytes of the added tokens below one root fast.
class AddedTokens {
  public:
    AddedTokens(const ModelData &data, TrieRoot root);

    bool empty() const { return empty_; }

    /// The first place at or after `from` where an added token starts; its index and end. False when there is none.
    bool find(std::string_view text, std::size_t from, Split &found) const;

    const ModelData &data() const { return data_; }

  private:
    std::size_t next_candidate(std::string_view text, std::size_t from) const;

    const ModelData &data_;
    TrieRoot root_;
    bool empty_;
    int only_first_byte_ = -1; // -1: several
    bool first_bytes_[256] = {};
};

/// Cuts a text at added tokens, leftmost and longest first, exactly as the reference does with single_word, lstrip and
/// rstrip. Stretches come in order; after an rstrip they may overlap, as there.
class AddedTokenSplitter {
  public:
    AddedTokenSplitter(const AddedTokens &tokens, std::string_view text) : tokens_(tokens), text_(text) {}

    /// The next stretch; false at the end of the text.
    bool next(Split &split);

  private:
    bool next_token(Split &token);
    bool stands_alone(const Split &token) const;

    const AddedTokens &tokens_;
    std::string_view text_;
    std::size_t search_ = 0; // where the next match may start
    std::size_t done_ = 0;   // where the last stretch ended
    Split pending_{0, 0, -1};
    bool has_pending_ = false;
};

} // namespace edgebert::text
