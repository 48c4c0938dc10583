// The C library from C++: memory, arenas, hostile files. Equality with Python is tested from Python.
#include "edgebert.h"

#include <cmath>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "counting_allocator.h"
#include "whole_sample.h"

using edgebert::engine::Task;

namespace {

/// A model in memory, opened.
class Opened {
  public:
    explicit Opened(const std::string &content) : bytes_(content) {
        CHECK(edgebert_model_from_memory(bytes_.data(), bytes_.size(), &model, nullptr, 0) == EDGEBERT_OK);
    }
    ~Opened() { edgebert_model_free(model); }
    Opened(const Opened &) = delete;
    Opened &operator=(const Opened &) = delete;

    edgebert_model *model = nullptr;

  private:
    sample::AlignedBytes bytes_;
};

edgebert_session *new_session(const edgebert_model *model, std::int32_t threads) {
    edgebert_options options{};
    options.size = sizeof options;
    options.threads = threads;
    edgebert_session *session = nullptr;
    CHECK(edgebert_session_new(model, &options, &session) == EDGEBERT_OK);
    return session;
}

std::string repeated(const char *part, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes)
        text += part;
    return text;
}

const std::vector<std::string> &texts() {
    static const std::vector<std::string> all = {"light",
                                                 "",
                                                 "new lights. [MASK]",
                                                 "\xFF\xE2\x82 switch",
                                                 repeated("light ", 1u << 20),
                                                 repeated("x", 1u << 20),
                                                 repeated("\xCC\x81", 1u << 20),
                                                 repeated("\xE3\x80\xAE\xE3\x80\xAF", 1u << 20),
                                                 repeated("\xE4\xB8\xAD", 1u << 20),
                                                 repeated(" ", 1u << 20),
                                                 repeated("e\xCC\x81", 1u << 20)};
    return all;
}

/// Every call on a session, with and without success.
void call_everything(edgebert_session *session, Task task) {
    float output[48 * 40];
    std::int32_t ids[40], types[40], cut;
    edgebert_match best[3];
    edgebert_entity entities[20];
    edgebert_span spans[5];
    std::size_t count;
    for (const std::string &text : texts()) {
        edgebert_embed(session, text.data(), text.size(), output, 48, &cut);
        edgebert_classify(session, text.data(), text.size(), output, 3, &cut);
        edgebert_classify_top(session, text.data(), text.size(), best, 2, &count, nullptr);
        for (const edgebert_grouping grouping : {EDGEBERT_TOKENS, EDGEBERT_ENTITIES})
            edgebert_tag(session, text.data(), text.size(), grouping, entities, 20, &count, &cut);
        edgebert_answer(session, "light", EDGEBERT_NUL, text.data(), text.size(), 0, spans, 5, &count, output, &cut);
        edgebert_answer(session, text.data(), text.size(), "light", EDGEBERT_NUL, 3, spans, 5, &count, output, &cut);
        edgebert_tokenize(session, text.data(), text.size(), text.data(), text.size(), ids, types, 2, &count, &cut);
        edgebert_tokenize(session, text.data(), text.size(), "light", EDGEBERT_NUL, ids, types, 40, &count, &cut);
    }
    CHECK(edgebert_tokenize(session, "light", 5, nullptr, 0, ids, types, 40, &count, &cut) == EDGEBERT_OK);
    CHECK(count == 3 && cut == 0 && ids[1] == sample::kLight);
    CHECK(edgebert_run(session, ids, types, count, output, 48 * 40) == EDGEBERT_OK);
    const auto by_ids = task == Task::kClassify ? edgebert_classify_ids : edgebert_embed_ids;
    const bool known = task == Task::kClassify || task == Task::kEmbed;
    CHECK(by_ids(session, ids, types, count, output, 48) == (known ? EDGEBERT_OK : EDGEBERT_INVALID_ARGUMENT));
    ids[0] = -1;
    CHECK(edgebert_run(session, ids, types, count, output, 48 * 40) == EDGEBERT_INVALID_ARGUMENT);
    CHECK(edgebert_session_error(session)[0] != '\0');
}

void nothing_allocates_after_a_session_exists() {
    for (const Task task : {Task::kEmbed, Task::kClassify, Task::kTag, Task::kAnswer}) {
        for (const bool normalized_added : {false, true}) {
            const Opened opened(sample::whole_model(task != Task::kClassify, task, normalized_added));
            for (const std::int32_t threads : {1, 2}) {
                long before = allocations();
                edgebert_session *const session = new_session(opened.model, threads);
                texts();
                CHECK(allocations() > before); // the count counts
                before = allocations();
                call_everything(session, task);
                CHECK(allocations() == before);
                edgebert_session_free(session);
            }
        }
    }
}

