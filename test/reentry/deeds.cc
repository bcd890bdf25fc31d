// SPDX-License-Identifier: Apache-2.0
#include "deeds.h"

#include <reslab/reslab.h>
#include <sys/resource.h>

#include <utility>

#include "cpu_slot.h"
#include "failure.h"
#include "heap_states.h"
#include "stock.h"
#include "typed.h"

namespace reentry::deed {

void another_trims(size_t) {
  on_other_thread([] { reslab_trim(0); });
}

void another_trims_and_refills(size_t bytes) {
  static size_t object_bytes;
  object_bytes = bytes;
  on_other_thread([] {
    reslab_trim(0);
    stock.take(object_bytes, 1);
  });
}

void handler_refills(size_t bytes) { stock.take(bytes, 1); }

// The lock is the interrupted call's, so nothing else is left to it.
void handler_takes_one_bit(size_t bytes) {
  void* object = reslab_malloc_nolock(bytes, RESLAB_NORETRY);
  if (object == nullptr) fail("no bit to be had");
  stock.objects[stock.count++] = object;
}

void handler_charges(size_t bytes) { reslab_free(charge(the_group, bytes)); }

void handler_takes_all_units(size_t) { hoard_units(); }

void handler_frees_last(size_t) { reslab_free(std::exchange(the_last, nullptr)); }

void handler_limits_space(size_t) {
  const struct rlimit limit = {rlim_t{1} << 42, RLIM_INFINITY};
  if (setrlimit(RLIMIT_AS, &limit) != 0) fail("the address space cannot be limited");
}

void handler_grows(size_t bytes) { hoard(allocate(bytes)); }

void handler_turns_quarantine_over(size_t bytes) { state::quarantine_full(bytes); }

void handler_forks(size_t) { go_on_in_child(); }

void handler_ends_repair(size_t) { reslab_trim(0); }

}  // namespace reentry::deed
