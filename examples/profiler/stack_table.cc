// SPDX-License-Identifier: Apache-2.0
#include "stack_table.h"

#include <reslab/reslab.h>
#include <string.h>

#include <new>

namespace profiler {
namespace {

uint64_t hash_of(const uintptr_t* frames, size_t depth) {
  uint64_t hash = depth;
  for (size_t i = 0; i < depth; i++) hash = (hash ^ frames[i] ^ hash >> 32) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 32;
}

bool is_same(const Stack& stack, uint64_t hash, const uintptr_t* frames, size_t depth) {
  return stack.hash == hash && stack.depth == depth && memcmp(stack.frames(), frames, depth * sizeof *frames) == 0;
}

// A handler may wait for nobody, and does not have to: nolock memory is there or it is not. RESLAB_GROW allows to ask the
// kernel for more, which a handler may do as well.
Stack* make_stack(uint64_t hash, const uintptr_t* frames, size_t depth) {
  void* const memory = reslab_malloc_nolock(sizeof(Stack) + depth * sizeof *frames, RESLAB_GROW);
  if (memory == nullptr) return nullptr;
  Stack* const stack = new (memory) Stack{nullptr, {1}, hash, depth};
  memcpy(stack->frames(), frames, depth * sizeof *frames);
  return stack;
}

}  // namespace

bool StackTable::add(const uintptr_t* frames, size_t depth) {
  const uint64_t hash = hash_of(frames, depth);
  std::atomic<Stack*>& bucket = buckets_[hash % kBuckets];
  Stack* fresh = nullptr;
  Stack* head = bucket.load(std::memory_order_acquire);
  for (int tries = 0; tries < kTries; tries++) {
    for (Stack* stack = head; stack != nullptr; stack = stack->next) {
      if (!is_same(*stack, hash, frames, depth)) continue;
      stack->seen.fetch_add(1, std::memory_order_relaxed);  // a count: nothing is read through it
      reslab_free_nolock(fresh);                            // another handler has added the same stack meanwhile
      return true;
    }
    if (fresh == nullptr) fresh = make_stack(hash, frames, depth);
    if (fresh == nullptr) return false;
    fresh->next = head;
    // release: whoever finds the stack finds its fields. acquire: the list that won is looked through in the next try.
    if (bucket.compare_exchange_strong(head, fresh, std::memory_order_release, std::memory_order_acquire)) return true;
  }
  reslab_free_nolock(fresh);
  return false;
}

}  // namespace profiler
