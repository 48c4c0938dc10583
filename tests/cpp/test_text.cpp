// The tokenizer core without Python. Equality with the reference is tested from Python.
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "sample.h"
#include "text/ascii.h"
#include "text/double_array_builder.h"
#include "text/error.h"
#include "text/unicode.h"
#include "text/utf8.h"

using namespace edgebert;
using namespace edgebert::text;
using Ids = std::vector<std::int32_t>;

namespace {

Rows encode(const Tokenizer &tokenizer, std::string_view text, OffsetUnit unit = OffsetUnit::kNone) {
    Rows rows;
    tokenizer.encode_one({text, {}, false}, {}, unit, false, rows);
    return rows;
}

void utf8_reads_every_scalar_back() {
    for (char32_t scalar = 0; scalar < 0x110000; ++scalar) {
        if (scalar >= 0xD800 && scalar <= 0xDFFF) continue;
        char bytes[4];
        const std::uint32_t length = encode_utf8(scalar, bytes);
        const Decoded decoded = decode_utf8(bytes, bytes + length);
        if (decoded.scalar != scalar || decoded.length != length) {
            CHECK(decoded.scalar == scalar && decoded.length == length);
            return;
        }
    }
}

void invalid_utf8_is_one_replacement_a_part() {
    // Unicode, table 3-11: E1 80 | E2 | F0 91 92 | F1 BF | 41
    const std::string text = "\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41";
    const std::uint32_t lengths[] = {2, 1, 3, 2, 1};
    const char *place = text.data(), *const end = place + text.size();
    for (const std::uint32_t length : lengths) {
        const Decoded decoded = decode_utf8(place, end);
        CHECK(decoded.length == length);
        CHECK((decoded.scalar == kReplacement) == (decoded.scalar != 'A'));
        place += length;
    }
    CHECK(place == end);
    for (const char *bad :
         {"\xC0\x80", "\xC1\xBF", "\xED\xA0\x80", "\xE0\x9F\xBF", "\xF4\x90\x80\x80", "\xF5\x80", "\x80", "\xFF"}) {
        CHECK(decode_utf8(bad, bad + std::strlen(bad)).scalar == kReplacement);
        CHECK(decode_utf8(bad, bad + std::strlen(bad)).length == 1);
    }
}

void invalid_utf8_vanishes_from_texts() {
    const auto tokenizer = sample::tokenizer();
    const Rows rows = encode(*tokenizer, "li\xFFght \xE4\xB8 switch\xE2\x82.", OffsetUnit::kCodePoints);
    CHECK(rows.ids == (Ids{sample::kCls, sample::kLight, sample::kSwitch, sample::kDot, sample::kSep}));
    CHECK(rows.spans[1].start == 0 && rows.spans[1].end == 6);
    CHECK(rows.spans[2].start == 9 && rows.spans[2].end == 15);
    CHECK(rows.spans[3].start == 16 && rows.spans[3].end == 17);
}

void letters_are_found_eight_at_a_time() {
    for (int byte = 0; byte < 256; ++byte) {
        for (std::uint32_t place = 0; place < 8; ++place) {
            char text[8];
            std::memset(text, 'Q', 8);
            text[place] = static_cast<char>(byte);
            const LetterBlock block = scan_letters(load8(text, text + 8), true);
            const bool letter =
                (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
            CHECK(block.letters == (letter ? 8 : place));
            const std::uint64_t got = block.bytes >> (8 * place) & 0xFF;
            const bool upper = byte >= 'A' && byte <= 'Z';
            if (letter) CHECK(got == static_cast<std::uint64_t>(upper ? byte + 32 : byte));
        }
    }
    const char text[] = "abc";
    CHECK(scan_letters(load8(text, text + 2), true).letters == 2);
    CHECK(scan_letters(load8(text, text), true).letters == 0);
}

void characters_follow_the_reference() {
    CHECK((character(0x2028).flags & kSpace) != 0);
    CHECK((character(0x85).flags & kRemoved) != 0);
    CHECK((character(0x166D).flags & kPunctuation) != 0);
    CHECK((character(0x2E43).flags & kPunctuation) == 0);
    CHECK((character(0x2B91F).flags & kChinese) == 0);
    CHECK((character(0x2B920).flags & kChinese) != 0);
    CHECK((character(0x10FFFD).flags & kRemoved) != 0);
    CHECK(character(0x10FFFF).flags == 0);
    char32_t parts[kLongestDecomposition];
    CHECK(decompose(0xAC01, parts) == 3 && parts[0] == 0x1100 && parts[1] == 0x1161 && parts[2] == 0x11A8);
    CHECK(decompose(0x1D160, parts) == 3 && parts[0] == 0x1D158 && parts[2] == 0x1D16E);
    CHECK(decompose('a', parts) == 1 && parts[0] == 'a');
}

void tries_find_the_longest_key() {
    std::vector<TrieKey> keys[kRootCount];
    keys[kWordStart] = {{"a", 0}, {"ab", 1}, {"abcd", 2}, {"b", 3}, {"b", 4}, {std::string("\0x", 2), 5}};
    keys[kContinuation] = {{"ab", 6}};
    const std::vector<TrieNode> nodes = build_double_array(keys);
    const DoubleArray trie(nodes.data(), static_cast<std::uint32_t>(nodes.size()));
    CHECK(trie.check(7) && !trie.check(6));
    const auto longest = [&](TrieRoot root, std::string_view text) {
        const TrieMatch match = trie.longest(root, text.data(), text.data() + text.size());
        return std::make_pair(match.value, match.length);
    };
    CHECK(longest(kWordStart, "abcx") == std::make_pair(1, 2u));
    CHECK(longest(kWordStart, "abcde") == std::make_pair(2, 4u));
    CHECK(longest(kWordStart, "b") == std::make_pair(3, 1u));
    CHECK(longest(kWordStart, std::string_view("\0x", 2)) == std::make_pair(5, 2u));
    CHECK(longest(kWordStart, std::string_view("\0\0", 2)).first == -1);
    CHECK(longest(kContinuation, "abcd") == std::make_pair(6, 2u));
    CHECK(longest(kContinuation, "b").first == -1);
    CHECK(!trie.has_keys(kAddedRaw));
}

void offsets_count_bytes_or_code_points() {
    const auto tokenizer = sample::tokenizer();
    const std::string text = "\xE4\xB8\xAD light";
    const Rows in_bytes = encode(*tokenizer, text, OffsetUnit::kBytes);
    const Rows in_points = encode(*tokenizer, text, OffsetUnit::kCodePoints);
    CHECK(in_bytes.spans[1].end == 3 && in_bytes.spans[2].start == 4 && in_bytes.spans[2].end == 9);
    CHECK(in_points.spans[1].end == 1 && in_points.spans[2].start == 2 && in_points.spans[2].end == 7);
    CHECK(in_points.words == (Ids{-1, 0, 1, -1}));
}

void pairs_share_the_odd_token() {
    CHECK(kept_lengths(8, 9, 7, TruncationStrategy::kLongestFirst).second == 4);
    CHECK(kept_lengths(9, 8, 7, TruncationStrategy::kLongestFirst).first == 4);
    CHECK(kept_lengths(8, 8, 7, TruncationStrategy::kLongestFirst).second == 4);
    CHECK(kept_lengths(2, 9, 7, TruncationStrategy::kLongestFirst).second == 5);
    CHECK(kept_lengths(5, 3, 7, TruncationStrategy::kOnlyFirst).first == 4);
    CHECK_THROWS(kept_lengths(5, 7, 7, TruncationStrategy::kOnlyFirst), EncodeError);
}

void batches_do_not_depend_on_threads() {
    const auto tokenizer = sample::tokenizer();
    std::vector<std::string> texts;
    for (int i = 0; i < 200; ++i)
        texts.push_back(std::string(static_cast<std::size_t>(i % 13), 'e') + " light. \xC3\xA9");
    std::vector<Input> inputs;
    for (const std::string &text : texts)
        inputs.push_back({text, {}, false});
    EncodeOptions options;
    options.max_length = 6;
    options.stride = 1;
    const Rows one = tokenizer->encode_batch(inputs, options, OffsetUnit::kBytes, 1);
    const Rows many = tokenizer->encode_batch(inputs, options, OffsetUnit::kBytes, 5);
    CHECK(one.ids == many.ids && one.starts == many.starts && one.text == many.text && one.truncated == many.truncated);
    CHECK(one.starts.back() == static_cast<std::int64_t>(one.ids.size()));
}

void damaged_files_are_refused() {
    const std::string good = sample::bytes(true, true);
    for (std::size_t size = 0; size < good.size(); size += 41) {
        CHECK_THROWS(Tokenizer::from_bytes(good.substr(0, size)), TokenizerFileError);
    }
    CHECK(good == sample::bytes(true, true));
    CHECK_THROWS(Tokenizer::open("/"), TokenizerFileError);
    CHECK(std::strcmp(TokenizerFileError("a\nb\xFF").what(), "a?b?") == 0);
}

} // namespace

int main() {
    utf8_reads_every_scalar_back();
    invalid_utf8_is_one_replacement_a_part();
    invalid_utf8_vanishes_from_texts();
    letters_are_found_eight_at_a_time();
    characters_follow_the_reference();
    tries_find_the_longest_key();
    offsets_count_bytes_or_code_points();
    pairs_share_the_odd_token();
    batches_do_not_depend_on_threads();
    damaged_files_are_refused();
    return failures == 0 ? 0 : 1;
}
