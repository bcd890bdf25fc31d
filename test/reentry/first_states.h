// States of a process that has hardly used the library, or never.
#pragma once

#include <cstddef>

namespace reentry::fresh {

void root_alone(size_t);  // and every slot as it is: a run comes from the arena

// The system is not what the library would like; the first call comes next.
void unregistered(size_t);     // no rseq on this thread
void id_out_of_range(size_t);  // the kernel's id is beyond what CPUs there can be
void without_mm_cid(size_t);   // as before Linux 6.3

// The walked call is this thread's first.
void depot_filled_by_another(size_t bytes);

void blocks_run_short(size_t);
// With strict overcommit, a trim gives the units at the end of the arena back to the system.
void tail_given_back(size_t bytes);
// Slabs that no list, and one that no active slot knows of.
void small_and_lost(size_t bytes);

}  // namespace reentry::fresh
