// The C library without the engine: it opens models and tokenizers, tokenizes, and says that it cannot do more.
#include "edgebert.h"

#include <cstring>

#include "check.h"
#include "whole_sample.h"

namespace {

void tokenizes_and_nothing_else(const std::string &content, const char *task) {
    const sample::AlignedBytes bytes(content);
    edgebert_model *model = nullptr;
    edgebert_session *session = nullptr;
    char why[100];
    CHECK(edgebert_model_from_memory(bytes.data(), bytes.size(), &model, why, sizeof why) == EDGEBERT_OK);
    edgebert_info info{};
    info.size = sizeof info;
    CHECK(edgebert_model_info(model, &info) == EDGEBERT_OK && std::strcmp(info.task, task) == 0);
    CHECK(edgebert_model_verify(model, why, sizeof why) == EDGEBERT_UNSUPPORTED);
    CHECK(edgebert_session_new(model, nullptr, &session) == EDGEBERT_OK);
    std::int32_t ids[8];
    std::size_t count = 0;
    CHECK(edgebert_tokenize(session, "light", EDGEBERT_NUL, nullptr, 0, ids, nullptr, 8, &count, nullptr) ==
          EDGEBERT_OK);
    CHECK(count == 3 && ids[0] == sample::kCls && ids[1] == sample::kLight && ids[2] == sample::kSep);
    float output[64];
    CHECK(edgebert_embed(session, "light", EDGEBERT_NUL, output, 64, nullptr) == EDGEBERT_UNSUPPORTED);
    CHECK(edgebert_run(session, ids, nullptr, count, output, 64) == EDGEBERT_UNSUPPORTED);
    CHECK(std::strstr(edgebert_session_error(session), "without the engine") != nullptr);
    edgebert_session_free(session);
    edgebert_model_free(model);
}

void damaged_files_are_refused(std::string content) {
    content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
    content.resize(content.size() - 64);
    const sample::AlignedBytes bytes(content);
    edgebert_model *model = nullptr;
    CHECK(edgebert_model_from_memory(bytes.data(), bytes.size(), &model, nullptr, 0) == EDGEBERT_BAD_BUNDLE);
}

} // namespace

int main() {
    tokenizes_and_nothing_else(sample::whole_model(true, edgebert::engine::Task::kEmbed), "embed");
    tokenizes_and_nothing_else(sample::whole_model(false, edgebert::engine::Task::kClassify), "classify");
    tokenizes_and_nothing_else(sample::bytes(), "tokenize");
    damaged_files_are_refused(sample::whole_model(true, edgebert::engine::Task::kEmbed));
    damaged_files_are_refused(sample::bytes());
    return failures == 0 ? 0 : 1;
}
