#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

namespace edgebert::text {

enum class TruncationStrategy { kLongestFirst, kOnlyFirst, kOnlySecond };

constexpr std::int64_t kNoMaxLength = INT64_MIN;

struct EncodeOptions {
    std::int64_t max_length = kNoMaxLength; // tokens, with special tokens
    std::int64_t stride = 0;                // tokens that neighbouring windows share
    TruncationStrategy strategy = TruncationStrategy::kLongestFirst;
    bool from_left = false; // cut at the start of a text instead of its end
    bool add_special_tokens = true;
};

/// Tokens that are kept of a text and its pair.
struct KeptLengths {
    std::size_t first, second;
};

/// A range of a sequence's tokens.
struct Window {
    std::size_t begin, end;
    std::size_t size() const { return end - begin; }
};

/// How many tokens each text keeps when both share `budget` tokens. Throws EncodeError when the strategy cannot make
/// them fit.
KeptLengths kept_lengths(std::size_t first, std::size_t second, std::size_t budget, TruncationStrategy strategy);

/// Windows of at most `keep` tokens over `count` tokens in the reference's order; the first is what a cut text keeps.
/// Throws EncodeError when the stride does not let windows advance.
void make_windows(std::size_t count, std::size_t keep, const EncodeOptions &options, std::pmr::vector<Window> &windows);

} // namespace edgebert::text
