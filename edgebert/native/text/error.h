#pragma once

#include <stdexcept>
#include <string>

namespace edgebert::text {

/// The message with everything that is no printable UTF-8 replaced: parts of it may come from a hostile file.
std::string printable(const std::string &message);

/// A tokenizer file or vocabulary that is broken or not supported. The message is one line of valid UTF-8.
class TokenizerFileError : public std::runtime_error {
  public:
    explicit TokenizerFileError(const std::string &message) : std::runtime_error(printable(message)) {}
};

/// A text or option that cannot be used. The message is one line.
class EncodeError : public std::runtime_error {
  public:
    explicit EncodeError(const std::string &message) : std::runtime_error(message) {}
};

} // namespace edgebert::text
