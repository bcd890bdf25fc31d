// SPDX-License-Identifier: Apache-2.0
// A fork from a handler that has interrupted the library, at each hook in turn. The child has the frame below the
// handler: what that call holds is the child's own and must be left to it (22). It allocates in the handler, goes back,
// finishes what it had begun, and its heap is sound, with every object accounted for. So is the parent's.
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

constexpr size_t kSizes[] = {64, 1024, 20000, 300000};

void allocate_some() {
  void* objects[8];
  for (size_t i = 0; i < 8; ++i) {
    objects[i] = opaque(reslab_malloc(kSizes[i % 4]));
    expect(objects[i] != nullptr, "the child gets no memory");
    memset(objects[i], 0x77, kSizes[i % 4]);
  }
  for (void* object : objects) reslab_free(object);
}

struct Fork {
  int passes_left;
  bool forked = false;
  pid_t child = 0;

  static void come(void* context) {
    auto& self = *static_cast<Fork*>(context);
    if (self.forked || self.passes_left-- > 0) return;
    self.forked = true;
    self.child = fork();
    if (self.child != 0) return;
    alarm(10);
    allocate_some();
  }
};

// Into the free units behind it, so many that they are claimed in several steps.
void grow_a_large_block() {
  constexpr size_t kFew = 300000, kMany = 20 << 20;
  reslab_free(opaque(reslab_malloc(kMany)));
  auto* block = static_cast<unsigned char*>(opaque(reslab_malloc(kFew)));
  memset(block, 0x33, kFew);
  block = static_cast<unsigned char*>(opaque(reslab_realloc(block, kMany)));
  expect(block[0] == 0x33 && block[kFew - 1] == 0x33, "a block that grew has lost its contents");
  expect_sound_heap();
  reslab_free(block);
}

void work() {
  std::vector<unsigned char*> objects;
  for (int round = 0; round < 2; ++round) {
    for (const size_t bytes : kSizes) {
      for (int i = 0; i < (bytes < 2000 ? 500 : 10); ++i) {
        objects.push_back(static_cast<unsigned char*>(opaque(reslab_malloc(bytes))));
        memset(objects.back(), static_cast<int>(objects.size()), 16);
      }
    }
    for (size_t i = 0; i < objects.size(); ++i) {
      expect(objects[i][0] == static_cast<unsigned char>(i + 1), "an object was given out twice");
      (i % 2 == 0 ? reslab_free : reslab_free_nolock)(objects[i]);
    }
    objects.clear();
    reslab_flush_deferred();
    reslab_trim(0);
  }
}

void fork_at(const char* hook, int pass, void (*body)()) {
  set_scene("at '%s'", hook);
  const auto before = live_objects();
  Fork fork = {pass};
  {
    const support::Hook armed(hook, Fork::come, &fork);
    body();
  }
  expect_same_live(before);
  if (!fork.forked) return;
  if (fork.child == 0) _exit(0);
  int status = 0;
  waitpid(fork.child, &status, 0);
  expect(status == 0, "the child is not sound");
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  work();
  for (const std::string& hook : support::hook_names()) {
    for (const int pass : {0, 7}) fork_at(hook.c_str(), pass, work);
  }
  for (int pass = 0; pass < 20; ++pass) fork_at("unit_claim_run", pass, grow_a_large_block);
}
