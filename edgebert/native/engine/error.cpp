#include "error.h"

#include "../text/error.h"

namespace edgebert::engine {

ModelFileError::ModelFileError(const std::string &message) : std::runtime_error(text::printable(message)) {}

} // namespace edgebert::engine
