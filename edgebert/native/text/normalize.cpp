#include "normalize.h"

#include <algorithm>

namespace edgebert::text {

void CombiningRun::add(const Mark &mark, Span position) {
    marks_.push_back(mark);
    if (!mark.inserted) positions_.push_back(position);
    survives_ = survives_ || !mark.nonspacing;
}

void CombiningRun::sort() {
    std::stable_sort(marks_.begin(), marks_.end(),
                     [](const Mark &left, const Mark &right) { return left.combining < right.combining; });
}

void CombiningRun::clear() {
    marks_.clear();
    positions_.clear();
    survives_ = false;
}

} // namespace edgebert::text
