// SPDX-License-Identifier: Apache-2.0
// A storm whose handlers have the smallest stack that docs/guarantees.md says is enough for strict nolock calls: what
// the kernel puts there for a signal, what the handler itself needs, and 1 KiB for the call. Four threads on two CPUs
// allocate and free by plain calls; their handlers, which do not nest, by strict nolock calls.
//
//     | guard page | 1 KiB for the call | the handler's | what the kernel puts there, measured |
//                  ^ the stack begins                                                         ^ and ends
//
// Who goes deeper hits the guard page, on a stack that has no room for a handler that could say so: the storm runs in a
// child, and its death is what fails. The kernel's part is measured, and not what sysconf(_SC_MINSIGSTKSZ) promises it
// to be at most: that counts registers which a process may never have used, 8 KiB of them on some machines, and a call
// that went too deep would find room there. For lesson 27 of docs/lessons.md.
#include <errno.h>
#include <reslab/reslab.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "arguments.h"
#include "backtraces.h"
#include "child.h"
#include "failure.h"
#include "interrupted.h"
#include "ledger.h"
#include "library.h"
#include "library_map.h"
#include "log.h"
#include "operations.h"
#include "thread_timer.h"
#include "worker.h"

namespace storm {

using namespace support;

namespace {

constexpr size_t kWorkers = 4;
constexpr size_t kPlaces = 256;  // where objects go from hand to hand
constexpr size_t kStepsEach = 8;
constexpr int kErrnoMark = 4711;  // no error of the system
constexpr size_t kPage = 4096;
constexpr size_t kWideBytes = 128 << 10;  // the same stack while the handler's needs are measured
constexpr unsigned char kPaint = 0xa5;

struct Settings {
  const char* mode;
  unsigned seconds;
  long hertz;
  size_t room;  // bytes, for a call
  uint64_t min_inside;
  uint64_t seed;
  Log log;
};

// What went wrong in a handler, which has no room to say it. The first one stays.
std::atomic<const char*> complaint{nullptr};

void complain(const char* words) {
  const char* none = nullptr;
  complaint.compare_exchange_strong(none, words, std::memory_order_relaxed);  // published by the end of the thread
}

void expect_no_complaint() {
  if (const char* words = complaint.load(std::memory_order_relaxed)) fail("in a handler: %s", words);
}

// --- what the handler does -------------------------------------------------------------------------------------------

std::atomic<void*> places[kPlaces];
Slots slots;
Tally tally;
const LibraryMap* library;

// One for each thread. Only its handlers and, between storms, nobody else touch it.
struct Struck {
  Worker worker;
  Random random{0};
  uintptr_t top = 0;      // of the alternate stack
  uintptr_t entry = 0;    // where the kernel's part of it ended in the last handler
  uintptr_t deepest = 0;  // of the stack pointer when a call was made
  uint64_t seen = 0;
};
Struck struck[kWorkers];
thread_local Struck* current = nullptr;

[[gnu::always_inline]] inline void note_depth(Struck& self) {
  uintptr_t stack_pointer;
  asm volatile("movq %%rsp, %0" : "=r"(stack_pointer));
  if (stack_pointer < self.deepest) self.deepest = stack_pointer;
}

// An object says where it is. It is scrubbed before it is freed.
void stamp(void* object) { *static_cast<void* volatile*>(object) = object; }

bool lose_stamp(void* object) {
  const bool whole = *static_cast<void* volatile*>(object) == object;
  *static_cast<void* volatile*>(object) = nullptr;
  return whole;
}

size_t draw_bytes(Random& random) {
  if (random.one_in(64)) return 16 + random.below(RESLAB_NOLOCK_MAX - 15);
  return 16 + random.below(size_t{64} << random.below(8));
}

// By every kind of strict call that allocates. Inline, as what frees, so that the handler has one frame and its needs
// are those of that frame.
[[gnu::always_inline]] inline void* allocate_strictly(Struck& self) {
  const size_t bytes = draw_bytes(self.random);
  const uint64_t draw = self.random.below(8);
  note_depth(self);
  switch (draw) {
    case 0:
      return reslab_malloc_nolock(bytes, RESLAB_ZERO);
    case 1:
      return reslab_malloc_nolock(bytes, RESLAB_NORETRY);
    case 2:
      return reslab_aligned_alloc_nolock(size_t{32} << bytes % 8, bytes, 0);
    case 3:
      return reslab_pages_alloc_nolock(bytes % 4, 0);
    case 4: {
      const unsigned scope = reslab_nolock_save();
      void* const object = malloc(bytes);
      reslab_nolock_restore(scope);
      return object;
    }
    default:
      return reslab_malloc_nolock(bytes, 0);
  }
}

[[gnu::always_inline]] inline void free_strictly(Struck& self, void* object) {
  const uint64_t draw = self.random.below(8);
  note_depth(self);
  switch (draw) {
    case 0:
      return reslab_free_sized_nolock(object, reslab_usable_size(object));
    case 1: {
      const unsigned scope = reslab_nolock_save();
      free(object);
      return reslab_nolock_restore(scope);
    }
    default:
      return reslab_free_nolock(object);
  }
}

// `steps` of them; each leaves an object in a place and frees what was there.
[[gnu::always_inline]] inline void work_strictly(Struck& self, size_t steps) {
  for (size_t i = 0; i < steps; i++) {
    errno = kErrnoMark;
    void* const object = allocate_strictly(self);
    if (object != nullptr) stamp(object);
    // Release: whoever takes the object must see its stamp. Acquire: so do we.
    void* const former = places[self.random.below(kPlaces)].exchange(object, std::memory_order_acq_rel);
    if (former != nullptr && !lose_stamp(former)) complain("an object was overwritten");
    if (former != nullptr) free_strictly(self, former);
    if (errno != kErrnoMark) complain("errno was not kept");
    self.seen += object != nullptr;
  }
}

void on_signal(int, siginfo_t*, void* context) {
  const int interrupted_errno = errno;
  Struck& self = *current;
  self.entry = reinterpret_cast<uintptr_t>(__builtin_dwarf_cfa());
  Tally::count(tally.signals);
  if (library->contains(interrupted_pc(context))) Tally::count(tally.inside);
  work_strictly(self, kStepsEach);
  errno = interrupted_errno;
}

int storm_signal() { return SIGRTMIN + 1; }

void install_handler() {
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  sigfillset(&action.sa_mask);
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigaction(storm_signal(), &action, nullptr);
}

// --- a stack of just the size ----------------------------------------------------------------------------------------

void use_stack(uintptr_t begin, uintptr_t end) {
  const stack_t stack = {.ss_sp = reinterpret_cast<void*>(begin), .ss_flags = 0, .ss_size = end - begin};
  if (sigaltstack(&stack, nullptr) != 0) fail("sigaltstack: %s", strerrordesc_np(errno));
}

// Everything but the calls below it: the signal frame, and the handler's own.
struct Needs {
  size_t kernel, handler;
};

// By handlers on a stack that has room for anything. They also make the loader look up whatever the handler calls, for
// which it would take more stack than there will be.
Needs measure(Struck& self, uintptr_t top) {
  constexpr int kHandlers = 200;
  use_stack(top - kWideBytes + kPage, top);
  Needs most = {};
  for (int i = 0; i < kHandlers; i++) {
    self.deepest = UINTPTR_MAX;
    raise(storm_signal());
    most.kernel = std::max(most.kernel, top - self.entry);
    most.handler = std::max(most.handler, self.entry - self.deepest);
  }
  return most;
}

class SmallStack {
 public:
  SmallStack(Struck& self, size_t room) : room_(room) {
    void* const memory = mmap(nullptr, kWideBytes + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("no memory for a stack");
    memory_ = reinterpret_cast<uintptr_t>(memory);
    needs_ = measure(self, memory_ + kWideBytes);
    // The registers lie at a multiple of 64 from where the stack ends: it has to end at one as well, or the kernel's
    // part is another one than was measured.
    const size_t bytes = (needs_.kernel + needs_.handler + room_ + 63) / 64 * 64;
    begin_ = memory_ + kPage * (1 + kWideBytes / kPage / 2);
    top_ = begin_ + bytes;
    memset(reinterpret_cast<void*>(begin_), kPaint, bytes);
    if (mprotect(reinterpret_cast<void*>(begin_ - kPage), kPage, PROT_NONE) != 0) fail("no guard page");
    use_stack(begin_, top_);
  }

  ~SmallStack() {
    const stack_t none = {.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
    sigaltstack(&none, nullptr);
    munmap(reinterpret_cast<void*>(memory_), kWideBytes + kPage);
  }
  SmallStack(const SmallStack&) = delete;
  SmallStack& operator=(const SmallStack&) = delete;

  const Needs& needs() const { return needs_; }
  size_t bytes() const { return top_ - begin_; }

  // Of the room for calls, what the deepest one has written to.
  size_t used() const {
    const auto* lowest = reinterpret_cast<const unsigned char*>(begin_);
    while (*lowest == kPaint) lowest++;
    const uintptr_t calls_begin = top_ - needs_.kernel - needs_.handler;
    const auto deepest = reinterpret_cast<uintptr_t>(lowest);
    return deepest < calls_begin ? calls_begin - deepest : 0;
  }

 private:
  size_t room_;
  uintptr_t memory_, begin_, top_;
  Needs needs_;
};

// --- the storm -------------------------------------------------------------------------------------------------------

using Clock = std::chrono::steady_clock;

struct Report {
  Needs needs;
  size_t bytes, used;
};

void empty_places(Random& random) {
  for (std::atomic<void*>& place : places) {
    void* const object = place.exchange(nullptr, std::memory_order_acquire);
    if (object != nullptr && !lose_stamp(object)) fail("an object was overwritten");
    if (object != nullptr) (random.one_in(2) ? free : reslab_free)(object);
  }
}

bool is_over(const Settings& settings, Clock::time_point end) {
  const auto now = Clock::now();
  const bool enough = tally.inside.load(std::memory_order_relaxed) >= settings.min_inside;
  return now >= end && (enough || now >= end + 2 * std::chrono::seconds(settings.seconds));
}

Report work_under_fire(Struck& self, const Settings& settings, Clock::time_point end) {
  current = &self;
  const SmallStack stack(self, settings.room);
  {
    const ThreadTimer timer(storm_signal(), period_of(settings.hertz));
    while (!is_over(settings, end)) {
      self.worker.one_round(slots, tally);
      expect_no_complaint();
    }
  }
  return {stack.needs(), stack.bytes(), stack.used()};
}

Report storm_for(const Settings& settings, Clock::time_point end) {
  std::thread threads[kWorkers];
  Report reports[kWorkers];
  for (size_t i = 0; i < kWorkers; i++) {
    threads[i] = std::thread([&, i] { reports[i] = work_under_fire(struck[i], settings, end); });
  }
  for (std::thread& thread : threads) thread.join();
  expect_no_complaint();
  return *std::max_element(reports, reports + kWorkers,
                           [](const Report& a, const Report& b) { return a.used < b.used; });
}

void report(const Settings& settings, const Report& deepest) {
  const auto promised = static_cast<size_t>(sysconf(_SC_MINSIGSTKSZ));
  uint64_t given = 0;
  for (const Struck& one : struck) given += one.seen;
  settings.log.line("mode %s, seed %lu, %u seconds", settings.mode, settings.seed, settings.seconds);
  settings.log.line("a stack of %zu bytes: %zu of the kernel (MINSIGSTKSZ %zu), %zu of the handler, %zu for a call",
                    deepest.bytes, deepest.needs.kernel, promised, deepest.needs.handler, settings.room);
  settings.log.line("the deepest call took %zu bytes", deepest.used);
  settings.log.line("%lu signals, %lu inside the library; %lu strict allocations were given", tally.signals.load(),
                    tally.inside.load(), given);
  expect(deepest.needs.kernel <= promised, "the kernel takes %zu bytes, and promises to take %zu at most",
         deepest.needs.kernel, promised);
  expect(given > 0, "no strict allocation was given anything");
  expect(tally.inside >= settings.min_inside, "%lu signals hit inside the library, %lu are asked for",
         tally.inside.load(), settings.min_inside);
}

[[noreturn]] void run(const Settings& settings) {
  static Ledger before, after;  // too large for a stack
  require_malloc_in_mode(settings.mode);
  restrict_to_two_cpus();
  static const LibraryMap map = LibraryMap::of("reslab_malloc_nolock");
  library = &map;
  install_handler();
  for (size_t i = 0; i < kWorkers; i++) {
    struck[i].worker.start(i, settings.seed);
    struck[i].random = Random(settings.seed * 1000 + 700 + i);
  }
  Random random(settings.seed);
  Settings warm_up = settings;  // for what libc keeps for threads that have ended
  warm_up.min_inside = 0;
  storm_for(warm_up, Clock::now() + std::chrono::milliseconds(300));
  slots.release_all(random);
  empty_places(random);
  before.take();
  for (auto* count : {&tally.signals, &tally.inside}) count->store(0, std::memory_order_relaxed);
  const Report deepest = storm_for(settings, Clock::now() + std::chrono::seconds(settings.seconds));
  slots.release_all(random);
  empty_places(random);
  expect_sound_heap("with all objects freed");
  after.take();
  after.expect_same(before, "with all objects freed");
  report(settings, deepest);
  settings.log.line("ok");
  _exit(0);
}

}  // namespace
}  // namespace storm

int main(int argc, char** argv) {
  static constexpr support::Option kOptions[] = {
      support::kModeOption,
      {"--seconds", "N", "how long (default 5)"},
      {"--minutes", "M", "how long"},
      {"--hertz", "N", "signals a second, for each thread (default 10000)"},
      {"--room", "BYTES", "of stack for a call (default 1024, as is promised)"},
      {"--min-inside", "N", "fail unless so many signals hit inside the library (default 1)"},
      support::kSeedOption,
      support::kLogOption,
  };
  const support::Arguments arguments(argc, argv, "A storm whose handlers have the smallest stack that is enough.",
                                     kOptions);
  const storm::Settings settings = {.mode = arguments.required("--mode"),
                                    .seconds = storm::seconds_of(arguments, 5),
                                    .hertz = static_cast<long>(arguments.number("--hertz", 10'000)),
                                    .room = arguments.number("--room", 1024),
                                    .min_inside = arguments.number("--min-inside", 1),
                                    .seed = arguments.number("--seed", 1, 0),
                                    .log = support::Log(arguments)};
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    support::explain_the_end();
    support::start_watchdog(3 * settings.seconds + 30);
    storm::run(settings);
  }
  support::expect_good_end_of(child, "the storm (by SIGSEGV: a call went deeper than it may)");
}
