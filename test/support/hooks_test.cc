// SPDX-License-Identifier: Apache-2.0
// The hooks of the shipped library: that they are there, that a callback is called at each pass and never after it has
// been removed, that it may use the allocator itself, and that the code around a hook notices nothing of it.
#include "hooks.h"

#include <reslab/reslab.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "failure.h"
#include "ledger.h"
#include "mode.h"

namespace {

using support::expect;

struct Meddler {
  int calls = 0;
};

// Nested calls pass hooks again: deeper than this the work would grow beyond all bounds.
constexpr int kDeepest = 2;
int depth = 0;

// Clobbers what a call may clobber, and re-enters the allocator.
void meddle(void* context) {
  ++static_cast<Meddler*>(context)->calls;
  if (depth == kDeepest) return;
  ++depth;
  asm volatile(
      "movq $-1, %%rax\n movq %%rax, %%rcx\n movq %%rax, %%rdx\n movq %%rax, %%rsi\n movq %%rax, %%rdi\n"
      "movq %%rax, %%r8\n movq %%rax, %%r9\n movq %%rax, %%r10\n movq %%rax, %%r11\n"
      "pcmpeqd %%xmm0, %%xmm0\n pcmpeqd %%xmm1, %%xmm1\n pcmpeqd %%xmm7, %%xmm7\n cmpq $0, %%rax\n" ::
          : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm7", "cc");
  reslab_free(reslab_malloc(48));
  --depth;
}

void allocate_and_free_much() {
  std::vector<char*> objects;
  for (size_t i = 0; i < 20000; ++i) {
    objects.push_back(static_cast<char*>(reslab_malloc(i % 512 + 1)));
    expect(objects.back() != nullptr, "an allocation failed");
    memset(objects.back(), static_cast<int>(i), i % 512 + 1);
  }
  for (size_t i = 0; i < objects.size(); ++i) {
    expect(objects[i][i % 512] == static_cast<char>(i), "an object was overwritten");
    reslab_free(objects[i]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  support::limit_time(20);
  expect(argc == 2, "usage: hooks_test rseq|fallback");
  reslab_free(reslab_malloc(1));
  support::require_mode(argv[1]);

  const std::vector<std::string> names = support::hook_names();
  expect(std::find(names.begin(), names.end(), "refill") != names.end(), "the library has no hook 'refill'");

  // Every hook at once, so that one operation passes many of them.
  Meddler meddlers[128];
  expect(names.size() < 128, "more hooks than this test has room for");
  std::vector<support::Hook*> hooks;
  for (size_t i = 0; i < names.size(); ++i) hooks.push_back(new support::Hook(names[i].c_str(), meddle, &meddlers[i]));
  allocate_and_free_much();
  int passed = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    delete hooks[i];
    passed += meddlers[i].calls > 0 ? 1 : 0;
    if (names[i] == "refill" || names[i] == "slab_create") expect(meddlers[i].calls > 0, "a hook was passed unnoticed");
  }
  expect(passed >= 8, "fewer than eight of the hooks were passed");

  for (Meddler& meddler : meddlers) meddler.calls = 0;
  allocate_and_free_much();
  for (const Meddler& meddler : meddlers) expect(meddler.calls == 0, "a hook was called after it had been removed");
  support::expect_sound_heap("with all objects freed");
  printf("%d of %zu hooks passed\n", passed, names.size());
  return 0;
}
