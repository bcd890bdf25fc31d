#include "first_calls.h"

#include <reslab/reslab.h>

#include "first_states.h"
#include "heap_states.h"

namespace reentry {

const std::vector<FirstCall>& first_calls() {
  using namespace state;
  constexpr auto kObject = Gives::kObject;
  constexpr size_t kRun = 300000, kLong = 1 << 20;
  static const std::vector<FirstCall> all = {
      {{"first malloc", "malloc", 64, 0, 0, kObject, 64, as_it_is, nullptr, kFaults}},
      {{"first calloc", "calloc", 1, 64, 0, kObject, 64, as_it_is, nullptr, kZeroes}},
      {{"first aligned_alloc", "aligned_alloc", 4096, 64, 0, kObject, 4096, as_it_is, nullptr, 0}},
      {{"first run", "reslab_malloc", kRun, 0, 0, kObject, kRun, as_it_is, nullptr, 0}},
      {{"first malloc_nolock with GROW", "reslab_malloc_nolock", 64, RESLAB_GROW, 0, kObject, 64, as_it_is, nullptr,
        kMayFail | kFaults}},
      {{"first malloc_nolock", "reslab_malloc_nolock", 64, 0, 0, kObject, 64, as_it_is, nullptr, kMayFail | kStrict}},
      {{"first free of nothing", "free", 0, 0, 0, Gives::kNothing, 64, as_it_is, nullptr, 0}},
      {{"first malloc on a CPU", "malloc", 64, 0, 0, kObject, 64, fresh::root_alone, nullptr, kFaults}},
      {{"first malloc_nolock on a CPU", "reslab_malloc_nolock", 64, 0, 0, kObject, 64, fresh::root_alone, nullptr,
        kMayFail | kStrict}},
      {{"first malloc_nolock with GROW on a CPU", "reslab_malloc_nolock", 64, RESLAB_GROW, 0, kObject, 64,
        fresh::root_alone, nullptr, kMayFail | kFaults}},
      {{"first call of a thread, from the depot", "malloc", 64, 0, 0, kObject, 64, fresh::depot_filled_by_another,
        "depot_take", 0}},
      {{"first call without rseq on this thread", "malloc", 64, 0, 0, kObject, 64, fresh::unregistered, nullptr, 0},
       Place::kInRseqMode},
      {{"first call, an id out of range", "malloc", 64, 0, 0, kObject, 64, fresh::id_out_of_range, nullptr, 0},
       Place::kInRseqMode},
      {{"first call on a kernel without mm_cid", "malloc", 64, 0, 0, kObject, 64, fresh::without_mm_cid, nullptr, 0},
       Place::kInRseqMode},
      {{"first run of a forked child", "malloc", kRun, 0, 0, kObject, kRun, as_it_is, nullptr, 0}, Place::kChildOfUser},
      {{"blocks run short", "malloc", 64, 0, 0, kObject, 64, fresh::blocks_run_short, "block_make", kFaults}},
      {{"nolock, blocks run short", "reslab_malloc_nolock", 64, 0, 0, kObject, 64, fresh::blocks_run_short,
        "block_make", kMayFail | kStrict}},
      {{"a run from the tail that was given back", "malloc", kLong, 0, 0, kObject, kLong, fresh::tail_given_back,
        "revive_tail", kFaults}},
      {{"trim of a small heap behind jumps", "reslab_trim", 0, 0, 0, Gives::kCount, 64, fresh::small_and_lost, nullptr,
        0}},
  };
  return all;
}

}  // namespace reentry
