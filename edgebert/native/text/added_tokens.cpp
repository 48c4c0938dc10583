#include "added_tokens.h"

#include <algorithm>
#include <cstring>

#include "unicode.h"
#include "utf8.h"

namespace edgebert::text {
namespace {

std::uint8_t flags_at(std::string_view text, std::size_t place) {
    return character(decode_utf8(text.data() + place, text.data() + text.size()).scalar).flags;
}

/// Where the character that ends at `end` starts. `end` is not 0.
std::size_t previous(std::string_view text, std::size_t end) {
    const std::size_t lowest = end > 4 ? end - 4 : 0;
    for (std::size_t start = end - 1;; --start) {
        const bool whole = start + decode_utf8(text.data() + start, text.data() + end).length == end;
        if (whole && (static_cast<unsigned char>(text[start]) & 0xC0) != 0x80) return start;
        if (start == lowest) return end - 1;
    }
}

std::size_t skip_space_back(std::string_view text, std::size_t end) {
    while (end > 0) {
        const std::size_t start = previous(text, end);
        if ((flags_at(text, start) & kWhitespace) == 0) break;
        end = start;
    }
    return end;
}

std::size_t skip_space(std::string_view text, std::size_t place) {
    while (place < text.size() && (flags_at(text, place) & kWhitespace) != 0) {
        place += decode_utf8(text.data() + place, text.data() + text.size()).length;
    }
    return place;
}

} // namespace

AddedTokens::AddedTokens(const ModelData &data, TrieRoot root)
    : data_(data), root_(root), empty_(!data.trie().has_keys(root)) {
    int count = 0;
    for (int byte = 0; byte < 256 && !empty_; ++byte) {
        if (!data.trie().has_child(root, static_cast<unsigned char>(byte))) continue;
        first_bytes_[byte] = true;
        only_first_byte_ = ++count == 1 ? byte : -1;
    }
}

std::size_t AddedTokens::next_candidate(std::string_view text, std::size_t from) const {
    if (from >= text.size()) return text.size();
    if (only_first_byte_ >= 0) {
        const void *found = std::memchr(text.data() + from, only_first_byte_, text.size() - from);
        return found == nullptr ? text.size()
                                : static_cast<std::size_t>(static_cast<const char *>(found) - text.data());
    }
    while (from < text.size() && !first_bytes_[static_cast<unsigned char>(text[from])])
        ++from;
    return from;
}

bool AddedTokens::find(std::string_view text, std::size_t from, Split &found) const {
    if (empty_) return false;
    for (std::size_t place = next_candidate(text, from); place < text.size(); place = next_candidate(text, place + 1)) {
        const TrieMatch match = data_.trie().longest(root_, text.data() + place, text.data() + text.size());
        if (match.value < 0 || match.value >= data_.added_count()) continue;
        found = {place, place + match.length, match.value};
        return true;
    }
    return false;
}

bool AddedTokenSplitter::stands_alone(const Split &token) const {
    const bool left = token.begin == 0 || (flags_at(text_, previous(text_, token.begin)) & kWord) == 0;
    const bool right = token.end == text_.size() || (flags_at(text_, token.end) & kWord) == 0;
    return left && right;
}

bool AddedTokenSplitter::next_token(Split &token) {
    while (tokens_.find(text_, search_, token)) {
        search_ = token.end;
        const std::uint8_t flags = tokens_.data().added_flags(token.added);
        if ((flags & kSingleWord) != 0 && !stands_alone(token)) continue;
        if ((flags & kLeftStrip) != 0) token.begin = std::max(skip_space_back(text_, token.begin), done_);
        if ((flags & kRightStrip) != 0) token.end = skip_space(text_, token.end);
        return true;
    }
    return false;
}

bool AddedTokenSplitter::next(Split &split) {
    if (has_pending_) {
        split = pending_;
        has_pending_ = false;
        return true;
    }
    Split token{0, 0, -1};
    if (next_token(token)) {
        const std::size_t before = done_;
        done_ = token.end;
        has_pending_ = before < token.begin;
        pending_ = token;
        split = has_pending_ ? Split{before, token.begin, -1} : token;
        return true;
    }
    search_ = text_.size();
    if (done_ >= text_.size()) return false;
    split = {done_, text_.size(), -1};
    done_ = text_.size();
    return true;
}

} // namespace edgebert::text
