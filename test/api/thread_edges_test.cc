// SPDX-License-Identifier: Apache-2.0
// Threads at their limits (lessons 18 and 31): the smallest stack, every thread-specific key taken, frees out of the last
// destructors, and a handler that is the first on its thread to allocate.

#include <gtest/gtest.h>
#include <pthread.h>
#include <reslab/reslab.h>

#include <atomic>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "support/opaque.h"

namespace api {
namespace {

using unit::opaque;

void* allocate_all_kinds(void*) {
  for (const size_t size : {1u, 100u, 5000u, 100000u, 3000000u}) {
    void* plain = opaque(malloc(size));
    void* nolock = opaque(reslab_malloc_nolock(size, RESLAB_GROW));
    if (plain != nullptr) memset(plain, 1, size);
    plain = opaque(realloc(plain, 2 * size));
    free(plain);
    reslab_free_nolock(nolock);
  }
  return nullptr;
}

void run_with_least_stack(void* (*body)(void*), void* argument) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, static_cast<size_t>(PTHREAD_STACK_MIN)), 0);
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, &attributes, body, argument), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
}

TEST(ThreadEdges, TheSmallestStackIsEnough) { run_with_least_stack(allocate_all_kinds, nullptr); }

std::vector<pthread_key_t> keys;
std::atomic<int> freed_by_destructors;

void free_and_count(void* object) {
  free(object);
  ++freed_by_destructors;
}

// Destructors run after the thread's own are gone; the last round of them still frees and allocates.
void free_in_the_last_round(void* object) {
  static std::atomic<int> rounds{0};
  if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
    pthread_setspecific(keys.front(), object);
  } else {
    free(object);
    free(opaque(malloc(64)));
    ++freed_by_destructors;
  }
}

void* fill_all_keys(void*) {
  for (const pthread_key_t key : keys) pthread_setspecific(key, opaque(malloc(32)));
  return nullptr;
}

TEST(ThreadEdges, AllKeysMayBeTakenAndFreeInTheirDestructors) {
  pthread_key_t key;
  EXPECT_EQ(pthread_key_create(&key, free_in_the_last_round), 0);
  keys.push_back(key);
  while (pthread_key_create(&key, free_and_count) == 0) keys.push_back(key);
  EXPECT_GE(keys.size(), 900u) << "reslab itself takes none";
  freed_by_destructors = 0;
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, nullptr, fill_all_keys, nullptr), 0);
  pthread_join(thread, nullptr);
  EXPECT_EQ(freed_by_destructors, static_cast<int>(keys.size()));
  allocate_all_kinds(nullptr);  // with no key left
  for (const pthread_key_t taken : keys) pthread_key_delete(taken);
  EXPECT_EQ(reslab_check(2), 0);
}

std::atomic<void*> from_handler;

void* only_its_handler_allocates(void*) {
  pthread_kill(pthread_self(), SIGUSR1);
  return nullptr;
}

TEST(ThreadEdges, AHandlerMayBeTheFirstOnItsThreadToAllocate) {
  struct sigaction action = {}, before = {};
  action.sa_handler = [](int) { from_handler = reslab_malloc_nolock(100, 0); };
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  free(opaque(malloc(100)));
  for (int i = 0; i < 200; ++i) {
    from_handler = nullptr;
    run_with_least_stack(only_its_handler_allocates, nullptr);
    ASSERT_NE(from_handler.load(), nullptr) << "thread " << i;
    reslab_free(from_handler);
  }
  sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(reslab_check(2), 0);
}

}  // namespace
}  // namespace api
