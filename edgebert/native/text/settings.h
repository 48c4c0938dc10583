#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "normalize.h"

namespace edgebert::text {

/// One piece of a post-processor template: a special token, or the tokens of a sequence.
struct TemplatePiece {
    enum Kind : std::uint8_t { kSpecial, kFirst, kSecond };
    Kind kind;
    std::uint8_t type_id;
    std::int32_t id; // of a special token
};

using Template = std::vector<TemplatePiece>;

/// What a tokenizer file says in its metadata.
struct Settings {
    NormalizerSettings normalizer;
    std::int32_t unk = 0, pad = 0, cls = 0, sep = 0;
    std::int32_t mask = -1; // -1: the vocabulary has none
    std::uint32_t max_word_chars = 100;
    std::string prefix; // of continuing pieces
    Template single, pair;
};

using Metadata = std::map<std::string, std::string>;

constexpr char kSettingPrefix[] = "tokenizer.";

/// Reads the settings, every id below `id_count`. Throws TokenizerFileError.
Settings parse_settings(const Metadata &metadata, std::int32_t id_count);

/// Tokens that a template adds.
std::uint32_t added_by(const Template &pieces);

} // namespace edgebert::text
