// The calls on a session.
#include "c_session.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <numeric>

using edgebert::engine::Status;
using edgebert::engine::Task;
using edgebert::engine::TokenRow;
using edgebert::text::FixedEncoder;
using edgebert::text::TruncationStrategy;

edgebert_status edgebert_session::fail(edgebert_status status, const char *format, ...) {
    std::va_list values;
    va_start(values, format);
    std::vsnprintf(error_, sizeof error_, format, values);
    va_end(values);
    return status;
}

edgebert_status edgebert_session::read(Text &text, const char *name) {
    if (text.bytes == nullptr) return fail(EDGEBERT_INVALID_ARGUMENT, "%s is NULL", name);
    if (text.length == EDGEBERT_NUL) text.length = std::strlen(text.bytes);
    if (text.length > buffers_.encoder.max_text()) {
        return fail(EDGEBERT_INVALID_ARGUMENT, "%s has %zu bytes, at most %zu fit this tokenizer", name, text.length,
                    buffers_.encoder.max_text());
    }
    return EDGEBERT_OK;
}

edgebert_status edgebert_session::encode(Text text, Text pair, FixedEncoder::Row &row, TruncationStrategy strategy) {
    error_[0] = '\0';
    const bool paired = pair.bytes != nullptr;
    edgebert_status status = read(text, "text");
    if (status == EDGEBERT_OK && paired) status = read(pair, "pair");
    if (status != EDGEBERT_OK) return status;
    if (buffers_.encoder.special_tokens(paired) > buffers_.ids.size()) {
        return fail(EDGEBERT_INVALID_ARGUMENT, "a pair has more special tokens than the session's %zu tokens",
                    buffers_.ids.size());
    }
    edgebert::text::Input input{{text.bytes, text.length}, {}, paired};
    if (paired) input.second = {pair.bytes, pair.length};
    row = buffers_.encoder.encode(input, strategy, buffers_.ids.data(), buffers_.types.data());
    if (row.length > 0) return EDGEBERT_OK;
    return fail(EDGEBERT_INVALID_ARGUMENT, "the first text leaves no room for the second in %zu tokens",
                buffers_.ids.size());
}

edgebert_status edgebert_session::tokenize(Text text, Text pair, std::int32_t *ids, std::int32_t *types,
                                           std::size_t capacity, std::size_t *count, std::int32_t *truncated) {
    FixedEncoder::Row row{};
    if (count == nullptr) return fail(EDGEBERT_INVALID_ARGUMENT, "count is NULL");
    if (const edgebert_status status = encode(text, pair, row); status != EDGEBERT_OK) return status;
    *count = row.length;
    if (truncated != nullptr) *truncated = row.truncated ? 1 : 0;
    if (row.length > capacity) {
        return fail(EDGEBERT_BUFFER_TOO_SMALL, "the text has %zu ids, the buffer room for %zu", row.length, capacity);
    }
    if (ids == nullptr) return fail(EDGEBERT_INVALID_ARGUMENT, "ids is NULL");
    std::copy_n(buffers_.ids.data(), row.length, ids);
    if (types != nullptr) std::copy_n(buffers_.types.data(), row.length, types);
    return EDGEBERT_OK;
}

edgebert_status edgebert_session::require_engine() {
    error_[0] = '\0';
    return edgebert::c::kHasEngine ? EDGEBERT_OK : fail(EDGEBERT_UNSUPPORTED, "%s", engine_.error());
}

edgebert_status edgebert_session::require(Task task) {
    if (const edgebert_status status = require_engine(); status != EDGEBERT_OK) return status;
    if (model_.config().task == task) return EDGEBERT_OK;
    return fail(EDGEBERT_INVALID_ARGUMENT, "the model's task is %s", model_.info().task);
}

edgebert_status edgebert_session::require_room(std::size_t needed, const float *output, std::size_t capacity) {
    if (capacity < needed) {
        return fail(EDGEBERT_BUFFER_TOO_SMALL, "the output has %zu floats, the buffer room for %zu", needed, capacity);
    }
    return output != nullptr ? EDGEBERT_OK : fail(EDGEBERT_INVALID_ARGUMENT, "the output is NULL");
}

