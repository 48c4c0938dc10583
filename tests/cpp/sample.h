// A small tokenizer for the tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/model_data.h"
#include "text/tokenizer.h"

namespace sample {

using namespace edgebert;

enum Id : std::int32_t { kPad, kUnk, kCls, kSep, kMask, kLight, kLi, kGht, kSwitch, kDot, kZhong, kE, kDe, kNew };

inline text::Metadata settings(bool lowercase, bool clean_text = true) {
    return {{"tokenizer.format", "1"},
            {"tokenizer.kind", "bert-wordpiece"},
            {"tokenizer.clean_text", clean_text ? "true" : "false"},
            {"tokenizer.chinese_chars", "true"},
            {"tokenizer.strip_accents", lowercase ? "true" : "false"},
            {"tokenizer.lowercase", lowercase ? "true" : "false"},
            {"tokenizer.unk", "1"},
            {"tokenizer.pad", "0"},
            {"tokenizer.cls", "2"},
            {"tokenizer.sep", "3"},
            {"tokenizer.mask", "4"},
            {"tokenizer.prefix", "##"},
            {"tokenizer.max_word_chars", "100"},
            {"tokenizer.single", "2:0 A:0 3:0"},
            {"tokenizer.pair", "2:0 A:0 3:0 B:1 3:1"}};
}

/// The bytes of a compiled tokenizer; `normalized_added` adds a token that is looked for in normalized text.
inline std::string bytes(bool lowercase = true, bool normalized_added = false, bool clean_text = true) {
    std::vector<text::NewToken> tokens;
    for (const char *token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "light", "li", "##ght", "switch", ".",
                              "\xE4\xB8\xAD", "e", "##e", "new"}) {
        tokens.push_back({true, token});
    }
    std::vector<text::NewAddedToken> added;
    for (std::int32_t id = 0; id < 5; ++id)
        added.push_back({id, text::kSpecialToken});
    if (normalized_added) {
        added.push_back({kNew, text::kNormalized | text::kLeftStrip | text::kRightStrip | text::kOutsideModel});
    }
    return text::compile_tokenizer(tokens, added, settings(lowercase, clean_text));
}

inline std::shared_ptr<const text::Tokenizer> tokenizer(bool lowercase = true) {
    return text::Tokenizer::from_bytes(bytes(lowercase));
}

} // namespace sample
