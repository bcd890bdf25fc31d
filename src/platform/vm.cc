// SPDX-License-Identifier: Apache-2.0
#include "platform/vm.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include <cerrno>

#include "platform/page_size.h"
#include "platform/small_file.h"
#include "platform/syscall.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

namespace reslab {
namespace {

constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;

bool is_error(long result) { return result < 0 && result > -4096; }

long map(const void* place, size_t bytes, int protection, int flags) {
  return sys_call(SYS_mmap, reinterpret_cast<long>(place), static_cast<long>(bytes), protection, flags, -1, 0);
}

bool protect(void* start, size_t bytes, int protection) {
  return sys_call(SYS_mprotect, reinterpret_cast<long>(start), static_cast<long>(bytes), protection) == 0;
}

long move(void* from, void* to, size_t bytes, int flags) {
  return sys_call(SYS_mremap, reinterpret_cast<long>(from), static_cast<long>(bytes), static_cast<long>(bytes), flags,
                  reinterpret_cast<long>(to));
}

// Fresh memory in an empty place. False: something is there, or there is no memory, and nothing has changed.
bool fill_hole(void* start, size_t bytes) {
  if (vm_reserve_at(start, bytes) != Place::kOurs) return false;
  if (vm_make_writable(start, bytes)) return true;
  vm_release(start, bytes);
  return false;
}

}  // namespace

void* vm_reserve(size_t bytes, uintptr_t hint) {
  const long result = map(reinterpret_cast<void*>(hint), bytes, PROT_NONE, kPrivate | MAP_NORESERVE);
  return is_error(result) ? nullptr : reinterpret_cast<void*>(result);
}

Place vm_reserve_at(void* place, size_t bytes) {
  const long result = map(place, bytes, PROT_NONE, kPrivate | MAP_NORESERVE | MAP_FIXED_NOREPLACE);
  if (result == -EEXIST) return Place::kTaken;
  if (is_error(result)) return Place::kNoSpace;
  if (reinterpret_cast<void*>(result) == place) return Place::kOurs;
  vm_release(reinterpret_cast<void*>(result), bytes);  // a kernel before 4.17 takes the place for a hint
  return Place::kTaken;
}

void* vm_map(size_t bytes) {
  const long result = map(nullptr, bytes, PROT_READ | PROT_WRITE, kPrivate);
  return is_error(result) ? nullptr : reinterpret_cast<void*>(result);
}

bool vm_make_writable(void* start, size_t bytes) { return protect(start, bytes, PROT_READ | PROT_WRITE); }

bool vm_make_readable(void* start, size_t bytes) { return protect(start, bytes, PROT_READ); }

bool vm_make_unreadable(void* start, size_t bytes) { return protect(start, bytes, PROT_NONE); }

void* vm_map_sparse(size_t bytes) {
  const long result = map(nullptr, bytes, PROT_READ | PROT_WRITE, kPrivate | MAP_NORESERVE);
  return is_error(result) ? nullptr : reinterpret_cast<void*>(result);
}

bool vm_discard(void* start, size_t bytes) {
  return sys_call(SYS_madvise, reinterpret_cast<long>(start), static_cast<long>(bytes), MADV_DONTNEED) == 0;
}

void vm_advise(void* start, size_t bytes, HugePages pages) {
  const long advice = pages == HugePages::kAsked ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
  sys_call(SYS_madvise, reinterpret_cast<long>(start), static_cast<long>(bytes), advice);
}

bool vm_retire(void* start, size_t bytes) {
  return !is_error(map(start, bytes, PROT_READ, kPrivate | MAP_NORESERVE | MAP_FIXED));
}

// To a place that the kernel chooses first: that takes one mapping whole or fails with everything as it was, where a move by
// MREMAP_FIXED may have unmapped `to` by then (and since Linux 6.17 moves several mappings one by one, and may end in the
// middle). What arrives there is one mapping, ours alone, and goes on to `to` in one call: to whoever reads there, as a late
// DeferredList::pop may, the place is never empty. For that call to fail the kernel has to be out of memory for itself, or of
// mappings. Whether it has come as far as to unmap `to` it does not say, and what is mapped there afterwards may be ours
// still, or another thread's, which took the hole for a free place: so it is not touched, unless it is found empty.
Moved vm_move_pages(void* from, void* to, size_t bytes) {
  const long place = move(from, nullptr, bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
  if (is_error(place)) return Moved::kNot;
  auto* aside = reinterpret_cast<char*>(place);
  if (!is_error(move(aside, to, bytes, MREMAP_MAYMOVE | MREMAP_FIXED))) return Moved::kDone;
  __builtin_memcpy(from, aside, bytes);
  vm_release(aside, bytes);
  return fill_hole(to, bytes) ? Moved::kNot : Moved::kLost;
}

void vm_release(void* start, size_t bytes) {
  sys_call(SYS_munmap, reinterpret_cast<long>(start), static_cast<long>(bytes));
}

bool vm_wipe_on_fork(void* start, size_t bytes) {
  return sys_call(SYS_madvise, reinterpret_cast<long>(start), static_cast<long>(bytes), MADV_WIPEONFORK) == 0;
}

AddressSpace vm_address_space() {
  struct {
    uint64_t soft, hard;
  } limit = {UINT64_MAX, UINT64_MAX};
  sys_call(SYS_prlimit64, 0, RLIMIT_AS, 0, reinterpret_cast<long>(&limit));
  if (limit.soft == UINT64_MAX) return {SIZE_MAX, 0};
  size_t pages = 0;
  const bool known = read_numbers("/proc/self/statm", &pages, 1) == 1;
  return {limit.soft, known ? pages * kernel_page_bytes() : limit.soft / 4};
}

size_t vm_physical_bytes() {
  struct sysinfo info = {};
  if (sys_call(SYS_sysinfo, reinterpret_cast<long>(&info)) != 0) return size_t{16} << 30;
  return static_cast<size_t>(info.totalram) * info.mem_unit;
}

}  // namespace reslab
