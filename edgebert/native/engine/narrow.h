// Where the products of a layer's weights are narrow, for CPU paths that are faster there. Found when a session begins:
// a file need not be trusted with it.
#pragma once

#include <cstddef>

#include "buffers.h"
#include "kernels/kernels.h"
#include "model.h"

namespace edgebert::engine {

/// Bytes of the marks of all layers; 0 where a path has no use for them.
std::size_t narrow_bytes(const Model &model, const Kernels &kernels);

/// Puts the model's layers into the buffers, with their marks.
void narrow_layers(const Model &model, const Kernels &kernels, const Buffers &buffers);

} // namespace edgebert::engine
