#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model.h"

namespace edgebert::engine {

/// The ids of one text, special tokens among them.
struct TokenRow {
    const std::int32_t *ids = nullptr;   // [length], each below the vocabulary's size
    const std::int32_t *types = nullptr; // [length], 0 or 1; nullptr: all 0
    std::size_t length = 0;              // from 1 to the session's max_tokens
};

struct SessionOptions {
    std::size_t threads = 1;    // the caller's among them, at most 256
    std::size_t max_tokens = 0; // longest text; 0: the model's limit
    const char *path = nullptr; // name of a CPU path of cpu_paths(); nullptr: the best one here
    void *arena = nullptr;      // memory for everything a run needs, aligned to 64 bytes; nullptr: allocated
    std::size_t arena_size = 0; // bytes, at least Session::arena_bytes()
};

enum class Status : std::uint8_t {
    kOk,
    kBadInput,  // no token, too many, or an id out of range
    kNotFinite, // the model computed an infinity or NaN
};

/// Computes a model's answers. One thread at a time may use a session; after it exists nothing allocates or throws.
/// A text's numbers depend on the model and the text alone: not on its neighbours, the threads or the CPU.
class Session {
  public:
    /// Bytes of arena that a session needs. Throws OptionError.
    static std::size_t arena_bytes(const Model &model, const SessionOptions &options);

    /// Throws OptionError, std::bad_alloc, and std::system_error when a thread cannot start.
    Session(std::shared_ptr<const Model> model, const SessionOptions &options);
    ~Session();
    Session(const Session &) = delete;
    Session &operator=(const Session &) = delete;

    /// The model's raw output. embed: token vectors [length, hidden]; classify: logits [labels]; tag and answer: logits
    /// [length, output_size]. The output of text i starts at `output + i * stride`.
    Status run(const TokenRow *rows, std::size_t count, float *output, std::size_t stride);

    /// What the task asks for. embed: the pooled vector [hidden], of unit length where the model says so; classify:
    /// the score of every label [labels]; tag: the same for every token, [length, labels]; answer: logits of the start
    /// and the end of an answer [length, 2]. The answer for text i starts at `output + i * stride`.
    Status answer(const TokenRow *rows, std::size_t count, float *output, std::size_t stride);

    /// Why the last call failed, one line; "" when it did not.
    const char *error() const;

    const Model &model() const;
    std::size_t max_tokens() const;

    /// Bytes that the session computes in.
    std::size_t memory_bytes() const;

    /// Name of the CPU path in use.
    const char *path() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

/// Names of the CPU paths that this machine can run, the best one first; "scalar" is always the last.
std::vector<std::string> cpu_paths();

} // namespace edgebert::engine
