// Counts every request for memory: operator new, and malloc where the C library lets us stand before it.
#include "counting_allocator.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> requests{0};

} // namespace

long allocations() { return requests.load(); }

#if defined(__GLIBC__) && !defined(EDGEBERT_SANITIZED)

#pragma GCC visibility push(default) // the C++ library must find these
extern "C" {
void *__libc_malloc(std::size_t);
void *__libc_calloc(std::size_t, std::size_t);
void *__libc_realloc(void *, std::size_t);
void *__libc_memalign(std::size_t, std::size_t);

void *malloc(std::size_t size) {
    ++requests;
    return __libc_malloc(size);
}

void *calloc(std::size_t count, std::size_t size) {
    ++requests;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, std::size_t size) {
    ++requests;
    return __libc_realloc(memory, size);
}

void *aligned_alloc(std::size_t alignment, std::size_t size) {
    ++requests;
    return __libc_memalign(alignment, size);
}
}
#pragma GCC visibility pop

#else

void *operator new(std::size_t size) {
    ++requests;
    if (void *const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}

void *operator new(std::size_t size, std::align_val_t alignment) {
    ++requests;
    const auto multiple = static_cast<std::size_t>(alignment);
    if (void *const memory = std::aligned_alloc(multiple, (size + multiple) / multiple * multiple)) return memory;
    throw std::bad_alloc();
}

void *operator new(std::size_t size, const std::nothrow_t &) noexcept {
    ++requests;
    return std::malloc(size == 0 ? 1 : size);
}

void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void *memory, const std::nothrow_t &) noexcept { std::free(memory); }
void operator delete(void *memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

#endif
