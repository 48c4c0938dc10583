#include "normalize.h"

#include <algorithm>

namespace edgebert::text {

void CombiningRun::fix(std::size_t capacity) {
    marks_.reserve(capacity);
    positions_.reserve(capacity);
    capacity_ = capacity;
    fixed_ = true;
}

void CombiningRun::add(const Mark &mark, Span position) {
    if (fixed_ && (mark.nonspacing || marks_.size() == capacity_)) return;
    marks_.push_back(mark);
    marks_.back().order = static_cast<std::uint32_t>(marks_.size());
    if (!mark.inserted) positions_.push_back(position);
    survives_ = survives_ || !mark.nonspacing;
}

void CombiningRun::sort() {
    std::sort(marks_.begin(), marks_.end(), [](const Mark &left, const Mark &right) { // stable, without allocating
        return left.combining != right.combining ? left.combining < right.combining : left.order < right.order;
    });
}

void CombiningRun::clear() {
    marks_.clear();
    positions_.clear();
    survives_ = false;
}

} // namespace edgebert::text
