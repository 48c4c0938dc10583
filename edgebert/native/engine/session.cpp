#include "session.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <new>

#include "encoder.h"
#include "error.h"
#include "float_control.h"
#include "heads.h"
#include "narrow.h"

namespace edgebert::engine {
namespace {

constexpr std::size_t kMaxThreads = 256;
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kMinRows = 8; // tokens that are worth waking a thread for

const Kernels &find_kernels(const char *path) {
    const Kernels *const *kernels = available_kernels();
    for (; *kernels != nullptr; ++kernels) {
        if (path == nullptr || std::strcmp((*kernels)->name, path) == 0) return **kernels;
    }
    std::string names;
    for (const std::string &name : cpu_paths())
        names += (names.empty() ? "" : ", ") + name;
    throw OptionError("there is no CPU path '" + std::string(path) + "' here: choose one of " + names);
}

std::size_t check_options(const Model &model, const SessionOptions &options) {
    const std::size_t limit = model.config().max_tokens;
    if (options.threads < 1 || options.threads > kMaxThreads) {
        throw OptionError("threads is " + std::to_string(options.threads) + ": give a number from 1 to 256");
    }
    if (options.max_tokens > limit) {
        throw OptionError("max_tokens is " + std::to_string(options.max_tokens) + ": the model takes at most " +
                          std::to_string(limit));
    }
    return options.max_tokens == 0 ? limit : options.max_tokens;
}

Buffers plan(const Model &model, const SessionOptions &options, void *memory) {
    const std::size_t narrow = narrow_bytes(model, find_kernels(options.path));
    return plan_buffers(model.config(), check_options(model, options), options.threads, narrow, memory);
}

/// Memory that is given back at the end, or the caller's.
class Memory {
  public:
    Memory(void *arena, std::size_t arena_size, std::size_t needed) : own_(arena == nullptr) {
        if (!own_ && reinterpret_cast<std::uintptr_t>(arena) % kAlignment != 0) {
            throw OptionError("the arena does not start at a multiple of 64 bytes");
        }
        if (!own_ && arena_size < needed) {
            throw OptionError("the arena has " + std::to_string(arena_size) + " bytes, the session needs " +
                              std::to_string(needed));
        }
        data_ = own_ ? ::operator new(needed, std::align_val_t{kAlignment}) : arena;
    }
    ~Memory() {
        if (own_) ::operator delete(data_, std::align_val_t{kAlignment});
    }
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;

    void *data() const { return data_; }

  private:
    bool own_;
    void *data_;
};

} // namespace

class Session::Impl {
  public:
    Impl(std::shared_ptr<const Model> model, const SessionOptions &options)
        : model_(std::move(model)), config_(model_->config()), max_tokens_(check_options(*model_, options)),
          kernels_(find_kernels(options.path)),
          memory_(options.arena, options.arena_size, arena_bytes(*model_, options)),
          buffers_(plan(*model_, options, memory_.data())), team_(options.threads) {
        narrow_layers(*model_, kernels_, buffers_);
    }

    /// Computes all texts, as many at once as the buffers hold, and calls `each(text, index)` for each of them, index
    /// being its number in the pass.
    template <class Each> Status all(const TokenRow *rows, std::size_t count, bool first_only, Each each) {
        error_[0] = '\0';
        for (std::size_t i = 0; i < count; ++i) {
            const Status status = check(rows[i], i);
            if (status != Status::kOk) return status;
        }
        const FloatControl control;
        for (std::size_t done = 0; done < count;) {
            Pass pass = next_pass(rows + done, count - done, first_only);
            if (!pass.run()) return not_finite();
            finish_pass(pass);
            for (std::size_t i = 0; i < pass.count; ++i) {
                if (!each(done + i, i)) return not_finite();
            }
            done += pass.count;
        }
        return Status::kOk;
    }

    Status run(const TokenRow *rows, std::size_t count, float *output, std::size_t stride) {
        const bool classify = config_.task == Task::kClassify;
        return all(rows, count, classify, [&](std::size_t text, std::size_t index) {
            float *const to = output + text * stride;
            if (classify) return copy(buffers_.logits.row(index), config_.output_size(), to);
            return copy_tokens(rows[text], index, to);
        });
    }

    Status answer(const TokenRow *rows, std::size_t count, float *output, std::size_t stride) {
        const bool classify = config_.task == Task::kClassify;
        const bool first_only = classify || config_.pooling == Pooling::kCls;
        return all(rows, count, first_only, [&](std::size_t text, std::size_t index) {
            float *const to = output + text * stride;
            if (config_.answers_tokens()) return score_tokens(rows[text], index, to);
            if (classify) {
                copy(buffers_.logits.row(index), config_.output_size(), to);
                score(config_, to);
            } else if (first_only) {
                copy(buffers_.first.row(index), config_.hidden, to);
                normalize(config_, to);
            } else {
                pool(config_, {token_row(index, 0), buffers_.hidden.stride}, rows[text].length, to);
            }
            return all_finite(to, config_.output_size());
        });
    }

