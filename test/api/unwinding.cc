// SPDX-License-Identifier: Apache-2.0
// Stacks are taken without a lock (24). With report_reentry=1 and debug=U every call and every re-entry takes one, while
// another thread is stopped for ever where an unwinder of another kind would keep everybody waiting:
//
//   unwinding phdr         inside dl_iterate_phdr, with the loader's lock of the list of libraries
//   unwinding dlopen FILE  inside the constructor of a library that dlopen loads, with the loader's big lock
//   unwinding unwinder     inside the unwinder of libgcc, at whatever instruction a signal has found it
//   unwinding depot        inside reslab, where it writes a stack down
//   unwinding own          nowhere: handlers interrupt their own thread inside the unwinder, and take stacks there
//
// Threads that have not called reslab before then re-enter malloc, realloc and free from a handler; all of it must come to
// its end, and each distinct place must have been printed once, with its frames.
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <reslab/reslab.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <string>

#include "failure.h"
#include "hooks.h"
#include "interrupted.h"
#include "mode.h"
#include "thread_timer.h"

namespace {

using support::expect;

constexpr unsigned kSeconds = 45;
constexpr int kThreads = 3;
constexpr size_t kObjects = 600;  // of one class: several refills and flushes
constexpr int kInterrupted = 3000;
constexpr long kPeriodNanoseconds = 20'000;
constexpr int kStop = SIGUSR1, kReenter = SIGUSR2;

// --- the thread that is stopped -----------------------------------------------------------------------------------

std::atomic<bool> stopped{false};

[[noreturn]] void stop_for_ever() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  stopped.store(true, std::memory_order_release);
  for (;;) pause();  // ends with the process
}

void* begin_deed(void* deed) {
  reinterpret_cast<void (*)()>(deed)();
  return nullptr;
}

pthread_t begin(void (*deed)()) {
  pthread_t thread;
  expect(pthread_create(&thread, nullptr, begin_deed, reinterpret_cast<void*>(deed)) == 0, "no thread");
  return thread;
}

void wait_until_stopped() {
  while (!stopped.load(std::memory_order_acquire)) usleep(1000);  // ends: or limit_time() does
}

void stop_in_phdr() {
  dl_iterate_phdr([](dl_phdr_info*, size_t, void*) -> int { stop_for_ever(); }, nullptr);
}

const char* module_file;
void stop_in_dlopen() { dlopen(module_file, RTLD_NOW); }

// Of the function that the unwinder is: is the interrupted code in its library?
bool is_in_unwinder(uintptr_t pc) {
  dl_find_object unwinder, found;
  return _dl_find_object(reinterpret_cast<void*>(&_Unwind_Backtrace), &unwinder) == 0 &&
         _dl_find_object(reinterpret_cast<void*>(pc), &found) == 0 && found.dlfo_map_start == unwinder.dlfo_map_start;
}

void stop_in_unwinder() {
  struct sigaction action = {};
  action.sa_sigaction = [](int, siginfo_t*, void* context) {
    if (is_in_unwinder(support::interrupted_pc(context))) stop_for_ever();
  };
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(kStop, &action, nullptr);
  const support::ThreadTimer timer(kStop, kPeriodNanoseconds);
  for (;;) reslab_free(opaque(reslab_malloc(40)));  // until it is stopped, or limit_time() ends it
}

std::atomic<bool> depot_is_to_stop{false};
void stop_in_depot(void*) {
  if (depot_is_to_stop.exchange(false, std::memory_order_relaxed)) stop_for_ever();
}
[[gnu::noinline]] void call_from_a_new_place() { opaque(reslab_malloc(40)); }
void stop_where_a_stack_is_kept() {
  depot_is_to_stop.store(true, std::memory_order_relaxed);
  call_from_a_new_place();
}

// --- the threads that go on -----------------------------------------------------------------------------------------

std::atomic<int> reentered{0};

void reenter() {
  void* object = opaque(reslab_malloc(24));
  object = opaque(reslab_realloc(object, 5000));
  expect(object != nullptr, "an allocation in a handler failed");
  reslab_free(object);
  reentered.fetch_add(1, std::memory_order_relaxed);
}

thread_local bool inside = false;
void raise_in_refill(void*) {
  if (inside) return;  // the handler's own refill
  inside = true;
  raise(kReenter);
  inside = false;
}

void work(size_t bytes) {
  static thread_local void* objects[kObjects];
  for (void*& object : objects) expect((object = opaque(reslab_malloc(bytes))) != nullptr, "an allocation failed");
  for (void* object : objects) reslab_free(object);
}

