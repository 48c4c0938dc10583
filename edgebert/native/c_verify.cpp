// The golden answers of a model file.
#include <cstring>
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

/// Texts with the ids and answers that every machine must give.
struct Golden {
    explicit Golden(const edgebert_model &model)
        : ids(values<std::int32_t>(model, "golden.input_ids", "I32")),
          row_starts(values<std::int64_t>(model, "golden.row_starts", "I64")),
          texts(values<char>(model, "golden.texts", "U8")),
          text_starts(values<std::int64_t>(model, "golden.text_starts", "I64")),
          outputs(values<float>(model, "golden.outputs", "F32")),
          count(count_rows(row_starts, ids.count, "golden.row_starts")), width(model.config().output_size()) {
        const bool whole = count_rows(text_starts, texts.count, "golden.text_starts") == count;
        if (!whole || outputs.count != count * width) throw missing("the golden tensors do not fit each other");
    }

    const char *text(std::size_t i) const { return texts.data + text_starts.data[i]; }
    std::size_t text_size(std::size_t i) const { return size(text_starts, i); }
    const std::int32_t *row(std::size_t i) const { return ids.data + row_starts.data[i]; }
    std::size_t row_size(std::size_t i) const { return size(row_starts, i); }
    const float *output(std::size_t i) const { return outputs.data + i * width; }

    static std::size_t size(Values<std::int64_t> starts, std::size_t i) {
        return static_cast<std::size_t>(starts.data[i + 1] - starts.data[i]);
    }

    Values<std::int32_t> ids;
    Values<std::int64_t> row_starts;
    Values<char> texts;
    Values<std::int64_t> text_starts;
    Values<float> outputs;
    std::size_t count, width;
};

class Verifier {
  public:
    explicit Verifier(const edgebert_model &model)
        : golden_(model), task_(model.config().task), ids_(model.config().max_tokens), output_(golden_.width),
          session_(edgebert_session::make(model, nullptr)) {}
    ~Verifier() { edgebert_session::free(session_); }
    Verifier(const Verifier &) = delete;
    Verifier &operator=(const Verifier &) = delete;

    void run() {
        for (std::size_t i = 0; i < golden_.count; ++i) {
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
        require(session_->tokenize({golden_.text(i), golden_.text_size(i)}, {nullptr, 0}, ids_.data(), nullptr,
                                   ids_.size(), &count, nullptr));
        const bool equal =
            count == golden_.row_size(i) && std::memcmp(ids_.data(), golden_.row(i), count * sizeof(std::int32_t)) == 0;
        differs(!equal, "the ids of", i);
    }

    void check_output(std::size_t i) {
        require(
            session_->answer(task_, {golden_.text(i), golden_.text_size(i)}, output_.data(), output_.size(), nullptr));
        differs(std::memcmp(output_.data(), golden_.output(i), golden_.width * sizeof(float)) != 0, "the answers to",
                i);
    }

    const Golden golden_;
    const engine::Task task_;
    std::vector<std::int32_t> ids_;
    std::vector<float> output_;
    edgebert_session *const session_;
};

} // namespace

void verify(const edgebert_model &model) {
    if (!kHasEngine) throw Failure(EDGEBERT_UNSUPPORTED, "this library was built without the engine");
    Verifier(model).run();
}

} // namespace edgebert::c
