#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace edgebert::file {

/// A tensor of a safetensors file, in place. `data` is aligned to 64 bytes when the file's start is.
struct Tensor {
    std::string dtype;
    std::vector<std::uint64_t> shape;
    const unsigned char *data = nullptr;
    std::size_t size = 0; // bytes
};

/// A safetensors file in memory: 8 bytes of header length, a JSON header, tensors without holes.
struct Safetensors {
    std::map<std::string, Tensor> tensors;
    std::map<std::string, std::string> metadata;
};

/// Reads the header; nothing is copied, so `data` must outlive the result. Every tensor lies inside and has the size
/// that its shape says. Throws std::runtime_error with one line.
Safetensors parse_safetensors(const unsigned char *data, std::size_t size);

/// A tensor to write; `shape` and `bytes` must agree.
struct NewTensor {
    std::string name, dtype;
    std::vector<std::uint64_t> shape;
    std::string bytes;
};

/// The bytes of a safetensors file with every tensor at a multiple of 64 bytes. The format forbids holes, so tensors
/// named `padding.N` fill the gaps. The same content gives the same bytes.
std::string write_safetensors(const std::vector<NewTensor> &tensors,
                              const std::map<std::string, std::string> &metadata);

} // namespace edgebert::file
