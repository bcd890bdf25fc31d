// SPDX-License-Identifier: Apache-2.0
#include "paged_kernel.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "../failures/injector.h"
#include "failure.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

namespace surroundings {
namespace {

using failures::perform_as_asked;
using support::expect;

uint32_t (*counts)[kPlayedCalls];

long whole_pages(long bytes) {
  constexpr long kPage = kPlayedPage;
  return (bytes + kPage - 1) / kPage * kPage;
}

bool begins_page(long place) { return static_cast<size_t>(place) % kPlayedPage == 0; }

void require_start(const char* call, long place, long bytes) {
  expect(begins_page(place), "%s of %ld bytes begins at %#lx, inside a page", call, bytes, place);
}

// Mappings that end inside a page; 0: no such place.
struct Mapping {
  long start, bytes;
};
Mapping with_part_pages[64];

Mapping* find(long start, long bytes) {
  for (Mapping& one : with_part_pages) {
    if (one.start == start && one.bytes == bytes) return &one;
  }
  return nullptr;
}

void require_range(const char* call, long start, long bytes) {
  require_start(call, start, bytes);
  expect(whole_pages(bytes) == bytes || find(start, bytes) != nullptr,
         "%s of %ld bytes at %#lx reaches into a page behind them", call, bytes, start);
}

long mapped(long start, long bytes) {
  if (whole_pages(bytes) == bytes) return start;
  Mapping* place = find(0, 0);
  expect(place != nullptr, "more mappings end inside a page than there is room for");
  *place = {start, bytes};
  return start;
}

void unmap(long start, long bytes) { perform_as_asked(SYS_munmap, {start, bytes, 0, 0, 0, 0}); }

bool failed(long result) { return result < 0 && result > -4096; }

// Where the kernel has chosen a place that one with larger pages would not: a longer one, cut at both ends.
long mmap_anywhere(const long (&wanted)[6]) {
  const auto& [hint, bytes, protection, flags, file, offset] = wanted;
  const long whole = whole_pages(bytes);
  const long found = perform_as_asked(SYS_mmap, {hint, whole, protection, flags, file, offset});
  if (failed(found) || begins_page(found)) return found;
  unmap(found, whole);
  constexpr long kPage = kPlayedPage;
  const long wide = perform_as_asked(SYS_mmap, {0, whole + kPage, protection, flags, file, offset});
  if (failed(wide)) return wide;
  const long start = whole_pages(wide);
  if (start != wide) unmap(wide, start - wide);
  if (start != wide + kPage) unmap(start + whole, wide + kPage - start);
  return start;
}

long play_mmap(const long (&wanted)[6]) {
  const auto& [place, bytes, protection, flags, file, offset] = wanted;
  if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) == 0) {
    const long start = mmap_anywhere(wanted);
    return failed(start) ? start : mapped(start, bytes);
  }
  require_range("mmap", place, bytes);
  return perform_as_asked(SYS_mmap, wanted);
}

long play_munmap(const long (&wanted)[6]) {
  require_range("munmap", wanted[0], wanted[1]);
  if (Mapping* one = find(wanted[0], wanted[1])) *one = {};
  return perform_as_asked(SYS_munmap, {wanted[0], whole_pages(wanted[1]), 0, 0, 0, 0});
}

long play_on_range(const char* call, unsigned number, const long (&wanted)[6]) {
  require_range(call, wanted[0], wanted[1]);
  return perform_as_asked(number, {wanted[0], whole_pages(wanted[1]), wanted[2], 0, 0, 0});
}

long move_anywhere(const long (&wanted)[6]) {
  const auto& [start, old_bytes, new_bytes, flags, hint, unused] = wanted;
  const long place = mmap_anywhere({0, new_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0});
  if (failed(place)) return place;
  const long moved = perform_as_asked(SYS_mremap, {start, old_bytes, new_bytes, flags | MREMAP_FIXED, place, 0});
  if (failed(moved)) unmap(place, whole_pages(new_bytes));
  return moved;
}

long play_mremap(const long (&wanted)[6]) {
  const auto& [start, old_bytes, new_bytes, flags, place, unused] = wanted;
  require_range("mremap", start, old_bytes);
  if ((flags & MREMAP_FIXED) == 0) return move_anywhere(wanted);
  require_range("mremap to a new place", place, new_bytes);
  return perform_as_asked(SYS_mremap, wanted);
}

long count(PlayedCall call, long result) {
  __atomic_fetch_add(&(*counts)[call], 1, __ATOMIC_RELAXED);
  return result;
}

long on_large_pages(unsigned number, const long (&wanted)[6]) {
  switch (number) {
    case SYS_mmap:
      return count(kMmap, play_mmap(wanted));
    case SYS_munmap:
      return count(kMunmap, play_munmap(wanted));
    case SYS_mprotect:
      return count(kMprotect, play_on_range("mprotect", number, wanted));
    case SYS_madvise:
      return count(kMadvise, play_on_range("madvise", number, wanted));
    case SYS_mremap:
      return count(kMremap, play_mremap(wanted));
    default:
      return perform_as_asked(number, wanted);
  }
}

}  // namespace

void play_large_pages(uint32_t (*shared_counts)[kPlayedCalls]) {
  counts = shared_counts;
  failures::perform_by(on_large_pages);
}

}  // namespace surroundings
