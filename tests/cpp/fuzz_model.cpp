// Fuzz target: damaged model files through the C library. Works with libFuzzer, or with its own mutator:
//   fuzz_model --seconds 60 [--seed N]
// The checksum of most damaged files is made right again, so that the damage reaches what stands behind it.
#include "edgebert.h"

#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "whole_sample.h"

namespace {

const std::vector<std::string> kNumbers = {"0",
                                           "1",
                                           "2",
                                           "15",
                                           "16",
                                           "17",
                                           "64",
                                           "65536",
                                           "2147483647",
                                           "2147483648",
                                           "4294967296",
                                           "9223372036854775807",
                                           "9223372036854775808",
                                           "18446744073709551615",
                                           "99999999999999999999",
                                           "-1",
                                           ""};

std::string small_model(bool int8, edgebert::engine::Task task) {
    sample::EngineShape shape;
    shape.layers = 1, shape.hidden = 16, shape.heads = 2, shape.intermediate = 20, shape.max_tokens = 12;
    return sample::whole_model(int8, task, task == edgebert::engine::Task::kClassify, shape);
}

class Damage {
  public:
    Damage(std::string content, std::uint64_t seed) : content_(std::move(content)), random_(seed) {
        header_ = 8 + static_cast<unsigned char>(content_[0]) + 256u * static_cast<unsigned char>(content_[1]);
    }

    std::string done() {
        for (std::size_t changes = 1 + below(4); changes > 0; --changes)
            change();
        const bool sealable = content_.find("\"edgebert.crc32c\":\"") + 30 < content_.size();
        return sealable && below(16) != 0 ? sample::ModelWriter::seal(content_) : content_;
    }

  private:
    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }

    void change() {
        const std::size_t end = std::min(header_, content_.size());
        switch (below(8)) {
        case 0: content_.resize(below(content_.size() + 1)); break;
        case 1: content_[below(8)] = static_cast<char>(below(256)); break;
        case 2: content_[below(end)] = static_cast<char>(below(128)); break;
        case 3: content_.append(below(200), '\0'); break;
        case 4:
        case 5: number(8 + below(end)); break;
        default: content_[below(content_.size())] = static_cast<char>(below(256)); break;
        }
        if (content_.size() < 64) content_.resize(64);
    }

    /// Puts another number where the next one of the header stands, blanks or the header's length making up for it.
    void number(std::size_t place) {
        const auto digit = [&](std::size_t i) { return std::isdigit(static_cast<unsigned char>(content_[i])) != 0; };
        while (place < content_.size() && !digit(place))
            ++place;
        std::size_t end = place;
        while (end < content_.size() && digit(end))
            ++end;
        if (end >= content_.size()) return;
        const std::string &other = kNumbers[below(kNumbers.size())];
        content_.replace(place, end - place, other);
        const std::size_t length = header_ - 8 + other.size() - (end - place);
        content_[0] = static_cast<char>(length & 0xFF);
        content_[1] = static_cast<char>(length >> 8 & 0xFF);
        header_ = length + 8;
    }

    std::string content_;
    std::mt19937_64 random_;
    std::size_t header_;
};

void require(bool condition) {
    if (!condition) std::abort();
}

void use_numbers(edgebert_session *session, const edgebert_info &info, const char *text) {
    std::vector<float> output(static_cast<std::size_t>(info.output_size));
    const auto task = info.task[0] == 'e' ? edgebert_embed : edgebert_classify;
    const edgebert_status status = task(session, text, EDGEBERT_NUL, output.data(), output.size(), nullptr);
    require(status == EDGEBERT_OK || edgebert_session_error(session)[0] != '\0');
    for (const float value : output)
        require(status != EDGEBERT_OK || std::isfinite(value));
}

void use_places(edgebert_session *session, const char *text, std::size_t length) {
    edgebert_entity entities[4];
    edgebert_span spans[4];
    std::size_t count = 0;
    edgebert_status status = edgebert_tag(session, text, length, EDGEBERT_ENTITIES, entities, 4, &count, nullptr);
    for (std::size_t i = 0; status == EDGEBERT_OK && i < count; ++i)
        require(entities[i].start < entities[i].end && entities[i].end <= length && std::isfinite(entities[i].score));
    status = edgebert_answer(session, "light", 5, text, length, 0, spans, 4, &count, nullptr, nullptr);
    for (std::size_t i = 0; status == EDGEBERT_OK && i < count; ++i)
        require(spans[i].start < spans[i].end && spans[i].end <= length && std::isfinite(spans[i].score));
}

void use(const edgebert_model *model) {
    edgebert_info info{};
    info.size = sizeof info;
    require(edgebert_model_info(model, &info) == EDGEBERT_OK);
    edgebert_model_verify(model, nullptr, 0);
    for (std::int32_t i = 0; i < info.output_size; ++i)
        edgebert_model_label(model, i);
    edgebert_session *session = nullptr;
    if (edgebert_session_new(model, nullptr, &session) != EDGEBERT_OK) return;
    for (const char *text : {"light [MASK] \xE4\xB8\xAD new switche e\xCC\x81. new", ""}) {
        if (info.task[0] == 't' || info.task[0] == 'a')
            use_places(session, text, std::strlen(text));
        else
            use_numbers(session, info, text);
    }
    edgebert_session_free(session);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    using edgebert::engine::Task;
    static const std::string good[] = {small_model(true, Task::kEmbed), small_model(false, Task::kClassify),
                                       small_model(true, Task::kTag), small_model(false, Task::kAnswer)};
    std::uint64_t seed = 0xCBF29CE484222325u; // FNV-1a
    for (std::size_t i = 0; i < size; ++i)
        seed = (seed ^ data[i]) * 0x100000001B3u;
    const sample::AlignedBytes content(Damage(good[seed & 3], seed).done());
    edgebert_model *model = nullptr;
    char why[100] = "";
    const edgebert_status status = edgebert_model_from_memory(content.data(), content.size(), &model, why, sizeof why);
    require((status == EDGEBERT_OK) == (model != nullptr) && (status == EDGEBERT_OK) == (why[0] == '\0'));
    if (model != nullptr) use(model);
    edgebert_model_free(model);
    return 0;
}
