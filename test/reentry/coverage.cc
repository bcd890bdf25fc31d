// SPDX-License-Identifier: Apache-2.0
#include "coverage.h"

#include <sys/mman.h>

#include <cstdio>

#include "failure.h"
#include "library.h"

namespace reentry {

Coverage& Coverage::get() {
  static Coverage coverage;
  return coverage;
}

Coverage::Coverage() {
  void* memory = mmap(nullptr, Library::get().text_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("no memory for the coverage");
  flags_ = static_cast<uint8_t*>(memory);
}

void Coverage::mark(uintptr_t pc, Interrupted how) {
  const Library& library = Library::get();
  if (library.has(pc)) flags_[pc - library.text()] |= static_cast<uint8_t>(how);
}

bool Coverage::has(uintptr_t pc, Interrupted how) const {
  const Library& library = Library::get();
  return library.has(pc) && (flags_[pc - library.text()] & static_cast<uint8_t>(how)) != 0;
}

size_t Coverage::count(Interrupted how) const {
  size_t n = 0;
  for (size_t i = 0; i < Library::get().text_bytes(); ++i) n += (flags_[i] & static_cast<uint8_t>(how)) != 0 ? 1 : 0;
  return n;
}

void Coverage::append_to(const char* file) const {
  if (file == nullptr) return;
  FILE* out = fopen(file, "a");
  if (out == nullptr) fail("cannot write the coverage to %s", file);
  const Library& library = Library::get();
  for (size_t i = 0; i < library.text_bytes(); ++i) {
    const auto address = static_cast<size_t>(library.link_address(library.text() + i));
    if ((flags_[i] & static_cast<uint8_t>(Interrupted::kBefore)) != 0) fprintf(out, "before 0x%zx\n", address);
    if ((flags_[i] & static_cast<uint8_t>(Interrupted::kInSection)) != 0) fprintf(out, "section 0x%zx\n", address);
  }
  if (fclose(out) != 0) fail("cannot write the coverage to %s", file);
}

}  // namespace reentry
