// SPDX-License-Identifier: Apache-2.0
#include "rcu/lifetime.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <urcu/flavor.h>

#include <cerrno>

#include "base/hooks.h"
#include "base/text.h"
#include "platform/syscall.h"
#include "rcu/context.h"
#include "rcu/rcu.h"
#include "rcu/section.h"
#include "reslab/rcu.h"

// Of the flavours that the program has not linked there is nothing to know.
extern "C" {
extern const rcu_flavor_struct urcu_mb_flavor __attribute__((weak));
extern const rcu_flavor_struct urcu_qsbr_flavor __attribute__((weak));
extern const rcu_flavor_struct urcu_bp_flavor __attribute__((weak));
extern const rcu_flavor_struct urcu_signal_flavor __attribute__((weak));
}

namespace reslab {

constinit Rcu rcu;

const char* flavor_name(const rcu_flavor_struct* flavor) {
  if (flavor == nullptr) return "none";
  if (flavor == &urcu_memb_flavor) return "memb";
  if (flavor == &urcu_mb_flavor) return "mb";
  if (flavor == &urcu_qsbr_flavor) return "qsbr";
  if (flavor == &urcu_bp_flavor) return "bp";
  if (flavor == &urcu_signal_flavor) return "signal";
  return "other";
}

bool is_qsbr(const rcu_flavor_struct* flavor) { return flavor != nullptr && flavor == &urcu_qsbr_flavor; }

const RcuCore& Rcu::find_core() {
  const RcuCore* core = reslab_rcu_core(kRcuCoreVersion);
  if (core != nullptr) return *core;
  Line line;
  line.text("reslab: libreslab-rcu works with another version of reslab than this process has");
  line.write_to(STDERR_FILENO);
  __builtin_trap();
}

namespace {

// The word lives in a page that reads as zero in a forked child.
constexpr uint32_t kInChild = 0, kAdopting = 1, kOwned = 2;
constinit std::atomic<std::atomic<uint32_t>*> fork_word{nullptr};
constinit std::atomic<bool> prepared{false};
constinit pthread_t reclaimer_thread, grace_thread;
constinit std::atomic<bool> grace_has_ended{false};

}  // namespace

// In a child after fork there is none, whatever the state says until somebody looks (become_owner).
bool has_reclaimer() {
  const std::atomic<uint32_t>* word = fork_word.load(std::memory_order_acquire);
  return word != nullptr && word->load(std::memory_order_acquire) == kOwned &&
         rcu.threads.load(std::memory_order_acquire) == Threads::kRunning;
}

namespace {

uint64_t cookie_start() { return reslab_gp_start().gp; }
bool cookie_poll(uint64_t gp) { return reslab_gp_poll({gp}); }
bool hold_reclaimer() {
  if (!has_reclaimer()) return false;
  rcu.reclaimer.hold();
  return true;
}
void let_reclaimer_go() { rcu.reclaimer.let_go(); }
void visit_pages(SeeObjects see, void* context) { rcu.visit_pages(see, context); }
constexpr RcuClient kClient = {cookie_start,   cookie_poll,      is_in_read_section,
                               hold_reclaimer, let_reclaimer_go, visit_pages};

bool make_fork_word() {
  constexpr size_t kBytes = 4096;
  void* page = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return false;
  madvise(page, kBytes, MADV_WIPEONFORK);  // from Linux 4.14 on; before, a child does not know that it is one
  auto* word = static_cast<std::atomic<uint32_t>*>(page);
  word->store(kOwned, std::memory_order_relaxed);
  fork_word.store(word, std::memory_order_release);
  return true;
}

// Opens one of the two fast paths, last of all.
void open_pages(const RcuCore& core) {
  constexpr auto relaxed = std::memory_order_relaxed;
  constexpr uint32_t kFirstSpares = 32;  // until there is a reclaimer
  const PageWay way = core.options().check_rcu ? PageWay::kNone : core.page_way();
  if (way == PageWay::kNone || !rcu.open.init(rcu.pages, core, way)) return;
  rcu.pages.make_spares(kFirstSpares);
  rcu_fast.arena_base.store(core.fast_path->arena_base.load(relaxed), relaxed);
  if (way == PageWay::kShared) {
    rcu_fallback.arena_bytes.store(core.arena_bytes(), std::memory_order_release);
    return;
  }
  rcu_fast.rseq_offset.store(core.fast_path->rseq_offset.load(relaxed), relaxed);
  rcu_fast.slot_offset.store(core.fast_path->slot_offset.load(relaxed), relaxed);
  rcu_fast.cpus.store(rcu.open.by_cpu().cpus(), relaxed);
  rcu_fast.words.store(rcu.pages.words(), relaxed);
  rcu_fast.arena_bytes.store(core.arena_bytes(), std::memory_order_release);
}

// --- the threads -------------------------------------------------------------------------------------------------------

void grace_ended() {
  rcu.reclaimer.wake_waiters();
  rcu.reclaimer.bell().wake();
}

void* run_grace(void*) {
  rcu.grace.run(*rcu.flavor.load(std::memory_order_acquire), grace_ended);
  grace_has_ended.store(true, std::memory_order_release);
  return nullptr;
}

void* run_reclaimer(void*) {
  rcu.reclaimer.run();
  return nullptr;
}

// None is delivered while it lives. Our threads inherit that: a handler of the program would run on them, and could be a
// reader; and a handler that leaves by a jump would leave Threads::kStarting behind.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_;
};

// Ours for good: a child's threads stand where its parent's did, which are not there. A stack that pthread_create finds in a
// child may be one of another thread of the parent, which liburcu, whose list of readers leads through it, still believes
// to be there.
class ThreadStack {
 public:
  // False: no memory for it, and the thread gets one as others do.
  bool give_to(pthread_attr_t& attributes) {
    if ((begin_ == nullptr || is_the_callers()) && !map(attributes)) return false;
    return pthread_attr_setstack(&attributes, begin_, bytes_) == 0;
  }

