// What the tests ask of the library as a whole: where its code lies and in which mode it runs.
#pragma once

#include <cstdint>

namespace storm {

// Fails unless malloc is the library's and it runs in `mode`, "rseq" or "fallback".
void require_malloc_in_mode(const char* mode);

// The executable part of the library, found once: dl_iterate_phdr takes a lock and is not for handlers.
//
// A handler never sees a program counter inside a restartable section: the kernel has moved it to the section's abort
// address, which lies in the library's text as well. So "inside" counts restarted sections too.
class LibraryText {
 public:
  static LibraryText find();

  bool contains(uintptr_t pc) const { return pc - begin_ < bytes_; }

 private:
  uintptr_t begin_ = 0;
  uintptr_t bytes_ = 0;
};

}  // namespace storm
