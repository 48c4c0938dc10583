#include "crc32c.h"

#include <cstring>

#include "kernels/cpu.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#endif

namespace edgebert::engine {
namespace {

struct Table {
    std::uint32_t entry[256];

    constexpr Table() : entry() {
        constexpr std::uint32_t kPolynomial = 0x82F63B78; // reflected
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t value = i;
            for (int bit = 0; bit < 8; ++bit)
                value = value >> 1 ^ ((value & 1) != 0 ? kPolynomial : 0);
            entry[i] = value;
        }
    }
};

constexpr Table kTable;

std::uint32_t by_table(std::uint32_t state, const unsigned char *data, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
        state = state >> 8 ^ kTable.entry[(state ^ data[i]) & 0xFF];
    return state;
}

#if defined(__x86_64__)
#define EDGEBERT_CRC_TARGET "sse4.2"
std::uint32_t step(std::uint32_t state, std::uint64_t word) __attribute__((target(EDGEBERT_CRC_TARGET)));
std::uint32_t step(std::uint32_t state, std::uint64_t word) {
    return static_cast<std::uint32_t>(_mm_crc32_u64(state, word));
}
bool has_instruction() { return detect_cpu().sse42; }
#elif defined(__aarch64__)
#define EDGEBERT_CRC_TARGET "+crc"
std::uint32_t step(std::uint32_t state, std::uint64_t word) __attribute__((target(EDGEBERT_CRC_TARGET)));
std::uint32_t step(std::uint32_t state, std::uint64_t word) { return __crc32cd(state, word); }
bool has_instruction() { return detect_cpu().arm_crc32; }
#endif

#if defined(EDGEBERT_CRC_TARGET)
__attribute__((target(EDGEBERT_CRC_TARGET))) std::uint32_t by_instruction(std::uint32_t state,
                                                                          const unsigned char *data, std::size_t size) {
    for (; size >= 8; size -= 8, data += 8) {
        std::uint64_t word;
        std::memcpy(&word, data, sizeof word);
        state = step(state, word);
    }
    return by_table(state, data, size);
}
#endif

} // namespace

std::uint32_t crc32c(std::uint32_t before, const void *data, std::size_t size) {
    const auto *const bytes = static_cast<const unsigned char *>(data);
#if defined(EDGEBERT_CRC_TARGET)
    static const bool fast = has_instruction();
    if (fast) return ~by_instruction(~before, bytes, size);
#endif
    return ~by_table(~before, bytes, size);
}

} // namespace edgebert::engine
