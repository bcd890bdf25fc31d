// The faces of glibc's malloc that look at the heap: mallinfo, malloc_stats, malloc_info, mallopt, malloc_trim. All may be
// called in a handler; malloc_trim then does nothing and says so (0).

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>

#include "api/sight.h"
#include "base/text.h"
#include "heap/census.h"
#include "heap/root.h"
#include "malloc/entry.h"
#include "reslab/reslab.h"

#define RESLAB_EXPORT extern "C" __attribute__((visibility("default")))

using namespace reslab;

namespace {

reslab_stats stats_now() {
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  return stats;
}

int saturated(uint64_t n) { return n < INT32_MAX ? static_cast<int>(n) : INT32_MAX; }

}  // namespace

// What corresponds: arena = committed, uordblks = live, fordblks = committed but not live, hblks and hblkhd = large blocks.
RESLAB_EXPORT struct mallinfo2 mallinfo2() noexcept {
  const reslab_stats stats = stats_now();
  struct mallinfo2 info = {};
  info.arena = stats.bytes_committed;
  info.uordblks = stats.bytes_live;
  info.fordblks = stats.bytes_committed > stats.bytes_live ? stats.bytes_committed - stats.bytes_live : 0;
  const RunCensus runs = ensure_root(Contract::kAny) ? take_run_census() : RunCensus{0, 0};
  info.hblks = runs.runs;
  info.hblkhd = runs.bytes;
  return info;
}

RESLAB_EXPORT struct mallinfo mallinfo() noexcept {
  const struct mallinfo2 wide = mallinfo2();
  struct mallinfo info = {};
  info.arena = saturated(wide.arena);
  info.hblks = saturated(wide.hblks);
  info.hblkhd = saturated(wide.hblkhd);
  info.uordblks = saturated(wide.uordblks);
  info.fordblks = saturated(wide.fordblks);
  return info;
}

RESLAB_EXPORT void malloc_stats() noexcept { write_stats(STDERR_FILENO, "reslab: "); }

// One <class> element for each size class in use; attributes are the fields of reslab_class_stats.
RESLAB_EXPORT int malloc_info(int options, FILE* stream) noexcept {
  if (options != 0) return EINVAL;
  const reslab_stats stats = stats_now();
  fprintf(stream, "<malloc version=\"reslab-%s\">\n", reslab_version());
  reslab_class_stats classes[kMallocClasses];
  const int count = reslab_get_class_stats(classes, kMallocClasses, sizeof classes[0]);
  for (int i = 0; i < count; ++i) {
    const reslab_class_stats& one = classes[i];
    if (one.capacity == 0) continue;
    fprintf(stream,
            "<class name=\"%s\" bytes=\"%zu\" capacity=\"%zu\" live=\"%zu\" magazines=\"%zu\" depot=\"%zu\"/>\n",
            one.name, static_cast<size_t>(one.object_bytes), static_cast<size_t>(one.capacity),
            static_cast<size_t>(one.live), static_cast<size_t>(one.in_magazines), static_cast<size_t>(one.in_depot));
  }
  fprintf(stream, "<system type=\"current\" size=\"%zu\"/>\n<total type=\"live\" size=\"%zu\"/>\n</malloc>\n",
          static_cast<size_t>(stats.bytes_committed), static_cast<size_t>(stats.bytes_live));
  return 0;
}

// glibc's parameters name mechanisms that do not exist here; accepted as glibc accepts what changes nothing.
RESLAB_EXPORT int mallopt(int, int) noexcept { return 1; }

RESLAB_EXPORT int malloc_trim(size_t pad) noexcept {
  const int saved = errno;
  const size_t given_back = reslab_trim(pad);
  errno = saved;
  return given_back > 0 ? 1 : 0;
}
