#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "span.h"
#include "unicode.h"

namespace edgebert::text {

struct NormalizerSettings {
    bool clean_text = true;
    bool chinese_chars = true;
    bool strip_accents = true;
    bool lowercase = true;
};

/// A run of combining marks that waits for its canonical order.
///
/// The reference sorts the marks but gives them the positions of the source characters in source order, so a mark can
/// carry the position of its neighbour; the run keeps both lists apart to equal that.
class CombiningRun {
  public:
    struct Mark {
        char32_t scalar;
        std::uint8_t combining;
        bool nonspacing;
        bool inserted;           // not the first part of its source character: takes no position of its own
        std::uint32_t order = 0; // place in the source, set by the run
    };

    explicit CombiningRun(std::pmr::memory_resource *memory = std::pmr::get_default_resource())
        : marks_(memory), positions_(memory) {}

    /// Takes all the memory that it will ever have: it keeps the first `capacity` marks that strip_accents keeps, with
    /// their positions. Where other marks stand among them, a position may be a neighbour's.
    void fix(std::size_t capacity);

    bool empty() const { return marks_.empty(); }
    bool survives() const { return survives_; }
    const std::pmr::vector<Mark> &marks() const { return marks_; }
    const std::pmr::vector<Span> &positions() const { return positions_; }
    std::size_t capacity() const { return marks_.capacity(); }

    void add(const Mark &mark, Span position);
    void sort();
    void clear();

  private:
    std::pmr::vector<Mark> marks_;
    std::pmr::vector<Span> positions_;
    std::size_t capacity_ = 0;
    bool fixed_ = false;
    bool survives_ = false; // holds a mark that strip_accents keeps
};

/// The BERT normalizer: clean, Chinese characters, accents, lower case, in this order. It sends every normalized
/// character with the span of its source to `sink.put(char32_t, Span)`.
template <class Sink> class Normalizer {
  public:
    Normalizer(const NormalizerSettings &settings, CombiningRun &run, Sink &sink)
        : settings_(settings), run_(run), sink_(sink) {}

    void add(char32_t scalar, Span span) {
        const CharacterRecord &record = character(scalar);
        if (settings_.clean_text && (record.flags & (kRemoved | kSpace)) != 0) {
            if ((record.flags & kSpace) != 0) add_plain(U' ', span);
            return;
        }
        if (settings_.chinese_chars && (record.flags & kChinese) != 0) {
            add_plain(U' ', span);
            fold(scalar, record, span);
            add_plain(U' ', span);
            return;
        }
        fold(scalar, record, span);
    }

    /// Sends what still waits; call it at the end of a piece of text.
    void finish() {
        if (run_.empty()) return;
        if (run_.survives()) send_run();
        if (!run_.positions().empty()) last_ = run_.positions().back();
        run_.clear();
    }

  private:
    void add_plain(char32_t scalar, Span span) {
        finish();
        last_ = span;
        sink_.put(scalar, span);
    }

    void fold(char32_t scalar, const CharacterRecord &record, Span span) {
        if (!settings_.strip_accents) return put_lower(scalar, record, span);
        char32_t parts[kLongestDecomposition];
        const std::uint32_t count = decompose(scalar, parts);
        if (count == 1 && parts[0] == scalar) return place(scalar, record, span, false);
        for (std::uint32_t i = 0; i < count; ++i)
            place(parts[i], character(parts[i]), span, i > 0);
    }

    void place(char32_t scalar, const CharacterRecord &record, Span span, bool inserted) {
        const bool nonspacing = (record.flags & kNonspacing) != 0;
        if (record.combining != 0) return run_.add({scalar, record.combining, nonspacing, inserted}, span);
        finish();
        if (!inserted) last_ = span;
        if (!nonspacing) put_lower(scalar, record, last_);
    }

    void send_run() {
        run_.sort();
        std::size_t next = 0;
        for (const CombiningRun::Mark &mark : run_.marks()) {
            if (!mark.inserted) last_ = run_.positions()[next++];
            if (!mark.nonspacing) put_lower(mark.scalar, character(mark.scalar), last_);
        }
    }

    void put_lower(char32_t scalar, const CharacterRecord &record, Span span) {
        if (!settings_.lowercase || record.lower == 0) return sink_.put(scalar, span);
        sink_.put(static_cast<char32_t>(static_cast<std::int32_t>(scalar) + record.lower), span);
        if (scalar == kCapitalDottedI) sink_.put(kDotAbove, span);
    }

    NormalizerSettings settings_;
    CombiningRun &run_;
    Sink &sink_;
    Span last_{0, 0}; // of the source character that was taken last
};

} // namespace edgebert::text
