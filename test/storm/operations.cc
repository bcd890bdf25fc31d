// SPDX-License-Identifier: Apache-2.0
#include "operations.h"

#include <errno.h>
#include <malloc.h>
#include <reslab/reslab.h>
#include <stdlib.h>

#include <algorithm>

namespace storm {

using namespace support;

namespace {

constexpr int kErrnoMark = 4711;  // no error of the system

void require_errno_mark(const char* after) {
  if (errno != kErrnoMark) fail("errno became %d in %s", errno, after);
}

// 1 byte to 300 KiB, most of them small: each step up is several times as rare as the one below it.
size_t random_bytes(Random& random) {
  static constexpr struct {
    size_t permille, smallest, largest;
  } kShare[] = {
      {700, 1, 128}, {220, 129, 1024}, {60, 1025, 8192}, {16, 8193, 64 << 10}, {4, (64 << 10) + 1, 300 << 10}};
  size_t draw = random.below(1000);
  for (const auto& share : kShare) {
    if (draw < share.permille) return share.smallest + random.below(share.largest - share.smallest + 1);
    draw -= share.permille;
  }
  return 1;
}

size_t random_alignment(Random& random) { return size_t{16} << random.below(9); }  // to 4 KiB

void require_zero(const char* bytes, size_t size, const char* call) {
  constexpr size_t kWhole = 4096;  // of larger ones, every 64th byte
  for (size_t i = 0; i < size; i += size <= kWhole ? 1 : 64) {
    if (bytes[i] != 0)
      fail("%s gave memory that is not zero: %p, byte %zu of %zu", call, static_cast<const void*>(bytes), i, size);
  }
}

Object filled(void* address, size_t bytes, Random& random) {
  if (reinterpret_cast<uintptr_t>(address) % 16 != 0) fail("%p of %zu bytes is not aligned to 16", address, bytes);
  const Object object(address, bytes, static_cast<uint8_t>(random.next() >> 56));
  object.fill();
  return object;
}

// NULL is an answer here; anything else is not: errno must be kept and RESLAB_ZERO must be.
void* allocate_nolock(size_t bytes, Random& random) {
  constexpr unsigned kFlags[] = {
      0, 0, RESLAB_GROW, RESLAB_ZERO, RESLAB_GROW | RESLAB_ZERO, RESLAB_NORETRY, RESLAB_NODE(0)};
  const unsigned flags = kFlags[random.below(std::size(kFlags))];
  const size_t alignment = random.one_in(4) ? random_alignment(random) : 0;
  errno = kErrnoMark;
  void* const address =
      alignment == 0 ? reslab_malloc_nolock(bytes, flags) : reslab_aligned_alloc_nolock(alignment, bytes, flags);
  require_errno_mark("a nolock allocation");
  if (address == nullptr) return nullptr;
  if (alignment != 0 && reinterpret_cast<uintptr_t>(address) % alignment != 0) {
    fail("reslab_aligned_alloc_nolock(%zu, %zu) gave %p", alignment, bytes, address);
  }
  if ((flags & RESLAB_ZERO) != 0) require_zero(static_cast<char*>(address), bytes, "a nolock allocation");
  return address;
}

}  // namespace

Object allocate_plain(Random& random) {
  const size_t bytes = Object::codable(random_bytes(random));
  void* address = nullptr;
  switch (random.below(8)) {
    case 0:
      address = calloc(1, bytes);
      if (address != nullptr) require_zero(static_cast<char*>(address), bytes, "calloc");
      break;
    case 1:
      address = aligned_alloc(random_alignment(random), bytes);
      break;
    case 2:
      if (posix_memalign(&address, random_alignment(random), bytes) != 0) address = nullptr;
      break;
    default:
      address = malloc(bytes);
  }
  if (address == nullptr) fail("a plain allocation of %zu bytes returned NULL", bytes);
  return filled(address, bytes, random);
}

void release(const Object& object, Random& random) {
  object.check("before a free");
  object.scrub();
  errno = kErrnoMark;
  switch (random.below(8)) {
    case 0:
    case 1:
      reslab_free_nolock(object.address());
      break;
    case 2:
      reslab_free_sized_nolock(object.address(), object.bytes());
      break;
    case 3:
      reslab_free_sized(object.address(), object.bytes());
      break;
    default:
      free(object.address());
  }
  require_errno_mark("a free");
}

void Slots::plain_step(size_t self, Random& random) {
  switch (random.below(8)) {
    case 0:
      return take_and_resize(self, random);
    case 1:
    case 2:
    case 3:
      return take_and_release(self, random);
    default:
      return leave(self, allocate_plain(random), random);
  }
}

void Slots::mixed_step(size_t self, Random& random, Tally& tally) {
  if (random.one_in(2)) return plain_step(self, random);
  const size_t bytes = Object::codable(std::min(random_bytes(random), RESLAB_NOLOCK_MAX));
  void* const address = allocate_nolock(bytes, random);
  Tally::count(tally.nolock_tried);
  if (address == nullptr) return Tally::count(tally.nolock_failed);
  leave(self, filled(address, bytes, random), random);
}

void Slots::leave(size_t self, const Object& object, Random& random) {
  // Release: whoever takes the handle must see the pattern. Acquire: so do we for what we take.
  const uint64_t previous = pick(self, random).exchange(object.handle(), std::memory_order_acq_rel);
  if (previous != 0) release(Object::from_handle(previous), random);
}

uint64_t Slots::usable_bytes() const {
  uint64_t total = 0;
  for (const auto& of_worker : slots_) {
    for (const std::atomic<uint64_t>& slot : of_worker) {
      const uint64_t handle = slot.load(std::memory_order_acquire);
      if (handle != 0) total += malloc_usable_size(Object::from_handle(handle).address());
    }
  }
  return total;
}

void Slots::release_all(Random& random) {
  for (auto& of_worker : slots_) {
    for (std::atomic<uint64_t>& slot : of_worker) {
      const uint64_t handle = slot.exchange(0, std::memory_order_acquire);
      if (handle != 0) release(Object::from_handle(handle), random);
    }
  }
}

// Half of the time a slot of the thread's own, otherwise anybody's.
std::atomic<uint64_t>& Slots::pick(size_t self, Random& random) {
  const size_t owner = random.one_in(2) ? self : random.below(kMaxWorkers);
  return slots_[owner][random.below(kSlotsEach)];
}

void Slots::take_and_release(size_t self, Random& random) {
  const uint64_t handle = pick(self, random).exchange(0, std::memory_order_acquire);
  if (handle != 0) release(Object::from_handle(handle), random);
}

void Slots::take_and_resize(size_t self, Random& random) {
  const uint64_t handle = pick(self, random).exchange(0, std::memory_order_acquire);
  if (handle == 0) return;
  const Object old = Object::from_handle(handle);
  const size_t bytes = Object::codable(random_bytes(random));
  old.check("before realloc");
  void* const address = realloc(old.address(), bytes);
  if (address == nullptr) fail("realloc from %zu to %zu bytes returned NULL", old.bytes(), bytes);
  old.check_at(static_cast<char*>(address), std::min(old.bytes(), bytes), "after realloc");
  leave(self, filled(address, bytes, random), random);
}

}  // namespace storm
