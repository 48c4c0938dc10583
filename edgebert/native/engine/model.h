#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "../file/mapped_file.h"
#include "../file/safetensors.h"
#include "config.h"
#include "weights.h"

namespace edgebert::engine {

/// A model file, mapped or in memory, checked whole at opening and immutable after it: any number of sessions in any
/// threads may use one.
class Model {
  public:
    /// Maps a file. Throws ModelFileError.
    static std::shared_ptr<const Model> open(const std::string &path);

    /// Uses the bytes of a file in place; `data`, aligned to 64 bytes, must outlive the model. Throws ModelFileError.
    static std::shared_ptr<const Model> from_memory(const void *data, std::size_t size);

    const Config &config() const { return config_; }
    const Weights &weights() const { return weights_; }

    /// Every tensor and all metadata of the file: the tokenizer's, the golden answers.
    const file::Safetensors &contents() const { return contents_; }

  private:
    Model() = default;
    void read(const unsigned char *data, std::size_t size);

    std::unique_ptr<const file::MappedFile> mapped_;
    file::Safetensors contents_;
    Config config_;
    Weights weights_;
};

} // namespace edgebert::engine
