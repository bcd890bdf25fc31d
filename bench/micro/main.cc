// SPDX-License-Identifier: Apache-2.0
// One binary for every allocator: it calls malloc and free by their names, and LD_PRELOAD decides whose they are. The
// report names the object that really answered, because a preload that failed is only a warning on stderr and would be
// measured as the system's malloc; and reslab's mode, because on some systems only one of the two is to be had.
#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <reslab/reslab.h>

#include <cstdio>

namespace {

// Looked up by name: the address of malloc as the compiler knows it may be a stub of this program.
const char* owner_of_malloc() {
  Dl_info owner;
  return dladdr(dlsym(RTLD_DEFAULT, "malloc"), &owner) == 0 ? nullptr : owner.dli_fname;
}

// "none" under any other allocator.
const char* reslab_mode() {
  const auto get_status = reinterpret_cast<decltype(&reslab_get_status)>(dlsym(RTLD_DEFAULT, "reslab_get_status"));
  reslab_status status = {};
  if (get_status == nullptr || get_status(&status, sizeof status) != 0) return "none";
  switch (status.mode) {
    case RESLAB_MODE_RSEQ:
      return "rseq";
    case RESLAB_MODE_FALLBACK:
      return "fallback";
    default:
      return "none";
  }
}

// "1" or "0" of google/tcmalloc, which alone can say so; "none" of the others.
const char* per_cpu_caches() {
  const auto active =
      reinterpret_cast<bool (*)()>(dlsym(RTLD_DEFAULT, "MallocExtension_Internal_GetPerCpuCachesActive"));
  return active == nullptr ? "none" : active() ? "1" : "0";
}

}  // namespace

int main(int argc, char** argv) {
  const char* const owner = owner_of_malloc();
  if (owner == nullptr) {
    fputs("micro: cannot tell which object malloc comes from\n", stderr);
    return 1;
  }
  benchmark::AddCustomContext("malloc", owner);
  benchmark::AddCustomContext("reslab_mode", reslab_mode());
  benchmark::AddCustomContext("per_cpu", per_cpu_caches());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
