#include "c_model.h"

#include <cstdint>
#include <limits>

#include "engine/error.h"
#include "text/error.h"

using edgebert::c::Failure;

namespace {

namespace engine = edgebert::engine;
namespace file = edgebert::file;
namespace text = edgebert::text;

constexpr char kFormat[] = "1";                 // of the files that this library reads
constexpr std::size_t kTokenizerTokens = 65536; // limit where a file says none

/// Whether the bytes are a file of another format than this library's, as far as can be told.
bool is_newer(const void *data, std::size_t size) {
    try {
        const file::Safetensors contents = file::parse_safetensors(static_cast<const unsigned char *>(data), size);
        for (const char *key : {"edgebert.format", "tokenizer.format"}) {
            const auto found = contents.metadata.find(key);
            if (found != contents.metadata.end() && found->second != kFormat) return true;
        }
    } catch (const std::runtime_error &) {
        return false;
    }
    return false;
}

const char *task_name(engine::Task task) {
    switch (task) {
    case engine::Task::kEmbed: return "embed";
    case engine::Task::kClassify: return "classify";
    case engine::Task::kTag: return "tag";
    case engine::Task::kAnswer: return "answer";
    }
    return "";
}

std::unique_ptr<const file::MappedFile> map_file(const std::string &path) {
    try {
        return std::make_unique<const file::MappedFile>(path, std::numeric_limits<std::ptrdiff_t>::max());
    } catch (const std::bad_alloc &) {
        throw;
    } catch (const std::runtime_error &error) {
        throw Failure(EDGEBERT_IO_ERROR, text::printable(path + ": " + error.what()));
    }
}

} // namespace

std::unique_ptr<edgebert_model> edgebert_model::open(const std::string &path) {
    auto model = std::make_unique<edgebert_model>();
    model->mapped = map_file(path);
    try {
        model->read(model->mapped->data(), model->mapped->size());
    } catch (const Failure &failure) {
        throw Failure(failure.status(), text::printable(path + ": " + failure.what()));
    }
    return model;
}

std::unique_ptr<edgebert_model> edgebert_model::from_memory(const void *data, std::size_t size) {
    if (reinterpret_cast<std::uintptr_t>(data) % EDGEBERT_ALIGNMENT != 0) {
        throw Failure(EDGEBERT_INVALID_ARGUMENT, "the memory of the model is not aligned to 64 bytes");
    }
    auto model = std::make_unique<edgebert_model>();
    model->read(data, size);
    return model;
}

void edgebert_model::read(const void *data, std::size_t size) {
    const auto refused = [&](const std::exception &error) {
        return Failure(is_newer(data, size) ? EDGEBERT_UNSUPPORTED : EDGEBERT_BAD_BUNDLE, error.what());
    };
    try {
        if (read_plain_tokenizer(data, size)) return;
        engine = engine::Model::from_memory(data, size);
        text = std::make_unique<const text::TextModel>(engine->contents());
    } catch (const engine::ModelFileError &error) {
        throw refused(error);
    } catch (const text::TokenizerFileError &error) {
        throw refused(error);
    }
    const auto ids = static_cast<std::size_t>(text->data.id_count());
    if (ids > config().vocabulary) {
        throw Failure(EDGEBERT_BAD_BUNDLE, "its tokenizer has " + std::to_string(ids) + " ids, more than the " +
                                               std::to_string(config().vocabulary) + " of its embeddings");
    }
}

/// A library without the engine reads tokenizer.edgebert as well, which has no model in it.
bool edgebert_model::read_plain_tokenizer(const void *data, std::size_t size) {
    if (edgebert::c::kHasEngine) return false;
    try {
        const file::Safetensors contents = file::parse_safetensors(static_cast<const unsigned char *>(data), size);
        if (contents.metadata.count("edgebert.format") != 0) return false;
        text = std::make_unique<const text::TextModel>(contents);
    } catch (const text::TokenizerFileError &) {
        throw;
    } catch (const std::bad_alloc &) {
        throw;
    } catch (const std::runtime_error &error) {
        throw text::TokenizerFileError(error.what());
    }
    plain_config.max_tokens = kTokenizerTokens;
    plain_config.vocabulary = static_cast<std::size_t>(text->data.id_count());
    return true;
}

edgebert_info edgebert_model::info() const {
    const auto number = [](std::size_t value) { return static_cast<std::int32_t>(value); };
    edgebert_info info{};
    info.size = sizeof info;
    info.name = config().name.c_str();
    info.task = !engine ? "tokenize" : task_name(config().task);
    info.precision = !engine ? "" : config().precision == engine::Precision::kInt8 ? "int8" : "fp32";
    info.max_tokens = number(config().max_tokens);
    info.vocabulary = number(config().vocabulary);
    info.hidden = number(config().hidden);
    info.output_size = number(config().output_size());
    return info;
}
