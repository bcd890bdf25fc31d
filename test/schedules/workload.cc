// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

#include <reslab/reslab.h>

#include <cstdint>
#include <cstring>

#include "opaque.h"
#include "scheduler.h"

namespace schedules {
namespace {

constexpr size_t kMostHeld = 256;
constexpr size_t kPatternBytes = 64;  // at the start, and as many at the end

struct Object {
  unsigned char* start;
  size_t bytes;
  unsigned char pattern;
};

struct Hand {
  Object objects[kMostHeld];
  size_t count;
  unsigned char taken;  // by it, so far: gives each object a pattern that does not depend on what others do
} hands[kTable + 1];

size_t pattern_bytes(const Object& object) { return object.bytes < kPatternBytes ? object.bytes : kPatternBytes; }

void fill(const Object& object) {
  const size_t n = pattern_bytes(object);
  memset(object.start, object.pattern, n);
  memset(object.start + object.bytes - n, object.pattern, n);
}

bool is_intact(const Object& object) {
  const size_t n = pattern_bytes(object);
  for (size_t i = 0; i < n; ++i) {
    if (object.start[i] != object.pattern || object.start[object.bytes - 1 - i] != object.pattern) return false;
  }
  return true;
}

void refuse_overlap(const Object& added) {
  for (const Hand& hand : hands) {
    for (size_t i = 0; i < hand.count; ++i) {
      const Object& other = hand.objects[i];
      const bool apart = other.start + other.bytes <= added.start || added.start + added.bytes <= other.start;
      if (!apart) violation("%p (%zu bytes) was given out while %p was", added.start, added.bytes, other.start);
    }
  }
}

int own_hand() { return thread_number() < 0 ? kTable : thread_number(); }

}  // namespace

void hold(void* object, size_t bytes, int number) {
  if (object == nullptr) violation("thread %d: no memory for %zu bytes", thread_number(), bytes);
  Hand& hand = hands[number];
  if (hand.count == kMostHeld) violation("more objects than a hand holds");
  const auto pattern = static_cast<unsigned char>(++hand.taken * (kTable + 1) + number);
  const Object added = {static_cast<unsigned char*>(support::opaque(object)), bytes, pattern};
  refuse_overlap(added);
  fill(added);
  hand.objects[hand.count++] = added;
}

void hold(void* object, size_t bytes) { hold(object, bytes, own_hand()); }

void* let_go(int number) {
  Hand& hand = hands[number];
  if (hand.count == 0) return nullptr;
  const Object last = hand.objects[--hand.count];
  hand.objects[hand.count] = {};
  if (!is_intact(last)) violation("%p (%zu bytes) was written to by somebody else", last.start, last.bytes);
  return support::opaque(last.start);
}

void* let_go() { return let_go(own_hand()); }

size_t held(int hand) { return hands[hand].count; }

void release_everything() {
  for (int hand = 0; hand <= kTable; ++hand) {
    while (held(hand) > 0) reslab_free(let_go(hand));
  }
}

void take(size_t bytes) { hold(reslab_malloc(bytes), bytes); }
void take_many(size_t bytes, size_t count) {
  for (; count > 0; --count) take(bytes);
}
void give(int hand) { reslab_free(let_go(hand)); }
void give() { give(own_hand()); }
void give_nolock(int hand) { reslab_free_nolock(let_go(hand)); }

}  // namespace schedules
