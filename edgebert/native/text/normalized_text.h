#pragma once

#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "normalize.h"
#include "position.h"

namespace edgebert::text {

/// A normalized piece of text with the source span of every character. Needed only where added tokens are looked for
/// in normalized text.
class NormalizedText {
  public:
    struct Place {
        std::uint32_t byte; // where the character starts
        Span span;
    };

    explicit NormalizedText(std::pmr::memory_resource *memory = std::pmr::get_default_resource())
        : bytes_(memory), places_(memory) {}

    /// Takes the memory for so many bytes and characters at once.
    void reserve(std::size_t bytes, std::size_t characters) {
        bytes_.reserve(bytes);
        places_.reserve(characters);
    }

    void clear() {
        bytes_.clear();
        places_.clear();
    }

    void put(char32_t scalar, Span span) {
        char encoded[4];
        places_.push_back({static_cast<std::uint32_t>(bytes_.size()), span});
        bytes_.append(encoded, encode_utf8(scalar, encoded));
    }

    std::string_view bytes() const { return bytes_; }
    const std::pmr::vector<Place> &places() const { return places_; }

    /// The source span of the characters in [begin, end), both at characters' starts; they must not be empty.
    Span span(std::size_t begin, std::size_t end) const;

    /// Sends the characters in [begin, end) to `sink.put`.
    template <class Sink> void send(std::size_t begin, std::size_t end, Sink &sink) const {
        for (std::size_t i = index(begin); i < places_.size() && places_[i].byte < end; ++i) {
            const char *const place = bytes_.data() + places_[i].byte;
            sink.put(decode_utf8(place, bytes_.data() + bytes_.size()).scalar, places_[i].span);
        }
    }

    /// The index of the character that starts at `byte`, or the number of characters at the end.
    std::size_t index(std::size_t byte) const;

  private:
    std::pmr::string bytes_;
    std::pmr::vector<Place> places_;
};

/// Sends every character of [begin, end) through the normalizer; `cursor` counts positions in the whole text and
/// `position` is that of `begin`. Returns the position of `end`.
template <class Sink>
std::int32_t normalize_range(Normalizer<Sink> &normalizer, const char *begin, const char *end, std::int32_t position,
                             const PositionCursor &cursor) {
    while (begin != end) {
        const Decoded decoded = decode_utf8(begin, end);
        const std::int32_t next = position + cursor.step(decoded.length);
        normalizer.add(decoded.scalar, {position, next});
        position = next;
        begin += decoded.length;
    }
    normalizer.finish();
    return position;
}

} // namespace edgebert::text
