// SPDX-License-Identifier: Apache-2.0
#include "hand.h"

#include <reslab/reslab.h>

#include "failure.h"

namespace progress {

using namespace support;

namespace {

uint64_t stamp_of(const void* object) { return reinterpret_cast<uint64_t>(object) * 0x9e3779b97f4a7c15; }

// What is freed must not look alive to whoever believes to own it. Volatile: the compiler knows what free does.
void scrub(void* object) { *static_cast<volatile uint64_t*>(object) = 0; }

}  // namespace

bool carries_stamp(const void* where, const void* stamped_at) {
  return *static_cast<const volatile uint64_t*>(where) == stamp_of(stamped_at);
}

void Hand::add(void* object, size_t bytes) {
  expect(object != nullptr, "an allocation of %zu bytes failed", bytes);
  expect(count_ < kMost, "the hand is full");
  *static_cast<volatile uint64_t*>(object) = stamp_of(object);
  objects_[count_++] = {object, bytes};
}

void* Hand::take_last() {
  expect(count_ > 0, "the hand is empty");
  void* object = objects_[--count_].object;
  expect(carries_stamp(object, object), "object %p of %zu bytes was overwritten", object, objects_[count_].bytes);
  return object;
}

void Hand::fill(size_t count, size_t bytes) {
  for (size_t i = 0; i < count; ++i) add(reslab_malloc(bytes), bytes);
}

void Hand::free_last(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    void* object = take_last();
    scrub(object);
    reslab_free(object);
  }
}

void Hand::thin(size_t keep) {
  size_t kept = 0;
  for (size_t i = 0; i < count_; ++i) {
    if (i % keep == 0) objects_[kept++] = objects_[i];
    else reslab_free(objects_[i].object);
  }
  count_ = kept;
}

void Hand::check() const {
  for (size_t i = 0; i < count_; ++i) {
    const Held& held = objects_[i];
    expect(carries_stamp(held.object, held.object), "object %p of %zu bytes was overwritten", held.object, held.bytes);
  }
}

}  // namespace progress