    const char *error() const { return error_; }
    const Model &model() const { return *model_; }
    std::size_t max_tokens() const { return max_tokens_; }
    std::size_t memory_bytes() const { return buffers_.bytes; }
    const char *path() const { return kernels_.name; }

  private:
    static bool copy(const float *from, std::size_t count, float *to) {
        std::memcpy(to, from, count * sizeof(float));
        return all_finite(to, count);
    }

    float *token_row(std::size_t index, std::size_t token) const {
        return buffers_.hidden.row(buffers_.segments[index].row + token);
    }

    /// The vector of each token of a text, or its logits where the model has some.
    bool copy_tokens(const TokenRow &text, std::size_t index, float *to) const {
        const FloatRows &rows = config_.answers_tokens() ? buffers_.logits : buffers_.hidden;
        const std::size_t row = buffers_.segments[index].row, width = config_.output_size();
        bool finite = true;
        for (std::size_t token = 0; token < text.length; ++token)
            finite &= copy(rows.row(row + token), width, to + token * width);
        return finite;
    }

    bool score_tokens(const TokenRow &text, std::size_t index, float *to) const {
        const std::size_t width = config_.output_size();
        copy_tokens(text, index, to);
        for (std::size_t token = 0; token < text.length; ++token)
            score(config_, to + token * width);
        return all_finite(to, text.length * width);
    }

    /// As many of the texts as fit.
    Pass next_pass(const TokenRow *rows, std::size_t count, bool first_only) const {
        std::size_t texts = 0, row = 0, slot = 0;
        for (; texts < count && slot + rows[texts].length <= buffers_.slots; ++texts) {
            buffers_.segments[texts] = {row, rows[texts].length, slot};
            row += rows[texts].length;
            slot = round_up(slot + rows[texts].length, kPanel);
        }
        const std::size_t active = std::max<std::size_t>(1, std::min(team_.size(), row / kMinRows));
        return {*model_, kernels_, buffers_, team_, rows, texts, row, first_only, active};
    }

    void finish_pass(const Pass &pass) const {
        if (config_.task == Task::kClassify)
            classify(*model_, kernels_, buffers_.first, pass.count, buffers_.pooled, buffers_.logits);
        if (config_.answers_tokens()) token_logits(*model_, kernels_, buffers_.hidden, pass.rows, buffers_.logits);
    }

    Status check(const TokenRow &row, std::size_t index) {
        if (row.length < 1 || row.length > max_tokens_) {
            return fail(Status::kBadInput, "row %zu has %zu tokens, it must have from 1 to %zu", index, row.length,
                        max_tokens_);
        }
        for (std::size_t i = 0; i < row.length; ++i) {
            if (row.ids[i] < 0 || static_cast<std::size_t>(row.ids[i]) >= config_.vocabulary) {
                return fail(Status::kBadInput, "row %zu holds the id %ld, it must be from 0 to %zu", index,
                            static_cast<long>(row.ids[i]), config_.vocabulary - 1);
            }
            if (row.types != nullptr && (row.types[i] < 0 || row.types[i] > 1)) {
                return fail(Status::kBadInput, "row %zu holds the type id %ld, it must be 0 or 1", index,
                            static_cast<long>(row.types[i]));
            }
        }
        return Status::kOk;
    }

    Status not_finite() {
        return fail(Status::kNotFinite, "the model computed a number that is not finite: are its weights damaged?");
    }

    __attribute__((format(printf, 3, 4))) Status fail(Status status, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        std::vsnprintf(error_, sizeof error_, format, arguments);
        va_end(arguments);
        return status;
    }

    std::shared_ptr<const Model> model_;
    const Config &config_;
    std::size_t max_tokens_;
    const Kernels &kernels_;
    Memory memory_;
    Buffers buffers_;
    mutable Team team_;
    char error_[160] = "";
};

std::size_t Session::arena_bytes(const Model &model, const SessionOptions &options) {
    return plan(model, options, nullptr).bytes;
}

Session::Session(std::shared_ptr<const Model> model, const SessionOptions &options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {}

Session::~Session() = default;

Status Session::run(const TokenRow *rows, std::size_t count, float *output, std::size_t stride) {
    return impl_->run(rows, count, output, stride);
}

Status Session::answer(const TokenRow *rows, std::size_t count, float *output, std::size_t stride) {
    return impl_->answer(rows, count, output, stride);
}

const char *Session::error() const { return impl_->error(); }
const Model &Session::model() const { return impl_->model(); }
std::size_t Session::max_tokens() const { return impl_->max_tokens(); }
std::size_t Session::memory_bytes() const { return impl_->memory_bytes(); }
const char *Session::path() const { return impl_->path(); }

std::vector<std::string> cpu_paths() {
    std::vector<std::string> names;
    for (const Kernels *const *kernels = available_kernels(); *kernels != nullptr; ++kernels)
        names.emplace_back((*kernels)->name);
    return names;
}

} // namespace edgebert::engine
