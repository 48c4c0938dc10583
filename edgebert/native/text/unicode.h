#pragma once

#include <cstdint>

namespace edgebert::text {

/// What the reference tokenizer does with a character; the bits of `CharacterRecord::flags`.
enum CharacterFlag : std::uint8_t {
    kRemoved = 1,      ///< deleted by clean_text
    kSpace = 2,        ///< becomes U+0020 by clean_text
    kWhitespace = 4,   ///< splits words and is dropped by the pre-tokenizer
    kPunctuation = 8,  ///< a word of its own
    kChinese = 16,     ///< gets a space on each side
    kNonspacing = 32,  ///< deleted by strip_accents
    kWord = 64,        ///< `\w` beside an added token with single_word
    kDecomposes = 128, ///< has a canonical decomposition in the table
};

struct CharacterRecord {
    std::uint8_t flags;
    std::uint8_t combining; // canonical combining class
    std::int32_t lower;     // distance to the lower-case character; U+0130 has two and is handled by name
};

constexpr char32_t kCapitalDottedI = 0x130; // the one character whose lower case is two characters, i and U+0307
constexpr char32_t kDotAbove = 0x307;

const CharacterRecord &character(char32_t scalar);

constexpr std::uint32_t kLongestDecomposition = 4;

/// Writes the full canonical decomposition of `scalar` and returns its length, 1 for most characters.
std::uint32_t decompose(char32_t scalar, char32_t (&out)[kLongestDecomposition]);

} // namespace edgebert::text
