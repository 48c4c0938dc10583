#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

#include "span.h"
#include "unicode.h"
#include "utf8.h"

namespace edgebert::text {

/// The BERT pre-tokenizer for normalized characters: words end at white space, punctuation stands alone. It sends every
/// word to `words.normalized_word(const NormalizedWord &)`.
struct NormalizedWord {
    const char *bytes;
    std::uint32_t length;
    std::uint32_t chars;
    const Span *spans; // one for every byte: the source of the character it belongs to
    Span whole;
};

/// The word that is being read, kept between words to reuse its memory.
struct WordBuffer {
    explicit WordBuffer(std::pmr::memory_resource *memory = std::pmr::get_default_resource())
        : bytes(memory), spans(memory) {}

    std::pmr::vector<char> bytes;
    std::pmr::vector<Span> spans;
};

template <class Words> class PreTokenizer {
  public:
    PreTokenizer(WordBuffer &buffer, std::uint32_t max_chars, Words &words)
        : buffer_(buffer), max_chars_(max_chars), words_(words) {
        buffer_.bytes.clear();
        buffer_.spans.clear();
    }

    void put(char32_t scalar, Span span) {
        const std::uint8_t flags = character(scalar).flags;
        if ((flags & kWhitespace) != 0) return finish();
        if ((flags & kPunctuation) == 0) return append(scalar, span);
        finish();
        append(scalar, span);
        finish();
    }

    /// Ends the word; call it at the end of a piece of text.
    void finish() {
        if (chars_ == 0) return;
        words_.normalized_word({buffer_.bytes.data(), static_cast<std::uint32_t>(buffer_.bytes.size()), chars_,
                                buffer_.spans.data(), whole_});
        chars_ = 0;
        buffer_.bytes.clear();
        buffer_.spans.clear();
    }

  private:
    void append(char32_t scalar, Span span) {
        if (chars_ == 0) whole_.start = span.start;
        whole_.end = span.end;
        if (++chars_ > max_chars_) return; // the model will not look inside
        char encoded[4];
        const std::uint32_t length = encode_utf8(scalar, encoded);
        buffer_.bytes.insert(buffer_.bytes.end(), encoded, encoded + length);
        buffer_.spans.insert(buffer_.spans.end(), length, span);
    }

    WordBuffer &buffer_;
    std::uint32_t max_chars_;
    Words &words_;
    std::uint32_t chars_ = 0;
    Span whole_{0, 0};
};

} // namespace edgebert::text
