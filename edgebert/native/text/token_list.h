#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "span.h"

namespace edgebert::text {

/// The tokens of one sequence: ids, and where asked their spans and words. Grows, never shrinks by itself.
class TokenList {
  public:
    explicit TokenList(std::pmr::memory_resource *memory = std::pmr::get_default_resource())
        : ids_(memory), words_(memory), spans_(memory) {}

    /// Takes all the memory that it will ever have: it keeps the first `capacity` tokens and counts the others.
    /// `longest`: the most tokens that the caller makes room for at once; `details`: whether it will be asked for
    /// spans.
    void fix(std::size_t capacity, std::size_t longest, bool details) {
        ids_.resize(capacity + longest);
        if (details) spans_.resize(capacity + longest);
        if (details) words_.resize(capacity + longest);
        capacity_ = capacity;
    }

    void reset(bool details) {
        size_ = dropped_ = 0;
        words_seen_ = 0;
        details_ = details;
    }

    std::size_t size() const { return size_ + dropped_; }
    bool details() const { return details_; }
    const std::int32_t *ids() const { return ids_.data(); }
    const Span *spans() const { return spans_.data(); }
    const std::int32_t *words() const { return words_.data(); }

    /// Makes room for `count` more tokens, which the caller writes at `next_ids()` and announces with `grow_by`.
    void make_room(std::size_t count) {
        if (size_ + count > ids_.size()) enlarge(size_ + count);
    }
    std::int32_t *next_ids() { return ids_.data() + size_; }
    Span *next_spans() { return spans_.data() + size_; }

    /// Takes the tokens just written as one word.
    void grow_by(std::size_t count) {
        if (details_) std::fill_n(words_.data() + size_, count, words_seen_++);
        size_ += count;
    }

    void release_if_large(std::size_t limit) {
        if (ids_.size() > limit) *this = TokenList();
    }

  private:
    void enlarge(std::size_t needed) {
        if (capacity_ != kGrows) {
            dropped_ += size_ - capacity_;
            size_ = capacity_;
            return;
        }
        const std::size_t size = std::max<std::size_t>(needed + needed / 2, 64);
        ids_.resize(size);
        spans_.resize(size);
        words_.resize(size);
    }

    static constexpr std::size_t kGrows = SIZE_MAX;

    std::pmr::vector<std::int32_t> ids_, words_;
    std::pmr::vector<Span> spans_;
    std::size_t size_ = 0, dropped_ = 0;
    std::size_t capacity_ = kGrows;
    std::int32_t words_seen_ = 0;
    bool details_ = false;
};

} // namespace edgebert::text
