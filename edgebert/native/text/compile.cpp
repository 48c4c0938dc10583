#include <cstring>
#include <utility>

#include "double_array_builder.h"
#include "error.h"
#include "model_data.h"
#include "normalized_text.h"

namespace edgebert::text {
namespace {

using file::NewTensor;

std::string shown(const std::string &token) { return "'" + token.substr(0, 40) + "'"; }

template <class T> std::string bytes_of(const std::vector<T> &values) {
    std::string bytes(values.size() * sizeof(T), '\0');
    if (!values.empty()) std::memcpy(&bytes[0], values.data(), bytes.size());
    return bytes;
}

bool starts_with(const std::string &text, const std::string &prefix) {
    return text.compare(0, prefix.size(), prefix) == 0;
}

/// A word of the BERT pre-tokenizer holds ASCII punctuation only when that is the whole word, so other keys with
/// punctuation can never match. Leaving them out makes the trie smaller.
bool can_be_word(const std::string &key, bool whole) {
    if (key.empty()) return false;
    if (whole && key.size() == 1) return true;
    for (const char c : key) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80 && (character(byte).flags & kPunctuation) != 0) return false;
    }
    return true;
}

void add_word_keys(const std::vector<NewToken> &tokens, const std::vector<NewAddedToken> &added,
                   const std::string &prefix, std::vector<TrieKey> (&keys)[kRootCount]) {
    std::vector<bool> in_model(tokens.size(), true);
    for (const NewAddedToken &token : added) {
        if ((token.flags & kOutsideModel) != 0) in_model[static_cast<std::size_t>(token.id)] = false;
    }
    for (std::size_t id = 0; id < tokens.size(); ++id) {
        const std::string &text = tokens[id].text;
        if (!tokens[id].present || !in_model[id]) continue;
        const auto value = static_cast<std::int32_t>(id);
        if (can_be_word(text, true)) keys[kWordStart].push_back({text, value});
        if (!starts_with(text, prefix)) continue;
        const std::string rest = text.substr(prefix.size());
        if (can_be_word(rest, false)) keys[kContinuation].push_back({rest, value});
    }
}

std::string normalized(const std::string &text, const NormalizerSettings &settings) {
    NormalizedText result;
    CombiningRun run;
    Normalizer<NormalizedText> normalizer(settings, run, result);
    const PositionCursor cursor(text, OffsetUnit::kNone);
    normalize_range(normalizer, text.data(), text.data() + text.size(), 0, cursor);
    return std::string(result.bytes());
}

void add_added_keys(const std::vector<NewToken> &tokens, const std::vector<NewAddedToken> &added,
                    const Settings &settings, std::vector<TrieKey> (&keys)[kRootCount]) {
    for (std::size_t i = 0; i < added.size(); ++i) {
        const std::string &text = tokens[static_cast<std::size_t>(added[i].id)].text;
        const bool is_normalized = (added[i].flags & kNormalized) != 0;
        std::string key = is_normalized ? normalized(text, settings.normalizer) : text;
        if (key.empty()) throw TokenizerFileError("the added token " + shown(text) + " is empty after normalization");
        keys[is_normalized ? kAddedNormalized : kAddedRaw].push_back({std::move(key), static_cast<std::int32_t>(i)});
    }
}

std::vector<NewTensor> vocabulary_tensors(const std::vector<NewToken> &tokens) {
    std::string bytes, kinds;
    std::vector<std::uint32_t> offsets{0};
    for (const NewToken &token : tokens) {
        bytes += token.text;
        kinds.push_back(static_cast<char>(token.present ? kPresent : kAbsent));
        if (bytes.size() > UINT32_MAX) throw TokenizerFileError("the vocabulary is larger than 4 GiB");
        offsets.push_back(static_cast<std::uint32_t>(bytes.size()));
    }
    const std::uint64_t size = bytes.size();
    return {{"tokenizer.vocab_offsets", "U32", {offsets.size()}, bytes_of(offsets)},
            {"tokenizer.vocab_kinds", "U8", {tokens.size()}, std::move(kinds)},
            {"tokenizer.vocab_bytes", "U8", {size}, std::move(bytes)}};
}

} // namespace

std::string compile_tokenizer(const std::vector<NewToken> &tokens, const std::vector<NewAddedToken> &added,
                              const Metadata &metadata) {
    const Settings settings = parse_settings(metadata, static_cast<std::int32_t>(tokens.size()));
    for (const NewAddedToken &token : added) {
        if (token.id < 0 || static_cast<std::size_t>(token.id) >= tokens.size()) {
            throw TokenizerFileError("an added token has the id " + std::to_string(token.id) +
                                     ", outside the vocabulary");
        }
    }
    std::vector<TrieKey> keys[kRootCount];
    add_word_keys(tokens, added, settings.prefix, keys);
    add_added_keys(tokens, added, settings, keys);
    const std::vector<TrieNode> trie = build_double_array(keys);
    std::vector<std::int32_t> ids;
    std::vector<std::uint8_t> flags;
    for (const NewAddedToken &token : added) {
        ids.push_back(token.id);
        flags.push_back(token.flags);
    }
    std::vector<NewTensor> tensors = vocabulary_tensors(tokens);
    tensors.push_back({"tokenizer.added_ids", "I32", {ids.size()}, bytes_of(ids)});
    tensors.push_back({"tokenizer.added_flags", "U8", {flags.size()}, bytes_of(flags)});
    tensors.push_back({"tokenizer.trie", "U32", {trie.size(), 2}, bytes_of(trie)});
    return file::write_safetensors(tensors, metadata);
}

} // namespace edgebert::text
