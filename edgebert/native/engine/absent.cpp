// Stands in for the engine in a library that only tokenizes: it opens no weights and computes nothing.
#include "heads.h"
#include "session.h"

namespace edgebert::engine {

class Session::Impl {};

Weights read_weights(const file::Safetensors &, const Config &) { return {}; }

std::size_t Session::arena_bytes(const Model &, const SessionOptions &) { return 0; }

void softmax_row(float *, std::size_t) {}

Session::Session(std::shared_ptr<const Model>, const SessionOptions &) {}
Session::~Session() = default;

Status Session::run(const TokenRow *, std::size_t, float *, std::size_t) { return Status::kBadInput; }
Status Session::answer(const TokenRow *, std::size_t, float *, std::size_t) { return Status::kBadInput; }

const char *Session::error() const { return "this library was built without the engine"; }
const char *Session::path() const { return "none"; }

} // namespace edgebert::engine
