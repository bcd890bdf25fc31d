// SPDX-License-Identifier: Apache-2.0
#include "first_states.h"

#include <reslab/reslab.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "cpu_slot.h"
#include "failure.h"
#include "faults.h"
#include "heap/rcu_core.h"
#include "heap_states.h"
#include "instructions.h"
#include "library.h"
#include "operations.h"
#include "stock.h"
#include "traps.h"

namespace reentry::fresh {

using reslab::kRcuCoreVersion;

void root_alone(size_t) { reslab_free(reslab_malloc(300000)); }

void unregistered(size_t) {
  be_scripted_unregistered();
  scene.mode = "fallback";
}

void id_out_of_range(size_t) {
  be_scripted(1u << 16);
  scene.mode = "fallback";
}

void without_mm_cid(size_t) { forget_mm_cid(); }

// In its steps only: where a call runs to a breakpoint, the kernel answers.
void known_defect(size_t) {
  scene.mode = "";  // either: a nested call whose kernel answered may have been first
  answer_system_call = [](ucontext_t& context) {
    greg_t* registers = context.uc_mcontext.gregs;
    if (registers[REG_RAX] != SYS_uname) return false;
    auto& system = *reinterpret_cast<utsname*>(registers[REG_RDI]);
    strcpy(system.machine, "aarch64");
    strcpy(system.release, "6.19.1-test");
    registers[REG_RIP] += kSystemCallBytes;
    registers[REG_RAX] = 0;
    return true;
  };
}

void large_cold(size_t bytes) { the_subject = allocate(bytes); }

void large_almost_warm(size_t bytes) {
  constexpr size_t kMisses = 7;
  stock.take(bytes, kMisses - 1);
  the_subject = allocate(bytes);
}

void depot_filled_by_another(size_t) {
  on_other_thread([] {
    constexpr size_t kBytes = 64;
    stock.take(kBytes, 3 * kMagazine);
    stock.give(0);
  });
}

// A chunk has 1,024 blocks, and the last 128 of them are a reserve. Of the smallest class, since the depot is limited by
// bytes.
void blocks_run_short(size_t) {
  constexpr size_t kSmallest = 16, kObjects = 58000;
  stock.take(kSmallest, kObjects);
  stock.give(0);
}

namespace {

// Steps through the library's first call, and has it read another file in the place of one of /proc.
class OtherFile : public StepObserver {
 public:
  OtherFile(const char* path, const char* content) : path_(path) {
    const int fd = memfd_create("other", 0);
    if (fd < 0 || write(fd, content, strlen(content)) < 0 || lseek(fd, 0, SEEK_SET) != 0) fail("no file to be had");
    snprintf(other_, sizeof other_, "/proc/self/fd/%d", fd);
  }
  bool was_read() const { return was_read_; }

 private:
  void at_step(ucontext_t& context) override {
    greg_t* registers = context.uc_mcontext.gregs;
    if (!Library::get().has(pc_of(context)) || !is_system_call(pc_of(context))) return;
    if (registers[REG_RAX] != SYS_openat || strcmp(reinterpret_cast<const char*>(registers[REG_RSI]), path_) != 0)
      return;
    registers[REG_RSI] = reinterpret_cast<greg_t>(other_);
    was_read_ = true;
    constexpr greg_t kTrapFlag = 0x100;
    registers[REG_EFL] &= ~kTrapFlag;
  }

