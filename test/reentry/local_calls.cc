// SPDX-License-Identifier: Apache-2.0
#include "local_calls.h"

#include <reslab/reslab.h>

#include <cstring>

#include "failure.h"
#include "heap/rcu_core.h"
#include "heap_states.h"
#include "library.h"
#include "stock.h"
#include "typed.h"

namespace reentry {
namespace {

uintptr_t free_many(uintptr_t, uintptr_t, uintptr_t) {
  stock.give(stock.count - kEbbFrees);
  return 0;
}

// --- by a new way ----------------------------------------------------------------------------------------------------

constexpr unsigned kLevels = 6;  // of calls, each from one of four places: what a stack keeps of its innermost frames

volatile unsigned came_back_to;

// What each case stores behind its call keeps the compiler from making one call of the four.
[[gnu::noinline]] uintptr_t go(Entry entry, uintptr_t bytes, unsigned way, unsigned level) {
  if (level == 0) return entry(bytes, 0, 0);
  uintptr_t result;
  switch (way % 4) {
    case 0:
      result = go(entry, bytes, way / 4, level - 1);
      came_back_to = 0;
      return result;
    case 1:
      result = go(entry, bytes, way / 4, level - 1);
      came_back_to = 1;
      return result;
    case 2:
      result = go(entry, bytes, way / 4, level - 1);
      came_back_to = 2;
      return result;
    default:
      result = go(entry, bytes, way / 4, level - 1);
      came_back_to = 3;
      return result;
  }
}

uintptr_t malloc_anew(uintptr_t bytes, uintptr_t, uintptr_t) {
  static unsigned ways;
  static const auto entry = reinterpret_cast<Entry>(Library::get().symbol("malloc"));
  return go(entry, bytes, ways++, kLevels);
}

uintptr_t malloc_in_group(uintptr_t bytes, uintptr_t, uintptr_t) {
  static const auto entry = reinterpret_cast<Entry>(Library::get().symbol("malloc"));
  reslab_group_enter(the_group);
  const uintptr_t object = entry(bytes, 0, 0);
  reslab_group_leave();
  return object;
}

// --- the reclaimer ---------------------------------------------------------------------------------------------------

const reslab::RcuCore& core() {
  using Core = decltype(reslab_rcu_core);
  static const reslab::RcuCore* const core =
      reinterpret_cast<Core*>(Library::get().symbol("reslab_rcu_core"))(reslab::kRcuCoreVersion);
  if (core == nullptr || !core->start(nullptr)) fail("the library does not offer its retired bits");
  return *core;
}

uintptr_t retire(uintptr_t object, uintptr_t, uintptr_t) {
  core().retire(reinterpret_cast<void*>(object), "retire");
  core().take_pending(reslab::Search::kAll);
  core().give_back();
  return 0;
}

}  // namespace

Entry local_call(const char* name) {
  if (strcmp(name, kFreeMany) == 0) return free_many;
  if (strcmp(name, kMallocAnew) == 0) return malloc_anew;
  if (strcmp(name, kMallocInGroup) == 0) return malloc_in_group;
  return strcmp(name, kRetire) == 0 ? retire : nullptr;
}

}  // namespace reentry
