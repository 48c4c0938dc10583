#pragma once

#include <cstddef>
#include <string>

namespace edgebert::file {

/// A file mapped into memory for reading; the pages belong to the system's file cache and are shared by processes.
class MappedFile {
  public:
    /// Throws std::runtime_error with one line when the file cannot be opened or is larger than `max_bytes`.
    MappedFile(const std::string &path, std::size_t max_bytes);
    ~MappedFile();
    MappedFile(const MappedFile &) = delete;
    MappedFile &operator=(const MappedFile &) = delete;

    const unsigned char *data() const { return data_; }
    std::size_t size() const { return size_; }

  private:
    const unsigned char *data_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace edgebert::file
