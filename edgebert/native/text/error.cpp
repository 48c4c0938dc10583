#include "error.h"

#include "utf8.h"

namespace edgebert::text {

std::string printable(const std::string &message) {
    std::string out;
    const char *const end = message.data() + message.size();
    for (const char *place = message.data(); place != end;) {
        const Decoded decoded = decode_utf8(place, end);
        const bool control = decoded.scalar < 0x20 || (decoded.scalar >= 0x7F && decoded.scalar < 0xA0);
        if (control || decoded.scalar == kReplacement || decoded.scalar == 0x2028 || decoded.scalar == 0x2029) {
            out.push_back('?');
        } else {
            out.append(place, decoded.length);
        }
        place += decoded.length;
    }
    return out;
}

} // namespace edgebert::text
