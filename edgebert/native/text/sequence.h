#pragma once

#include <cstddef>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "normalized_text.h"
#include "pretokenize.h"
#include "text_model.h"
#include "token_list.h"
#include "truncate.h"
#include "word_cache.h"

namespace edgebert::text {

/// Memory that encoding reuses; one for a thread.
struct Workspace {
    explicit Workspace(std::pmr::memory_resource *memory = std::pmr::get_default_resource())
        : cache(memory), first(memory), second(memory), first_windows(memory), second_windows(memory), word(memory),
          run(memory), normalized(memory), pieces(memory) {}

    WordCache cache;
    TokenList first, second;
    std::pmr::vector<Window> first_windows, second_windows;
    WordBuffer word;
    CombiningRun run;
    NormalizedText normalized;
    std::pmr::vector<Piece> pieces;

    void release_if_large();
};

/// Turns one text into tokens: added tokens, then normalizer, pre-tokenizer and WordPiece. Words of plain ASCII take a
/// short way that gives the same tokens.
class SequenceEncoder {
  public:
    /// `limit`: it may stop once more than so many tokens are known.
    SequenceEncoder(const TextModel &model, Workspace &workspace, std::string_view text, OffsetUnit unit,
                    std::size_t limit, TokenList &out);

    void run();

    /// Takes a word from the pre-tokenizer.
    void normalized_word(const NormalizedWord &word);

  private:
    bool full() const { return out_.size() > limit_; }
    std::int32_t position(const char *place) const { return static_cast<std::int32_t>(place - text_.data()) - shift_; }

    void piece(const Split &split);
    void normalized_piece(const Split &split);
    void single(std::int32_t id, Span span);
    void unknown_word(Span span) { single(model_.data.settings().unk, span); }
    void scan(const Split &split);
    const char *letters(const char *begin, const char *end);
    const char *long_letters(const char *begin, const char *end);
    const char *segment(const char *begin, const char *end);
    template <class SpanOf> void short_word(const ShortWord &word, std::uint32_t chars, SpanOf span_of);
    template <class SpanOf> void any_word(const char *word, std::uint32_t length, std::uint32_t chars, SpanOf span_of);

    const TextModel &model_;
    const NormalizerSettings &settings_;
    Workspace &workspace_;
    std::string_view text_;
    std::size_t limit_;
    TokenList &out_;
    PositionCursor cursor_;
    std::int32_t shift_ = 0; // bytes minus positions at the scanner's place
    bool details_;
};

} // namespace edgebert::text
