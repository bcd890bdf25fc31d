// SPDX-License-Identifier: Apache-2.0
// The library's own structures, each in a state that gdb is to print, with debug information whatever the build's options
// are; and handles as a program has them.
#include <cstring>

#include "arena/run_cache.h"
#include "cache/block.h"
#include "reslab/reslab.h"
#include "slab/slab.h"
#include "sync/local_lock.h"
#include "sync/tagged_stack.h"

reslab::TaggedStack empty_stack, stack;
reslab::Slab slab, run, nothing;
reslab::BlockHeader block;
reslab::RunCache runs;
reslab::SlabIdentity identity{9, 4};
reslab::LocalLock free_lock, held_lock;
reslab_cache* cache;
reslab_group* group;

extern "C" void all_is_made() { asm volatile(""); }

int main() {
  std::atomic<uint32_t> link{0};
  stack.push(7, [&](uint32_t) -> std::atomic<uint32_t>& { return link; });
  slab.state = reslab::slab_state(3, 5, reslab::kSlabListed);
  slab.free_hint = 11;
  run.state = reslab::slab_state(2, reslab::kRunClass, 0);
  run.run_units = 6;
  block.count = 63;
  block.next = 8;
  block.state_and_class = static_cast<uint16_t>(static_cast<uint32_t>(reslab::BlockState::kInDepot) << 14 | 4);
  runs.put({40, 5});
  const uint64_t holder = uint64_t{5} << 36 | 0x7ff0 >> 4;  // {owner:28, stack pointer >> 4:36}
  memcpy(static_cast<void*>(&held_lock), &holder, sizeof holder);
  const reslab_cache_args args = {
      .size = 40, .align = 0, .flags = RESLAB_CACHE_NO_MERGE, .ctor = nullptr, .group = nullptr};
  cache = reslab_cache_create("session", &args);
  group = reslab_group_create("tenant", 1 << 20);
  all_is_made();
}
