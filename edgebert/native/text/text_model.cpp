#include "text_model.h"

#include "unicode.h"

namespace edgebert::text {
namespace {

ByteClass class_of(unsigned char byte, const NormalizerSettings &settings) {
    if (byte >= 0x80) return kOtherByte;
    const std::uint8_t flags = character(byte).flags;
    if (settings.clean_text && (flags & kRemoved) != 0) return kOtherByte;
    if ((flags & kWhitespace) != 0) return kBlankByte;
    if ((flags & kPunctuation) != 0) return kPunctuationByte;
    const bool letter = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
    return letter ? kLetterByte : kOtherByte;
}

} // namespace

TextModel::TextModel(const file::Safetensors &file)
    : data(file), words(data.trie(), data.settings().unk, data.settings().max_word_chars), added_raw(data, kAddedRaw),
      added_normalized(data, kAddedNormalized) {
    for (int byte = 0; byte < 256; ++byte) {
        classes[byte] = class_of(static_cast<unsigned char>(byte), data.settings().normalizer);
    }
    for (int byte = 0; byte < 128; ++byte) {
        const char word = static_cast<char>(byte);
        Piece piece{};
        words.split(&word, 1, 1, &piece);
        punctuation[byte] = piece.id;
    }
}

} // namespace edgebert::text
