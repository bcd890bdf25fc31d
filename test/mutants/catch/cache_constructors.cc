// SPDX-License-Identifier: Apache-2.0
// A typed cache with a constructor: its objects are its own, a nolock call constructs nothing, and it does not go while one
// of them is out.
#include <cerrno>

#include "catcher.h"

using namespace catcher;

namespace {

constexpr uint64_t kMark = 0xfeedc0de;
int constructions = 0;

void construct(void* object) {
  *static_cast<uint64_t*>(object) = kMark;
  ++constructions;
}

reslab_cache* make(const char* name, void (*constructor)(void*)) {
  const reslab_cache_args args = {96, 0, 0, constructor, nullptr};
  reslab_cache* cache = reslab_cache_create(name, &args);
  expect(cache != nullptr, "there is no cache");
  return cache;
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  reslab_cache* constructed = make("constructed", construct);
  expect(reslab_cache_alloc_nolock(constructed, RESLAB_GROW) == nullptr && constructions == 0,
         "a nolock call has run the program's constructor");
  void* object = reslab_cache_alloc(constructed);
  expect(*static_cast<uint64_t*>(object) == kMark, "an object was not constructed");

  reslab_cache* plain = make("plain", nullptr);
  void* other = reslab_cache_alloc(plain);
  *static_cast<uint64_t*>(other) = 1;
  reslab_cache_free(plain, other);
  void* next = reslab_cache_alloc(constructed);
  expect(*static_cast<uint64_t*>(next) == kMark, "another cache has written to a constructed object");

  expect(reslab_cache_destroy(constructed) == EBUSY, "a cache went while its objects were out");
  reslab_cache_free(constructed, object);
  reslab_cache_free(constructed, next);
  expect(reslab_cache_destroy(constructed) == 0 && reslab_cache_destroy(plain) == 0, "a cache does not go");
  expect_sound_heap();
  return 0;
}
