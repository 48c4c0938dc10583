#pragma once

#include <stdexcept>
#include <string>

namespace edgebert::engine {

/// A model file that is broken or not supported. The message is one line of valid UTF-8.
class ModelFileError : public std::runtime_error {
  public:
    explicit ModelFileError(const std::string &message);
};

/// A session that cannot be made as asked. The message is one line.
class OptionError : public std::runtime_error {
  public:
    explicit OptionError(const std::string &message) : std::runtime_error(message) {}
};

} // namespace edgebert::engine
