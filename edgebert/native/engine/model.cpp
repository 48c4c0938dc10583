#include "model.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "crc32c.h"
#include "error.h"

namespace edgebert::engine {
namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 34; // bytes
constexpr std::size_t kDigits = 8;
constexpr char kKey[] = "\"edgebert.crc32c\":\"";

/// Runs `read` and turns what it says about a file into a ModelFileError that names the file.
template <class Read> std::shared_ptr<const Model> reading(const std::string &name, Read read) {
    try {
        return read();
    } catch (const std::bad_alloc &) {
        throw;
    } catch (const std::runtime_error &error) {
        throw ModelFileError(name + ": " + error.what());
    }
}

/// The CRC-32C of the whole file with the digits of the checksum itself replaced by zeros.
void check_sum(const unsigned char *data, std::size_t size) {
    const std::string_view head(reinterpret_cast<const char *>(data), std::min(size, std::size_t{16} << 20));
    const std::size_t key = head.find(kKey);
    const std::size_t place = key + sizeof kKey - 1;
    if (key == std::string_view::npos || size - place < kDigits) throw ModelFileError("it has no checksum");
    std::uint32_t sum = crc32c(0, data, place);
    sum = crc32c(sum, "00000000", kDigits);
    sum = crc32c(sum, data + place + kDigits, size - place - kDigits);
    char digits[kDigits + 1];
    std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(sum));
    if (head.substr(place, kDigits) != digits) {
        throw ModelFileError("its checksum is " + std::string(digits) + ", it should be " +
                             std::string(head.substr(place, kDigits)) + ": the file is damaged");
    }
}

} // namespace

std::shared_ptr<const Model> Model::open(const std::string &path) {
    return reading(path, [&] {
        std::shared_ptr<Model> model(new Model);
        model->mapped_ = std::make_unique<file::MappedFile>(path, kMaxFile);
        model->read(model->mapped_->data(), model->mapped_->size());
        return model;
    });
}

std::shared_ptr<const Model> Model::from_memory(const void *data, std::size_t size) {
    return reading("the model", [&] {
        std::shared_ptr<Model> model(new Model);
        model->read(static_cast<const unsigned char *>(data), size);
        return model;
    });
}

void Model::read(const unsigned char *data, std::size_t size) {
    contents_ = file::parse_safetensors(data, size);
    check_sum(data, size);
    config_ = parse_config(contents_.metadata);
    weights_ = read_weights(contents_, config_);
}

} // namespace edgebert::engine
