#include "c_failure.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <system_error>

#include "engine/error.h"
#include "text/error.h"

namespace edgebert::c {

void copy_message(const char *message, char *out, std::size_t size) {
    if (out == nullptr || size == 0) return;
    std::size_t length = std::min(std::strlen(message), size - 1);
    const auto inside_character = [&] { return (static_cast<unsigned char>(message[length]) & 0xC0) == 0x80; };
    while (length > 0 && inside_character())
        --length;
    std::memcpy(out, message, length);
    out[length] = '\0';
}

edgebert_status handle_exception(char *message, std::size_t size) noexcept {
    const auto answer = [&](edgebert_status status, const char *why) {
        copy_message(why, message, size);
        return status;
    };
    try {
        throw;
    } catch (const Failure &failure) {
        return answer(failure.status(), failure.what());
    } catch (const engine::OptionError &error) {
        return answer(EDGEBERT_INVALID_ARGUMENT, error.what());
    } catch (const engine::ModelFileError &error) {
        return answer(EDGEBERT_BAD_BUNDLE, error.what());
    } catch (const text::TokenizerFileError &error) {
        return answer(EDGEBERT_BAD_BUNDLE, error.what());
    } catch (const std::bad_alloc &) {
        return answer(EDGEBERT_OUT_OF_MEMORY, "there is not enough memory");
    } catch (const std::system_error &error) {
        return answer(EDGEBERT_OUT_OF_MEMORY, error.what());
    } catch (const std::exception &error) {
        return answer(EDGEBERT_INTERNAL, error.what());
    } catch (...) {
        return answer(EDGEBERT_INTERNAL, "unknown failure");
    }
}

} // namespace edgebert::c
