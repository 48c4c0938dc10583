#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "c_model.h"
#include "engine/session.h"
#include "text/fixed_encoder.h"

namespace edgebert::c {

/// What a session is to be made of, checked, with the memory that it takes.
struct SessionPlan {
    /// `options` may be null. Throws Failure and OptionError.
    SessionPlan(const edgebert_model &model, const edgebert_options *options);

    std::size_t bytes() const;

    engine::SessionOptions engine; // without arena
    std::size_t text_bytes = 0, engine_bytes = 0;
    void *arena = nullptr;
    std::size_t arena_size = 0;
};

/// The tokenizer's memory and what lies between tokenizer and engine.
struct Buffers {
    Buffers(const edgebert_model &model, std::size_t max_tokens, std::pmr::memory_resource *memory);

    text::FixedEncoder encoder;
    std::pmr::vector<std::int32_t> ids, types; // [max_tokens]
    std::pmr::vector<float> scores;            // [labels] of a classify model
    std::pmr::vector<std::int32_t> order;      // [labels] of a classify model
};

/// A piece of text as a caller gives it.
struct Text {
    const char *bytes;
    std::size_t length; // or EDGEBERT_NUL
};

} // namespace edgebert::c

/// Tokenizer and engine in one block of memory. Nothing here allocates or throws once the session exists.
struct edgebert_session {
    using Text = edgebert::c::Text;

    /// Throws Failure, OptionError, std::bad_alloc and std::system_error.
    static edgebert_session *make(const edgebert_model &model, const edgebert_options *options);
    static void free(edgebert_session *session);

    edgebert_session(const edgebert_model &model, const edgebert::c::SessionPlan &plan, unsigned char *block,
                     bool owns);

    edgebert_status tokenize(Text text, Text pair, std::int32_t *ids, std::int32_t *types, std::size_t capacity,
                             std::size_t *count, std::int32_t *truncated);
    edgebert_status answer(edgebert::engine::Task task, Text text, float *output, std::size_t capacity,
                           std::int32_t *truncated);
    edgebert_status best(Text text, edgebert_match *best, std::size_t capacity, std::size_t *count,
                         std::int32_t *truncated);
    edgebert_status answer_ids(edgebert::engine::Task task, const edgebert::engine::TokenRow &row, float *output,
                               std::size_t capacity);
    edgebert_status run(const edgebert::engine::TokenRow &row, float *output, std::size_t capacity);

    const char *error() const { return error_; }
    const char *path() const { return engine_.path(); }

  private:
    /// Formats why the call fails and gives `status` back.
    edgebert_status fail(edgebert_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
    edgebert_status read(Text &text, const char *name);
    edgebert_status encode(Text text, Text pair, edgebert::text::FixedEncoder::Row &row);
    edgebert_status require_engine();
    edgebert_status require(edgebert::engine::Task task);
    edgebert_status require_room(std::size_t needed, const float *output, std::size_t capacity);
    edgebert_status converted(edgebert::engine::Status status);
    edgebert_status answer_text(Text text, float *output, std::int32_t *truncated);

    const edgebert_model &model_;
    const bool owns_;
    char error_[192] = "";
    std::pmr::monotonic_buffer_resource memory_;
    edgebert::c::Buffers buffers_;
    edgebert::engine::Session engine_;
};
