#include "json.h"

#include <cstdio>

namespace edgebert::file {
namespace {

void append_utf8(std::uint32_t scalar, std::string &out) {
    const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
    if (scalar < 0x80) return put(scalar);
    if (scalar < 0x800) {
        put(0xC0 | scalar >> 6);
    } else if (scalar < 0x10000) {
        put(0xE0 | scalar >> 12);
        put(0x80 | (scalar >> 6 & 0x3F));
    } else {
        put(0xF0 | scalar >> 18);
        put(0x80 | (scalar >> 12 & 0x3F));
        put(0x80 | (scalar >> 6 & 0x3F));
    }
    put(0x80 | (scalar & 0x3F));
}

} // namespace

void JsonReader::fail(const char *wanted) const {
    throw std::runtime_error("the header is not valid: " + std::string(wanted) + " expected at byte " +
                             std::to_string(place_));
}

void JsonReader::skip_space() {
    while (place_ < text_.size() && (text_[place_] == ' ' || (text_[place_] >= '\t' && text_[place_] <= '\r')))
        ++place_;
}

bool JsonReader::accept(char wanted) {
    skip_space();
    if (place_ == text_.size() || text_[place_] != wanted) return false;
    ++place_;
    return true;
}

void JsonReader::expect(char wanted) {
    const char name[2] = {wanted, '\0'};
    if (!accept(wanted)) fail(name);
}

std::uint32_t JsonReader::hex4() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        const char c = place_ < text_.size() ? text_[place_++] : '\0';
        const std::string_view digits = "0123456789abcdef";
        const std::size_t digit = digits.find(static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c));
        if (digit == std::string_view::npos || c == '\0') fail("four hexadecimal digits");
        value = value * 16 + static_cast<std::uint32_t>(digit);
    }
    return value;
}

void JsonReader::escape(std::string &out) {
    const char c = place_ < text_.size() ? text_[place_++] : '\0';
    const std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    if (const std::size_t which = from.find(c); which != std::string_view::npos && c != '\0') {
        out.push_back(to[which]);
        return;
    }
    if (c != 'u') fail("an escape");
    std::uint32_t unit = hex4();
    if ((unit & 0xFC00) == 0xD800 && text_.substr(place_, 2) == "\\u") {
        place_ += 2;
        const std::uint32_t low = hex4();
        if ((low & 0xFC00) != 0xDC00) fail("a surrogate pair");
        unit = 0x10000 + ((unit & 0x3FF) << 10) + (low & 0x3FF);
    }
    if ((unit & 0xFFFFF800) == 0xD800) fail("a surrogate pair");
    append_utf8(unit, out);
}

std::string JsonReader::string() {
    expect('"');
    std::string out;
    while (place_ < text_.size() && text_[place_] != '"') {
        const char c = text_[place_++];
        if (static_cast<unsigned char>(c) < 0x20) fail("a printable character");
        if (c == '\\') {
            escape(out);
        } else {
            out.push_back(c);
        }
    }
    if (place_ == text_.size()) fail("the end of a string");
    ++place_;
    return out;
}

std::uint64_t JsonReader::number() {
    skip_space();
    const std::size_t begin = place_;
    std::uint64_t value = 0;
    while (place_ < text_.size() && text_[place_] >= '0' && text_[place_] <= '9' && place_ - begin < 18) {
        value = value * 10 + static_cast<std::uint64_t>(text_[place_++] - '0');
    }
    if (place_ == begin) fail("a number");
    return value;
}

void JsonReader::finish() {
    skip_space();
    if (place_ != text_.size()) fail("the end");
}

std::string quote_json(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += escaped;
            continue;
        }
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(c);
    }
    return out + '"';
}

} // namespace edgebert::file
