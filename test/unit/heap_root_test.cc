// SPDX-License-Identifier: Apache-2.0
// heap/root: the first call into reslab, whichever it is and from wherever it comes, and several of them at once (19).
//
// The library makes its root in a constructor. What is tested here runs in one that comes before it, in a child for each
// case: there every call is the process's first. The tests then look at how the children ended.
#include "heap/root.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <reslab/reslab.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "heap/debug_tables.h"
#include "profile/profile.h"
#include "support/opaque.h"

namespace reslab {
namespace {

bool works() {
  void* object = unit::opaque(reslab_malloc(1000));
  if (object == nullptr || reslab_usable_size(object) < 1000) return false;
  memset(object, 1, 1000);
  reslab_free(object);
  return reslab_check(STDERR_FILENO) == 0;
}

// Mappings as large as only a window is. Those of roots that lost their race must be gone.
int windows() {
  FILE* maps = fopen("/proc/self/maps", "re");
  int n = 0;
  unsigned long start, end;
  while (fscanf(maps, "%lx-%lx%*[^\n]", &start, &end) == 2) n += end - start > (size_t{16} << 30) ? 1 : 0;
  fclose(maps);
  return n;
}

constexpr int kThreads = 8;
std::atomic<int> waiting;
void* first_object[kThreads];

void* first_call_of_thread(void* number) {
  const auto i = reinterpret_cast<uintptr_t>(number);
  waiting.fetch_sub(1);
  while (waiting.load() > 0) continue;
  first_object[i] = i % 3 == 0   ? reslab_malloc(100)
                    : i % 3 == 1 ? reslab_calloc(10, 10)
                                 : reslab_malloc_nolock(100, RESLAB_GROW);
  return nullptr;
}

bool race() {
  pthread_t threads[kThreads];
  waiting = kThreads;
  for (uintptr_t i = 0; i < kThreads; ++i) {
    if (pthread_create(&threads[i], nullptr, first_call_of_thread, reinterpret_cast<void*>(i)) != 0) return false;
  }
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
  for (int i = 0; i < kThreads; ++i) {
    for (int j = 0; j < i; ++j) {
      if (first_object[i] == first_object[j]) return false;
    }
    if (unit_of(first_object[i]) == 0 || reslab_usable_size(first_object[i]) < 100) return false;
  }
  return windows() == 1 && works();
}

struct Case {
  const char* name;
  bool (*run)();  // true: as it should be
};

const Case kCases[] = {
    {"a malloc", works},
    {"a calloc", [] { return unit::opaque(reslab_calloc(10, 10)) != nullptr && works(); }},
    {"a realloc of nothing", [] { return unit::opaque(reslab_realloc(nullptr, 100)) != nullptr && works(); }},
    {"an aligned allocation", [] { return unit::is_aligned(reslab_aligned_alloc(4096, 10), 4096) && works(); }},
    {"the size of a page",
     [] { return reslab_page_size() == static_cast<size_t>(sysconf(_SC_PAGESIZE)) && windows() == 0 && works(); }},
    {"a large allocation", [] { return unit::opaque(reslab_malloc(5 << 20)) != nullptr && works(); }},
    {"a nolock allocation that may grow",
     [] { return unit::opaque(reslab_malloc_nolock(10, RESLAB_GROW)) != nullptr && works(); }},
    {"a nolock allocation that may not: there is nothing yet",
     [] { return unit::opaque(reslab_malloc_nolock(10, 0)) == nullptr && windows() == 0 && works(); }},
    {"a free of nothing",
     [] {
       reslab_free(nullptr);
       reslab_free_nolock(nullptr);
       return windows() == 0 && works();
     }},
    {"a look at the status",
     [] {
       reslab_status status;
       if (reslab_get_status(&status, sizeof status) != 0) return false;
       return status.mode == RESLAB_MODE_NONE && std::string(status.mode_reason) != "" && windows() == 0 && works();
     }},
    {"a look at the statistics",
     [] {
       reslab_stats stats;
       return reslab_get_stats(&stats, sizeof stats) == 0 && stats.bytes_live == 0 && windows() == 0 && works();
     }},
    {"a look at an option: it has its default, or the environment's value",
     [] {
       char value[32];
       return reslab_option_get("dirty_min", value, sizeof value) == 0 && std::string(value) == "1048576" && works();
     }},
    {"upkeep", [] { return reslab_flush_deferred() == 0 && reslab_trim(0) == 0 && works(); }},
    {"an audit", [] { return reslab_check(STDERR_FILENO) == 0 && works(); }},
    {"a call in a handler",
     [] {
       signal(SIGUSR1, [](int) { reslab_free(reslab_malloc(100)); });
       return raise(SIGUSR1) == 0 && works();
     }},
    {"a call in a thread",
     [] {
       pthread_t thread;
       static void* object;
       pthread_create(
           &thread, nullptr,
           [](void*) -> void* {
             object = reslab_malloc(100);
             return nullptr;
           },
           nullptr);
       pthread_join(thread, nullptr);
       return object != nullptr && works();
     }},
    {"eight calls of eight threads at once", race},
};

// --- under a limit of the address space ------------------------------------------------------------------------------

// What an option asks for besides the heap must not take what the heap needs.
struct Limited {
  size_t limit_bytes;
  bool works_without, works_with;
  bool has_tables;
  std::string said;
};
constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kOthers = 64 * kMiB;  // what libraries and files of a program take of the limit
constexpr size_t kLeastLimit = 96 * kMiB, kMostLimit = 640 * kMiB, kStep = 4 * kMiB;
std::vector<Limited> with_debug, with_profile;

void set_option(const char* option) {
  const char* given = getenv("RESLAB_OPTIONS");
  const std::string options = std::string(given != nullptr ? given : "") + option;
  setenv("RESLAB_OPTIONS", options.c_str(), 1);
}

// 4 MiB in objects, and room left over for a small mapping of somebody else's.
bool works_somewhat() {
  for (int i = 0; i < 64; ++i) {
    if (unit::opaque(reslab_malloc(64 << 10)) == nullptr) return false;
  }
  return mmap(nullptr, kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED && works();
}

bool has_tables() { return debug_is_on() || profile_is_on(); }

// In a child under the limit, whose complaints go to `said`. Bit 0: it works, bit 1: it has the option's tables.
int limited_child(size_t limit_bytes, const char* option, std::string& said) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const struct rlimit limit = {limit_bytes, RLIM_INFINITY};
    set_option(option);
    dup2(ends[1], STDERR_FILENO);
    if (mmap(nullptr, kOthers, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) _exit(0);
    if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(0);
    const bool is_fine = works_somewhat();
    _exit((is_fine ? 1 : 0) + (published_root.load() != nullptr && has_tables() ? 2 : 0));
  }
  close(ends[1]);
  char text[256];
  for (ssize_t n; (n = read(ends[0], text, sizeof text)) > 0;) said.append(text, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

void try_limits(const char* option, std::vector<Limited>& tried) {
  for (size_t limit = kLeastLimit; limit <= kMostLimit; limit += kStep) {
    std::string nothing, said;
    const int without = limited_child(limit, "", nothing);
    const int with = limited_child(limit, option, said);
    tried.push_back({limit, (without & 1) != 0, (with & 1) != 0, (with & 2) != 0, said});
  }
}

// Whoever has memory without the option has it with it. The option's tables come if there is room, or a complaint.
void expect_memory_and_complaints(const std::vector<Limited>& tried, const char* option) {
  int had = 0, complained = 0;
  for (const Limited& one : tried) {
    EXPECT_TRUE(one.works_with || !one.works_without) << option << " with " << (one.limit_bytes >> 20) << " MiB";
    if (!one.works_with) continue;
    const bool complains =
        one.said.find("no memory for the tables of '" + std::string(option) + "'") != std::string::npos;
    EXPECT_NE(complains, one.has_tables) << option << " with " << (one.limit_bytes >> 20) << " MiB: " << one.said;
    had += one.has_tables ? 1 : 0;
    complained += complains ? 1 : 0;
  }
  EXPECT_GT(had, 0);
  EXPECT_GT(complained, 0) << "no limit was too small: this shows nothing";
}

constexpr int kRounds = 20;  // of the last case; the others do the same every time
int endings[std::size(kCases)];
bool came_first;

int ending_of(const Case& one) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(one.run() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

void make_first_calls() {
  came_first = published_root.load() == nullptr;
  for (size_t i = 0; i < std::size(kCases); ++i) {
    const int rounds = kCases[i].run == race ? kRounds : 1;
    for (int round = 0; round < rounds && endings[i] == 0; ++round) endings[i] = ending_of(kCases[i]);
  }
  try_limits(":debug=FZPU", with_debug);
  try_limits(":profile=524288", with_profile);
}

// Constructors run in the order of their sections' names; the library's is 101.
[[gnu::section(".init_array.00100"), gnu::used]] void (*const before_the_library)() = make_first_calls;

TEST(HeapRoot, AnyCallMayBeTheFirst) {
  ASSERT_TRUE(came_first) << "the root was there already: this test shows nothing";
  for (size_t i = 0; i < std::size(kCases); ++i) EXPECT_EQ(endings[i], 0) << "first came " << kCases[i].name;
}

TEST(HeapRoot, DebugTablesLeaveRoomForTheHeapUnderAnyLimit) { expect_memory_and_complaints(with_debug, "debug"); }

TEST(HeapRoot, AProfileThatThereIsNoRoomForIsComplainedOf) { expect_memory_and_complaints(with_profile, "profile"); }

TEST(HeapRoot, IsMadeOnceAndFoundByEverybody) {
  ASSERT_TRUE(ensure_root(Contract::kPlain));
  Root* const made = published_root.load();
  EXPECT_TRUE(ensure_root(Contract::kAny));
  EXPECT_EQ(published_root.load(), made);
  EXPECT_EQ(made->image.magic, kImageMagic);
  EXPECT_EQ(&arena(), &made->arena);
  EXPECT_EQ(windows(), 1);
}

}  // namespace
}  // namespace reslab
