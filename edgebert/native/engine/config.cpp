#include "config.h"

#include <cmath>
#include <cstdlib>

#include "../file/json.h"
#include "error.h"

namespace edgebert::engine {
namespace {

constexpr std::size_t kMaxLabels = 1u << 16;
constexpr char kPrefix[] = "edgebert.";

/// A word of the metadata and what it stands for.
template <class Value> struct Choice {
    const char *word;
    Value value;
};

class Reader {
  public:
    explicit Reader(const Metadata &metadata) : metadata_(metadata) {}

    const std::string &text(const std::string &name) const {
        const auto found = metadata_.find(kPrefix + name);
        if (found == metadata_.end()) throw ModelFileError("the setting edgebert." + name + " is missing");
        return found->second;
    }

    bool has(const std::string &name) const { return metadata_.count(kPrefix + name) != 0; }

    template <class Value, std::size_t Count>
    Value choice(const std::string &name, const Choice<Value> (&choices)[Count]) const {
        for (const auto &[word, value] : choices) {
            if (text(name) == word) return value;
        }
        bad(name);
    }

    std::size_t number(const std::string &name, std::size_t limit) const {
        const std::string &digits = text(name);
        std::size_t value = 0;
        if (digits.empty() || digits.size() > 9) bad(name);
        for (const char c : digits) {
            if (c < '0' || c > '9') bad(name);
            value = value * 10 + static_cast<std::size_t>(c - '0');
        }
        if (value == 0 || value > limit) bad(name);
        return value;
    }

    /// A number above 0 and below 1, such as 1e-12.
    float fraction(const std::string &name) const {
        const std::string &digits = text(name);
        char *end = nullptr;
        const float value = std::strtof(digits.c_str(), &end);
        const bool whole = !digits.empty() && end == digits.c_str() + digits.size();
        if (!whole || !(value > 0.0f) || !(value < 1.0f)) bad(name);
        return value;
    }

    std::vector<std::string> list(const std::string &name) const {
        std::vector<std::string> items;
        try {
            file::JsonReader json(text(name));
            json.items('[', ']', [&] { items.push_back(json.string()); });
            json.finish();
        } catch (const ModelFileError &) {
            throw;
        } catch (const std::runtime_error &) {
            bad(name);
        }
        if (items.empty() || items.size() > kMaxLabels) bad(name);
        return items;
    }

    [[noreturn]] void bad(const std::string &name) const {
        throw ModelFileError("the setting edgebert." + name + " is '" + text(name).substr(0, 40) +
                             "', which is not valid");
    }

  private:
    const Metadata &metadata_;
};

constexpr Choice<bool> kFlags[] = {{"true", true}, {"false", false}};
constexpr Choice<Task> kTasks[] = {
    {"embed", Task::kEmbed}, {"classify", Task::kClassify}, {"tag", Task::kTag}, {"answer", Task::kAnswer}};
constexpr Choice<Precision> kPrecisions[] = {{"int8", Precision::kInt8}, {"fp32", Precision::kFp32}};
constexpr Choice<bool> kWidths[] = {{"8", false}, {"14", true}}; // bits of an activation
constexpr Choice<Pooling> kPoolings[] = {{"mean", Pooling::kMean}, {"cls", Pooling::kCls}, {"max", Pooling::kMax}};
constexpr Choice<bool> kActivations[] = {{"gelu", true}};
constexpr Choice<Problem> kProblems[] = {{"single_label_classification", Problem::kSingleLabel},
                                         {"multi_label_classification", Problem::kMultiLabel},
                                         {"regression", Problem::kRegression}};

void read_head(const Reader &reader, Config &config) {
    if (config.task == Task::kEmbed) {
        config.pooling = reader.choice("pooling", kPoolings);
        config.normalize = reader.choice("normalize", kFlags);
    }
    if (config.task == Task::kClassify) config.problem = reader.choice("problem_type", kProblems);
    if (config.task == Task::kClassify || config.task == Task::kTag) config.labels = reader.list("labels");
}

} // namespace

Config parse_config(const Metadata &metadata) {
    const Reader reader(metadata);
    if (reader.text("format") != "1") {
        throw ModelFileError("the model has format " + reader.text("format").substr(0, 20) +
                             ", this version reads format 1");
    }
    Config config;
    config.name = reader.text("name");
    config.task = reader.choice("task", kTasks);
    config.precision = reader.choice("precision", kPrecisions);
    if (reader.has("activations")) config.wide = reader.choice("activations", kWidths);
    if (reader.has("attention")) config.attention = reader.choice("attention", kPrecisions);
    config.layers = reader.number("layers", 128);
    config.hidden = reader.number("hidden", 16384);
    config.heads = reader.number("heads", 1024);
    config.intermediate = reader.number("intermediate", 65536);
    config.vocabulary = reader.number("vocabulary", 1u << 22);
    config.max_tokens = reader.number("max_tokens", 1u << 16);
    config.layer_norm_epsilon = reader.fraction("layer_norm_epsilon");
    reader.choice("activation", kActivations);
    if (config.hidden % config.heads != 0) reader.bad("heads");
    read_head(reader, config);
    return config;
}

} // namespace edgebert::engine
