// A small whole model file for the tests: random weights and the sample tokenizer.
#pragma once

#include <string>
#include <vector>

#include "engine_sample.h"
#include "sample.h"

namespace sample {

inline void append(const file::Safetensors &from, std::vector<file::NewTensor> &tensors, text::Metadata &metadata) {
    for (const auto &[name, tensor] : from.tensors) {
        if (name.rfind("padding.", 0) == 0) continue;
        const auto *const bytes = reinterpret_cast<const char *>(tensor.data);
        tensors.push_back({name, tensor.dtype, tensor.shape, std::string(bytes, tensor.size)});
    }
    metadata.insert(from.metadata.begin(), from.metadata.end());
}

/// The bytes of a model file; `normalized_added` adds a token that is looked for in normalized text.
inline std::string whole_model(bool int8, engine::Task task, bool normalized_added = false,
                               const EngineShape &shape = {}) {
    const AlignedBytes weights(ModelWriter(shape, int8, task).bytes());
    const AlignedBytes tokens(bytes(true, normalized_added));
    std::vector<file::NewTensor> tensors;
    text::Metadata metadata;
    for (const AlignedBytes *part : {&weights, &tokens}) {
        append(file::parse_safetensors(static_cast<const unsigned char *>(part->data()), part->size()), tensors,
               metadata);
    }
    return ModelWriter::seal(file::write_safetensors(tensors, metadata));
}

} // namespace sample