void work_with_all_sizes() {
  for (const size_t bytes : {16, 48, 200, 1000, 4096, 40'000}) work(bytes);
}

// A signal that finds its own thread in the unwinder, and takes stacks on top.
std::atomic<int> interrupted_there{0};
void work_until_the_unwinder_was_interrupted() {
  const support::ThreadTimer timer(kReenter, kPeriodNanoseconds);
  while (interrupted_there.load(std::memory_order_relaxed) < kInterrupted) work(48);  // or limit_time() ends it
}

void on_reenter(int, siginfo_t* info, void* context) {
  if (info->si_code == SI_TIMER) {
    if (interrupted_there.load(std::memory_order_relaxed) >= kInterrupted) return;
    if (!is_in_unwinder(support::interrupted_pc(context))) return;
    interrupted_there.fetch_add(1, std::memory_order_relaxed);
  }
  reenter();
}

// --- what is printed ------------------------------------------------------------------------------------------------

// Everything on stderr from now on; failures are printed where they were before.
class Said {
 public:
  Said() : file_(memfd_create("stderr", MFD_CLOEXEC)), before_(dup(STDERR_FILENO)) {
    expect(file_ >= 0 && before_ >= 0 && dup2(file_, STDERR_FILENO) == STDERR_FILENO, "no file for what is said");
    kept = this;
    support::set_last_deed([] { kept->show(); });
  }

  std::string end() {
    dup2(before_, STDERR_FILENO);
    support::set_last_deed(nullptr);
    std::string text(static_cast<size_t>(lseek(file_, 0, SEEK_END)), '\0');
    expect(pread(file_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()), "what was said is lost");
    return text;
  }

 private:
  // The end of it: the line of a failure is the last.
  void show() const {
    char text[2000];
    const off_t size = lseek(file_, 0, SEEK_END);
    const off_t from = size > static_cast<off_t>(sizeof text) ? size - static_cast<off_t>(sizeof text) : 0;
    const ssize_t got = pread(file_, text, sizeof text, from);
    if (got > 0 && write(before_, text, static_cast<size_t>(got)) < 0) _exit(2);
  }

  static inline Said* kept;
  const int file_, before_;
};

size_t count(const std::string& text, const char* words) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(words, at)) != std::string::npos; ++at) ++found;
  return found;
}

void expect_places(const std::string& said) {
  for (const char* call : {"malloc", "realloc", "free"}) {
    const std::string head = std::string("reslab: re-entry: ") + call + " interrupts a call of reslab;";
    expect(count(said, head.c_str()) > 0, "no re-entry of %s was reported", call);
  }
  const size_t places = count(said, "re-entry: ");
  expect(count(said, "reslab:   #0 ") == places && count(said, "reslab:   #4 ") == places,
         "%zu places, but %zu stacks and %zu of five frames", places, count(said, "reslab:   #0 "),
         count(said, "reslab:   #4 "));
  // Each once: the same three calls of the handler interrupt the same few places hundreds of times.
  expect(places < static_cast<size_t>(3 * reentered.load(std::memory_order_relaxed)), "each re-entry was printed");
}

struct Case {
  const char* name;
  void (*stop)();  // what the thread does that is stopped; nullptr: none is
  void (*work)();
};
constexpr Case kCases[] = {
    {"phdr", stop_in_phdr, work_with_all_sizes},
    {"dlopen", stop_in_dlopen, work_with_all_sizes},
    {"unwinder", stop_in_unwinder, work_with_all_sizes},
    {"depot", stop_where_a_stack_is_kept, work_with_all_sizes},
    {"own", nullptr, work_until_the_unwinder_was_interrupted},
};

const Case& case_of(const char* name) {
  for (const Case& one : kCases) {
    if (name != nullptr && strcmp(one.name, name) == 0) return one;
  }
  support::fail("no case %s", name == nullptr ? "is named" : name);
}

void require_option(const char* name, const char* wanted) {
  char value[16] = "";
  reslab_option_get(name, value, sizeof value);
  expect(strcmp(value, wanted) == 0, "the option %s is '%s', not '%s'", name, value, wanted);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void (*blocking_module_deed())() { return stop_for_ever; }

int main(int argc, char** argv) {
  const Case& chosen = case_of(argc > 1 ? argv[1] : nullptr);
  module_file = argc > 2 ? argv[2] : "";
  support::set_scene("%s", chosen.name);
  support::limit_time(kSeconds);
  reslab_free(opaque(reslab_malloc(1)));
  expect_mode();
  require_option("report_reentry", "1");
  require_option("debug", "U");

  // Made before any thread is stopped: this looks at the list of libraries, and allocates.
  struct sigaction action = {};
  action.sa_sigaction = on_reenter;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(kReenter, &action, nullptr);
  const support::Hook refill("refill", raise_in_refill), flush("flush", raise_in_refill);
  const support::Hook kept("stack_claimed", stop_in_depot);
  Said said;

  if (chosen.stop != nullptr) {
    support::set_stage("a thread goes where it is stopped");
    begin(chosen.stop);
    wait_until_stopped();
  }
  support::set_stage("others re-enter malloc and free, and take stacks");
  pthread_t threads[kThreads];
  for (pthread_t& thread : threads) thread = begin(chosen.work);
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);

  const std::string text = said.end();
  expect_places(text);
  printf("%s: %d handlers, %d of them on top of the unwinder; %zu distinct places\n", chosen.name, reentered.load(),
         interrupted_there.load(), count(text, "re-entry: "));
  fflush(stdout);
  _exit(verdict());  // the stopped thread may have what exit() wants
}
