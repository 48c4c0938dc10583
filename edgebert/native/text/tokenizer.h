#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "../file/mapped_file.h"
#include "postprocess.h"
#include "sequence.h"
#include "text_model.h"

namespace edgebert::text {

/// A text or a pair of texts. Invalid UTF-8 is read as if every maximal invalid part were U+FFFD.
struct Input {
    std::string_view first, second;
    bool pair = false;
};

/// A BERT tokenizer over a compiled tokenizer file. Immutable: any number of threads may encode at once, each with its
/// own Workspace.
class Tokenizer {
  public:
    /// Maps a tokenizer file. Throws TokenizerFileError.
    static std::shared_ptr<const Tokenizer> open(const std::string &path);

    /// Uses a copy of a tokenizer file's bytes. Throws TokenizerFileError.
    static std::shared_ptr<const Tokenizer> from_bytes(const std::string &bytes);

    const TextModel &model() const { return *model_; }
    std::string_view file_bytes() const;

    /// Throws EncodeError when the options do not fit each other or the template.
    void check(const EncodeOptions &options, bool pair) const;

    /// Appends the rows of one input: the first window, and with `all_windows` every other one. Throws EncodeError.
    void encode(const Input &input, const EncodeOptions &options, OffsetUnit unit, bool all_windows,
                Workspace &workspace, Rows &rows) const;

    /// The same with a workspace of this tokenizer's.
    void encode_one(const Input &input, const EncodeOptions &options, OffsetUnit unit, bool all_windows,
                    Rows &rows) const;

    /// Encodes many inputs with `threads` threads; the rows do not depend on their number. With a stride every window
    /// is a row, without one only what a cut text keeps. Throws EncodeError for the first input that fails.
    Rows encode_batch(const std::vector<Input> &inputs, const EncodeOptions &options, OffsetUnit unit,
                      unsigned threads) const;

    const Template &row_template(bool pair) const { return pair ? data().settings().pair : data().settings().single; }
    const ModelData &data() const { return model_->data; }

    /// A workspace that nobody else uses until it is given back.
    std::unique_ptr<Workspace> borrow() const;
    void give_back(std::unique_ptr<Workspace> workspace) const;

  private:
    Tokenizer() = default;
    void read(const unsigned char *data, std::size_t size);
    std::size_t budget(const EncodeOptions &options, bool pair) const;
    void encode_range(const std::vector<Input> &inputs, std::size_t begin, std::size_t end,
                      const EncodeOptions &options, OffsetUnit unit, Rows &rows) const;

    std::unique_ptr<const file::MappedFile> mapped_;
    std::vector<std::uint64_t> copy_; // bytes of a file in memory, aligned to 8
    std::size_t copy_size_ = 0;
    std::unique_ptr<const TextModel> model_;
    mutable std::mutex mutex_;
    mutable std::vector<std::unique_ptr<Workspace>> idle_;
};

} // namespace edgebert::text
