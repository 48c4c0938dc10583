// The calls on a session that answer with places in a text.
#include <algorithm>
#include <string_view>

#include "c_session.h"
#include "engine/heads.h"

using edgebert::c::Answers;
using edgebert::c::TokenSpans;
using edgebert::engine::Task;
using edgebert::text::FixedEncoder;
using edgebert::text::TruncationStrategy;

namespace {

/// What a label says: the entity's name, and whether an entity begins with it. Labels without "B-" and "I-" go on.
struct Tag {
    explicit Tag(std::string_view label) : begins(label.substr(0, 2) == "B-") {
        name = begins || label.substr(0, 2) == "I-" ? label.substr(2) : label;
    }

    bool begins;
    std::string_view name;
};

constexpr std::string_view kOutside = "O";
constexpr std::size_t kAnswerTokens = 15;

/// Writes entities as far as there is room, and counts all of them.
class Entities {
  public:
    Entities(edgebert_entity *out, std::size_t capacity) : out_(out), capacity_(capacity) {}

    std::size_t count() const { return count_; }

    void add(const edgebert_entity &entity) {
        if (count_ < capacity_) out_[count_] = entity;
        ++count_;
        sum_ = entity.score;
        units_ = 1;
    }

    /// Lengthens the last entity by a word; its score is the mean of all of its words.
    void extend(std::size_t end, float score) {
        sum_ += score;
        ++units_;
        if (count_ > capacity_) return;
        out_[count_ - 1].end = end;
        out_[count_ - 1].score = sum_ / static_cast<float>(units_);
    }

  private:
    edgebert_entity *out_;
    std::size_t capacity_, count_ = 0, units_ = 0;
    float sum_ = 0.0f;
};

} // namespace

std::size_t TokenSpans::word_begin(std::size_t token) const {
    while (token > 0 && words[token - 1] == words[token])
        --token;
    return token;
}

std::size_t TokenSpans::word_end(std::size_t token) const {
    while (token + 1 < count && words[token + 1] == words[token])
        ++token;
    return token;
}

void Answers::offer(const edgebert_span &span) {
    const auto same = [&](const edgebert_span &other) { return other.start == span.start && other.end == span.end; };
    edgebert_span *const end = best + count;
    edgebert_span *const known = std::find_if(best, end, same);
    if (known == end && count == capacity && (count == 0 || span.score <= best[count - 1].score)) return;
    if (known != end && span.score <= known->score) return;
    if (known == end && count < capacity) ++count;
    edgebert_span *place = known == end ? best + count - 1 : known;
    for (; place > best && place[-1].score < span.score; --place)
        *place = place[-1];
    *place = span;
}

edgebert_match edgebert_session::best_label(std::size_t token) const {
    const std::size_t labels = model_.config().labels.size();
    const float *const scores = buffers_.scores.data() + token * labels;
    const float *const best = std::max_element(scores, scores + labels);
    return {static_cast<std::int32_t>(best - scores), *best};
}

/// Whether a word with this label belongs to the entity of the word before it.
bool edgebert_session::continues(std::int32_t label, std::int32_t before) const {
    const auto &labels = model_.config().labels;
    const Tag tag(labels[static_cast<std::size_t>(label)]);
    return !tag.begins && tag.name == Tag(labels[static_cast<std::size_t>(before)]).name;
}

edgebert_status edgebert_session::tag(Text text, edgebert_grouping grouping, edgebert_entity *entities,
                                      std::size_t capacity, std::size_t *count, std::int32_t *truncated) {
    edgebert_status status = require(Task::kTag);
    if (status != EDGEBERT_OK) return status;
    if (count == nullptr || (entities == nullptr && capacity > 0)) {
        return fail(EDGEBERT_INVALID_ARGUMENT, "%s is NULL", count == nullptr ? "count" : "entities");
    }
    FixedEncoder::Row row{};
    status = encode(text, {nullptr, 0}, row);
    if (status == EDGEBERT_OK) status = answer_row(row, buffers_.scores.data(), truncated);
    if (status != EDGEBERT_OK) return status;

    const TokenSpans tokens(buffers_.encoder.first(), row.first);
    const bool words = grouping == EDGEBERT_ENTITIES;
    Entities found(entities, capacity);
    std::int32_t before = -1; // the label of the word before; -1 at the start
    for (std::size_t token = 0, last; token < tokens.count; token = last + 1) {
        last = words ? tokens.word_end(token) : token;
        const edgebert_match best = best_label(row.first.begin + token);
        const bool outside = model_.config().labels[static_cast<std::size_t>(best.label)] == kOutside;
        if (!outside && words && before >= 0 && continues(best.label, before)) {
            found.extend(tokens.end(last), best.score);
        } else if (!outside) {
            found.add({best.label, best.score, tokens.begin(token), tokens.end(last)});
        }
        before = best.label;
    }
    *count = found.count();
    if (*count <= capacity) return EDGEBERT_OK;
    return fail(EDGEBERT_BUFFER_TOO_SMALL, "the text has %zu entities, the buffer room for %zu", *count, capacity);
}

/// Turns the logits of the first token, which stands for "no answer", and of the context into probabilities, and
/// returns that of "no answer".
float edgebert_session::read_probabilities(const FixedEncoder::Part &context) {
    float *const starts = buffers_.starts.data(), *const ends = buffers_.ends.data();
    for (std::size_t i = 0; i <= context.count; ++i) {
        const float *const logits = buffers_.scores.data() + 2 * (i == 0 ? 0 : context.begin + i - 1);
        starts[i] = logits[0];
        ends[i] = logits[1];
    }
    edgebert::engine::softmax_row(starts, context.count + 1);
    edgebert::engine::softmax_row(ends, context.count + 1);
    return starts[0] * ends[0];
}

edgebert_status edgebert_session::find(Text question, Text context, std::int32_t max_tokens, Answers answers,
                                       std::size_t *count, float *no_answer, std::int32_t *truncated) {
    edgebert_status status = require(Task::kAnswer);
    if (status != EDGEBERT_OK) return status;
    const bool room = answers.best != nullptr || answers.capacity == 0;
    if (context.bytes == nullptr || count == nullptr || !room) {
        const char *const name = context.bytes == nullptr ? "context" : count == nullptr ? "count" : "best";
        return fail(EDGEBERT_INVALID_ARGUMENT, "%s is NULL", name);
    }
    if (max_tokens < 0)
        return fail(EDGEBERT_INVALID_ARGUMENT, "max_answer_tokens is %ld", static_cast<long>(max_tokens));
    FixedEncoder::Row row{};
    status = encode(question, context, row, TruncationStrategy::kOnlySecond);
    if (status == EDGEBERT_OK) status = answer_row(row, buffers_.scores.data(), truncated);
    if (status != EDGEBERT_OK) return status;

    const TokenSpans tokens(buffers_.encoder.second(), row.second);
    const float none = read_probabilities(row.second);
    const std::size_t longest = max_tokens == 0 ? kAnswerTokens : static_cast<std::size_t>(max_tokens);
    for (std::size_t start = 0; start < tokens.count; ++start) {
        const std::size_t from = tokens.begin(tokens.word_begin(start));
        for (std::size_t end = start; end < std::min(tokens.count, start + longest); ++end) {
            const float score = buffers_.starts[start + 1] * buffers_.ends[end + 1];
            answers.offer({score, from, tokens.end(tokens.word_end(end))});
        }
    }
    *count = answers.count;
    if (no_answer != nullptr) *no_answer = none;
    return EDGEBERT_OK;
}
