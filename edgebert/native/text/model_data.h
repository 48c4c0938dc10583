#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../file/safetensors.h"
#include "double_array.h"
#include "settings.h"

namespace edgebert::text {

enum TokenKind : std::uint8_t { kAbsent = 0, kPresent = 1 };

enum AddedFlag : std::uint8_t {
    kSingleWord = 1,
    kLeftStrip = 2,
    kRightStrip = 4,
    kNormalized = 8,
    kSpecialToken = 16,
    kOutsideModel = 32, ///< not in the model's vocabulary: never a piece of a word
    kAddedFlagMask = 63,
};

/// A tokenizer's tables, in place in a file or buffer that must outlive this view. Construction checks everything
/// that later code relies on. Throws TokenizerFileError.
class ModelData {
  public:
    explicit ModelData(const file::Safetensors &file);

    const Settings &settings() const { return settings_; }
    const DoubleArray &trie() const { return trie_; }

    /// Ids are 0 to id_count() - 1; some may stand for no token.
    std::int32_t id_count() const { return id_count_; }
    std::int32_t token_count() const { return token_count_; }
    bool present(std::int32_t id) const { return kinds_[id] == kPresent; }
    std::string_view token(std::int32_t id) const {
        return {reinterpret_cast<const char *>(bytes_) + offsets_[id], offsets_[id + 1] - offsets_[id]};
    }
    std::int32_t find(std::string_view token) const; // -1: no such token

    std::int32_t added_count() const { return added_count_; }
    std::int32_t added_id(std::int32_t index) const { return added_ids_[index]; }
    std::uint8_t added_flags(std::int32_t index) const { return added_flags_[index]; }

  private:
    void read_vocabulary(const file::Safetensors &file);
    void read_added(const file::Safetensors &file);
    void read_trie(const file::Safetensors &file);

    Settings settings_;
    DoubleArray trie_;
    const unsigned char *bytes_ = nullptr;
    const std::uint32_t *offsets_ = nullptr;
    const std::uint8_t *kinds_ = nullptr;
    const std::int32_t *added_ids_ = nullptr;
    const std::uint8_t *added_flags_ = nullptr;
    std::int32_t id_count_ = 0, token_count_ = 0, added_count_ = 0;
};

/// A token of a vocabulary to compile.
struct NewToken {
    bool present;
    std::string text;
};

struct NewAddedToken {
    std::int32_t id;
    std::uint8_t flags;
};

/// Compiles a vocabulary, its index the id, into the bytes of a tokenizer file. Throws TokenizerFileError.
std::string compile_tokenizer(const std::vector<NewToken> &tokens, const std::vector<NewAddedToken> &added,
                              const Metadata &settings);

} // namespace edgebert::text
