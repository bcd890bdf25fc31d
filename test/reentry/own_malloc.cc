// SPDX-License-Identifier: Apache-2.0
// The harness's own memory: libc's, under malloc's names, so that the heap under test holds what operations and nested
// operations put there and nothing else. A process that has got as far as main has then never called reslab.
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);

void* malloc(size_t bytes) { return __libc_malloc(bytes); }
void* calloc(size_t count, size_t bytes) { return __libc_calloc(count, bytes); }
void* realloc(void* object, size_t bytes) { return __libc_realloc(object, bytes); }
void* memalign(size_t align, size_t bytes) { return __libc_memalign(align, bytes); }
void* aligned_alloc(size_t align, size_t bytes) { return __libc_memalign(align, bytes); }
int posix_memalign(void** out, size_t align, size_t bytes) {
  *out = __libc_memalign(align, bytes);
  return *out == nullptr ? ENOMEM : 0;
}
void free(void* object) { __libc_free(object); }
}

void* operator new(size_t bytes) {
  void* object = __libc_malloc(bytes);
  if (object == nullptr) abort();
  return object;
}
void* operator new[](size_t bytes) { return operator new(bytes); }
void operator delete(void* object) noexcept { __libc_free(object); }
void operator delete[](void* object) noexcept { __libc_free(object); }
void operator delete(void* object, size_t) noexcept { __libc_free(object); }
void operator delete[](void* object, size_t) noexcept { __libc_free(object); }
