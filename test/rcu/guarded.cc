// SPDX-License-Identifier: Apache-2.0
// Objects with guard pages (debug=G:guard=1) that are given to reslab_free_rcu: `guarded MODE LIBRARY`. libreslab-rcu is
// loaded while the program runs, so that some of them are older than it. They may be read until their grace period has
// ended, and cannot be touched afterwards.

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flavor.h"
#include "support.h"

using namespace rcu_test;

namespace {

// What is there only once the library is loaded.
struct Library {
  decltype(&reslab_rcu_init) init;
  decltype(&reslab_free_rcu) free;
  decltype(&reslab_rcu_barrier) barrier;
  decltype(&reslab_rcu_get_stats) get_stats;
  decltype(&reslab_gp_expedite) expedite;

  reslab_rcu_stats stats() const {
    reslab_rcu_stats out = {};
    RCU_CHECK(get_stats(&out, sizeof out) == 0);
    return out;
  }
};

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  RCU_CHECK(function != nullptr);
}

Library load(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) RCU_FAIL("%s", dlerror());
  Library found;
  find(library, "reslab_rcu_init", found.init);
  find(library, "reslab_free_rcu", found.free);
  find(library, "reslab_rcu_barrier", found.barrier);
  find(library, "reslab_rcu_get_stats", found.get_stats);
  find(library, "reslab_gp_expedite", found.expedite);
  return found;
}

constexpr size_t kPage = 4096, kBytes = 64;

char* make() {
  auto* object = static_cast<char*>(reslab_malloc(kBytes));
  RCU_CHECK(object != nullptr && (reinterpret_cast<uintptr_t>(object) + kBytes) % kPage == 0);
  memset(object, 'x', kBytes);
  return object;
}

// Asked of the kernel, which does not fault.
bool can_be_read(const char* object) {
  int ends[2];
  RCU_CHECK(pipe(ends) == 0);
  const bool can = write(ends[1], object, 1) == 1;
  RCU_CHECK(can || errno == EFAULT);
  close(ends[0]);
  close(ends[1]);
  return can;
}

void barrier(const Library& rcu) { RCU_CHECK(rcu.barrier() == 0); }

// As a mistake is made in a child: it must be reported as a double free.
template <class Mistake>
void expect_report(const char* words, Mistake mistake) {
  int ends[2];
  RCU_CHECK(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    mistake();
    _exit(0);
  }
  close(ends[1]);
  char said[512] = "";
  RCU_CHECK(read(ends[0], said, sizeof said - 1) >= 0);
  close(ends[0]);
  int status = 0;
  RCU_CHECK(waitpid(child, &status, 0) == child);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || strstr(said, words) == nullptr)
    RCU_FAIL("wait status 0x%x, said: %s", static_cast<unsigned>(status), said);
}

void retired_twice(const Library& rcu) {
  expect_report("double free: it waits for a grace period already: a guarded object of 64", [&] {
    char* object = make();
    rcu.free(object);
    rcu.free(object);
  });
  expect_report("double free: a guarded object of 64", [&] {
    char* object = make();
    rcu.free(object);
    reslab_free(object);
  });
  expect_report("double free: a guarded object of 64", [&] {
    char* object = make();
    reslab_free(object);
    rcu.free(object);
  });
  expect_report("not the start of an object: byte 16 of a guarded object of 64", [&] { rcu.free(make() + 16); });
}

// A child has none of the parent's threads; what was retired before the fork is freed by its own.
void freed_in_a_child(const Library& rcu, const char* object) {
  const pid_t child = fork();
  if (child == 0) {
    RCU_CHECK(can_be_read(object));
    barrier(rcu);
    RCU_CHECK(!can_be_read(object));
    _exit(0);
  }
  int status = 0;
  RCU_CHECK(waitpid(child, &status, 0) == child && status == 0);
}

void stay_while_a_reader_does(const Library& rcu) {
  Reader reader(urcu_memb_flavor);
  reader.enter();
  const uint64_t freed = rcu.stats().freed, taken = rcu.stats().taken;
  char* objects[100];
  for (char*& object : objects) object = make();
  for (char* object : objects) rcu.free(object);
  while (rcu.stats().taken == taken) {  // the test's timeout ends it
    rcu.expedite();
    sleep_ms(1);
  }
  for (const char* object : objects) RCU_CHECK(object[0] == 'x' && object[kBytes - 1] == 'x');
  RCU_CHECK(reslab_usable_size(objects[0]) >= kBytes && rcu.stats().freed == freed);
  reader.leave();
  barrier(rcu);
  for (const char* object : objects) RCU_CHECK(!can_be_read(object));
  RCU_CHECK(rcu.stats().freed == freed + 100 && rcu.stats().pending_bytes == 0);
}

// Slots are used again, never one that waits.
void go_on_and_on(const Library& rcu) {
  for (int i = 0; i < 3000; ++i) {
    void* object = reslab_malloc(kBytes);  // not guarded while all slots wait
    memset(object, 1, kBytes);
    rcu.free(object);
  }
  barrier(rcu);
  RCU_CHECK(rcu.stats().pending_bytes == 0 && audit() == 0);
  char* object = make();
  reslab_free(object);
}

}  // namespace

int main(int argc, char** argv) {
  RCU_CHECK(argc == 3);
  require_mode(argv[1]);
  char* older = make();
  const Library rcu = load(argv[2]);
  rcu.free(older);
  RCU_CHECK(older[0] == 'x');
  freed_in_a_child(rcu, older);
  retired_twice(rcu);
  RCU_CHECK(rcu.init(&urcu_memb_flavor) == 0);
  barrier(rcu);
  RCU_CHECK(!can_be_read(older) && rcu.stats().freed == 1 && rcu.stats().pending_bytes == 0);
  stay_while_a_reader_does(rcu);
  go_on_and_on(rcu);
  return 0;
}
