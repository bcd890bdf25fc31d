// SPDX-License-Identifier: Apache-2.0
// rcu_retire and rcu_obj_base of reslab.hpp: destructors run once, after the readers have gone.

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include <reslab/reslab.hpp>

#include "flavor.h"
#include "support.h"

using namespace rcu_test;

namespace {

std::atomic<int> destroyed{0};

struct Named : reslab::rcu_obj_base<Named> {
  std::string name = "a name that is too long for the string itself";
  ~Named() { destroyed.fetch_add(1); }
};
struct Plain : reslab::rcu_obj_base<Plain> {
  int value = 0;
};
struct Text {
  std::string text = "another name that is too long for the string itself";
  ~Text() { destroyed.fetch_add(1); }
};

// Retired by a base that does not lie at its start.
struct Left {
  virtual ~Left() = default;
  long left = 1;
};
struct Right {
  virtual ~Right() = default;
  long right = 2;
};
struct Both : Left, Right {
  ~Both() override { destroyed.fetch_add(1); }
};

// One whose destructor takes its time, and asks for what it may not have.
struct Slow {
  static inline std::atomic<bool> begun{false}, let_go{false}, ended{false};
  ~Slow() {
    begun = true;
    RCU_CHECK(!reslab::rcu_barrier());
    while (!let_go) sleep_ms(1);
    ended = true;
  }
};

template <class T>
T* make() {
  return new (reslab_malloc(sizeof(T))) T();
}

void* retire_some(void*) {
  for (int i = 0; i < 5000; ++i) {
    make<Named>()->retire();
    make<Plain>()->retire();
    reslab::rcu_retire(make<Text>());
    reslab::rcu_retire(make<int>());
  }
  return nullptr;
}

void* destroy_slowly(void*) {
  reslab::rcu_retire(make<Slow>());
  while (!Slow::begun) {  // runs what is ready
    reslab::rcu_retire(make<Text>());
    sleep_ms(1);
  }
  return nullptr;
}

void* let_go_later(void*) {
  sleep_ms(100);
  Slow::let_go = true;
  return nullptr;
}

// In the child nobody is at it any more.
void barrier_in_child() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(reslab::rcu_barrier() ? 0 : 1);
  }
  int status = 0;
  RCU_CHECK(waitpid(child, &status, 0) == child && status == 0);
}

void barriers_wait_for_destructors_of_others() {
  pthread_t slow, helper;
  RCU_CHECK(pthread_create(&slow, nullptr, destroy_slowly, nullptr) == 0);
  while (!Slow::begun) sleep_ms(1);
  barrier_in_child();
  RCU_CHECK(pthread_create(&helper, nullptr, let_go_later, nullptr) == 0);
  RCU_CHECK(reslab::rcu_barrier() && Slow::ended);
  pthread_join(slow, nullptr);
  pthread_join(helper, nullptr);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  require_mode(arguments[1]);
  RCU_CHECK(reslab_rcu_init(nullptr) == 0);
  {
    Reader reader(urcu_memb_flavor);
    reader.enter();
    Named* held = make<Named>();
    held->retire();
    reslab::rcu_retire(make<Text>(), [](Text* text) { reslab::rcu_delete<Text>()(text); });
    for (int i = 0; i < 100; ++i) reslab::rcu_retire(make<int>());
    sleep_ms(100);
    reslab::rcu_retire(make<Text>());  // would run what is ready
    RCU_CHECK(destroyed.load() == 0 && held->name.size() > 40);
    reader.leave();
  }
  RCU_CHECK(reslab::rcu_barrier() && destroyed.load() == 3);
  pthread_t threads[4];
  for (pthread_t& thread : threads) RCU_CHECK(pthread_create(&thread, nullptr, retire_some, nullptr) == 0);
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
  RCU_CHECK(reslab::rcu_barrier());
  if (destroyed.load() != 3 + 4 * 10000) RCU_FAIL("%d objects were destroyed", destroyed.load());
  RCU_CHECK(stats().pending_objects == 0);
  reslab::rcu_retire(static_cast<Right*>(make<Both>()));
  RCU_CHECK(reslab::rcu_barrier() && destroyed.load() == 4 + 4 * 10000);
  barriers_wait_for_destructors_of_others();
  return 0;
}
