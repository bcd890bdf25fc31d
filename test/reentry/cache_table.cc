// Typed caches and groups.
#include <reslab/reslab.h>

#include "failure.h"
#include "stock.h"
#include "tables.h"

namespace reentry::table {
namespace {

constexpr size_t kOdd = 80;

// Made with the table, before anything is walked, and there until the process ends.
reslab_group* the_group() {
  static reslab_group* const group = reslab_group_create("walked", 16 << 20);
  if (group == nullptr) fail("no place for a group");
  return group;
}

void construct(void* object) { static_cast<unsigned char*>(object)[0] = 0; }

reslab_cache* cache_of(void (*ctor)(void*)) {
  const reslab_cache_args args = {kOdd, 0, RESLAB_CACHE_NO_MERGE, ctor, nullptr};
  reslab_cache* cache = reslab_cache_create("walked", &args);
  if (cache == nullptr) fail("no place for a cache");
  return cache;
}
reslab_cache* the_cache() {
  static reslab_cache* const cache = cache_of(nullptr);
  return cache;
}
reslab_cache* the_constructed_cache() {
  static reslab_cache* const cache = cache_of(construct);
  return cache;
}

void* kept(void* object) {
  if (object == nullptr) fail("no memory to prepare with");
  return object;
}

// --- states ------------------------------------------------------------------------------------------------------------

void none_cached(size_t) {
  reslab_cache_shrink(the_cache());
  reslab_cache_shrink(the_constructed_cache());
}
void one_cached(size_t) {
  reslab_cache_free(the_cache(), kept(reslab_cache_alloc(the_cache())));
  reslab_cache_free(the_constructed_cache(), kept(reslab_cache_alloc(the_constructed_cache())));
}
void typed_subject(size_t) {
  if (the_subject == nullptr) the_subject = kept(reslab_cache_alloc(the_cache()));
}
void charged_subject(size_t bytes) {
  if (the_subject == nullptr) the_subject = kept(reslab_group_malloc(the_group(), bytes));
}
// Its twin is there, and the stock of this CPU has something.
void charged_cached(size_t bytes) { reslab_free(kept(reslab_group_malloc(the_group(), bytes))); }

template <class T>
uintptr_t word(T* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

}  // namespace

std::vector<Operation> caches_and_groups() {
  const uintptr_t cache = word(the_cache()), constructed = word(the_constructed_cache()), group = word(the_group());
  return {
      {"typed cache, hit", "reslab_cache_alloc", cache, 0, 0, kObject, kOdd, one_cached, nullptr, 0},
      {"typed cache, new slab", "reslab_cache_alloc", cache, 0, 0, kObject, kOdd, none_cached, "slab_create", kFaults},
      {"typed cache, constructed", "reslab_cache_alloc", constructed, 0, 0, kObject, kOdd, none_cached, "slab_create",
       0},
      {"typed cache, nolock", "reslab_cache_alloc_nolock", cache, 0, 0, kObject, kOdd, one_cached, nullptr,
       kStrict | kMayFail},
      {"typed cache, nolock, new slab", "reslab_cache_alloc_nolock", cache, RESLAB_ZERO, 0, kObject, kOdd, none_cached,
       nullptr, kStrict | kMayFail},
      {"typed cache, nolock, constructed", "reslab_cache_alloc_nolock", constructed, 0, 0, kObject, kOdd, one_cached,
       nullptr, kStrict | kMayFail},
      {"typed cache, free", "reslab_cache_free", cache, kIt, 0, kNothing, kOdd, typed_subject, nullptr, kOwnSubject},
      {"typed cache, nolock free", "reslab_cache_free_nolock", cache, kIt, 0, kNothing, kOdd, typed_subject, nullptr,
       kOwnSubject | kStrict},
      {"typed cache, generic free", "free", kIt, 0, 0, kNothing, kOdd, typed_subject, nullptr, kOwnSubject},
      {"typed cache, usable size", "malloc_usable_size", kIt, 0, 0, Gives::kCount, kOdd, typed_subject, nullptr, 0},
      {"group malloc", "reslab_group_malloc", group, kSmall, 0, kObject, kSmall, charged_cached, "group_charged", 0},
      {"group malloc of a run", "reslab_group_malloc", group, kRun, 0, kObject, kRun, charged_cached, "group_charged",
       kFaults},
      {"group malloc over the limit", "reslab_group_malloc", group, size_t{32} << 20, 0, kObject, kSmall,
       charged_cached, "group_drained", kMayFail | kMustFail},
      {"group malloc, nolock", "reslab_group_malloc_nolock", group, kSmall, 0, kObject, kSmall, charged_cached,
       "group_charged", kStrict | kMayFail},
      {"free of a charged object", "free", kIt, 0, 0, kNothing, kSmall, charged_subject, "charged_release",
       kOwnSubject},
      {"free_sized of a charged run", "free_sized", kIt, kRun, 0, kNothing, kRun, charged_subject, nullptr,
       kOwnSubject},
      {"nolock free of a charged object", "reslab_free_nolock", kIt, 0, 0, kNothing, kSmall, charged_subject,
       "charged_release", kOwnSubject | kStrict},
      {"realloc of a charged object", "realloc", kIt, 200, 0, kObject, kSmall, charged_subject, "charged_release",
       kOwnSubject},
  };
}

}  // namespace reentry::table
