#include "sequence.h"

#include <cstring>

#include "ascii.h"

namespace edgebert::text {
namespace {

constexpr std::size_t kKeptTokens = 1u << 15; // larger lists are given back after a call
constexpr std::size_t kKeptBytes = 1u << 18;

} // namespace

void Workspace::release_if_large() {
    first.release_if_large(kKeptTokens);
    second.release_if_large(kKeptTokens);
    if (normalized.bytes().size() > kKeptBytes) normalized = NormalizedText();
    if (run.capacity() > kKeptBytes) run = CombiningRun();
}

SequenceEncoder::SequenceEncoder(const TextModel &model, Workspace &workspace, std::string_view text, OffsetUnit unit,
                                 std::size_t limit, TokenList &out)
    : model_(model), settings_(model.data.settings().normalizer), workspace_(workspace), text_(text), limit_(limit),
      out_(out), cursor_(text, unit), details_(unit != OffsetUnit::kNone) {
    out.reset(details_);
}

void SequenceEncoder::run() {
    AddedTokenSplitter splitter(model_.added_raw, text_);
    for (Split split{0, 0, -1}; !full() && splitter.next(split);) {
        if (split.added < 0) {
            piece(split);
        } else {
            single(model_.data.added_id(split.added),
                   details_ ? Span{cursor_.seek(split.begin), cursor_.seek(split.end)} : Span{0, 0});
        }
    }
}

void SequenceEncoder::piece(const Split &split) {
    if (model_.added_normalized.empty()) return scan(split);
    normalized_piece(split);
}

void SequenceEncoder::normalized_piece(const Split &split) {
    NormalizedText &normalized = workspace_.normalized;
    normalized.clear();
    Normalizer<NormalizedText> normalizer(settings_, workspace_.run, normalized);
    normalize_range(normalizer, text_.data() + split.begin, text_.data() + split.end, cursor_.seek(split.begin),
                    cursor_);
    AddedTokenSplitter splitter(model_.added_normalized, normalized.bytes());
    for (Split part{0, 0, -1}; splitter.next(part);) {
        if (part.added >= 0) {
            single(model_.data.added_id(part.added), normalized.span(part.begin, part.end));
            continue;
        }
        PreTokenizer<SequenceEncoder> words(workspace_.word, model_.words.max_chars(), *this);
        normalized.send(part.begin, part.end, words);
        words.finish();
    }
}

void SequenceEncoder::single(std::int32_t id, Span span) {
    out_.make_room(1);
    *out_.next_ids() = id;
    if (details_) *out_.next_spans() = span;
    out_.grow_by(1);
}

void SequenceEncoder::scan(const Split &split) {
    const char *place = text_.data() + split.begin;
    const char *const end = text_.data() + split.end;
    if (details_) shift_ = static_cast<std::int32_t>(split.begin) - cursor_.seek(split.begin);
    while (place != end && !full()) {
        switch (model_.classes[static_cast<unsigned char>(*place)]) {
        case kBlankByte: ++place; break;
        case kPunctuationByte:
            single(model_.punctuation[static_cast<unsigned char>(*place)], {position(place), position(place) + 1});
            ++place;
            break;
        case kLetterByte: place = letters(place, end); break;
        case kOtherByte: place = segment(place, end); break;
        }
    }
    if (details_) cursor_.jump(static_cast<std::size_t>(place - text_.data()), position(place));
}

const char *SequenceEncoder::letters(const char *begin, const char *end) {
    const LetterBlock low = scan_letters(load8(begin, end), settings_.lowercase);
    ShortWord word{keep_bytes(low.bytes, low.letters), 0, low.letters};
    if (low.letters == 8) {
        const LetterBlock high = scan_letters(load8(begin + 8, end), settings_.lowercase);
        word.high = keep_bytes(high.bytes, high.letters);
        word.length += high.letters;
        if (high.letters == 8) return long_letters(begin, end);
    }
    const char *const stop = begin + word.length;
    if (stop != end && model_.classes[static_cast<unsigned char>(*stop)] == kOtherByte) return segment(begin, end);
    const std::int32_t start = position(begin);
    short_word(word, word.length, [start](std::uint32_t from, std::uint32_t to) {
        return Span{start + static_cast<std::int32_t>(from), start + static_cast<std::int32_t>(to)};
    });
    return stop;
}

const char *SequenceEncoder::long_letters(const char *begin, const char *end) {
    const char *stop = begin;
    while (stop != end && model_.classes[static_cast<unsigned char>(*stop)] == kLetterByte)
        ++stop;
    if (stop != end && model_.classes[static_cast<unsigned char>(*stop)] == kOtherByte) return segment(begin, end);
    const std::int32_t start = position(begin);
    const auto length = static_cast<std::uint32_t>(stop - begin);
    if (length > model_.words.max_chars()) {
        unknown_word({start, start + static_cast<std::int32_t>(length)});
        return stop;
    }
    std::pmr::vector<char> &bytes = workspace_.word.bytes;
    bytes.assign(begin, stop);
    for (char &c : bytes) {
        if (settings_.lowercase && c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    }
    any_word(bytes.data(), length, length, [start](std::uint32_t from, std::uint32_t to) {
        return Span{start + static_cast<std::int32_t>(from), start + static_cast<std::int32_t>(to)};
    });
    return stop;
}

/// The long way: from the start of a word to the next ASCII white space or punctuation, where no mark and no word can
/// reach across.
const char *SequenceEncoder::segment(const char *begin, const char *end) {
    PreTokenizer<SequenceEncoder> words(workspace_.word, model_.words.max_chars(), *this);
    Normalizer<PreTokenizer<SequenceEncoder>> normalizer(settings_, workspace_.run, words);
    std::int32_t place = position(begin);
    while (begin != end && !full()) {
        const ByteClass kind = model_.classes[static_cast<unsigned char>(*begin)];
        if (kind == kBlankByte || kind == kPunctuationByte) break;
        const Decoded decoded = decode_utf8(begin, end);
        const std::int32_t next = place + cursor_.step(decoded.length);
        normalizer.add(decoded.scalar, {place, next});
        begin += decoded.length;
        place = next;
    }
    normalizer.finish();
    words.finish();
    shift_ = static_cast<std::int32_t>(begin - text_.data()) - place;
    return begin;
}

void SequenceEncoder::normalized_word(const NormalizedWord &word) {
    const auto span_of = [&word](std::uint32_t from, std::uint32_t to) {
        return to == word.length ? Span{word.spans[from].start, word.whole.end}
                                 : Span{word.spans[from].start, word.spans[to - 1].end};
    };
    if (word.chars > model_.words.max_chars()) return unknown_word(word.whole);
    if (word.length > ShortWord::kMaxBytes) return any_word(word.bytes, word.length, word.chars, span_of);
    const char *const end = word.bytes + word.length;
    const std::uint64_t high = word.length > 8 ? load8(word.bytes + 8, end) : 0;
    short_word({load8(word.bytes, end), high, word.length}, word.chars, span_of);
}

template <class SpanOf> void SequenceEncoder::short_word(const ShortWord &word, std::uint32_t chars, SpanOf span_of) {
    WordCache::Entry &entry = workspace_.cache.entry(word);
    if (!entry.holds(word)) {
        char bytes[ShortWord::kMaxBytes];
        Piece pieces[ShortWord::kMaxBytes];
        std::memcpy(bytes, &word.low, 8);
        std::memcpy(bytes + 8, &word.high, 8);
        const std::uint32_t count = model_.words.split(bytes, word.length, chars, pieces);
        if (count > WordCache::kMaxPieces) return any_word(bytes, word.length, chars, span_of);
        WordCache::fill(entry, word, pieces, count);
    }
    out_.make_room(WordCache::kMaxPieces);
    std::memcpy(out_.next_ids(), entry.ids, sizeof entry.ids);
    std::uint32_t from = 0;
    for (std::uint32_t i = 0; details_ && i < entry.count; ++i) {
        out_.next_spans()[i] = span_of(from, entry.ends[i]);
        from = entry.ends[i];
    }
    out_.grow_by(entry.count);
}

template <class SpanOf>
void SequenceEncoder::any_word(const char *word, std::uint32_t length, std::uint32_t chars, SpanOf span_of) {
    std::pmr::vector<Piece> &pieces = workspace_.pieces;
    if (pieces.size() < length) pieces.resize(length);
    const std::uint32_t count = model_.words.split(word, length, chars, pieces.data());
    out_.make_room(count);
    std::uint32_t from = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        out_.next_ids()[i] = pieces[i].id;
        if (details_) out_.next_spans()[i] = span_of(from, pieces[i].end);
        from = pieces[i].end;
    }
    out_.grow_by(count);
}

} // namespace edgebert::text