void arenas_are_used_and_kept_to() {
    const Opened opened(sample::whole_model(true, Task::kEmbed));
    edgebert_options options{};
    options.size = sizeof options;
    const std::size_t size = edgebert_session_size(opened.model, &options), guard = 64;
    const sample::AlignedBytes memory(std::string(size + guard, '\x5A'));
    options.arena = const_cast<void *>(memory.data());
    edgebert_session *session = nullptr;
    options.arena_size = size - 1;
    CHECK(edgebert_session_new(opened.model, &options, &session) == EDGEBERT_OUT_OF_MEMORY && session == nullptr);
    options.arena_size = size;
    CHECK(edgebert_session_new(opened.model, &options, &session) == EDGEBERT_OK);
    CHECK(static_cast<const void *>(session) == memory.data());
    call_everything(session, Task::kEmbed);
    edgebert_session_free(session);
    const auto *const end = static_cast<const char *>(memory.data()) + size;
    CHECK(std::string(end, guard) == std::string(guard, '\x5A'));
}

void long_texts_for_normalized_added_tokens_are_refused() {
    const Opened opened(sample::whole_model(true, Task::kEmbed, true));
    edgebert_session *const session = new_session(opened.model, 1);
    const std::string longest = repeated("light new ", 32768).substr(0, 32768);
    float vector[48];
    CHECK(edgebert_embed(session, longest.data(), longest.size(), vector, 48, nullptr) == EDGEBERT_OK);
    const std::string longer = longest + ".";
    CHECK(edgebert_embed(session, longer.data(), longer.size(), vector, 48, nullptr) == EDGEBERT_INVALID_ARGUMENT);
    CHECK(std::strstr(edgebert_session_error(session), "32769 bytes") != nullptr);
    edgebert_session_free(session);
}

void sessions_share_a_model() {
    const Opened opened(sample::whole_model(true, Task::kClassify));
    const auto work = [&](float *scores) {
        edgebert_session *const session = new_session(opened.model, 1);
        for (int i = 0; i < 50; ++i)
            CHECK(edgebert_classify(session, "switch light", EDGEBERT_NUL, scores, 3, nullptr) == EDGEBERT_OK);
        edgebert_session_free(session);
    };
    float first[3], second[3];
    std::thread other(work, first);
    work(second);
    other.join();
    CHECK(std::memcmp(first, second, sizeof first) == 0);
    CHECK(std::fabs(first[0] + first[1] + first[2] - 1.0f) < 1e-5f);
}

void places_are_whole_characters_of_the_text() {
    const std::string text = "light \xE4\xB8\xAD e\xCC\x81 \xFF switch. [MASK] LIGHT";
    const auto whole = [&](std::size_t place) {
        return place == text.size() || (static_cast<unsigned char>(text[place]) & 0xC0) != 0x80;
    };
    const Opened tagger(sample::whole_model(true, Task::kTag)), answerer(sample::whole_model(true, Task::kAnswer));
    edgebert_session *session = new_session(tagger.model, 1);
    edgebert_entity entities[20];
    std::size_t count = 0, end = 0;
    CHECK(edgebert_tag(session, text.data(), text.size(), EDGEBERT_TOKENS, entities, 20, &count, nullptr) ==
          EDGEBERT_OK);
    for (std::size_t i = 0; i < count; ++i) {
        CHECK(entities[i].start >= end && whole(entities[i].start) && whole(entities[i].end));
        end = entities[i].end;
    }
    edgebert_session_free(session);
    session = new_session(answerer.model, 1);
    edgebert_span spans[50];
    CHECK(edgebert_answer(session, "new", 3, text.data(), text.size(), 0, spans, 50, &count, nullptr, nullptr) ==
          EDGEBERT_OK);
    CHECK(count > 10);
    for (std::size_t i = 0; i < count; ++i) {
        CHECK(spans[i].start < spans[i].end && whole(spans[i].start) && whole(spans[i].end));
        CHECK(i == 0 || spans[i].score <= spans[i - 1].score);
    }
    edgebert_session_free(session);
}

void cut_files_are_refused_at_every_length() {
    sample::EngineShape shape;
    shape.layers = 1, shape.hidden = 16, shape.heads = 2, shape.intermediate = 16;
    const std::string good = sample::whole_model(true, Task::kClassify, false, shape);
    const sample::AlignedBytes memory(good);
    for (std::size_t size = 0; size < good.size(); ++size) {
        edgebert_model *model = nullptr;
        if (edgebert_model_from_memory(memory.data(), size, &model, nullptr, 0) != EDGEBERT_BAD_BUNDLE) {
            CHECK(size == good.size());
            edgebert_model_free(model);
            return;
        }
    }
}

} // namespace

int main() {
    nothing_allocates_after_a_session_exists();
    arenas_are_used_and_kept_to();
    long_texts_for_normalized_added_tokens_are_refused();
    sessions_share_a_model();
    places_are_whole_characters_of_the_text();
    cut_files_are_refused_at_every_length();
    return failures == 0 ? 0 : 1;
}
