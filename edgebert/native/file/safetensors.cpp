#include "safetensors.h"

#include <cstring>
#include <stdexcept>

#include "json.h"

namespace edgebert::file {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::uint64_t kMaxHeader = 16u << 20; // bytes
constexpr std::size_t kMaxDimensions = 8;

std::uint64_t element_size(const std::string &dtype) {
    if (dtype == "U8" || dtype == "I8" || dtype == "BOOL") return 1;
    if (dtype == "U16" || dtype == "I16" || dtype == "F16" || dtype == "BF16") return 2;
    if (dtype == "U32" || dtype == "I32" || dtype == "F32") return 4;
    if (dtype == "U64" || dtype == "I64" || dtype == "F64") return 8;
    return 0;
}

std::uint64_t read_length(const unsigned char *data) {
    std::uint64_t value = 0;
    for (int i = 7; i >= 0; --i)
        value = value << 8 | data[i];
    return value;
}

struct Layout {
    const unsigned char *begin; // of the tensors
    std::uint64_t size;
};

void check_size(const std::string &name, const Tensor &tensor) {
    std::uint64_t bytes = element_size(tensor.dtype);
    if (bytes == 0 || tensor.shape.size() > kMaxDimensions) {
        throw std::runtime_error("the tensor " + name.substr(0, 60) + " has an unknown type or shape");
    }
    for (const std::uint64_t extent : tensor.shape) {
        if (extent != 0 && bytes > UINT64_MAX / extent)
            bytes = UINT64_MAX;
        else
            bytes *= extent;
    }
    if (bytes != tensor.size)
        throw std::runtime_error("the tensor " + name.substr(0, 60) + " does not have the size of its shape");
}

Tensor read_tensor(JsonReader &json, const std::string &name, const Layout &layout) {
    Tensor tensor;
    std::vector<std::uint64_t> offsets;
    json.members([&](const std::string &key) {
        if (key == "dtype") {
            tensor.dtype = json.string();
        } else if (key == "shape") {
            json.items('[', ']', [&] { tensor.shape.push_back(json.number()); });
        } else if (key == "data_offsets") {
            json.items('[', ']', [&] { offsets.push_back(json.number()); });
        } else {
            throw std::runtime_error("the tensor " + name.substr(0, 60) + " has an unknown field");
        }
    });
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > layout.size) {
        throw std::runtime_error("the tensor " + name.substr(0, 60) + " lies outside the file: is it cut?");
    }
    tensor.data = layout.begin + offsets[0];
    tensor.size = static_cast<std::size_t>(offsets[1] - offsets[0]);
    check_size(name, tensor);
    return tensor;
}

/// Appends tensors and their header entries.
class Writer {
  public:
    void add(const NewTensor &tensor) {
        describe(tensor.name, tensor.dtype, tensor.shape, tensor.bytes.size());
        data_ += tensor.bytes;
        const std::size_t gap = (kAlignment - data_.size() % kAlignment) % kAlignment;
        if (gap == 0) return;
        describe("padding." + std::to_string(padding_++), "U8", {gap}, gap);
        data_.append(gap, '\0');
    }

    std::string finish(const std::map<std::string, std::string> &metadata) {
        std::string header = "{\"__metadata__\":{";
        const char *separator = "";
        for (const auto &[key, value] : metadata) {
            header += separator + quote_json(key) + ":" + quote_json(value);
            separator = ",";
        }
        header += "}" + entries_ + "}";
        header.append((kAlignment - (header.size() + 8) % kAlignment) % kAlignment, ' ');
        std::string out;
        for (int i = 0; i < 8; ++i)
            out.push_back(static_cast<char>(header.size() >> (8 * i) & 0xFF));
        return out + header + data_;
    }

  private:
    void describe(const std::string &name, const std::string &dtype, const std::vector<std::uint64_t> &shape,
                  std::size_t size) {
        entries_ += "," + quote_json(name) + ":{\"dtype\":" + quote_json(dtype) + ",\"shape\":[";
        for (std::size_t i = 0; i < shape.size(); ++i)
            entries_ += (i == 0 ? "" : ",") + std::to_string(shape[i]);
        entries_ +=
            "],\"data_offsets\":[" + std::to_string(data_.size()) + "," + std::to_string(data_.size() + size) + "]}";
    }

    std::string entries_, data_;
    int padding_ = 0;
};

} // namespace

Safetensors parse_safetensors(const unsigned char *data, std::size_t size) {
    if (size < 8) throw std::runtime_error("the file has " + std::to_string(size) + " bytes, too few for a header");
    const std::uint64_t length = read_length(data);
    if (length > kMaxHeader || length > size - 8) {
        throw std::runtime_error("the header says " + std::to_string(length) +
                                 " bytes: the file is cut or of another kind");
    }
    const auto header = static_cast<std::size_t>(length);
    const Layout layout{data + 8 + header, size - 8 - header};
    JsonReader json(std::string_view(reinterpret_cast<const char *>(data) + 8, header));
    Safetensors result;
    json.members([&](const std::string &name) {
        if (name == "__metadata__") {
            json.members([&](const std::string &key) { result.metadata[key] = json.string(); });
            return;
        }
        const bool fresh = result.tensors.emplace(name, read_tensor(json, name, layout)).second;
        if (!fresh) throw std::runtime_error("the tensor " + name.substr(0, 60) + " is named twice");
    });
    json.finish();
    return result;
}

std::string write_safetensors(const std::vector<NewTensor> &tensors,
                              const std::map<std::string, std::string> &metadata) {
    Writer writer;
    for (const NewTensor &tensor : tensors)
        writer.add(tensor);
    return writer.finish(metadata);
}

} // namespace edgebert::file
