// Memory and making of a session.
#include <cstring>
#include <new>

#include "c_session.h"

namespace edgebert::c {
namespace {

constexpr std::size_t kAlignment = EDGEBERT_ALIGNMENT;
constexpr std::size_t kOldestOptions = sizeof(edgebert_options); // of ABI 1

std::size_t padded(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// Counts how much a monotonic resource needs for the same requests.
class Measure : public std::pmr::memory_resource {
  public:
    std::size_t bytes() const { return bytes_; }

  private:
    void *do_allocate(std::size_t bytes, std::size_t alignment) override {
        bytes_ += padded(bytes);
        return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    }
    void do_deallocate(void *memory, std::size_t bytes, std::size_t alignment) override {
        std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
    }
    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override { return this == &other; }

    std::size_t bytes_ = 0;
};

std::size_t measure(const edgebert_model &model, std::size_t max_tokens) {
    Measure memory;
    const Buffers buffers(model, max_tokens, &memory);
    return memory.bytes();
}

/// The options of a caller that may have been compiled with a newer header, whose additions must be unused.
edgebert_options read_options(const edgebert_options *given) {
    edgebert_options options{};
    if (given == nullptr) return options;
    if (given->size < kOldestOptions) {
        throw Failure(EDGEBERT_INVALID_ARGUMENT,
                      "options.size is " + std::to_string(given->size) + ": set it to sizeof(edgebert_options)");
    }
    const auto *const bytes = reinterpret_cast<const unsigned char *>(given);
    for (std::size_t i = sizeof options; i < given->size; ++i) {
        if (bytes[i] != 0) throw Failure(EDGEBERT_UNSUPPORTED, "options hold a field that this library does not know");
    }
    return *given;
}

text::OffsetUnit offsets_of(const edgebert_model &model) {
    return model.config().answers_tokens() ? text::OffsetUnit::kBytes : text::OffsetUnit::kNone;
}

std::size_t scores_of(const edgebert_model &model, std::size_t max_tokens) {
    const engine::Config &config = model.config();
    return config.answers_tokens() ? max_tokens * config.output_size() : config.labels.size();
}

std::size_t probabilities_of(const edgebert_model &model, std::size_t max_tokens) {
    return model.config().task == engine::Task::kAnswer ? max_tokens : 0;
}

} // namespace

Buffers::Buffers(const edgebert_model &model, std::size_t max_tokens, std::pmr::memory_resource *memory)
    : encoder(*model.text, max_tokens, offsets_of(model), memory), ids(max_tokens, memory), types(max_tokens, memory),
      scores(scores_of(model, max_tokens), memory), order(model.config().labels.size(), memory),
      starts(probabilities_of(model, max_tokens), memory), ends(starts.size(), memory) {}

SessionPlan::SessionPlan(const edgebert_model &model, const edgebert_options *given) {
    const edgebert_options options = read_options(given);
    if (options.threads < 0 || options.max_tokens < 0) {
        throw Failure(EDGEBERT_INVALID_ARGUMENT, "options.threads and options.max_tokens must not be negative");
    }
    const std::size_t limit = model.config().max_tokens;
    engine.threads = options.threads == 0 ? 1 : static_cast<std::size_t>(options.threads);
    engine.max_tokens = options.max_tokens == 0 ? limit : static_cast<std::size_t>(options.max_tokens);
    engine.path = options.path;
    const std::size_t special = text::added_by(model.text->data.settings().single);
    if (engine.max_tokens < special || engine.max_tokens > limit) {
        throw Failure(EDGEBERT_INVALID_ARGUMENT, "max_tokens is " + std::to_string(engine.max_tokens) +
                                                     ", it must be from " + std::to_string(special) + " to " +
                                                     std::to_string(limit));
    }
    arena = options.arena;
    arena_size = options.arena_size;
    text_bytes = measure(model, engine.max_tokens);
    if (kHasEngine) engine_bytes = engine::Session::arena_bytes(*model.engine, engine);
}

std::size_t SessionPlan::bytes() const {
    return padded(sizeof(edgebert_session)) + padded(text_bytes) + padded(engine_bytes);
}

} // namespace edgebert::c

namespace {

using edgebert::c::Failure;
using edgebert::c::padded;
using edgebert::c::SessionPlan;

constexpr std::align_val_t kAligned{EDGEBERT_ALIGNMENT};

unsigned char *check_arena(const SessionPlan &plan) {
    if (reinterpret_cast<std::uintptr_t>(plan.arena) % EDGEBERT_ALIGNMENT != 0) {
        throw Failure(EDGEBERT_INVALID_ARGUMENT, "the arena is not aligned to 64 bytes");
    }
    if (plan.arena_size < plan.bytes()) {
        throw Failure(EDGEBERT_OUT_OF_MEMORY, "the arena has " + std::to_string(plan.arena_size) + " bytes, " +
                                                  std::to_string(plan.bytes()) + " are needed");
    }
    return static_cast<unsigned char *>(plan.arena);
}

edgebert::engine::SessionOptions engine_options(const SessionPlan &plan, unsigned char *block) {
    edgebert::engine::SessionOptions options = plan.engine;
    options.arena = block + padded(sizeof(edgebert_session)) + padded(plan.text_bytes);
    options.arena_size = plan.engine_bytes;
    return options;
}

} // namespace

edgebert_session::edgebert_session(const edgebert_model &model, const SessionPlan &plan, unsigned char *block,
                                   bool owns)
    : model_(model), owns_(owns),
      memory_(block + padded(sizeof(edgebert_session)), padded(plan.text_bytes), std::pmr::null_memory_resource()),
      buffers_(model, plan.engine.max_tokens, &memory_), engine_(model.engine, engine_options(plan, block)) {}

edgebert_session *edgebert_session::make(const edgebert_model &model, const edgebert_options *options) {
    const SessionPlan plan(model, options);
    const bool owns = plan.arena == nullptr;
    auto *const block = owns ? static_cast<unsigned char *>(::operator new(plan.bytes(), kAligned)) : check_arena(plan);
    try {
        return new (block) edgebert_session(model, plan, block, owns);
    } catch (...) {
        if (owns) ::operator delete(block, kAligned);
        throw;
    }
}

void edgebert_session::free(edgebert_session *session) {
    const bool owns = session->owns_;
    session->~edgebert_session();
    if (owns) ::operator delete(session, kAligned);
}
