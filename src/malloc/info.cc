// SPDX-License-Identifier: Apache-2.0
// The faces of glibc's malloc that look at the heap: mallinfo, malloc_stats, malloc_info, mallopt, malloc_trim. All may
// be called in a handler; malloc_trim then does nothing and says so (0).

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>

#include "api/sight.h"
#include "base/text.h"
#include "heap/census.h"
#include "heap/root.h"
#include "reslab/reslab.h"

#define RESLAB_EXPORT extern "C" __attribute__((visibility("default")))

using namespace reslab;

namespace {

reslab_stats stats_now() {
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  return stats;
}

}  // namespace

#ifdef __GLIBC__  // other libcs have no such structures

namespace {
int saturated(uint64_t n) { return n < INT32_MAX ? static_cast<int>(n) : INT32_MAX; }
}  // namespace

// As mallinfo(3) divides it: what glibc would have mapped by itself are the large blocks (hblks, hblkhd); the rest of
// what is committed is the arena, of which uordblks is handed out and fordblks is not, in ordblks free objects.
// keepcost is what malloc_trim finds without searching: free units that are still in memory.
RESLAB_EXPORT struct mallinfo2 mallinfo2() noexcept {
  struct mallinfo2 info = {};
  if (!ensure_root(Contract::kAny)) return info;
  const RunCensus runs = take_run_census();
  uint64_t live = 0, free_objects = 0;
  for (const ClassId cls : all_classes()) {
    const ClassCensus census = take_census(cls);
    live += census.live() * class_info(cls).object_bytes;
    free_objects += census.capacity - census.live();
  }
  const uint64_t committed = arena().committed_bytes();
  info.arena = committed > runs.bytes ? committed - runs.bytes : 0;
  info.uordblks = live;
  info.fordblks = info.arena > live ? info.arena - live : 0;
  info.ordblks = free_objects;
  info.hblks = runs.runs;
  info.hblkhd = runs.bytes;
  const int64_t dirty = arena().dirty_units();
  info.keepcost = dirty > 0 ? static_cast<uint64_t>(dirty) << kUnitShift : 0;
  return info;
}

RESLAB_EXPORT struct mallinfo mallinfo() noexcept {
  const struct mallinfo2 wide = mallinfo2();
  struct mallinfo info = {};
  info.arena = saturated(wide.arena);
  info.ordblks = saturated(wide.ordblks);
  info.hblks = saturated(wide.hblks);
  info.hblkhd = saturated(wide.hblkhd);
  info.uordblks = saturated(wide.uordblks);
  info.fordblks = saturated(wide.fordblks);
  info.keepcost = saturated(wide.keepcost);
  return info;
}

#endif

RESLAB_EXPORT void malloc_stats() noexcept { write_stats(STDERR_FILENO, "reslab: "); }

// One <class> element for each size class in use; attributes are the fields of reslab_class_stats.
RESLAB_EXPORT int malloc_info(int options, FILE* stream) noexcept {
  if (options != 0) return EINVAL;
  fprintf(stream, "<malloc version=\"reslab-%s\">\n", reslab_version());
  reslab_class_stats classes[kMallocClasses] = {};  // without a heap nothing is stored there
  const auto all = static_cast<uint32_t>(reslab_get_class_stats(classes, kMallocClasses, sizeof classes[0]));
  const uint32_t count = all < kMallocClasses ? all : kMallocClasses;  // those made at run time are not malloc's
  for (uint32_t i = 0; i < count; ++i) {
    const reslab_class_stats& c = classes[i];
    if (c.capacity == 0) continue;
    fprintf(stream,
            "<class name=\"%s\" bytes=\"%lu\" capacity=\"%lu\" live=\"%lu\" magazines=\"%lu\" depot=\"%lu\" "
            "deferred=\"%lu\" in_hand=\"%lu\" free=\"%lu\" slabs=\"%lu\"/>\n",
            c.name, c.object_bytes, c.capacity, c.live, c.in_magazines, c.in_depot, c.deferred, c.in_hand,
            c.free_in_slabs, c.slabs_active + c.slabs_partial + c.slabs_full + c.slabs_empty);
  }
  const reslab_stats stats = stats_now();
  fprintf(stream,
          "<system type=\"current\" size=\"%lu\"/>\n<system type=\"reserved\" size=\"%lu\"/>\n"
          "<system type=\"metadata\" size=\"%lu\"/>\n<total type=\"live\" size=\"%lu\"/>\n</malloc>\n",
          stats.bytes_committed, stats.bytes_reserved, stats.bytes_metadata, stats.bytes_live);
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
