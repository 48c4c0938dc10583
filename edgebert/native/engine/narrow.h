// Where the products of a layer's weights are narrow, for CPU paths that are faster there. Found when a session begins:
// a file need not be trusted with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernels.h"
#include "model.h"

namespace edgebert::engine {

/// Bytes of the marks of all layers; 0 where a path has no use for them.
std::size_t narrow_bytes(const Model &model, const Kernels &kernels);

/// The encoder's layers with their marks, which are written to `marks`, [narrow_bytes].
std::vector<LayerWeights> narrow_layers(const Model &model, const Kernels &kernels, std::uint8_t *marks);

} // namespace edgebert::engine
