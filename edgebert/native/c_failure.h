#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

#include "include/edgebert.h"

namespace edgebert::c {

/// What a function of the C library answers when it cannot do its work. The message is one line.
class Failure : public std::runtime_error {
  public:
    Failure(edgebert_status status, const std::string &message) : std::runtime_error(message), status_(status) {}

    edgebert_status status() const { return status_; }

  private:
    edgebert_status status_;
};

/// Copies a message to a caller's buffer, cut between characters and with a NUL. A buffer of size 0 may be null.
void copy_message(const char *message, char *out, std::size_t size);

/// Runs `work` and turns what it throws into a status and a message.
template <class Work> edgebert_status guarded(char *message, std::size_t size, Work work) noexcept;

/// The status of the exception that is being handled; its message goes to the caller's buffer.
edgebert_status handle_exception(char *message, std::size_t size) noexcept;

template <class Work> edgebert_status guarded(char *message, std::size_t size, Work work) noexcept {
    try {
        copy_message("", message, size);
        work();
        return EDGEBERT_OK;
    } catch (...) {
        return handle_exception(message, size);
    }
}

} // namespace edgebert::c
