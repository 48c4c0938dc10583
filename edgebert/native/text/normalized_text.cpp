#include "normalized_text.h"

#include <algorithm>

namespace edgebert::text {

std::size_t NormalizedText::index(std::size_t byte) const {
    const auto found = std::lower_bound(places_.begin(), places_.end(), byte,
                                        [](const Place &place, std::size_t wanted) { return place.byte < wanted; });
    return static_cast<std::size_t>(found - places_.begin());
}

Span NormalizedText::span(std::size_t begin, std::size_t end) const {
    return {places_[index(begin)].span.start, places_[index(end) - 1].span.end};
}

} // namespace edgebert::text
