#pragma once

#include <cstdint>

#include "added_tokens.h"
#include "model_data.h"
#include "wordpiece.h"

namespace edgebert::text {

/// How the scanner treats a byte.
enum ByteClass : std::uint8_t {
    kOtherByte,       // needs the full normalizer
    kBlankByte,       // white space: ends a word
    kPunctuationByte, // a word of its own
    kLetterByte,      // an ASCII letter or digit
};

/// A tokenizer's tables with what is derived from them at load: about 1 kB. Immutable, shared by threads.
struct TextModel {
    explicit TextModel(const file::Safetensors &file);
    TextModel(const TextModel &) = delete;
    TextModel &operator=(const TextModel &) = delete;

    const ModelData data;
    const WordPiece words;
    const AddedTokens added_raw, added_normalized;
    ByteClass classes[256];
    std::int32_t punctuation[128]; // id of the word that is this one character
};

} // namespace edgebert::text
