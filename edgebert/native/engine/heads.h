#pragma once

#include "config.h"
#include "kernels/kernels.h"
#include "model.h"

namespace edgebert::engine {

/// Pools the token vectors [length, hidden] of a text to its vector [hidden], of unit length where the model says so.
void pool(const Config &config, const FloatRows &tokens, std::size_t length, float *vector);

/// Scales a vector [hidden] to unit length where the model says so.
void normalize(const Config &config, float *vector);

/// Logits [count, labels] of the first tokens [count, hidden]; `pooled` [count, hidden] is written over.
void classify(const Model &model, const Kernels &kernels, const FloatRows &first, std::size_t count,
              const FloatRows &pooled, const FloatRows &logits);

/// Logits [count, output_size] of tokens [count, hidden].
void token_logits(const Model &model, const Kernels &kernels, const FloatRows &tokens, std::size_t count,
                  const FloatRows &logits);

/// Turns logits [output_size] into scores in place: softmax, sigmoid or nothing, as the task and its problem need.
void score(const Config &config, float *logits);

/// Softmax over `count` numbers in place.
void softmax_row(float *values, std::size_t count);

bool all_finite(const float *values, std::size_t count);

} // namespace edgebert::engine
