#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace edgebert::text {

/// Eight bytes of text as a number whose lowest byte comes first, zeros after the end.
inline std::uint64_t load8(const char *begin, const char *end) {
    unsigned char bytes[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    if (end - begin >= 8) {
        std::memcpy(bytes, begin, 8);
    } else if (begin < end) {
        std::memcpy(bytes, begin, static_cast<std::size_t>(end - begin));
    }
    std::uint64_t value;
    std::memcpy(&value, bytes, 8);
    return value;
}

inline std::uint32_t trailing_zeros(std::uint64_t value) {
#if defined(__GNUC__) || defined(__clang__)
    return static_cast<std::uint32_t>(__builtin_ctzll(value));
#else
    std::uint32_t count = 0;
    while ((value >> count & 1) == 0)
        ++count;
    return count;
#endif
}

/// The first `count` of eight bytes, zeros after them; `count` is 0 to 8.
inline std::uint64_t keep_bytes(std::uint64_t block, std::uint32_t count) {
    return count >= 8 ? block : block & ((std::uint64_t{1} << (8 * count)) - 1);
}

struct LetterBlock {
    std::uint64_t bytes;   // lower case where asked
    std::uint32_t letters; // ASCII letters and digits at the start, 0 to 8
};

/// Finds the ASCII letters and digits at the start of eight bytes, all eight at once in one register.
inline LetterBlock scan_letters(std::uint64_t block, bool lowercase) {
    constexpr std::uint64_t kOnes = 0x0101010101010101u, kHigh = 0x8080808080808080u;
    const std::uint64_t low7 = block & ~kHigh;
    const auto at_least = [](std::uint64_t bytes, std::uint64_t limit) { return bytes + kOnes * (0x80 - limit); };
    const std::uint64_t folded = low7 | kOnes * 0x20;
    const std::uint64_t digit = at_least(low7, '0') & ~at_least(low7, '9' + 1);
    const std::uint64_t letter = at_least(folded, 'a') & ~at_least(folded, 'z' + 1);
    const std::uint64_t ascii = ~block & kHigh;
    const std::uint64_t other = ~(digit | letter) & kHigh;
    const std::uint64_t stop = other | (ascii ^ kHigh);
    const std::uint64_t upper = letter & ascii & ~(block << 2); // bit 5 of a byte tells the case
    return {lowercase ? block | (upper >> 2) : block, stop == 0 ? 8 : trailing_zeros(stop) / 8};
}

} // namespace edgebert::text
