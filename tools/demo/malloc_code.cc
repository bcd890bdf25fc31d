// SPDX-License-Identifier: Apache-2.0
#include "malloc_code.h"

#include <dlfcn.h>
#include <link.h>
#include <stdint.h>

namespace {

struct Range {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  bool has(uintptr_t address) const { return begin <= address && address < end; }
};
Range malloc_code;

// For dl_iterate_phdr: the executable segment that malloc lies in, if it is of this object.
int find_segment(dl_phdr_info* object, size_t, void* malloc_address) {
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    const uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    const Range range = {begin, begin + segment.p_memsz};
    if (range.has(reinterpret_cast<uintptr_t>(malloc_address))) malloc_code = range;
  }
  return 0;
}

uintptr_t interrupted_address(const ucontext_t& interrupted) {
#if defined(__x86_64__)
  return static_cast<uintptr_t>(interrupted.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return interrupted.uc_mcontext.pc;
#else
#error "the demonstration knows x86-64 and aarch64"
#endif
}

}  // namespace

void find_malloc_code() { dl_iterate_phdr(find_segment, dlsym(RTLD_DEFAULT, "malloc")); }

bool interrupted_malloc_code(const ucontext_t& interrupted) {
  return malloc_code.has(interrupted_address(interrupted));
}
