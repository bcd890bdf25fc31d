#include "first_calls.h"

#include <reslab/reslab.h>

#include "deeds.h"
#include "first_states.h"
#include "heap_states.h"

namespace reentry {

const std::vector<FirstCall>& first_calls() {
  using namespace state;
  constexpr auto kObject = Gives::kObject;
  constexpr size_t kRun = 300000, kLong = 1 << 20, kBeyondChunk = 80 << 20;
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
      {{"first malloc, objects are retired", "malloc", 64, 0, 0, kObject, 64, fresh::retiring, nullptr, 0}},
      {{"first run, objects are retired", "malloc", kRun, 0, 0, kObject, kRun, fresh::retiring, nullptr, 0}},
      {{"first large object, objects are retired", "malloc", 4096, 0, 0, kObject, 4096, fresh::retiring, nullptr, 0}},
      {{"first call of a thread, a free", "free", kTheSubject, 0, 0, Gives::kNothing, 64, fresh::run_of_another,
        nullptr, kOwnSubject}},
      {{"first call of a thread, a realloc", "realloc", kTheSubject, kLong, 0, kObject, 64, fresh::run_of_another,
        nullptr, kOwnSubject}},
      {{"free of a run below the search", "free", kTheSubject, 0, 0, Gives::kNothing, 64, fresh::searched_far_up,
        nullptr, kOwnSubject}},
      {{"first run beyond a chunk of descriptors", "malloc", kBeyondChunk, 0, 0, kObject, 64, as_it_is, nullptr,
        kHoards}},
      {{"malloc of nothing, a repair was left", "malloc", 0, 0, 0, kObject, 96, fresh::repair_left, nullptr, 0},
       Place::kChildOfUser},
      {{"malloc of too much, a repair was left", "malloc", uintptr_t{1} << 46, 0, 0, kObject, 96, fresh::repair_left,
        nullptr, kMayFail | kMustFail},
       Place::kChildOfUser},
      {{"nothing aligned to units, a repair was left", "aligned_alloc", size_t{128} << 10, 0, 0, kObject, 96,
        fresh::repair_left, nullptr, 0},
       Place::kChildOfUser},
      {{"malloc, a repair was left, objects are retired", "malloc", 96, 0, 0, kObject, 96,
        fresh::repair_left_while_retiring, nullptr, 0},
       Place::kChildOfUser},
      {{"free, forked while a repair is left", "free", kTheSubject, 0, 0, Gives::kNothing, 96, fresh::repair_left,
        nullptr, kOwnSubject, "aside_freed", deed::handler_forks},
       Place::kChildOfUser},
      {{"malloc, a repair was left", "malloc", 96, 0, 0, kObject, 96, fresh::repair_left, nullptr, 0},
       Place::kChildOfUser},
      {{"calloc, a repair was left", "calloc", 1, kRun, 0, kObject, kRun, fresh::repair_left, nullptr, kZeroes},
       Place::kChildOfUser},
      {{"aligned_alloc, a repair was left", "aligned_alloc", size_t{256} << 10, kRun, 0, kObject, kRun,
        fresh::repair_left, nullptr, 0},
       Place::kChildOfUser},
      {{"malloc_nolock, a repair was left", "reslab_malloc_nolock", 96, 0, 0, kObject, 96, fresh::repair_left, nullptr,
        kMayFail | kStrict},
       Place::kChildOfUser},
      {{"realloc, a repair was left", "realloc", kTheSubject, kLong, 0, kObject, 96, fresh::repair_left, nullptr,
        kOwnSubject},
       Place::kChildOfUser},
      {{"free, a repair was left", "free", kTheSubject, 0, 0, Gives::kNothing, 96, fresh::repair_left, nullptr,
        kOwnSubject},
       Place::kChildOfUser},
      {{"free_nolock, a repair was left", "reslab_free_nolock", kTheSubject, 0, 0, Gives::kNothing, kRun,
        fresh::repair_left, nullptr, kOwnSubject | kStrict},
       Place::kChildOfUser},
      {{"free, a repair ends meanwhile", "free", kTheSubject, 0, 0, Gives::kNothing, 96, fresh::repair_left, nullptr,
        kOwnSubject, "aside_freed", deed::handler_ends_repair},
       Place::kChildOfUser},
      {{"free_nolock, a repair ends meanwhile", "reslab_free_nolock", kTheSubject, 0, 0, Gives::kNothing, kRun,
        fresh::repair_left, nullptr, kOwnSubject, "aside_freed", deed::handler_ends_repair},
       Place::kChildOfUser},
      {{"blocks run short", "malloc", 64, 0, 0, kObject, 64, fresh::blocks_run_short, "block_make", kFaults}},
      {{"nolock, blocks run short", "reslab_malloc_nolock", 64, 0, 0, kObject, 64, fresh::blocks_run_short,
        "block_make", kMayFail | kStrict}},
      {{"a run from the tail that was given back", "malloc", kLong, 0, 0, kObject, kLong, fresh::tail_given_back,
        "revive_tail", kFaults | kRare}},
      {{"trim of a small heap behind jumps", "reslab_trim", 0, 0, 0, Gives::kCount, 64, fresh::small_and_lost, nullptr,
        kRare}},
  };
  return all;
}

}  // namespace reentry
