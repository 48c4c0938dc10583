#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "double_array.h"

namespace edgebert::text {

struct TrieKey {
    std::string bytes; // not empty
    std::int32_t value;
};

/// Builds a double array from the keys of each root. Of equal keys the first one counts. The result depends on the
/// keys alone. Throws TokenizerFileError where the keys need more nodes than a link can reach.
std::vector<TrieNode> build_double_array(std::vector<TrieKey> (&keys)[kRootCount]);

} // namespace edgebert::text
