#include "model_data.h"

#include <algorithm>

#include "error.h"

namespace edgebert::text {
namespace {

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tokenizer files are little-endian and used in place: this machine is not supported"
#endif

constexpr std::uint64_t kMaxIds = 1u << 22;
constexpr std::uint64_t kMaxAdded = 1u << 16;

const file::Tensor &find_tensor(const file::Safetensors &file, const char *name, const char *dtype) {
    const auto found = file.tensors.find(std::string(kSettingPrefix) + name);
    if (found == file.tensors.end())
        throw TokenizerFileError(std::string("the tensor tokenizer.") + name + " is missing");
    const file::Tensor &tensor = found->second;
    const bool aligned = reinterpret_cast<std::uintptr_t>(tensor.data) % alignof(std::uint64_t) == 0;
    if (tensor.dtype != dtype || tensor.shape.empty() || !aligned) {
        throw TokenizerFileError(std::string("the tensor tokenizer.") + name + " has another type than expected");
    }
    return tensor;
}

void require(bool condition, const char *message) {
    if (!condition) throw TokenizerFileError(message);
}

} // namespace

ModelData::ModelData(const file::Safetensors &file) {
    read_vocabulary(file);
    settings_ = parse_settings(file.metadata, id_count_);
    read_added(file);
    read_trie(file);
}

void ModelData::read_vocabulary(const file::Safetensors &file) {
    const file::Tensor &kinds = find_tensor(file, "vocab_kinds", "U8");
    const file::Tensor &offsets = find_tensor(file, "vocab_offsets", "U32");
    const file::Tensor &bytes = find_tensor(file, "vocab_bytes", "U8");
    const std::uint64_t count = kinds.size;
    require(count > 0 && count <= kMaxIds && offsets.size == 4 * (count + 1), "the vocabulary has an impossible size");
    bytes_ = bytes.data;
    kinds_ = kinds.data;
    offsets_ = reinterpret_cast<const std::uint32_t *>(offsets.data);
    id_count_ = static_cast<std::int32_t>(count);
    const bool ordered = std::is_sorted(offsets_, offsets_ + count + 1);
    require(ordered && offsets_[0] == 0 && offsets_[count] <= bytes.size, "the vocabulary's offsets are not in order");
    require(std::all_of(kinds_, kinds_ + count, [](std::uint8_t kind) { return kind <= kPresent; }),
            "the vocabulary holds an unknown kind of token");
    token_count_ = static_cast<std::int32_t>(std::count(kinds_, kinds_ + count, std::uint8_t{kPresent}));
}

void ModelData::read_added(const file::Safetensors &file) {
    const file::Tensor &ids = find_tensor(file, "added_ids", "I32");
    const file::Tensor &flags = find_tensor(file, "added_flags", "U8");
    require(flags.size <= kMaxAdded && ids.size == 4 * flags.size, "the added tokens have an impossible size");
    added_count_ = static_cast<std::int32_t>(flags.size);
    added_ids_ = reinterpret_cast<const std::int32_t *>(ids.data);
    added_flags_ = flags.data;
    for (std::int32_t i = 0; i < added_count_; ++i) {
        require(added_ids_[i] >= 0 && added_ids_[i] < id_count_, "an added token has an id outside the vocabulary");
        require((added_flags_[i] & ~kAddedFlagMask) == 0, "an added token has unknown flags");
    }
}

void ModelData::read_trie(const file::Safetensors &file) {
    const file::Tensor &trie = find_tensor(file, "trie", "U32");
    require(trie.size % sizeof(TrieNode) == 0 && trie.size / sizeof(TrieNode) <= kTrieMaxNodes,
            "the trie has an impossible size");
    trie_ = DoubleArray(reinterpret_cast<const TrieNode *>(trie.data),
                        static_cast<std::uint32_t>(trie.size / sizeof(TrieNode)));
    require(trie_.check(id_count_), "the trie leads outside itself");
}

std::int32_t ModelData::find(std::string_view token) const {
    for (std::int32_t id = 0; id < id_count_; ++id) {
        if (present(id) && this->token(id) == token) return id;
    }
    return -1;
}

} // namespace edgebert::text