 private:
  // A child that our thread has forked goes on here.
  bool is_the_callers() const {
    const char here = 0;
    return reinterpret_cast<uintptr_t>(&here) - reinterpret_cast<uintptr_t>(begin_) < bytes_;
  }

  bool map(const pthread_attr_t& attributes) {
    constexpr size_t kGuardBytes = 64 << 10;  // a page, of whatever size
    if (pthread_attr_getstacksize(&attributes, &bytes_) != 0) return false;
    void* place = mmap(nullptr, kGuardBytes + bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) return false;
    char* const begin = static_cast<char*>(place) + kGuardBytes;
    if (mprotect(begin, bytes_, PROT_READ | PROT_WRITE) == 0) {
      begin_ = begin;  // last: a child that is forked before this maps its own
      return true;
    }
    munmap(place, kGuardBytes + bytes_);
    return false;
  }

  char* begin_ = nullptr;
  size_t bytes_ = 0;
};
constinit ThreadStack reclaimer_stack, grace_stack;

int make_thread(pthread_t& thread, ThreadStack& stack, void* (*run)(void*)) {
  pthread_attr_t attributes;
  const int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  const bool is_given = stack.give_to(attributes);
  const int made = pthread_create(&thread, is_given ? &attributes : nullptr, run, nullptr);
  pthread_attr_destroy(&attributes);
  return made;
}

int make_threads() {
  grace_has_ended.store(false, std::memory_order_relaxed);
  int error = make_thread(reclaimer_thread, reclaimer_stack, run_reclaimer);
  if (error != 0) return error;
  error = make_thread(grace_thread, grace_stack, run_grace);
  if (error == 0) return 0;
  rcu.reclaimer.stop();  // which waits for no reader
  pthread_join(reclaimer_thread, nullptr);
  rcu.reclaimer.rearm();
  return error;
}

// --- fork --------------------------------------------------------------------------------------------------------------

// Threads of this process; 0: it cannot be known.
uint32_t count_threads() {
  const long directory =
      sys_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/task"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return 0;
  struct stat info = {};
  const bool known = fstat(static_cast<int>(directory), &info) == 0;
  sys_call(SYS_close, directory);
  return known && info.st_nlink > 2 ? static_cast<uint32_t>(info.st_nlink - 2) : 0;
}

// A child: the parent's threads are not here, and what they were doing is undone. One thread does this, and cannot be kept
// from its end by a jump. False: another is at it, who makes the threads as well; who waits looks again (wait.cc).
bool become_owner() {
  std::atomic<uint32_t>& word = *fork_word.load(std::memory_order_acquire);
  if (word.load(std::memory_order_acquire) == kOwned) return true;
  const NoSignals undisturbed;
  uint32_t expected = kInChild;
  if (!word.compare_exchange_strong(expected, kAdopting, std::memory_order_acq_rel)) return expected == kOwned;
  // A thread in synchronize_rcu holds liburcu's locks, in the child for ever.
  if (rcu.grace.is_running()) rcu.liburcu_locked.store(true, std::memory_order_relaxed);
  rcu.grace.forget();
  rcu.reclaimer.forget();
  rcu.threads.store(Threads::kNone, std::memory_order_relaxed);
  word.store(kOwned, std::memory_order_release);
  return true;
}

bool prepare_once() {
  const RcuCore* core = reslab_rcu_core(kRcuCoreVersion);
  if (core == nullptr || !core->start(&kClient) || !make_fork_word()) return false;
  rcu.limit_bytes.store(core->options().rcu_limit, std::memory_order_relaxed);
  rcu.core_table.store(core, std::memory_order_release);
  open_pages(*core);
  prepared.store(true, std::memory_order_release);
  return true;
}

}  // namespace

