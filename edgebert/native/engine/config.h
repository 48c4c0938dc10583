#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace edgebert::engine {

enum class Task : std::uint8_t { kEmbed, kClassify, kTag, kAnswer };
enum class Precision : std::uint8_t { kInt8, kFp32 };
enum class Pooling : std::uint8_t { kMean, kCls, kMax };
enum class Problem : std::uint8_t { kSingleLabel, kMultiLabel, kRegression };

using Metadata = std::map<std::string, std::string>;

/// What a model file says about itself in its metadata.
struct Config {
    std::string name;
    Task task = Task::kEmbed;
    Precision precision = Precision::kInt8;
    Precision attention = Precision::kFp32; // of the products of queries, keys and values
    bool wide = false;                      // activations of an INT8 model have 14 bits and weights 8, not 8 and 7
    std::size_t layers = 0, hidden = 0, heads = 0, intermediate = 0, vocabulary = 0;
    std::size_t max_tokens = 0; // of one text, special tokens among them
    float layer_norm_epsilon = 0;
    Pooling pooling = Pooling::kMean;        // of an embed model
    bool normalize = false;                  // an embed model's vectors have unit length
    Problem problem = Problem::kSingleLabel; // of a classify model
    std::vector<std::string> labels;         // of a classify or tag model

    std::size_t head_size() const { return hidden / heads; }

    /// A tag or answer model has an answer for every token.
    bool answers_tokens() const { return task == Task::kTag || task == Task::kAnswer; }

    /// Floats that an answer has, or a token's part of it: a vector's width, the number of labels, or a start and an
    /// end logit.
    std::size_t output_size() const {
        if (task == Task::kEmbed) return hidden;
        return task == Task::kAnswer ? 2 : labels.size();
    }
};

/// Reads the metadata of a model file and checks every value against the engine's limits. Throws ModelFileError.
Config parse_config(const Metadata &metadata);

} // namespace edgebert::engine