  const char* path_;
  char other_[64];
  bool was_read_ = false;
};

}  // namespace

void tail_given_back(size_t bytes) {
  OtherFile strict("/proc/sys/vm/overcommit_memory", "2\n");
  const auto malloc_of_library = reinterpret_cast<Entry>(Library::get().symbol("malloc"));
  reslab_free(reinterpret_cast<void*>(step_through(strict, malloc_of_library, bytes, 0, 0)));
  if (!strict.was_read()) fail("the library does not ask whether memory is overcommitted");
  reslab_free(allocate(8 * bytes));
  hoard_units();
  reslab_free(allocate(8 * bytes));
  reslab_trim(0);
}

// The table that libreslab-rcu, too, begins with.
void retiring(size_t) {
  using Core = decltype(reslab_rcu_core);
  const auto core = reinterpret_cast<Core*>(Library::get().symbol("reslab_rcu_core"))(kRcuCoreVersion);
  if (core == nullptr || !core->start(nullptr)) fail("the library does not offer its retired bits");
}

void repair_left(size_t) {
  constexpr size_t kRun = 300000;  // no fast path serves it
  jump_out_of_malloc(kRun, "fork_repair");
}

void repair_left_while_retiring(size_t bytes) {
  repair_left(bytes);
  retiring(bytes);
}

void run_of_another(size_t) {
  on_other_thread([] { the_subject = allocate(300000); });
}

void searched_far_up(size_t) {
  constexpr size_t kFar = size_t{300} << 20;  // where a search begins is remembered to 256 MiB
  the_subject = allocate(300000);
  hoard(allocate(kFar));
  reslab_free(allocate(300000));
  hoard_units();
}

namespace {

constexpr size_t kForeign = 4096;

// The library gives the rest of its reservation back when a limit is set.
void* last_run() {
  const rlimit limit = {rlim_t{1} << 42, RLIM_INFINITY};
  if (setrlimit(RLIMIT_AS, &limit) != 0) fail("the address space cannot be limited");
  void* run = allocate(300000);
  hoard(run);
  return run;
}

void* map_behind(void* run) {
  constexpr size_t kUnit = 65536;
  unsigned char resident;
  auto* end = reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(run) / kUnit * kUnit);
  while (mincore(end, kForeign, &resident) == 0) end += kUnit;
  void* place = mmap(end, kForeign, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (place != end) fail("no foreign memory behind the library's");
  return place;
}

}  // namespace

void little_reserved(size_t) { last_run(); }

void foreign_memory_behind(size_t) { map_behind(last_run()); }

void foreign_memory_ahead(size_t) {
  if (reslab_option_set("nolock_ready", "1073741824") != 0) fail("no more can be kept ready");
  map_behind(last_run());
}

void empty_hole(size_t bytes) {
  void* foreign = map_behind(last_run());
  hoard(allocate(bytes));
  munmap(foreign, kForeign);
}

void many_foreign_behind(size_t bytes) {
  constexpr int kHoles = 64;
  void* first = map_behind(last_run());
  for (int i = 0; i < kHoles; ++i) {
    void* run = allocate(bytes);
    hoard(run);
    map_behind(run);
  }
  munmap(first, kForeign);
}

namespace {

constexpr size_t kLimited = 300000;

constexpr uint64_t kOfNested = 64 << 20;

// But for `more` bytes: what nested calls need, where they find nothing that is free and dirty.
void limit_to_what_is_held(uint64_t more) {
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  char value[32];
  snprintf(value, sizeof value, "%zu", static_cast<size_t>(stats.bytes_held + more));
  if (reslab_option_set("hard_limit", value) != 0) fail("hard_limit cannot be set");
}

void keep_what_is_dirty() {
  if (reslab_option_set("dirty_min", "1g") != 0) fail("dirty_min cannot be set");
}

}  // namespace

void at_hard_limit(size_t) {
  the_subject = allocate(kLimited);
  limit_to_what_is_held(kOfNested);
}

void at_hard_limit_with_free(size_t bytes) {
  keep_what_is_dirty();
  reslab_free(allocate(bytes - kLimited));  // the next is longer
  limit_to_what_is_held(kOfNested);
}

// The first free units are no memory yet, and above them there is as much as nested calls need.
void at_hard_limit_behind_zero(size_t) {
  constexpr size_t kZero = 4 << 20;
  the_subject = allocate(kLimited);
  void* zero = allocate(kZero);
  void* dirty = allocate(kOfNested);
  reslab_free(zero);
  reslab_trim(0);
  keep_what_is_dirty();
  reslab_free(dirty);
  limit_to_what_is_held(0);
}

void at_hard_limit_behind_dirty(size_t bytes) {
  at_hard_limit_with_free(kOfNested + bytes);
  limit_to_what_is_held(0);
}

void at_hard_limit_with_empty_slabs(size_t) {
  constexpr size_t kOther = 4096;
  state::empty_slabs_on_list(kOther);
  limit_to_what_is_held(kOfNested);
}

void above_soft_limit(size_t) {
  the_subject = allocate(kLimited);
  if (reslab_option_set("soft_limit", "65536") != 0) fail("soft_limit cannot be set");
}

void full_above_soft_limit(size_t bytes) {
  state::magazine_full(bytes);
  if (reslab_option_set("soft_limit", "65536") != 0) fail("soft_limit cannot be set");
}

void small_and_lost(size_t bytes) { state::lost_slabs(bytes); }

}  // namespace reentry::fresh
