#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "settings.h"
#include "token_list.h"
#include "truncate.h"

namespace edgebert::text {

/// Rows of token ids, flat, with what is needed to tell every other field of a row.
struct Rows {
    std::vector<std::int32_t> ids;
    std::vector<Span> spans;         // with details: one for a token, (0, 0) for special tokens
    std::vector<std::int32_t> words; // with details: the index of the word, -1 for special tokens
    std::vector<std::int64_t> starts{0};
    std::vector<std::int32_t> first_lengths; // tokens of the first text in the row
    std::vector<std::uint8_t> truncated;     // the row does not hold all tokens of its texts
    std::vector<std::int64_t> text;          // which text the row belongs to

    std::size_t size() const { return first_lengths.size(); }
    void append(const Rows &other); // `other.text` counts from where this one ends
};

/// The tokens of a text, or of a pair, and the windows to make rows of.
struct Sequences {
    const TokenList *first;
    const TokenList *second; // nullptr: no pair
};

/// What to keep of both texts for one row.
struct RowPlan {
    Window first, second;
};

/// Appends a row: the template's pieces with the planned tokens in place of the sequences.
void write_row(const Template &pieces, bool add_special_tokens, const Sequences &sequences, const RowPlan &plan,
               Rows &rows);

enum class RowField { kTypeIds, kSpecialMask, kSequenceIds };

/// Writes one value for each of a row's `length` tokens: its type id; 1 for a special token; 0 or 1 for the sequence it
/// belongs to and -1 for a special token.
void describe_row(const Template &pieces, bool add_special_tokens, std::size_t length, std::size_t first_length,
                  RowField field, std::int32_t *out);

} // namespace edgebert::text
