#pragma once

#include <cstdint>

namespace edgebert::text {

/// One node of a double-array trie, as it stands in the file (little-endian).
///
/// The child of a node along byte `b` is node `base ^ b` when that node's `label` is `b` and it is in use.
struct TrieNode {
    std::uint32_t link; // base << 9 | used << 8 | label
    std::int32_t value; // -1: no key ends here
};

/// Tries share one array; each begins at its own root.
enum TrieRoot : std::uint32_t {
    kWordStart = 0,
    kContinuation = 1,
    kAddedRaw = 2,
    kAddedNormalized = 3,
    kRootCount = 4
};

constexpr std::uint32_t kTrieBlock = 256; // node counts are a multiple of this, so that base ^ byte stays inside
constexpr std::uint32_t kTrieMaxNodes = 1u << 23;

struct TrieMatch {
    std::int32_t value; // -1: nothing matched
    std::uint32_t length;
};

/// A view on trie nodes that `check` accepted: every walk stays inside, whatever the text.
class DoubleArray {
  public:
    DoubleArray() = default;
    DoubleArray(const TrieNode *nodes, std::uint32_t count) : nodes_(nodes), count_(count) {}

    /// Whether every link stays inside the array and every value is below `value_limit`.
    bool check(std::int32_t value_limit) const;

    /// The longest key at the start of [begin, end) below `root`.
    TrieMatch longest(TrieRoot root, const char *begin, const char *end) const {
        TrieMatch best{-1, 0};
        std::uint32_t link = nodes_[root].link;
        for (const char *p = begin; p != end;) {
            const auto byte = static_cast<unsigned char>(*p);
            const TrieNode node = nodes_[(link >> 9) ^ byte];
            if ((node.link & 0x1FF) != (0x100u | byte)) break;
            ++p;
            if (node.value >= 0) best = {node.value, static_cast<std::uint32_t>(p - begin)};
            link = node.link;
        }
        return best;
    }

    bool has_child(TrieRoot root, unsigned char byte) const {
        return (nodes_[(nodes_[root].link >> 9) ^ byte].link & 0x1FF) == (0x100u | byte);
    }

    bool has_keys(TrieRoot root) const { return nodes_[root].link >> 9 != 0; }

  private:
    const TrieNode *nodes_ = nullptr;
    std::uint32_t count_ = 0;
};

} // namespace edgebert::text
