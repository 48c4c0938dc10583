#include "mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace edgebert::file {
namespace {

/// Closes a file descriptor at the end of a scope.
struct Descriptor {
    int value;
    ~Descriptor() {
        if (value >= 0) ::close(value);
    }
};

} // namespace

MappedFile::MappedFile(const std::string &path, std::size_t max_bytes) {
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat info {};
    if (file.value < 0 || ::fstat(file.value, &info) != 0) {
        throw std::runtime_error(std::string("cannot open: ") + std::strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) throw std::runtime_error("not a file");
    if (static_cast<unsigned long long>(info.st_size) > max_bytes) {
        throw std::runtime_error("has " + std::to_string(info.st_size) + " bytes, more than the " +
                                 std::to_string(max_bytes) + " that such a file may have");
    }
    size_ = static_cast<std::size_t>(info.st_size);
    if (size_ == 0) throw std::runtime_error("is empty");
    void *memory = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.value, 0);
    if (memory == MAP_FAILED) throw std::runtime_error(std::string("cannot map: ") + std::strerror(errno));
#ifdef MADV_HUGEPAGE
    // Where the file is not in the page cache yet, Linux then reads it into pages of 2 MiB, which cost no look-ups and
    // few faults. A kernel that cannot says so, and nothing is lost.
    static_cast<void>(::madvise(memory, size_, MADV_HUGEPAGE));
#endif
    data_ = static_cast<const unsigned char *>(memory);
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<unsigned char *>(data_), size_);
}

} // namespace edgebert::file
