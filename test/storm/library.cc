// SPDX-License-Identifier: Apache-2.0
#include "library.h"

#include <dlfcn.h>
#include <stdint.h>
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

unsigned seconds_of(const Arguments& arguments, unsigned absent) {
  const double seconds = arguments.has("--minutes") ? 60 * arguments.amount("--minutes", 1)
                                                    : static_cast<double>(arguments.number("--seconds", absent));
  return static_cast<unsigned>(seconds < 1 ? 1 : seconds);
}

}  // namespace storm
