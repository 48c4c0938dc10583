#pragma once

#include <cstddef>
#include <cstdint>

namespace edgebert::engine {

/// The CRC-32C (Castagnoli) of bytes that follow others of checksum `before`; of the first bytes it is 0.
std::uint32_t crc32c(std::uint32_t before, const void *data, std::size_t size);

} // namespace edgebert::engine
