// SPDX-License-Identifier: Apache-2.0
// The library on a kernel with pages of 64 KiB: what it asks of the kernel begins at such a page and touches no other than is
// meant, and memory that is in use stays as it was. That kernel is played (paged_kernel.h); the option `pages` says that it is
// there.
#include <reslab/reslab.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../failures/injector.h"
#include "../failures/scenario.h"
#include "arguments.h"
#include "before_library.h"
#include "failure.h"
#include "ledger.h"
#include "mode.h"
#include "opaque.h"
#include "paged_kernel.h"

namespace surroundings {
namespace {

using namespace support;

constexpr size_t kKiB = 1024, kMiB = 1024 * kKiB;
constexpr unsigned kSeconds = 60;  // for one setting, which takes a second or two

struct Setting {
  const char* options;
  size_t first_limit;  // of the address space, before the first call, in bytes; 0: none
  size_t later_limit;  // the tables of debug modes are longer than any that could be set
};
constexpr Setting kSettings[] = {
    {"", 0, 2048 * kMiB},
    {"", 440 * kMiB, 0},
    {"nodes=2:thp=never", 0, 2048 * kMiB},
    {"harden=1", 0, 2048 * kMiB},
    {"debug=FZPG:guard=1:quarantine=64k", 0, 0},
    {"profile=64k", 0, 2048 * kMiB},
};

struct Shared {
  failures::CallLog calls;
  uint32_t played[kPlayedCalls];
};
Shared* shared;

// --- what the scenario of the failures does not do -------------------------------------------------------------------

// A few objects stay in slabs that are otherwise free: pages go, and what is in use stays. Largest last: of their slabs a
// whole page is free.
void keep_a_few_of_many() {
  for (const size_t bytes : {size_t{16}, size_t{3000}, size_t{20'000}}) {
    constexpr size_t kMost = 300'000, kEach = 400;
    static unsigned char* objects[kMost];
    const size_t count = bytes == 16 ? kMost : 4000;
    for (size_t i = 0; i < count; ++i) {
      objects[i] = static_cast<unsigned char*>(opaque(reslab_malloc(bytes)));
      expect(objects[i] != nullptr, "no memory for objects of %zu bytes", bytes);
      memset(objects[i], static_cast<int>(i % 251), bytes);
    }
    for (size_t i = 0; i < count; ++i) {
      if (i % kEach != 0) reslab_free(objects[i]);
    }
    reslab_trim(0);
    for (size_t i = 0; i < count; i += kEach) {
      for (size_t at = 0; at < bytes; ++at) expect(objects[i][at] == i % 251, "%zu bytes in use have changed", bytes);
      reslab_free(objects[i]);
    }
  }
}

void allocate_pages() {
  expect(reslab_page_size() == kPlayedPage, "a page is of %zu bytes", reslab_page_size());
  for (unsigned order = 0; order < 4; ++order) {
    void* pages = opaque(reslab_pages_alloc_nolock(order, RESLAB_GROW));
    expect(pages != nullptr && reinterpret_cast<uintptr_t>(pages) % (kPlayedPage << order) == 0, "pages lie at %p",
           pages);
    memset(pages, 1, kPlayedPage << order);
    reslab_pages_free_nolock(pages, order);
  }
  void* aligned = opaque(valloc(1));
  expect(reinterpret_cast<uintptr_t>(aligned) % kPlayedPage == 0, "valloc gives %p", aligned);
  free(aligned);
}

void use_what_has_memory_of_its_own() {
  reslab_reserve* reserve = reslab_reserve_create(5000, 20);
  reslab_group* group = reslab_group_create("pages", 8 * kMiB);
  reslab_cache_args arguments = {};
  arguments.size = 700;
  reslab_cache* cache = reslab_cache_create("pages", &arguments);
  expect(reserve != nullptr && group != nullptr && cache != nullptr, "no reserve, group or cache");
  for (int i = 0; i < 500; ++i) {
    void* taken = reslab_reserve_alloc(reserve, 5000, RESLAB_GROW);
    void* charged = reslab_group_malloc(group, 900);
    void* typed = reslab_cache_alloc(cache);
    expect(taken != nullptr && charged != nullptr && typed != nullptr, "no memory for one of them");
    reslab_free(taken);
    reslab_free(charged);
    reslab_cache_free(cache, typed);
  }
  expect(reslab_reserve_destroy(reserve) == 0 && reslab_cache_destroy(cache) == 0 && reslab_group_destroy(group) == 0,
         "a reserve, group or cache stays");
}

// Each guarded object with pages of its own; more of them than there are slots, so that they are used again.
void use_guard_pages() {
  for (int i = 0; i < 1500; ++i) {
    auto* object = static_cast<char*>(opaque(reslab_malloc(100)));
    memset(object, 1, 100);
    reslab_free(object);
  }
}

void work_in_a_child() {
  const pid_t child = fork();
  if (child == 0) {
    use_guard_pages();
    keep_a_few_of_many();
    expect_sound_heap("in a forked child");
    _exit(0);
  }
  int status = 0;
  expect(child > 0 && waitpid(child, &status, 0) == child && status == 0, "a child has ended with status %d", status);
}

// What is reserved beyond what is in use is given back, and reserved again piece by piece.
void work_under_a_limit(size_t bytes) {
  const struct rlimit limit = {bytes, RLIM_INFINITY};
  expect(setrlimit(RLIMIT_AS, &limit) == 0, "no limit can be set");
  void* objects[30];
  for (void*& object : objects) {
    object = opaque(reslab_malloc(10 * kMiB));
    expect(object != nullptr, "no memory under the limit");
    memset(object, 1, 64);
  }
  for (void* object : objects) reslab_free(object);
}

// --- one setting, in a child that has not called the library yet -----------------------------------------------------

void work(const Setting& setting) {
  failures::run_scenario(failures::Upkeep::kYes);
  allocate_pages();
  keep_a_few_of_many();
  use_what_has_memory_of_its_own();
  use_guard_pages();
  work_in_a_child();
  if (setting.later_limit != 0) work_under_a_limit(setting.later_limit);
  failures::run_scenario(failures::Upkeep::kYes);
  expect_sound_heap("at the end");
}

// In place: to add a variable takes memory, and the library is the malloc.
void set_options(const char* mode, const Setting& setting) {
  static char text[128];
  snprintf(text, sizeof text, "RESLAB_OPTIONS=mode=%s:pages=64k:%s", mode, setting.options);
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (strncmp(*variable, text, strlen("RESLAB_OPTIONS=")) != 0) continue;
    *variable = text;
    return;
  }
  fail("RESLAB_OPTIONS has to be set");
}

// Past the library, which would make its root.
void limit_address_space(size_t bytes) {
  const struct rlimit limit = {bytes, RLIM_INFINITY};
  expect(bytes == 0 || syscall(SYS_prlimit64, 0, RLIMIT_AS, &limit, nullptr) == 0, "no limit can be set");
}

[[noreturn]] void try_one(const char* mode, const Setting& setting) {
  alarm(kSeconds);
  set_scene("%s%s", setting.options, setting.first_limit != 0 ? ", limited" : "");
  set_options(mode, setting);
  limit_address_space(setting.first_limit);
  play_large_pages(&shared->played);
  failures::intercept_calls_of(reinterpret_cast<void*>(reslab_malloc), &shared->calls);
  work(setting);
  require_mode(mode);
  _exit(0);
}

constexpr Option kOptions[] = {kModeOption};

void run(int argc, char** argv) {
  const Arguments arguments(argc, argv, "The library on a kernel with pages of 64 KiB.", kOptions);
  const char* mode = arguments.required("--mode");
  shared =
      static_cast<Shared*>(mmap(nullptr, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  expect(shared != MAP_FAILED, "no shared memory");
  for (const Setting& setting : kSettings) {
    const pid_t child = fork();
    if (child == 0) try_one(mode, setting);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) fail("no child");
    if (WIFSIGNALED(status)) fail("%s: killed by signal %d", setting.options, WTERMSIG(status));
    if (status != 0) _exit(1);  // it has said why
  }
  const uint32_t(&played)[kPlayedCalls] = shared->played;
  for (const uint32_t count : played) expect(count > 0, "one kind of call has never come");
  printf("mmap %u, munmap %u, mprotect %u, madvise %u, mremap %u\n", played[kMmap], played[kMunmap], played[kMprotect],
         played[kMadvise], played[kMremap]);
  fflush(stdout);
  _exit(0);
}

}  // namespace
}  // namespace surroundings

BEFORE_LIBRARY(surroundings::run);

int main() { support::fail("this program has ended before main"); }
