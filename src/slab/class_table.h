// SPDX-License-Identifier: Apache-2.0
// Classes made at run time: of typed caches, and the charged twins of malloc's classes (34). Ids follow kChargedClass; an
// id, once given out, keeps its room for magazines for ever, and serves another class when its own has gone.
//
//                make   retire   look up   handler on the same thread   child after fork
//   make         yes    yes      yes       yes                          an id in the making is lost
//   retire       yes    - (1)    yes       yes
//   (1) of one class: its one owner, who knows that it has no slab and nothing cached
//
// Room for magazines is the part of each region behind those of malloc's classes: the same words in every slot's region,
// which is touched when a CPU first uses them. A class takes at most a 64th of what is left, so that the first caches do
// not take it all: about 300 classes at a time. Beyond that there are none.
#pragma once

#include <atomic>
#include <cstdint>

#include "slab/size_classes.h"

namespace reslab {

struct ClassPlan {
  size_t stride;  // bytes from one object to the next, from plan_stride()
  uint16_t flags;
  void (*constructor)(void*);
  const char* name;
};

// The distance of objects of `bytes` bytes aligned to `align` (0: what the size has, 16 at most); 0 where there can be no
// such class. A stride that is a multiple of a quarter page lets the same words of all objects fall on a few lines of the
// processor's first cache: from a page on it is made one cache line longer, so that each object lies a line further on.
// Slabs begin at a unit's start, so this is what colouring of slabs is elsewhere (Bonwick 1994).
size_t plan_stride(size_t bytes, size_t align);

// Begins as zeroes: its pages are not touched before the first class is made.
class ClassTable {
 public:
  static constexpr size_t kNameBytes = 32;  // of a name that are kept, with its end

  // kNoClass: no ids left, or no room for a magazine. Class any. The class has one user.
  ClassId make(const ClassPlan& plan);
  // Nothing of the class is anywhere any more.
  void retire(ClassId cls);

  // Users of a class that several caches share. False: it has none any more, and is going.
  bool join(ClassId cls);
  // True: that was the last one, who may come back by rejoin().
  bool leave(ClassId cls);
  void rejoin(ClassId cls) { of(cls).users.store(1, std::memory_order_release); }

  bool is_ready(ClassId cls) const {
    const uint32_t index = cls - kFirstCacheClass;
    return index < kMaxCacheClasses && classes_[index].state.load(std::memory_order_acquire) == kReady;
  }
  ClassId end() const { return kFirstCacheClass + made_.load(std::memory_order_acquire); }

  const ClassInfo* infos() const { return info_; }
  const char* name(ClassId cls) const { return classes_[cls - kFirstCacheClass].name; }
  auto constructor(ClassId cls) const { return classes_[cls - kFirstCacheClass].constructor; }

 private:
  friend struct ImageWriter;  // tells readers outside where its parts are

  enum State : uint32_t { kUnused, kClaimed, kReady, kRetired };

  struct Class {
    std::atomic<uint32_t> state;
    std::atomic<uint32_t> users;
    void (*constructor)(void*);
    char name[kNameBytes];
  };

  Class& of(ClassId cls) { return classes_[cls - kFirstCacheClass]; }
  uint32_t claim_retired(uint32_t least, uint32_t most);
  uint32_t claim_new(uint32_t magazine);

  std::atomic<uint32_t> made_;   // ids given out so far
  std::atomic<uint32_t> words_;  // of the regions behind the magazines of malloc's classes, given out so far
  ClassInfo info_[kMaxCacheClasses];
  Class classes_[kMaxCacheClasses];
};

extern constinit std::atomic<ClassTable*> published_class_table __attribute__((visibility("hidden")));
inline ClassTable& class_table() { return *published_class_table.load(std::memory_order_relaxed); }

// Does a slab of this class exist, or may one be made?
inline bool is_slab_class(ClassId cls) {
  return cls - 1 < kMallocClasses - 1 || (cls >= kFirstCacheClass && class_table().is_ready(cls));
}

// The first from `cls` on that has slabs, or `end`. Out of line: loops over all classes are slow anyway.
ClassId next_slab_class(ClassId cls, ClassId end);

// All of them: for (const ClassId cls : all_classes()).
class all_classes {
 public:
  class Each {
   public:
    Each(ClassId cls, ClassId end) : cls_(cls), end_(end) {}
    bool operator!=(const Each& other) const { return cls_ != other.cls_; }
    void operator++() { cls_ = next_slab_class(cls_ + 1, end_); }
    ClassId operator*() const { return cls_; }

   private:
    ClassId cls_;
    ClassId end_;
  };
  Each begin() const {
    constexpr ClassId kFirst = 1;                 // one of malloc's, which are always there
    if (end_ <= kFirst) __builtin_unreachable();  // no way around a loop, which nothing would ever take
    return {kFirst, end_};
  }
  Each end() const { return {end_, end_}; }

 private:
  ClassId end_ = class_table().end();
};

}  // namespace reslab
