#include "tokenizer.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "error.h"

namespace edgebert::text {
namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 28; // bytes
constexpr std::size_t kMaxText = 0x7FFFFFFF;           // bytes; positions are 32 bits wide
constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kIdleWorkspaces = 2;

/// Runs `read` and turns what it says about a file into a TokenizerFileError that names the file.
template <class Read> std::shared_ptr<const Tokenizer> reading(const std::string &name, Read read) {
    try {
        return read();
    } catch (const std::bad_alloc &) {
        throw;
    } catch (const std::runtime_error &error) {
        throw TokenizerFileError(name + ": " + error.what());
    }
}

void check_size(std::string_view text) {
    if (text.size() > kMaxText)
        throw EncodeError("the text has " + std::to_string(text.size()) + " bytes, at most 2147483647 fit");
}

} // namespace

std::shared_ptr<const Tokenizer> Tokenizer::open(const std::string &path) {
    return reading(path, [&] {
        std::shared_ptr<Tokenizer> tokenizer(new Tokenizer);
        tokenizer->mapped_ = std::make_unique<file::MappedFile>(path, kMaxFile);
        tokenizer->read(tokenizer->mapped_->data(), tokenizer->mapped_->size());
        return tokenizer;
    });
}

std::shared_ptr<const Tokenizer> Tokenizer::from_bytes(const std::string &bytes) {
    return reading("the tokenizer", [&] {
        std::shared_ptr<Tokenizer> tokenizer(new Tokenizer);
        tokenizer->copy_.resize(bytes.size() / 8 + 1);
        std::memcpy(tokenizer->copy_.data(), bytes.data(), bytes.size());
        tokenizer->copy_size_ = bytes.size();
        tokenizer->read(reinterpret_cast<const unsigned char *>(tokenizer->copy_.data()), bytes.size());
        return tokenizer;
    });
}

void Tokenizer::read(const unsigned char *data, std::size_t size) {
    model_ = std::make_unique<TextModel>(file::parse_safetensors(data, size));
}

std::string_view Tokenizer::file_bytes() const {
    if (mapped_) return {reinterpret_cast<const char *>(mapped_->data()), mapped_->size()};
    return {reinterpret_cast<const char *>(copy_.data()), copy_size_};
}

std::size_t Tokenizer::budget(const EncodeOptions &options, bool pair) const {
    if (options.max_length == kNoMaxLength) return kNoLimit;
    const std::size_t special = options.add_special_tokens ? added_by(row_template(pair)) : 0;
    return static_cast<std::size_t>(std::min<std::int64_t>(options.max_length, kMaxText)) - special;
}

void Tokenizer::check(const EncodeOptions &options, bool pair) const {
    const std::int64_t special = options.add_special_tokens ? added_by(row_template(pair)) : 0;
    if (options.stride < 0) throw EncodeError("stride is " + std::to_string(options.stride) + ", it must be 0 or more");
    if (options.max_length == kNoMaxLength) {
        if (options.stride > 0)
            throw EncodeError("stride is " + std::to_string(options.stride) + " without max_length: give both");
        return;
    }
    if (options.max_length < special) {
        throw EncodeError("max_length is " + std::to_string(options.max_length) +
                          ", but the special tokens alone take " + std::to_string(special));
    }
    if (options.stride > 0 && options.stride >= options.max_length - special) {
        throw EncodeError("stride is " + std::to_string(options.stride) + ", but max_length " +
                          std::to_string(options.max_length) + " leaves room for " +
                          std::to_string(options.max_length - special) + " tokens: give a smaller stride");
    }
    if (!pair && options.strategy == TruncationStrategy::kOnlySecond) {
        throw EncodeError("truncation is 'only_second', but there is no second text");
    }
}

void Tokenizer::encode(const Input &input, const EncodeOptions &options, OffsetUnit unit, bool all_windows,
                       Workspace &workspace, Rows &rows) const {
    check_size(input.first);
    check_size(input.second);
    const std::size_t room = budget(options, input.pair);
    const bool may_stop = !input.pair && !all_windows && !options.from_left;
    SequenceEncoder(*model_, workspace, input.first, unit, may_stop ? room : kNoLimit, workspace.first).run();
    workspace.second.reset(unit != OffsetUnit::kNone);
    if (input.pair) SequenceEncoder(*model_, workspace, input.second, unit, kNoLimit, workspace.second).run();

    const std::size_t first = workspace.first.size(), second = workspace.second.size();
    const KeptLengths kept = kept_lengths(first, second, room, options.strategy);
    make_windows(first, kept.first, options, workspace.first_windows);
    make_windows(second, kept.second, options, workspace.second_windows);
    const bool cut = kept.first < first || kept.second < second;
    const Sequences sequences{&workspace.first, &workspace.second};
    const auto write = [&](const Window &of_first, const Window &of_second) {
        write_row(row_template(input.pair), options.add_special_tokens, sequences, {of_first, of_second}, rows);
        rows.truncated.push_back(cut ? 1 : 0);
    };
    if (rows.ids.empty()) rows.ids.reserve(kept.first + kept.second + row_template(input.pair).size());
    write(workspace.first_windows[0], workspace.second_windows[0]);
    if (!all_windows) return;
    for (std::size_t i = 1; i < workspace.first_windows.size(); ++i) {
        for (const Window &of_second : workspace.second_windows)
            write(workspace.first_windows[i], of_second);
    }
    for (std::size_t j = 1; j < workspace.second_windows.size(); ++j) {
        write(workspace.first_windows[0], workspace.second_windows[j]);
    }
}

void Tokenizer::encode_one(const Input &input, const EncodeOptions &options, OffsetUnit unit, bool all_windows,
                           Rows &rows) const {
    std::unique_ptr<Workspace> workspace = borrow();
    encode(input, options, unit, all_windows, *workspace, rows);
    give_back(std::move(workspace));
}

std::unique_ptr<Workspace> Tokenizer::borrow() const {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!idle_.empty()) {
            std::unique_ptr<Workspace> workspace = std::move(idle_.back());
            idle_.pop_back();
            return workspace;
        }
    }
    return std::make_unique<Workspace>();
}

void Tokenizer::give_back(std::unique_ptr<Workspace> workspace) const {
    workspace->release_if_large();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.size() < kIdleWorkspaces) idle_.push_back(std::move(workspace));
}

} // namespace edgebert::text
