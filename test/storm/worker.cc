// SPDX-License-Identifier: Apache-2.0
#include "worker.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>

namespace storm {

using namespace support;

namespace {

constexpr size_t kAlternateStackBytes = 512 << 10;  // nested handlers, each with all vector registers
alignas(16) char alternate_stacks[kMaxWorkers][kAlternateStackBytes];

// Before there is a thread: a static of a function has a guard, which a child would wait for if a thread that it does not
// have was making it.
cpu_set_t allowed_cpus = [] {
  cpu_set_t set;
  sched_getaffinity(0, sizeof set, &set);
  return set;
}();

}  // namespace

void restrict_to_two_cpus() {
  cpu_set_t two;
  CPU_ZERO(&two);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&two) < 2; cpu++) {
    if (CPU_ISSET(cpu, &allowed_cpus)) CPU_SET(cpu, &two);
  }
  if (sched_setaffinity(0, sizeof two, &two) != 0) fail("sched_setaffinity: %s", strerrordesc_np(errno));
  allowed_cpus = two;
}

void Worker::start(size_t worker_index, uint64_t seed) {
  index = worker_index;
  random_ = Random(seed * 1000 + worker_index);
  handler_random = Random(seed * 1000 + 500 + worker_index);
}

void Worker::use_alternate_stack_if_odd() {
  if (index % 2 == 0) return;
  const stack_t stack = {.ss_sp = alternate_stacks[index], .ss_flags = 0, .ss_size = kAlternateStackBytes};
  if (sigaltstack(&stack, nullptr) != 0) fail("sigaltstack: %s", strerrordesc_np(errno));
}

void Worker::one_round(Slots& slots, Tally& tally) {
  switch (random_.below(8)) {
    case 0:
    case 1:
      exchange_some(slots);
      break;
    case 2:
    case 3:
      burst(slots);
      break;
    default:
      small_batches();
  }
  if (random_.one_in(32)) wander();
  Tally::count(tally.rounds);
}

void Worker::exchange_some(Slots& slots) {
  for (size_t i = 0; i < 128; i++) slots.plain_step(index, random_);
}

// Batches of one size, stamped with their address only: nearly all of the time is the allocator's.
void Worker::small_batches() {
  constexpr size_t kRounds = 500, kDeepestBatch = 48;
  const size_t bytes = 8 + random_.below(random_.one_in(4) ? 2048 : 256);
  const size_t count = 1 + random_.below(kDeepestBatch);
  void* objects[kDeepestBatch];
  for (size_t round = 0; round < kRounds; round++) {
    for (size_t i = 0; i < count; i++) {
      objects[i] = malloc(bytes);
      if (objects[i] == nullptr) fail("malloc(%zu) returned NULL", bytes);
      *static_cast<void**>(objects[i]) = objects[i];
    }
    for (size_t i = 0; i < count; i++) {
      void* const object = objects[round % 2 == 0 ? i : count - 1 - i];
      if (*static_cast<void**>(object) != object) fail("stamp of %p, %zu bytes, is broken", object, bytes);
      *static_cast<void**>(object) = nullptr;
      free(object);
    }
  }
}

// Hundreds to thousands of objects at once, of one size or of all; freed in another order, some by other threads.
void Worker::burst(Slots& slots) {
  constexpr size_t kMostBytes = 1 << 20;
  const size_t wanted = size_t{64} << random_.below(8);  // to kDeepest
  const bool one_size = random_.one_in(2);
  const size_t bytes = Object::codable(1 + random_.below(2048));
  size_t count = 0;
  for (size_t total = 0; count < wanted && total < kMostBytes; count++) {
    Object object = one_size ? Object(malloc(bytes), bytes, static_cast<uint8_t>(count)) : allocate_plain(random_);
    if (object.address() == nullptr) fail("malloc(%zu) returned NULL", bytes);
    if (one_size) object.fill();
    total += object.bytes();
    burst_[count] = object.handle();
  }
  switch (random_.below(3)) {
    case 0:
      std::reverse(burst_, burst_ + count);
      break;
    case 1:
      shuffle(count);
      break;
    default:
      break;  // in the order of allocation
  }
  const size_t left_to_others = random_.below(count / 4 + 1);
  for (size_t i = 0; i < count; i++) {
    const Object object = Object::from_handle(burst_[i]);
    if (i < left_to_others) {
      slots.leave(index, object, random_);
    } else {
      release(object, random_);
    }
  }
}

void Worker::shuffle(size_t count) {
  for (size_t i = count; i > 1; i--) std::swap(burst_[i - 1], burst_[random_.below(i)]);
}

// To one CPU of those the process has, or to all: the scheduler alone would hardly ever move a busy thread.
void Worker::wander() {
  if (random_.one_in(2)) {
    sched_setaffinity(0, sizeof allowed_cpus, &allowed_cpus);
    return;
  }
  size_t nth = random_.below(static_cast<size_t>(CPU_COUNT(&allowed_cpus)));
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed_cpus) || nth-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

}  // namespace storm
