// What the tests ask of the library as a whole: where its code lies, in which mode it runs, whether its heap is sound,
// and whether every object came back.
#pragma once

#include <reslab/reslab.h>

#include <cstddef>
#include <cstdint>

namespace storm {

// Fails unless malloc is the library's and it runs in `mode`, "rseq" or "fallback".
void require_mode(const char* mode);

// Fails unless reslab_check finds nothing. No other thread may be in the allocator.
void require_sound_heap(const char* when);

// The executable part of the library, found once: dl_iterate_phdr takes a lock and is not for handlers.
//
// A handler never sees a program counter inside a restartable section: the kernel has moved it to the section's abort
// address, which lies in the library's text as well. So "inside" counts restarted sections too.
class LibraryText {
 public:
  static LibraryText find();

  bool contains(uintptr_t pc) const { return pc - begin_ < bytes_; }

 private:
  uintptr_t begin_ = 0;
  uintptr_t bytes_ = 0;
};

// The objects handed out, by class. reslab_check cannot see a lost object: it looks like one that is still in use. Two
// ledgers, before and after, can.
class Ledger {
 public:
  void take();
  void require_same_live(const Ledger& before, const char* when) const;

  const reslab_stats& stats() const { return stats_; }

 private:
  static constexpr size_t kMaxClasses = 512;

  reslab_stats stats_;
  reslab_class_stats classes_[kMaxClasses];  // in here, because a vector would be an object of the heap it describes
  size_t class_count_ = 0;
};

}  // namespace storm
