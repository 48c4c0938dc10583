#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "c_failure.h"
#include "engine/model.h"
#include "file/mapped_file.h"
#include "text/text_model.h"

/// A model file with its tokenizer. Immutable.
struct edgebert_model {
    /// Maps a file. Throws Failure and what Model and TextModel throw.
    static std::unique_ptr<edgebert_model> open(const std::string &path);

    /// Uses `data` in place.
    static std::unique_ptr<edgebert_model> from_memory(const void *data, std::size_t size);

    const edgebert::engine::Config &config() const { return engine ? engine->config() : plain_config; }
    edgebert_info info() const;

    std::unique_ptr<const edgebert::file::MappedFile> mapped;
    std::shared_ptr<const edgebert::engine::Model> engine; // nullptr: a tokenizer's file
    std::unique_ptr<const edgebert::text::TextModel> text;

  private:
    void read(const void *data, std::size_t size);
    bool read_plain_tokenizer(const void *data, std::size_t size);

    edgebert::engine::Config plain_config; // of a tokenizer's file
};

namespace edgebert::c {

#ifdef EDGEBERT_TOKENIZER_ONLY
constexpr bool kHasEngine = false;
#else
constexpr bool kHasEngine = true;
#endif

/// Compares what this machine computes with the golden answers in the file, bit by bit. Throws Failure.
void verify(const edgebert_model &model);

} // namespace edgebert::c
