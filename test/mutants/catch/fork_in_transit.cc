// SPDX-License-Identifier: Apache-2.0
// A fork while another thread is in the middle of the library, at each hook in turn: that thread is not in the child,
// and what it had in its hands must be found again there (18, 22). The child's heap is sound, no block is in hand of a
// thread that is gone, every class serves, and no more is missing than the child says.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

constexpr size_t kSizes[] = {64, 1024, 20000, 300000};

thread_local bool is_worker;
std::atomic<bool> parked, finished, has_freed_all;
std::atomic<int> passes_left;

void park(void*) {
  if (!is_worker || passes_left.fetch_sub(1) > 0) return;
  parked.store(true);
  for (;;) pause();
}

void work() {
  is_worker = true;
  std::vector<void*> objects;
  for (int round = 0; round < 3; ++round) {
    for (const size_t bytes : kSizes) {
      for (int i = 0; i < (bytes < 2000 ? 900 : 20); ++i) objects.push_back(reslab_malloc(bytes));
    }
    for (size_t i = 0; i < objects.size(); ++i) (i % 2 == 0 ? reslab_free : reslab_free_nolock)(objects[i]);
    objects.clear();
    has_freed_all.store(true);
    reslab_trim(0);
    has_freed_all.store(false);
  }
  finished.store(true);
}

// Of runs, each unit is an object.
uint64_t bytes_of_slabs_and_runs() {
  std::vector<reslab_class_stats> classes(4096);
  const int count = reslab_get_class_stats(classes.data(), classes.size(), sizeof classes[0]);
  uint64_t bytes = 0;
  for (int i = 0; i < count; ++i) {
    const reslab_class_stats& one = classes[static_cast<size_t>(i)];
    const uint64_t slabs = one.slabs_active + one.slabs_partial + one.slabs_full + one.slabs_empty;
    bytes += one.object_bytes == one.slab_bytes ? one.capacity * one.slab_bytes : slabs * one.slab_bytes;
  }
  return bytes;
}

// In the child, alone.
void expect_recovered() {
  alarm(10);
  void* objects[4];
  for (size_t i = 0; i < 4; ++i) objects[i] = reslab_malloc(kSizes[i]);
  for (void* object : objects) expect(object != nullptr, "the child gets no memory");
  for (void* object : objects) reslab_free(object);
  for (const size_t bytes : {64, 1024, 20480}) {
    expect(class_stats(bytes).in_hand == 0, "objects of %zu bytes are in the hands of a thread that is gone", bytes);
  }
  expect_sound_heap();
  reslab_trim(0);
  expect_sound_heap();
  uint64_t missing = 0;
  for (const auto& [class_id, count] : live_objects()) missing += count;
  expect(stats().bytes_held == bytes_of_slabs_and_runs(), "%zu bytes are held, and slabs and runs have %zu",
         static_cast<size_t>(stats().bytes_held), static_cast<size_t>(bytes_of_slabs_and_runs()));
  const uint64_t lost = stats().fork_lost_objects + 1;  // one may have been on its way without a block
  expect(!has_freed_all.load() || missing <= lost, "%zu objects are missing, and at most %zu should be",
         static_cast<size_t>(missing), static_cast<size_t>(lost));
}

// In a process of its own, since the parked thread never comes back. The exit status says how it went.
int fork_at(const char* hook, int pass) {
  passes_left.store(pass);
  const support::Hook armed(hook, park);
  std::thread(work).detach();
  while (!parked.load() && !finished.load()) std::this_thread::yield();
  if (!parked.load()) return 0;  // this work does not pass there
  const pid_t child = fork();
  if (child == 0) {
    expect_recovered();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  for (const std::string& hook : support::hook_names()) {
    set_scene("at '%s'", hook.c_str());
    for (const int pass : {0, 7}) {
      const pid_t process = fork();
      if (process == 0) {
        alarm(15);
        _exit(fork_at(hook.c_str(), pass));
      }
      int status = 0;
      waitpid(process, &status, 0);
      expect(status == 0, "the child is not sound");
    }
  }
}
