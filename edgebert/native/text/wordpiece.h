#pragma once

#include <cstdint>

#include "double_array.h"

namespace edgebert::text {

/// A piece of a word: its id and where it ends, in bytes from the word's start.
struct Piece {
    std::int32_t id;
    std::uint32_t end;
};

/// The WordPiece model: greedy longest match; a word that does not match to its end is one unknown piece.
class WordPiece {
  public:
    WordPiece(const DoubleArray &trie, std::int32_t unknown, std::uint32_t max_chars)
        : trie_(trie), unknown_(unknown), max_chars_(max_chars) {}

    std::uint32_t max_chars() const { return max_chars_; }

    /// Splits a word of `length` > 0 bytes and `chars` characters. `out` holds at least `length` pieces. Returns their
    /// number, at least 1.
    std::uint32_t split(const char *word, std::uint32_t length, std::uint32_t chars, Piece *out) const {
        if (chars > max_chars_) return unknown(length, out);
        std::uint32_t count = 0, place = 0;
        TrieRoot root = kWordStart;
        while (place < length) {
            const TrieMatch match = trie_.longest(root, word + place, word + length);
            if (match.value < 0) return unknown(length, out);
            place += match.length;
            out[count++] = {match.value, place};
            root = kContinuation;
        }
        return count;
    }

  private:
    std::uint32_t unknown(std::uint32_t length, Piece *out) const {
        out[0] = {unknown_, length};
        return 1;
    }

    DoubleArray trie_;
    std::int32_t unknown_;
    std::uint32_t max_chars_;
};

} // namespace edgebert::text
