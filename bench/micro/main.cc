// One binary for every allocator: it calls malloc and free by their names, and LD_PRELOAD decides
// whose they are. The report names the object that really answered, because a preload that failed
// is only a warning on stderr and would be measured as the system's malloc.
#include <benchmark/benchmark.h>
#include <dlfcn.h>

#include <cstdio>

int main(int argc, char** argv) {
  // Looked up by name: the address of malloc as the compiler knows it may be a stub of this program.
  Dl_info owner;
  if (dladdr(dlsym(RTLD_DEFAULT, "malloc"), &owner) == 0 || owner.dli_fname == nullptr) {
    fputs("micro: cannot tell which object malloc comes from\n", stderr);
    return 1;
  }
  benchmark::AddCustomContext("malloc", owner.dli_fname);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
