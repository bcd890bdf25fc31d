// SPDX-License-Identifier: Apache-2.0
// What may reach the kernel, proved by a seccomp filter that kills the process for anything else:
//
//   nolock   a call of class `any` makes no system call at all (P3): each such call, in each state of the heap that
//            sends it another way
//   plain    after the start, plain calls make only those that glibc's malloc makes too (45), so a sandbox made for
//            that one does not kill the process
//
// And that the filter bites: a call with RESLAB_GROW, and an upkeep call, must die of it.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <reslab/reslab.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <span>

#include "arguments.h"
#include "before_library.h"
#include "failure.h"
#include "mode.h"
#include "nolock_states.h"
#include "opaque.h"
#include "scenario.h"

namespace failures {

using namespace support;

namespace {

constexpr unsigned kSeconds = 30;

// --- the filter ------------------------------------------------------------------------------------------------------

// From here on any system call but these kills; the last instruction of the child is one of them.
void allow_only(std::span<const int> allowed) {
  struct sock_filter filter[32] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  size_t n = 1;
  for (const int number : allowed) {
    filter[n++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 1);
    filter[n++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  filter[n++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  struct sock_fprog program = {static_cast<unsigned short>(n), filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    fail("this system allows no seccomp filter");
  }
}

constexpr int kNothing[] = {SYS_exit_group, SYS_write};  // write: for our own report of what is wrong
constexpr int kLikeGlibc[] = {SYS_exit_group, SYS_write,  SYS_brk,      SYS_mmap,
                              SYS_munmap,     SYS_mremap, SYS_mprotect, SYS_madvise};

// --- the calls of class `any` ----------------------------------------------------------------------------------------

struct Tally {
  uint64_t served, refused;
};
Tally* tally;  // shared with the children

constexpr int kMark = 4242;

void count(void* object) {
  object = opaque(object);
  ++(object != nullptr ? tally->served : tally->refused);
  if (object != nullptr) stock.keep(object);
}

void allocate(unsigned flags) {
  for (const size_t bytes : {0, 16, 64, 1000, 8192, 16384, 100'000, 262'144, 300'000}) {
    for (int i = 0; i < 3; ++i) count(reslab_malloc_nolock(bytes, flags));
  }
}

void allocate_much() {
  for (int i = 0; i < 3000; ++i) count(reslab_malloc_nolock(64, 0));
}

void allocate_aligned() {
  for (const size_t align : {32, 256, 4096, 65536}) {
    for (const size_t bytes : {1, 5000, 100'000}) count(reslab_aligned_alloc_nolock(align, bytes, 0));
  }
}

void allocate_and_free_pages() {
  void* pages[12];
  for (unsigned order = 0; order < 12; ++order) {
    pages[order] = opaque(reslab_pages_alloc_nolock(order, 0));
    ++(pages[order] != nullptr ? tally->served : tally->refused);
  }
  for (unsigned order = 0; order < 12; ++order) reslab_pages_free_nolock(pages[order], order);
}

// Plain calls keep the contract of class `any` in a scope, errno included.
void plain_in_a_scope() {
  const unsigned saved = reslab_nolock_save();
  for (const size_t bytes : {64, 8192, 16384, 300'000}) {
    count(reslab_malloc(bytes));
    count(reslab_calloc(1, bytes));
    void* object = stock.take();
    void* moved = object == nullptr ? nullptr : opaque(reslab_realloc(object, 2 * bytes));
    if (object != nullptr) stock.keep(moved != nullptr ? moved : object);
    reslab_free(stock.take());
  }
  reslab_nolock_restore(saved);
}

void allocate_from_a_reserve() {
  for (size_t i = 0; reserve != nullptr && i < kReserveObjects; ++i) {
    void* object = opaque(reslab_reserve_alloc(reserve, kReserveBytes, 0));
    if (object == nullptr) fail("a reserve has failed within its count");
    count(object);
  }
}

void free_all() {
  for (void* object; (object = stock.take()) != nullptr;) reslab_free_nolock(object);
}

void free_sized() {
  for (void* object; (object = stock.take()) != nullptr;) reslab_free_sized_nolock(object, reslab_usable_size(object));
}

// Of the heap's start, since nothing may be made under the filter; nullptr while there is none.
reslab_cache* cache;
reslab_group* group;

void make_typed() {
  constexpr size_t kBytes = 336, kLimit = 4 << 20;
  const reslab_cache_args args = {kBytes, 0, RESLAB_CACHE_NO_MERGE, nullptr, nullptr};
  cache = reslab_cache_create("filtered", &args);
  group = reslab_group_create("filtered", kLimit);
  if (cache == nullptr || group == nullptr) fail("no place for a cache and a group");
}

void allocate_from_a_cache() {
  constexpr int kObjects = 300;
  void* objects[kObjects];
  if (cache == nullptr) return;
  for (void*& object : objects) {
    object = opaque(reslab_cache_alloc_nolock(cache, 0));
    ++(object != nullptr ? tally->served : tally->refused);
  }
  for (void* object : objects) reslab_cache_free_nolock(cache, object);
}

// What is made stays: to destroy it would be upkeep.
void create_in_a_scope() {
  constexpr size_t kLimit = 1 << 20;
  const reslab_cache_args args = {400, 0, RESLAB_CACHE_NO_MERGE, nullptr, nullptr};
  const unsigned saved = reslab_nolock_save();
  reslab_group* made = reslab_group_create("in a scope", kLimit);
  reslab_group* inner = reslab_group_create_in(group, "in a scope", kLimit);
  reslab_cache* typed = reslab_cache_create("in a scope", &args);
  const bool refuses = reslab_cache_create("in a scope", nullptr) == nullptr;
  reslab_reserve* small = reslab_reserve_create(64, 4);
  reslab_reserve* large = reslab_reserve_create(100'000, 1000);
  reslab_reserve* endless = reslab_reserve_create(SIZE_MAX, 1);
  reslab_nolock_restore(saved);
  if (!refuses || endless != nullptr) fail("what cannot be has been created in a scope");
  for (const void* one : {static_cast<void*>(made), static_cast<void*>(inner), static_cast<void*>(typed),
                          static_cast<void*>(small), static_cast<void*>(large)}) {
    ++(one != nullptr ? tally->served : tally->refused);
  }
}

void allocate_for_a_group() {
  if (group == nullptr) return;
  for (const size_t bytes : {16, 64, 1000, 8192, 100'000}) {
    for (const unsigned flags : {0u, unsigned{RESLAB_ZERO}}) count(reslab_group_malloc_nolock(group, bytes, flags));
  }
  if (reslab_group_usage(group) == SIZE_MAX) fail("no usage");
}

void allocate_in_a_group() {
  if (group == nullptr) return;
  reslab_group_enter(group);
  allocate(0);
  plain_in_a_scope();
  reslab_group_leave();
}

void look() {
  static reslab_stats stats;
  static reslab_status status;
  static reslab_class_stats classes[256];
  char value[64];
  if (reslab_get_stats(&stats, sizeof stats) != 0 || reslab_get_status(&status, sizeof status) != 0)
    fail("no statistics");
  if (reslab_get_class_stats(classes, 256, sizeof classes[0]) < 1) fail("no classes");
  if (reslab_option_get("mode", value, sizeof value) != 0) fail("no option");
  if (reslab_good_size(100) < 100 || reslab_version() == nullptr || reslab_page_size() == 0) fail("wrong figures");
}

struct Operation {
  const char* name;
  void (*run)();
};
constexpr Operation kAnyCalls[] = {
    {"malloc_nolock", [] { allocate(0); }},
    {"malloc_nolock(ZERO)", [] { allocate(RESLAB_ZERO); }},
    {"malloc_nolock(NORETRY)", [] { allocate(RESLAB_NORETRY); }},
    {"malloc_nolock(NODE)", [] { allocate(RESLAB_NODE(0)); }},
    {"malloc_nolock, many", allocate_much},
    {"aligned_alloc_nolock", allocate_aligned},
    {"free_nolock", free_all},
    {"free_sized_nolock", free_sized},
    {"malloc_nolock, then free_nolock",
     [] {
       allocate(0);
       free_all();
     }},
    {"pages_alloc_nolock, pages_free_nolock", allocate_and_free_pages},
    {"plain calls in a nolock scope", plain_in_a_scope},
    {"creations in a nolock scope", create_in_a_scope},
    {"reserve_alloc", allocate_from_a_reserve},
    {"cache_alloc_nolock, cache_free_nolock", allocate_from_a_cache},
    {"group_malloc_nolock", allocate_for_a_group},
    {"group_enter, group_leave", allocate_in_a_group},
    {"statistics", look},
};

// --- children --------------------------------------------------------------------------------------------------------

// How a child ends that prepares, sets the filter, and works.
int status_of(void (*prepare)(), std::span<const int> allowed, void (*work)()) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(kSeconds);
    if (prepare != nullptr) prepare();
    allow_only(allowed);
    errno = kMark;
    work();
    syscall(SYS_exit_group, 0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) fail("no child");
  return status;
}

bool died_of_the_filter(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS; }

const Operation* current;

void run_current() {
  current->run();
  if (errno != kMark) fail("%s has set errno to %d", current->name, errno);
}

void require_unharmed(int status, const char* where, const char* call) {
  if (status == 0) return;
  if (died_of_the_filter(status)) fail("%s: %s has entered the kernel", where, call);
  fail("%s: %s: wait status %#x", where, call, static_cast<unsigned>(status));
}

// --- what is shown ---------------------------------------------------------------------------------------------------

enum class Typed : uint8_t { kNo, kYes };

int nolock_calls(std::span<const State> states, Typed with_typed) {
  static void (*make)();
  static void (*prepare)();
  make = with_typed == Typed::kYes ? make_typed : nullptr;
  int pairs = 0;
  for (const State& state : states) {
    if (state.skip != nullptr && state.skip()) continue;
    *tally = {};
    for (const Operation& one : kAnyCalls) {
      current = &one;
      prepare = state.prepare;
      const auto make_and_prepare = [] {
        if (make != nullptr) make();
        if (prepare != nullptr) prepare();
      };
      require_unharmed(status_of(make_and_prepare, kNothing, run_current), state.name, one.name);
      ++pairs;
    }
    if (tally->served < state.least_served) fail("%s: only %lu allocations were served", state.name, tally->served);
    printf("%-36s %5lu allocations served, %5lu refused\n", state.name, tally->served, tally->refused);
  }
  return pairs;
}

void grow() { count(reslab_malloc_nolock(64, RESLAB_GROW)); }

void the_filter_bites() {
  if (!died_of_the_filter(status_of(empty_heap, kNothing, grow)))
    fail("a call that grows has passed a filter without a gap");
  const int status = status_of(empty_heap, kLikeGlibc, [] { reslab_trim(0); });
  if (!died_of_the_filter(status)) fail("an upkeep call has passed the filter for plain ones");
}

void plain_calls() {
  const int status = status_of(empty_heap, kLikeGlibc, [] {
    const Outcome result = run_scenario(Upkeep::kNo, Threads::kNo);
    if (result.refused > result.allocations / 100) fail("plain calls were refused memory");
  });
  require_unharmed(status, "behind the start", "a plain call");
}

constexpr Option kOptions[] = {
    kModeOption,
    {"--quick", nullptr, "all there is (the default)"},
};

void before_the_first_call(int argc, char** argv) {
  const Arguments arguments(argc, argv, "Proves what reaches the kernel, and what does not.", kOptions);
  tally = static_cast<Tally*>(mmap(nullptr, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  nolock_calls(kBeforeTheStart, Typed::kNo);
}

}  // namespace
}  // namespace failures

BEFORE_LIBRARY(failures::before_the_first_call);

int main(int argc, char** argv) {
  using namespace failures;
  const support::Arguments arguments(argc, argv, "Proves what reaches the kernel, and what does not.", kOptions);
  const char* mode = support::require_mode(arguments.text("--mode", nullptr));
  the_filter_bites();
  const int pairs = nolock_calls(kStates, Typed::kYes);
  plain_calls();
  printf("mode %s: %d pairs of a state and a call of class any without a system call\n", mode, pairs);
}
