#pragma once

#include <stdexcept>
#include <string>

namespace edgebert::text {

/// A tokenizer file or vocabulary that is broken or not supported. The message is one line.
class TokenizerFileError : public std::runtime_error {
  public:
    explicit TokenizerFileError(const std::string &message) : std::runtime_error(message) {}
};

/// A text or option that cannot be used. The message is one line.
class EncodeError : public std::runtime_error {
  public:
    explicit EncodeError(const std::string &message) : std::runtime_error(message) {}
};

} // namespace edgebert::text
