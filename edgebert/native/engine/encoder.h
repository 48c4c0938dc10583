#pragma once

#include <cstddef>

#include "buffers.h"
#include "model.h"
#include "session.h"
#include "team.h"

namespace edgebert::engine {

/// One pass of texts through the embeddings and all layers. Each member of the team carries its rows, a range of all
/// tokens, through the whole model; the members meet once a layer, when all keys and values are there.
struct Pass {
    const Model &model;
    const Kernels &kernels;
    const Buffers &buffers;
    Team &team;
    const TokenRow *texts; // [count]
    std::size_t count;     // of texts; their segments are in the buffers
    std::size_t rows;      // tokens of all texts
    bool first_only;       // the last layer's output is wanted for the first token of each text alone: buffers.first
    std::size_t active;    // members at work

    /// Runs the pass. False: a number was not finite.
    bool run();
};

} // namespace edgebert::engine