// Once: who comes while another thread is at it is told that nothing is there yet.
bool prepare_rcu() {
  static constinit std::atomic<bool> preparing{false};
  if (prepared.load(std::memory_order_acquire)) return true;
  if (preparing.exchange(true, std::memory_order_acq_rel)) return prepared.load(std::memory_order_acquire);
  if (!prepare_once()) preparing.store(false, std::memory_order_release);
  return prepared.load(std::memory_order_acquire);
}

bool reclaim_alone() {
  if (count_threads() != 1 || is_in_read_section() || !rcu.core().enter()) return false;
  const NoSignals undisturbed;  // a jump would leave half of it, and a handler could be here again
  rcu.reclaimer.free_all_alone();
  rcu.grace.end_alone();
  return true;
}

int start_reclaiming() {
  if (!prepare_rcu()) return reslab_rcu_core(kRcuCoreVersion) == nullptr ? ENOTSUP : ENOMEM;
  if (!rcu.core().enter()) return EAGAIN;  // a forked child that is being repaired
  if (!become_owner()) return 0;
  if (rcu.liburcu_locked.load(std::memory_order_relaxed)) return reclaim_alone() ? 0 : EDEADLK;
  if (rcu.threads.load(std::memory_order_acquire) == Threads::kRunning) return 0;
  const NoSignals undisturbed;
  Threads none = Threads::kNone;
  if (!rcu.threads.compare_exchange_strong(none, Threads::kStarting, std::memory_order_acq_rel)) {
    return none == Threads::kStopped ? EDEADLK : 0;
  }
  const rcu_flavor_struct* no_flavor = nullptr;
  rcu.flavor.compare_exchange_strong(no_flavor, &urcu_memb_flavor, std::memory_order_acq_rel);
  const int error = make_threads();
  rcu.threads.store(error == 0 ? Threads::kRunning : Threads::kNone, std::memory_order_release);
  return error;
}

namespace {

__attribute__((constructor(102))) void prepare_early() { prepare_rcu(); }

// The reclaimer never waits for readers, so it ends at once. The other thread is left alone while a reader keeps it: it
// holds nothing of ours, and this library stays mapped.
__attribute__((destructor)) void stop_threads() {
  std::atomic<uint32_t>* word = fork_word.load(std::memory_order_acquire);
  if (word == nullptr || word->load(std::memory_order_relaxed) != kOwned) return;  // the parent's to stop
  Threads running = Threads::kRunning;
  if (!rcu.threads.compare_exchange_strong(running, Threads::kStopped, std::memory_order_acq_rel)) return;
  rcu.reclaimer.stop();
  pthread_join(reclaimer_thread, nullptr);
  rcu.grace.stop();
  const bool idle = !rcu.grace.is_running();  // behind the stop: none begins any more
  if (idle || grace_has_ended.load(std::memory_order_acquire)) pthread_join(grace_thread, nullptr);
  else pthread_detach(grace_thread);
}

}  // namespace
}  // namespace reslab

extern "C" int reslab_rcu_init(const rcu_flavor_struct* flavor) noexcept {
  using namespace reslab;
  if (flavor == nullptr) flavor = &urcu_memb_flavor;
  const rcu_flavor_struct* none = nullptr;
  if (!rcu.flavor.compare_exchange_strong(none, flavor, std::memory_order_acq_rel) && none != flavor) return EBUSY;
  return start_reclaiming();
}
