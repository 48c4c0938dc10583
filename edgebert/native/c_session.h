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
    std::pmr::vector<float> scores;            // [labels] of a classify, [max_tokens, output_size] of a token model
    std::pmr::vector<std::int32_t> order;      // [labels] of a classify model
    std::pmr::vector<float> starts, ends;      // [max_tokens] of an answer model
};

/// A piece of text as a caller gives it.
struct Text {
    const char *bytes;
    std::size_t length; // or EDGEBERT_NUL
};

/// The tokens of a text that are in a row, with the words and places in the text that they come from.
struct TokenSpans {
    TokenSpans(const text::TokenList &list, const text::FixedEncoder::Part &part)
        : spans(list.spans()), words(list.words()), count(part.count) {}

    std::size_t begin(std::size_t token) const { return static_cast<std::size_t>(spans[token].start); }
    std::size_t end(std::size_t token) const { return static_cast<std::size_t>(spans[token].end); }
    std::size_t word_begin(std::size_t token) const;
    std::size_t word_end(std::size_t token) const; // the last token of the word

    const text::Span *spans;
    const std::int32_t *words;
    std::size_t count;
};

/// Where answers go, the best first.
struct Answers {
    edgebert_span *best;
    std::size_t capacity, count = 0;

    /// Keeps the span if it is among the best; of equal places the better one.
    void offer(const edgebert_span &span);
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
    edgebert_status tag(Text text, edgebert_grouping grouping, edgebert_entity *entities, std::size_t capacity,
                        std::size_t *count, std::int32_t *truncated);
    edgebert_status find(Text question, Text context, std::int32_t max_tokens, edgebert::c::Answers answers,
                         std::size_t *count, float *no_answer, std::int32_t *truncated);
    edgebert_status run(const edgebert::engine::TokenRow &row, float *output, std::size_t capacity);

    const char *error() const { return error_; }
    const char *path() const { return engine_.path(); }

  private:
    static constexpr auto kLongestFirst = edgebert::text::TruncationStrategy::kLongestFirst;

    /// Formats why the call fails and gives `status` back.
    edgebert_status fail(edgebert_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
    edgebert_status read(Text &text, const char *name);
    edgebert_status encode(Text text, Text pair, edgebert::text::FixedEncoder::Row &row,
                           edgebert::text::TruncationStrategy strategy = kLongestFirst);
    edgebert_status require_engine();
    edgebert_status require(edgebert::engine::Task task);
    edgebert_status require_room(std::size_t needed, const float *output, std::size_t capacity);
    edgebert_status converted(edgebert::engine::Status status);
    edgebert_status answer_row(const edgebert::text::FixedEncoder::Row &row, float *output, std::int32_t *truncated);
    edgebert_status answer_text(Text text, float *output, std::int32_t *truncated);
    std::size_t answer_size(std::size_t tokens) const;
    edgebert_match best_label(std::size_t token) const;
    bool continues(std::int32_t label, std::int32_t before) const;
    float read_probabilities(const edgebert::text::FixedEncoder::Part &context);

    const edgebert_model &model_;
    const bool owns_;
    char error_[192] = "";
    std::pmr::monotonic_buffer_resource memory_;
    edgebert::c::Buffers buffers_;
    edgebert::engine::Session engine_;
};
