#include "library.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "failure.h"

namespace storm {
namespace {

// The object that a function really comes from; an address taken in this program may be a stub of its own.
uintptr_t load_address_of_owner(const char* function) {
  Dl_info owner;
  if (dladdr(dlsym(RTLD_DEFAULT, function), &owner) == 0) fail("no library has %s", function);
  return reinterpret_cast<uintptr_t>(owner.dli_fbase);
}

}  // namespace

void require_mode(const char* mode) {
  if (load_address_of_owner("malloc") != load_address_of_owner("reslab_malloc_nolock")) {
    fail("malloc is not the library's: link with libreslab.so, or preload it");
  }
  free(malloc(1));  // the mode is decided by the first allocation
  reslab_status status = {};
  if (reslab_get_status(&status, sizeof status) != 0) fail("reslab_get_status refused");
  const uint32_t expected = strcmp(mode, "rseq") == 0 ? RESLAB_MODE_RSEQ : RESLAB_MODE_FALLBACK;
  if (status.mode != expected) fail("runs in mode %u, not in %s: %s", status.mode, mode, status.mode_reason);
}

void require_sound_heap(const char* when) {
  const int violations = reslab_check(STDERR_FILENO);
  if (violations != 0) fail("%s: reslab_check returned %d", when, violations);
}

LibraryText LibraryText::find() {
  struct Search {
    uintptr_t load_address;
    LibraryText found;
  } wanted = {load_address_of_owner("reslab_malloc_nolock"), {}};
  dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* argument) {
        Search& search = *static_cast<Search*>(argument);
        if (object->dlpi_addr != search.load_address) return 0;
        for (size_t i = 0; i < object->dlpi_phnum; i++) {
          const ElfW(Phdr)& segment = object->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
          search.found.begin_ = object->dlpi_addr + segment.p_vaddr;
          search.found.bytes_ = segment.p_memsz;
        }
        return 1;
      },
      &wanted);
  if (wanted.found.bytes_ == 0) fail("found no executable segment of the library");
  return wanted.found;
}

void Ledger::take() {
  stats_ = {};
  if (reslab_get_stats(&stats_, sizeof stats_) != 0) fail("reslab_get_stats refused");
  std::fill(classes_, classes_ + kMaxClasses, reslab_class_stats{});
  const int count = reslab_get_class_stats(classes_, kMaxClasses, sizeof classes_[0]);
  if (count <= 0 || static_cast<size_t>(count) > kMaxClasses) fail("reslab_get_class_stats returned %d", count);
  class_count_ = static_cast<size_t>(count);
}

void Ledger::require_same_live(const Ledger& before, const char* when) const {
  for (size_t i = 0; i < class_count_; i++) {
    const reslab_class_stats& now = classes_[i];
    const uint64_t live_before = i < before.class_count_ ? before.classes_[i].live : 0;  // classes are only added
    if (now.live != live_before) {
      fail("%s: class %s: %llu objects live, %llu before", when, now.name, static_cast<unsigned long long>(now.live),
           static_cast<unsigned long long>(live_before));
    }
  }
  if (stats_.bytes_live != before.stats_.bytes_live) {
    fail("%s: %llu bytes live, %llu before", when, static_cast<unsigned long long>(stats_.bytes_live),
         static_cast<unsigned long long>(before.stats_.bytes_live));
  }
}

}  // namespace storm
