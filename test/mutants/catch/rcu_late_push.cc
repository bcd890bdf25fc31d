// SPDX-License-Identifier: Apache-2.0
// A push to a shared page is held up in its middle, and goes on when the page is being taken in, or is in use anew: its
// object is found, and no word of a page is left out (rcu/shared_pages.h G2).
#include <pthread.h>
#include <semaphore.h>

#include <algorithm>

#include "hooks.h"
#include "rcu_pages.h"

using namespace catcher;
using namespace reslab;

namespace {

void retire(int objects) {
  for (int i = 0; i < objects; ++i) reslab_free_rcu(reslab_malloc(32));
}

bool is_awaited;  // the push that is held up
bool is_next() {
  const bool is = is_awaited;
  is_awaited = false;
  return is;
}
void retire_awaited(void* object) {
  is_awaited = true;
  reslab_free_rcu(object);
}

std::vector<void*> found;
void take_all() {
  drain_pages();
  const std::vector<void*> taken = take_full_pages();
  found.insert(found.end(), taken.begin(), taken.end());
}
void expect_found(const void* object, const char* scene) {
  take_all();
  const auto times = std::count(found.begin(), found.end(), object);
  expect(times == 1, "%s: the late object was found %d times", scene, static_cast<int>(times));
  found.clear();
}

// --- while the page is taken in: its words have been read. By a thread of its own

sem_t is_there, may_go;
void* held_up;

void stay(void*) {
  if (!is_next()) return;
  sem_post(&is_there);
  sem_wait(&may_go);
}

void* push(void*) {
  retire(5);
  retire_awaited(held_up);
  return nullptr;
}

void in_the_taking() {
  const support::Hook hook("rcu_shared_push", stay);
  sem_init(&is_there, 0, 0);
  sem_init(&may_go, 0, 0);
  held_up = reslab_malloc(48);
  pthread_t pusher;
  pthread_create(&pusher, nullptr, push, nullptr);
  sem_wait(&is_there);
  drain_pages();
  bool is_gone = false;
  rcu.pages.take_full([&](void* const* objects, uint32_t count) {
    found.insert(found.end(), objects, objects + count);
    if (is_gone) return;
    is_gone = true;
    sem_post(&may_go);
    pthread_join(pusher, nullptr);
  });
  expect(is_gone && found.size() >= 5, "the page of the pusher was not taken");
  expect_found(held_up, "in the taking");
}

// --- in the next use. By a handler, as it were

void take_page_away(void*) {
  if (is_next()) take_all();
}
void in_the_next_use() {
  const support::Hook hook("rcu_shared_push", take_page_away);
  void* late = reslab_malloc(48);
  retire(5);
  retire_awaited(late);
  expect_found(late, "in the next use");
}

// --- and where to begin looking is of the last use

void use_page_anew(void*) {
  if (!is_next()) return;
  take_all();
  retire(3);
}
void with_a_late_hint() {
  const support::Hook hook("rcu_shared_pushed", use_page_anew);
  retire(400);
  retire_awaited(reslab_malloc(48));
  retire(200);
  expect(rcu.pages.full() == 0, "a page with 203 of %u objects was replaced", PagePool::kPointers);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect(rcu.open.way() == PageWay::kShared, "shared pages are what this is about");
  in_the_taking();
  in_the_next_use();
  with_a_late_hint();
  return 0;
}
