#include "postprocess.h"

#include <algorithm>

namespace edgebert::text {
namespace {

void append_special(std::int32_t id, bool details, Rows &rows) {
    rows.ids.push_back(id);
    if (!details) return;
    rows.spans.push_back({0, 0});
    rows.words.push_back(-1);
}

void append_tokens(const TokenList &tokens, const Window &window, Rows &rows) {
    rows.ids.insert(rows.ids.end(), tokens.ids() + window.begin, tokens.ids() + window.end);
    if (!tokens.details()) return;
    rows.spans.insert(rows.spans.end(), tokens.spans() + window.begin, tokens.spans() + window.end);
    rows.words.insert(rows.words.end(), tokens.words() + window.begin, tokens.words() + window.end);
}

std::int32_t describe(const TemplatePiece &piece, RowField field) {
    switch (field) {
    case RowField::kTypeIds: return piece.type_id;
    case RowField::kSpecialMask: return piece.kind == TemplatePiece::kSpecial ? 1 : 0;
    case RowField::kSequenceIds: break;
    }
    return piece.kind == TemplatePiece::kSpecial ? -1 : piece.kind == TemplatePiece::kFirst ? 0 : 1;
}

} // namespace

void Rows::append(const Rows &other) {
    const auto shift = static_cast<std::int64_t>(ids.size());
    ids.insert(ids.end(), other.ids.begin(), other.ids.end());
    spans.insert(spans.end(), other.spans.begin(), other.spans.end());
    words.insert(words.end(), other.words.begin(), other.words.end());
    std::transform(other.starts.begin() + 1, other.starts.end(), std::back_inserter(starts),
                   [shift](std::int64_t start) { return start + shift; });
    first_lengths.insert(first_lengths.end(), other.first_lengths.begin(), other.first_lengths.end());
    truncated.insert(truncated.end(), other.truncated.begin(), other.truncated.end());
    text.insert(text.end(), other.text.begin(), other.text.end());
}

void write_row(const Template &pieces, bool add_special_tokens, const Sequences &sequences, const RowPlan &plan,
               Rows &rows) {
    for (const TemplatePiece &piece : pieces) {
        if (piece.kind == TemplatePiece::kFirst) {
            append_tokens(*sequences.first, plan.first, rows);
        } else if (piece.kind == TemplatePiece::kSecond) {
            append_tokens(*sequences.second, plan.second, rows);
        } else if (add_special_tokens) {
            append_special(piece.id, sequences.first->details(), rows);
        }
    }
    rows.starts.push_back(static_cast<std::int64_t>(rows.ids.size()));
    rows.first_lengths.push_back(static_cast<std::int32_t>(plan.first.size()));
}

void describe_row(const Template &pieces, bool add_special_tokens, std::size_t length, std::size_t first_length,
                  RowField field, std::int32_t *out) {
    const std::size_t special = add_special_tokens ? added_by(pieces) : 0;
    for (const TemplatePiece &piece : pieces) {
        std::size_t count = add_special_tokens ? 1 : 0;
        if (piece.kind == TemplatePiece::kFirst) count = first_length;
        if (piece.kind == TemplatePiece::kSecond) count = length - special - first_length;
        out = std::fill_n(out, count, describe(piece, field));
    }
}

} // namespace edgebert::text
