#include "unicode.h"

namespace edgebert::text {
namespace {

#include "unicode_tables.inc"

constexpr unsigned kLowBits = 4, kMiddleBits = 5; // of the three-stage tables

template <class High, class Middle, class Low>
std::uint32_t look_up(const High &high, const Middle &middle, const Low &low, char32_t scalar) {
    const std::uint32_t row = high[scalar >> (kLowBits + kMiddleBits)];
    const std::uint32_t column = scalar >> kLowBits & ((1u << kMiddleBits) - 1);
    const std::uint32_t block = middle[(row << kMiddleBits) | column];
    return low[(block << kLowBits) | (scalar & ((1u << kLowBits) - 1))];
}

constexpr char32_t kPrivatePlanes = 0xF0000;
constexpr CharacterRecord kPlain{0, 0, 0};
constexpr CharacterRecord kPrivate{kRemoved, 0, 0};

// Hangul syllables decompose by arithmetic (Unicode, section 3.12).
constexpr char32_t kSyllableBase = 0xAC00, kLeadBase = 0x1100, kVowelBase = 0x1161, kTrailBase = 0x11A7;
constexpr char32_t kVowelCount = 21, kTrailCount = 28, kSyllableCount = 11172;

std::uint32_t decompose_syllable(char32_t index, char32_t (&out)[kLongestDecomposition]) {
    out[0] = kLeadBase + index / (kVowelCount * kTrailCount);
    out[1] = kVowelBase + index % (kVowelCount * kTrailCount) / kTrailCount;
    const char32_t trail = index % kTrailCount;
    out[2] = kTrailBase + trail;
    return trail == 0 ? 2 : 3;
}

} // namespace

const CharacterRecord &character(char32_t scalar) {
    if (scalar < kPropertyEnd) {
        return kRecords[look_up(kPropertyHigh, kPropertyMiddle, kPropertyLow, scalar)];
    }
    return scalar >= kPrivatePlanes && (scalar & 0xFFFF) < 0xFFFE ? kPrivate : kPlain;
}

std::uint32_t decompose(char32_t scalar, char32_t (&out)[kLongestDecomposition]) {
    out[0] = scalar;
    if (scalar - kSyllableBase < kSyllableCount) return decompose_syllable(scalar - kSyllableBase, out);
    if (scalar >= kDecompositionEnd) return 1;
    const std::uint32_t place = look_up(kDecompositionHigh, kDecompositionMiddle, kDecompositionLow, scalar);
    if (place == 0) return 1;
    const std::uint32_t length = kDecompositionPool[place];
    const std::uint16_t *units = kDecompositionPool + place + 1; // UTF-16
    for (std::uint32_t i = 0; i < length; ++i) {
        const char32_t unit = *units++;
        const bool pair = (unit & 0xFC00) == 0xD800;
        out[i] = pair ? 0x10000 + ((unit & 0x3FF) << 10) + (*units++ & 0x3FFu) : unit;
    }
    return length;
}

} // namespace edgebert::text
