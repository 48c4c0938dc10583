#include "truncate.h"

#include <algorithm>
#include <string>

#include "error.h"

namespace edgebert::text {
namespace {

KeptLengths longest_first(std::size_t first, std::size_t second, std::size_t budget) {
    const bool first_is_longer = first > second;
    std::size_t shorter = std::min(first, second);
    std::size_t longer = shorter > budget ? shorter : std::max(shorter, budget - shorter);
    if (shorter + longer > budget) {
        shorter = budget / 2;
        longer = shorter + budget % 2;
    }
    return first_is_longer ? KeptLengths{longer, shorter} : KeptLengths{shorter, longer};
}

/// What is left for the text that may be cut, when the other one stays whole.
std::size_t left_for_one(const char *strategy, std::size_t other, std::size_t budget) {
    if (other >= budget) {
        throw EncodeError(std::string("truncation '") + strategy + "' cannot make the pair fit: the other text takes " +
                          std::to_string(other) + " of " + std::to_string(budget) + " tokens");
    }
    return budget - other;
}

} // namespace

KeptLengths kept_lengths(std::size_t first, std::size_t second, std::size_t budget, TruncationStrategy strategy) {
    if (first + second <= budget) return {first, second};
    if (budget == 0) return {0, 0};
    switch (strategy) {
    case TruncationStrategy::kOnlyFirst: return {left_for_one("only_first", second, budget), second};
    case TruncationStrategy::kOnlySecond: return {first, left_for_one("only_second", first, budget)};
    case TruncationStrategy::kLongestFirst: break;
    }
    return longest_first(first, second, budget);
}

void make_windows(std::size_t count, std::size_t keep, const EncodeOptions &options,
                  std::pmr::vector<Window> &windows) {
    windows.clear();
    if (keep >= count) {
        windows.push_back({0, count});
        return;
    }
    if (keep == 0) { // the reference keeps nothing and gives the whole text as overflow
        windows.push_back({0, 0});
        windows.push_back({0, count});
        return;
    }
    const auto stride = static_cast<std::size_t>(options.stride);
    if (stride >= keep) {
        throw EncodeError("stride is " + std::to_string(stride) + ", but a window keeps only " + std::to_string(keep) +
                          " tokens of this text: give a smaller stride or a larger max_length");
    }
    for (std::size_t done = 0;; done += keep - stride) {
        const std::size_t reach = std::min(done + keep, count);
        windows.push_back(options.from_left ? Window{count - reach, count - done} : Window{done, reach});
        if (reach == count) return;
    }
}

} // namespace edgebert::text
