// SPDX-License-Identifier: Apache-2.0
#include "platform/vm.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include <cerrno>

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

bool vm_retire(void* start, size_t bytes) {
  return !is_error(map(start, bytes, PROT_READ, kPrivate | MAP_NORESERVE | MAP_FIXED));
}

bool vm_renew(void* start, size_t bytes) {
  return !is_error(map(start, bytes, PROT_READ | PROT_WRITE, kPrivate | MAP_FIXED));
}

bool vm_move_pages(void* from, void* to, size_t bytes) {
  const long result =
      sys_call(SYS_mremap, reinterpret_cast<long>(from), static_cast<long>(bytes), static_cast<long>(bytes),
               MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, reinterpret_cast<long>(to));
  return !is_error(result);
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
  return {limit.soft, known ? pages * kPageBytes : limit.soft / 4};
}

size_t vm_physical_bytes() {
  struct sysinfo info = {};
  if (sys_call(SYS_sysinfo, reinterpret_cast<long>(&info)) != 0) return size_t{16} << 30;
  return static_cast<size_t>(info.totalram) * info.mem_unit;
}

}  // namespace reslab
