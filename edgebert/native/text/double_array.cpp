#include "double_array.h"

namespace edgebert::text {

bool DoubleArray::check(std::int32_t value_limit) const {
    if (count_ == 0 || count_ % kTrieBlock != 0 || count_ > kTrieMaxNodes) return false;
    for (std::uint32_t i = 0; i < count_; ++i) {
        if ((nodes_[i].link >> 9) >= count_) return false;
        if (nodes_[i].value < -1 || nodes_[i].value >= value_limit) return false;
    }
    return true;
}

} // namespace edgebert::text
