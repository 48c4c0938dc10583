// The C functions of edgebert.h: cast, call, catch, convert.
#include <cstring>

#include "c_session.h"
#include "engine/error.h"

using edgebert::c::Failure;
using edgebert::c::guarded;
using edgebert::engine::Task;

namespace {

constexpr std::size_t kOldestInfo = sizeof(edgebert_info); // of ABI 1

const char *const kStatusTexts[] = {"ok",          "invalid argument", "file cannot be read", "bad model file",
                                    "unsupported", "out of memory",    "buffer too small",    "internal error"};

template <class Pointer> void require(Pointer pointer, const char *name) {
    if (pointer == nullptr) throw Failure(EDGEBERT_INVALID_ARGUMENT, std::string(name) + " is NULL");
}

/// Calls `work` on a session; a null session is an invalid argument.
template <class Work> edgebert_status on(edgebert_session *session, Work work) noexcept {
    return session == nullptr ? EDGEBERT_INVALID_ARGUMENT : work(*session);
}

} // namespace

const char *edgebert_version(void) { return EDGEBERT_VERSION; }

uint32_t edgebert_abi(void) { return EDGEBERT_ABI; }

const char *edgebert_status_text(edgebert_status status) {
    const auto index = static_cast<std::size_t>(status);
    return index < sizeof kStatusTexts / sizeof *kStatusTexts ? kStatusTexts[index] : "unknown status";
}

edgebert_status edgebert_model_open(const char *path, edgebert_model **out, char *message, size_t message_size) {
    if (out != nullptr) *out = nullptr;
    return guarded(message, message_size, [&] {
        require(path, "path");
        require(out, "out");
        *out = edgebert_model::open(path).release();
    });
}

edgebert_status edgebert_model_from_memory(const void *data, size_t size, edgebert_model **out, char *message,
                                           size_t message_size) {
    if (out != nullptr) *out = nullptr;
    return guarded(message, message_size, [&] {
        require(data, "data");
        require(out, "out");
        *out = edgebert_model::from_memory(data, size).release();
    });
}

edgebert_status edgebert_model_verify(const edgebert_model *model, char *message, size_t message_size) {
    return guarded(message, message_size, [&] {
        require(model, "model");
        edgebert::c::verify(*model);
    });
}

edgebert_status edgebert_model_info(const edgebert_model *model, edgebert_info *info) {
    if (model == nullptr || info == nullptr || info->size < kOldestInfo) return EDGEBERT_INVALID_ARGUMENT;
    edgebert_info known = model->info();
    known.size = info->size;
    std::memcpy(info, &known, sizeof known);
    return EDGEBERT_OK;
}

const char *edgebert_model_label(const edgebert_model *model, int32_t index) {
    if (model == nullptr || index < 0) return nullptr;
    const auto &labels = model->config().labels;
    const auto place = static_cast<std::size_t>(index);
    return place < labels.size() ? labels[place].c_str() : nullptr;
}

void edgebert_model_free(edgebert_model *model) { delete model; }

size_t edgebert_session_size(const edgebert_model *model, const edgebert_options *options) {
    size_t bytes = 0;
    guarded(nullptr, 0, [&] {
        require(model, "model");
        bytes = edgebert::c::SessionPlan(*model, options).bytes();
    });
    return bytes;
}

edgebert_status edgebert_session_new(const edgebert_model *model, const edgebert_options *options,
                                     edgebert_session **out) {
    if (out != nullptr) *out = nullptr;
    return guarded(nullptr, 0, [&] {
        require(model, "model");
        require(out, "out");
        *out = edgebert_session::make(*model, options);
    });
}

const char *edgebert_session_error(const edgebert_session *session) {
    return session == nullptr ? "" : session->error();
}

const char *edgebert_session_path(const edgebert_session *session) { return session == nullptr ? "" : session->path(); }

void edgebert_session_free(edgebert_session *session) {
    if (session != nullptr) edgebert_session::free(session);
}

edgebert_status edgebert_tokenize(edgebert_session *session, const char *text, size_t length, const char *pair,
                                  size_t pair_length, int32_t *ids, int32_t *type_ids, size_t capacity, size_t *count,
                                  int32_t *truncated) {
    return on(session, [&](edgebert_session &s) {
        return s.tokenize({text, length}, {pair, pair_length}, ids, type_ids, capacity, count, truncated);
    });
}

edgebert_status edgebert_embed(edgebert_session *session, const char *text, size_t length, float *vector,
                               size_t capacity, int32_t *truncated) {
    return on(session,
              [&](edgebert_session &s) { return s.answer(Task::kEmbed, {text, length}, vector, capacity, truncated); });
}

edgebert_status edgebert_classify(edgebert_session *session, const char *text, size_t length, float *scores,
                                  size_t capacity, int32_t *truncated) {
    return on(session, [&](edgebert_session &s) {
        return s.answer(Task::kClassify, {text, length}, scores, capacity, truncated);
    });
}

edgebert_status edgebert_classify_top(edgebert_session *session, const char *text, size_t length, edgebert_match *best,
                                      size_t capacity, size_t *count, int32_t *truncated) {
    return on(session, [&](edgebert_session &s) { return s.best({text, length}, best, capacity, count, truncated); });
}

edgebert_status edgebert_tag(edgebert_session *session, const char *text, size_t length, edgebert_grouping grouping,
                             edgebert_entity *entities, size_t capacity, size_t *count, int32_t *truncated) {
    return on(session, [&](edgebert_session &s) {
        return s.tag({text, length}, grouping, entities, capacity, count, truncated);
    });
}

edgebert_status edgebert_answer(edgebert_session *session, const char *question, size_t question_length,
                                const char *context, size_t context_length, int32_t max_answer_tokens,
                                edgebert_span *best, size_t capacity, size_t *count, float *no_answer,
                                int32_t *truncated) {
    return on(session, [&](edgebert_session &s) {
        return s.find({question, question_length}, {context, context_length}, max_answer_tokens, {best, capacity},
                      count, no_answer, truncated);
    });
}

edgebert_status edgebert_embed_ids(edgebert_session *session, const int32_t *ids, const int32_t *type_ids, size_t count,
                                   float *vector, size_t capacity) {
    return on(session, [&](edgebert_session &s) {
        return s.answer_ids(Task::kEmbed, {ids, type_ids, count}, vector, capacity);
    });
}

edgebert_status edgebert_classify_ids(edgebert_session *session, const int32_t *ids, const int32_t *type_ids,
                                      size_t count, float *scores, size_t capacity) {
    return on(session, [&](edgebert_session &s) {
        return s.answer_ids(Task::kClassify, {ids, type_ids, count}, scores, capacity);
    });
}

edgebert_status edgebert_run(edgebert_session *session, const int32_t *ids, const int32_t *type_ids, size_t count,
                             float *output, size_t capacity) {
    return on(session, [&](edgebert_session &s) { return s.run({ids, type_ids, count}, output, capacity); });
}
