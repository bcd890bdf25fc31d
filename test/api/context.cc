// SPDX-License-Identifier: Apache-2.0
// Calls out of place, one kind a run, for context.py: what check_context=1 and report_reentry=1 say of them.
//
// Usage: context CASE; without one lists the cases

#include <reslab/reslab.h>

#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "mode.h"
#include "support/hooks.h"
#include "support/opaque.h"

namespace {

using unit::opaque;

template <void (*kBody)()>
void in_handler(int flags) {
  struct sigaction action = {};
  action.sa_handler = [](int) { kBody(); };
  action.sa_flags = flags;
  EXPECT(sigaction(SIGUSR1, &action, nullptr) == 0);
  EXPECT(raise(SIGUSR1) == 0);
}

void trim() {
  errno = 0;
  EXPECT(reslab_trim(0) == 0 && errno == EDEADLK);
}
void trim_and_check() {
  trim();
  EXPECT(reslab_check(-1) == -1);
}

// Every one is reported, not the first alone.
void maintenance_in_scope() {
  const unsigned saved = reslab_nolock_save();
  trim();
  trim();
  reslab_nolock_restore(saved);
}

void maintenance_in_handler() { in_handler<trim_and_check>(0); }

void maintenance_on_alternate_stack() {
  static char memory[64 << 10];
  stack_t stack = {};
  stack.ss_sp = memory;
  stack.ss_size = sizeof memory;
  EXPECT(sigaltstack(&stack, nullptr) == 0);
  in_handler<trim>(SA_ONSTACK);
}

void maintenance_on_top() {
  const support::Hook hook("refill", [](void*) { trim(); });
  opaque(reslab_malloc(777));
}

// Where it belongs it is not refused, although a jump has left a slow path behind.
sigjmp_buf back;
void maintenance_after_jump() {
  if (sigsetjmp(back, 1) == 0) {
    const support::Hook hook("refill", [](void*) { siglongjmp(back, 1); });
    opaque(reslab_malloc(777));
  }
  EXPECT(reslab_check(-1) >= 0);
}

volatile unsigned left_open;
[[gnu::noinline]] void open_a_scope() { left_open = reslab_nolock_save(); }
void scope_left_open() {
  open_a_scope();
  char room[1000];
  opaque(room)[0] = 0;
  opaque(reslab_malloc(100000));
}

void scopes_out_of_order() {
  const unsigned outer = reslab_nolock_save();
  left_open = reslab_nolock_save();
  reslab_nolock_restore(outer);
}

void nothing_wrong() {
  const unsigned saved = reslab_nolock_save();
  reslab_free(opaque(reslab_malloc(100000)));
  reslab_nolock_restore(saved);
  reslab_trim(0);
  EXPECT(reslab_check(-1) == 0);
}

void allocate() { reslab_free(opaque(reslab_malloc(20))); }

// One place, interrupted three times; in the handler, malloc and free.
void reentry() {
  for (int i = 0; i < 3; ++i) {
    static bool inside = false;
    inside = false;
    const support::Hook hook("refill", [](void*) {
      if (inside) return;
      inside = true;
      in_handler<allocate>(0);
    });
    for (int j = 0; j < 200 && !inside; ++j) opaque(reslab_malloc(777));
    EXPECT(inside);
  }
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  printf("reentries=%lu\n", static_cast<unsigned long>(stats.reentries));
}

struct Case {
  const char* name;
  void (*body)();
};
constexpr Case kCases[] = {
    {"maintenance_in_scope", maintenance_in_scope},
    {"maintenance_in_handler", maintenance_in_handler},
    {"maintenance_on_alternate_stack", maintenance_on_alternate_stack},
    {"maintenance_on_top", maintenance_on_top},
    {"maintenance_after_jump", maintenance_after_jump},
    {"scope_left_open", scope_left_open},
    {"scopes_out_of_order", scopes_out_of_order},
    {"nothing_wrong", nothing_wrong},
    {"reentry", reentry},
};

}  // namespace

int main(int argc, char** argv) {
  reslab_free(opaque(reslab_malloc(1)));
  expect_mode();
  for (const Case& one : kCases) {
    if (argc < 2) puts(one.name);
    else if (strcmp(argv[1], one.name) == 0) return one.body(), 0;
  }
  return argc < 2 ? 0 : 2;
}
