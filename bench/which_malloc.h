// SPDX-License-Identifier: Apache-2.0
// Which malloc answers in this process: what each measured program says of itself, and allocators.py compares with what
// was meant to run. All is looked up by name: the address of malloc as the compiler knows it may be a stub of the
// program's, and the program knows none of the allocators.
#pragma once

#include <dlfcn.h>

#include "reslab/reslab.h"

inline const char* owner_of_malloc() {
  Dl_info owner;
  return dladdr(dlsym(RTLD_DEFAULT, "malloc"), &owner) == 0 ? "?" : owner.dli_fname;
}

// "none" under any other allocator.
inline const char* reslab_mode() {
  const auto get_status = reinterpret_cast<decltype(&reslab_get_status)>(dlsym(RTLD_DEFAULT, "reslab_get_status"));
  reslab_status status = {};
  if (get_status == nullptr || get_status(&status, sizeof status) != 0) return "none";
  return status.mode == RESLAB_MODE_RSEQ ? "rseq" : status.mode == RESLAB_MODE_FALLBACK ? "fallback" : "none";
}

// "1" or "0" of google/tcmalloc, which alone can say so; "none" of the others.
inline const char* per_cpu_caches() {
  const auto active =
      reinterpret_cast<bool (*)()>(dlsym(RTLD_DEFAULT, "MallocExtension_Internal_GetPerCpuCachesActive"));
  return active == nullptr ? "none" : active() ? "1" : "0";
}
