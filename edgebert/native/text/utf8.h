#pragma once

#include <cstddef>
#include <cstdint>

namespace edgebert::text {

constexpr char32_t kReplacement = 0xFFFD;

struct Decoded {
    char32_t scalar;
    std::uint32_t length; // bytes taken, at least 1
};

/// Number of bytes that a lead byte announces and the range its second byte must lie in (Unicode, table 3-7).
struct Lead {
    std::uint32_t length;
    unsigned char low, high;
};

inline Lead lead_of(unsigned char byte) {
    if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x80, 0xBF};
    if (byte >= 0xE0 && byte <= 0xEF) {
        return {3, static_cast<unsigned char>(byte == 0xE0 ? 0xA0 : 0x80),
                static_cast<unsigned char>(byte == 0xED ? 0x9F : 0xBF)};
    }
    if (byte >= 0xF0 && byte <= 0xF4) {
        return {4, static_cast<unsigned char>(byte == 0xF0 ? 0x90 : 0x80),
                static_cast<unsigned char>(byte == 0xF4 ? 0x8F : 0xBF)};
    }
    return {1, 0, 0};
}

/// The first character of [begin, end), which must not be empty. Every maximal invalid subpart is one U+FFFD.
inline Decoded decode_utf8(const char *begin, const char *end) {
    const auto first = static_cast<unsigned char>(*begin);
    if (first < 0x80) return {first, 1};
    const Lead lead = lead_of(first);
    if (lead.length == 1) return {kReplacement, 1};
    char32_t scalar = first & (0x7Fu >> lead.length);
    for (std::uint32_t i = 1; i < lead.length; ++i) {
        if (begin + i == end) return {kReplacement, i};
        const auto byte = static_cast<unsigned char>(begin[i]);
        const unsigned char low = i == 1 ? lead.low : 0x80;
        const unsigned char high = i == 1 ? lead.high : 0xBF;
        if (byte < low || byte > high) return {kReplacement, i};
        scalar = (scalar << 6) | (byte & 0x3F);
    }
    return {scalar, lead.length};
}

/// Writes a scalar as UTF-8 into at least four bytes and returns its length.
inline std::uint32_t encode_utf8(char32_t scalar, char *out) {
    const auto put = [out](std::uint32_t i, char32_t value) {
        out[i] = static_cast<char>(static_cast<unsigned char>(value));
    };
    if (scalar < 0x80) {
        put(0, scalar);
        return 1;
    }
    const std::uint32_t length = scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4;
    for (std::uint32_t i = length - 1; i > 0; --i) {
        put(i, 0x80 | (scalar & 0x3F));
        scalar >>= 6;
    }
    put(0, (0xF00u >> length & 0xFFu) | scalar);
    return length;
}

} // namespace edgebert::text
