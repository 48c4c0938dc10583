#include "fixed_encoder.h"

#include <algorithm>
#include <limits>

namespace edgebert::text {
namespace {

constexpr std::size_t kMaxText = 0x7FFFFFFF;      // bytes; positions are 32 bits wide
constexpr std::size_t kMaxNormalizedText = 32768; // bytes
constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kBytesGrow = 3; // a byte of text is at most so many normalized bytes, and at most one character

/// Bytes of the longest word that WordPiece looks into, which is also the most tokens of a word.
std::size_t longest_word(const TextModel &model) {
    return std::max<std::size_t>(4 * std::size_t{model.words.max_chars()}, WordCache::kMaxPieces);
}

} // namespace

FixedEncoder::FixedEncoder(const TextModel &model, std::size_t max_length, OffsetUnit unit,
                           std::pmr::memory_resource *memory)
    : model_(model), max_length_(max_length), unit_(unit), workspace_(memory) {
    const std::size_t word = longest_word(model);
    workspace_.first.fix(max_length, word, unit != OffsetUnit::kNone);
    workspace_.second.fix(max_length, word, unit != OffsetUnit::kNone);
    workspace_.word.bytes.reserve(word);
    workspace_.word.spans.reserve(word);
    workspace_.pieces.resize(word);
    const bool keeps_text = !model.added_normalized.empty();
    // a run with more marks than a word may have characters makes its word unknown, whatever the rest is
    workspace_.run.fix(keeps_text ? kMaxNormalizedText : std::size_t{model.words.max_chars()} + 1);
    if (keeps_text) workspace_.normalized.reserve(kBytesGrow * kMaxNormalizedText, kMaxNormalizedText);
}

std::size_t FixedEncoder::max_text() const { return model_.added_normalized.empty() ? kMaxText : kMaxNormalizedText; }

FixedEncoder::Row FixedEncoder::encode(const Input &input, TruncationStrategy strategy, std::int32_t *ids,
                                       std::int32_t *types) {
    const std::size_t budget = max_length_ - special_tokens(input.pair);
    TokenList &first = workspace_.first, &second = workspace_.second;
    SequenceEncoder(model_, workspace_, input.first, unit_, input.pair ? kNoLimit : budget, first).run();
    second.reset(false);
    if (input.pair) SequenceEncoder(model_, workspace_, input.second, unit_, kNoLimit, second).run();
    const std::size_t whole = strategy == TruncationStrategy::kOnlySecond ? first.size() : 0;
    if (whole > 0 && whole >= budget) return {};
    const KeptLengths kept = kept_lengths(first.size(), second.size(), budget, strategy);
    Row row{0, kept.first < first.size() || kept.second < second.size(), {0, kept.first}, {0, kept.second}};
    for (const TemplatePiece &piece : row_template(input.pair)) {
        const bool special = piece.kind == TemplatePiece::kSpecial, of_first = piece.kind == TemplatePiece::kFirst;
        const std::int32_t *const from = special ? &piece.id : of_first ? first.ids() : second.ids();
        const std::size_t count = special ? 1 : of_first ? kept.first : kept.second;
        std::copy_n(from, count, ids + row.length);
        std::fill_n(types + row.length, count, piece.type_id);
        if (!special) (of_first ? row.first : row.second).begin = row.length;
        row.length += count;
    }
    return row;
}

} // namespace edgebert::text
