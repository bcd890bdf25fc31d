#include "library.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>

#include "failure.h"
#include "mode.h"

namespace storm {

using namespace support;

namespace {

// The object that a function really comes from; an address taken in this program may be a stub of its own.
uintptr_t load_address_of_owner(const char* function) {
  Dl_info owner;
  if (dladdr(dlsym(RTLD_DEFAULT, function), &owner) == 0) fail("no library has %s", function);
  return reinterpret_cast<uintptr_t>(owner.dli_fbase);
}

}  // namespace

void require_malloc_in_mode(const char* mode) {
  if (load_address_of_owner("malloc") != load_address_of_owner("reslab_malloc_nolock")) {
    fail("malloc is not the library's: link with libreslab.so, or preload it");
  }
  free(malloc(1));  // the mode is decided by the first allocation
  support::require_mode(mode);
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

}  // namespace storm
