#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

#include "wordpiece.h"

namespace edgebert::text {

/// A word of at most 16 bytes, as two little-endian numbers with zeros after its end.
struct ShortWord {
    static constexpr std::uint32_t kMaxBytes = 16;
    std::uint64_t low, high;
    std::uint32_t length;
};

/// Pieces of recent short words: direct-mapped, of fixed size, one for a thread.
class WordCache {
  public:
    static constexpr std::uint32_t kMaxPieces = 4;

    struct Entry {
        std::uint64_t low = 0, high = 0;
        std::int32_t ids[kMaxPieces] = {0, 0, 0, 0};
        std::uint8_t ends[kMaxPieces] = {0, 0, 0, 0};
        std::uint8_t length = 0; // 0: the entry is free
        std::uint8_t count = 0;

        bool holds(const ShortWord &word) const {
            return low == word.low && high == word.high && length == word.length;
        }
    };

    explicit WordCache(std::pmr::memory_resource *memory = std::pmr::get_default_resource())
        : entries_(std::size_t{1} << kBits, memory) {}

    /// The one place where `word` may stand.
    Entry &entry(const ShortWord &word) {
        const std::uint64_t mixed = (word.low ^ (word.high * 0x9E3779B97F4A7C15u)) * 0xD6E8FEB86659FD93u;
        return entries_[static_cast<std::size_t>(mixed >> (64 - kBits))];
    }

    static void fill(Entry &entry, const ShortWord &word, const Piece *pieces, std::uint32_t count) {
        entry.low = word.low;
        entry.high = word.high;
        entry.length = static_cast<std::uint8_t>(word.length);
        entry.count = static_cast<std::uint8_t>(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            entry.ids[i] = pieces[i].id;
            entry.ends[i] = static_cast<std::uint8_t>(pieces[i].end);
        }
    }

  private:
    static constexpr unsigned kBits = 12; // 4096 entries of 40 bytes
    std::pmr::vector<Entry> entries_;
};

} // namespace edgebert::text
