// The golden answers of a model file.
#include <cstring>
#include <optional>
#include <vector>

#include "c_session.h"

namespace edgebert::c {
namespace {

constexpr char kExportAgain[] = "export the model again";

Failure missing(const std::string &what) { return Failure(EDGEBERT_BAD_BUNDLE, what + ": " + kExportAgain); }

template <class Value> struct Values {
    const Value *data;
    std::size_t count;
};

template <class Value> Values<Value> values(const edgebert_model &model, const char *name, const char *dtype) {
    const auto &tensors = model.engine->contents().tensors;
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw missing(std::string("the file has no ") + name);
    const file::Tensor &tensor = found->second;
    if (tensor.dtype != dtype || reinterpret_cast<std::uintptr_t>(tensor.data) % alignof(Value) != 0) {
        throw missing(std::string(name) + " has another type than expected");
    }
    return {reinterpret_cast<const Value *>(tensor.data), tensor.size / sizeof(Value)};
}

/// Starts of rows: from 0 in rising order to the last row's end, which must be `total`.
std::size_t count_rows(Values<std::int64_t> starts, std::size_t total, const char *name) {
    const auto wrong = [&] { return missing(std::string(name) + " does not fit its tensor"); };
    if (starts.count < 2 || starts.data[0] != 0) throw wrong();
    for (std::size_t i = 1; i < starts.count; ++i) {
        if (starts.data[i] < starts.data[i - 1]) throw wrong();
    }
    if (static_cast<std::size_t>(starts.data[starts.count - 1]) != total) throw wrong();
    return starts.count - 1;
}

/// Rows of values that lie one after the other.
template <class Value> struct Rows {
    Rows(const edgebert_model &model, const char *name, const char *dtype, const char *starts_name)
        : all(values<Value>(model, name, dtype)), starts(values<std::int64_t>(model, starts_name, "I64")),
          count(count_rows(starts, all.count, starts_name)) {}

    const Value *row(std::size_t i) const { return all.data + starts.data[i]; }
    std::size_t size(std::size_t i) const { return static_cast<std::size_t>(starts.data[i + 1] - starts.data[i]); }

    Values<Value> all;
    Values<std::int64_t> starts;
    std::size_t count;
};

/// Texts with the ids and answers that every machine must give.
struct Golden {
    explicit Golden(const edgebert_model &model)
        : ids(model, "golden.input_ids", "I32", "golden.row_starts"),
          texts(model, "golden.texts", "U8", "golden.text_starts"),
          outputs(values<float>(model, "golden.outputs", "F32")), width(model.config().output_size()),
          by_token(model.config().answers_tokens()) {
        if (model.config().task == engine::Task::kAnswer)
            pairs.emplace(model, "golden.pairs", "U8", "golden.pair_starts");
        const bool whole = texts.count == ids.count && (!pairs || pairs->count == ids.count);
        const std::size_t answers = by_token ? ids.all.count : ids.count;
        if (!whole || outputs.count != answers * width) throw missing("the golden tensors do not fit each other");
    }

    Text text(std::size_t i) const { return {texts.row(i), texts.size(i)}; }
    Text pair(std::size_t i) const { return pairs ? Text{pairs->row(i), pairs->size(i)} : Text{nullptr, 0}; }
    std::size_t output_size(std::size_t i) const { return by_token ? ids.size(i) * width : width; }
    const float *output(std::size_t i) const {
        return outputs.data + width * (by_token ? static_cast<std::size_t>(ids.starts.data[i]) : i);
    }

    Rows<std::int32_t> ids;
    Rows<char> texts;
    std::optional<Rows<char>> pairs; // of an answer model: texts are questions, these their contexts
    Values<float> outputs;
    std::size_t width;
    bool by_token;
};

class Verifier {
  public:
    explicit Verifier(const edgebert_model &model)
        : golden_(model), task_(model.config().task), ids_(model.config().max_tokens), types_(ids_.size()),
          output_(golden_.width * (golden_.by_token ? ids_.size() : 1)),
          session_(edgebert_session::make(model, nullptr)) {}
    ~Verifier() { edgebert_session::free(session_); }
    Verifier(const Verifier &) = delete;
    Verifier &operator=(const Verifier &) = delete;

    void run() {
        for (std::size_t i = 0; i < golden_.ids.count; ++i) {
            check_ids(i);
            check_output(i);
        }
    }

  private:
    void require(edgebert_status status) {
        if (status != EDGEBERT_OK) throw Failure(status, session_->error());
    }

    void differs(bool condition, const char *what, std::size_t i) {
        if (condition) {
            throw Failure(EDGEBERT_INTERNAL, std::string(what) + " golden text " + std::to_string(i) +
                                                 " are not those in the file, CPU path " + session_->path());
        }
    }

    void check_ids(std::size_t i) {
        std::size_t count = 0;
        require(session_->tokenize(golden_.text(i), golden_.pair(i), ids_.data(), types_.data(), ids_.size(), &count,
                                   nullptr));
        const bool equal = count == golden_.ids.size(i) &&
                           std::memcmp(ids_.data(), golden_.ids.row(i), count * sizeof(std::int32_t)) == 0;
        differs(!equal, "the ids of", i);
    }

    void check_output(std::size_t i) {
        const engine::TokenRow row{ids_.data(), types_.data(), golden_.ids.size(i)};
        require(session_->answer_ids(task_, row, output_.data(), output_.size()));
        const std::size_t bytes = golden_.output_size(i) * sizeof(float);
        differs(std::memcmp(output_.data(), golden_.output(i), bytes) != 0, "the answers to", i);
    }

    const Golden golden_;
    const engine::Task task_;
    std::vector<std::int32_t> ids_, types_;
    std::vector<float> output_;
    edgebert_session *const session_;
};

} // namespace

void verify(const edgebert_model &model) {
    if (!kHasEngine) throw Failure(EDGEBERT_UNSUPPORTED, "this library was built without the engine");
    Verifier(model).run();
}

} // namespace edgebert::c