edgebert_status edgebert_session::converted(Status status) {
    if (status == Status::kOk) return EDGEBERT_OK;
    return fail(status == Status::kBadInput ? EDGEBERT_INVALID_ARGUMENT : EDGEBERT_BAD_BUNDLE, "%s", engine_.error());
}

edgebert_status edgebert_session::answer_row(const FixedEncoder::Row &row, float *output, std::int32_t *truncated) {
    if (truncated != nullptr) *truncated = row.truncated ? 1 : 0;
    const TokenRow tokens{buffers_.ids.data(), buffers_.types.data(), row.length};
    return converted(engine_.answer(&tokens, 1, output, answer_size(row.length)));
}

edgebert_status edgebert_session::answer_text(Text text, float *output, std::int32_t *truncated) {
    FixedEncoder::Row row{};
    if (const edgebert_status status = encode(text, {nullptr, 0}, row); status != EDGEBERT_OK) return status;
    return answer_row(row, output, truncated);
}

/// Floats of the answer to so many tokens.
std::size_t edgebert_session::answer_size(std::size_t tokens) const {
    return model_.config().output_size() * (model_.config().answers_tokens() ? tokens : 1);
}

edgebert_status edgebert_session::answer(Task task, Text text, float *output, std::size_t capacity,
                                         std::int32_t *truncated) {
    edgebert_status status = require(task);
    if (status == EDGEBERT_OK) status = require_room(model_.config().output_size(), output, capacity);
    return status == EDGEBERT_OK ? answer_text(text, output, truncated) : status;
}

edgebert_status edgebert_session::best(Text text, edgebert_match *best, std::size_t capacity, std::size_t *count,
                                       std::int32_t *truncated) {
    edgebert_status status = require(Task::kClassify);
    if (status != EDGEBERT_OK) return status;
    if (count == nullptr || (best == nullptr && capacity > 0)) {
        return fail(EDGEBERT_INVALID_ARGUMENT, "%s is NULL", count == nullptr ? "count" : "best");
    }
    status = answer_text(text, buffers_.scores.data(), truncated);
    if (status != EDGEBERT_OK) return status;
    const float *const scores = buffers_.scores.data();
    std::pmr::vector<std::int32_t> &order = buffers_.order;
    *count = std::min(capacity, order.size());
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(*count), order.end(),
                      [scores](std::int32_t left, std::int32_t right) {
                          return scores[left] != scores[right] ? scores[left] > scores[right] : left < right;
                      });
    std::transform(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(*count), best,
                   [scores](std::int32_t label) { return edgebert_match{label, scores[label]}; });
    return EDGEBERT_OK;
}

edgebert_status edgebert_session::answer_ids(Task task, const TokenRow &row, float *output, std::size_t capacity) {
    const std::size_t size = answer_size(row.length);
    edgebert_status status = require(task);
    if (status == EDGEBERT_OK) status = require_room(size, output, capacity);
    if (status != EDGEBERT_OK) return status;
    if (row.ids == nullptr) return fail(EDGEBERT_INVALID_ARGUMENT, "ids is NULL");
    return converted(engine_.answer(&row, 1, output, size));
}

edgebert_status edgebert_session::run(const TokenRow &row, float *output, std::size_t capacity) {
    if (const edgebert_status status = require_engine(); status != EDGEBERT_OK) return status;
    if (row.ids == nullptr) return fail(EDGEBERT_INVALID_ARGUMENT, "ids is NULL");
    if (row.length == 0 || row.length > buffers_.ids.size()) {
        return fail(EDGEBERT_INVALID_ARGUMENT, "there are %zu ids, from 1 to %zu are possible", row.length,
                    buffers_.ids.size());
    }
    const edgebert::engine::Config &config = model_.config();
    const std::size_t size = config.output_size() * (config.task == Task::kClassify ? 1 : row.length);
    const edgebert_status status = require_room(size, output, capacity);
    return status == EDGEBERT_OK ? converted(engine_.run(&row, 1, output, size)) : status;
}
