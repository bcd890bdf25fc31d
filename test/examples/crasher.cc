// SPDX-License-Identifier: Apache-2.0
// A program that crashes: threads build and take down an index of strings, until one of them dereferences NULL,
//
//   crasher plain    while it builds the index
//   crasher inside   in a signal handler that has interrupted malloc itself
//   crasher deep     because its stack is full
//   crasher abort    by abort()
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

int* volatile nowhere = nullptr;
uintptr_t library_begin;

}  // namespace

// Names with C linkage, which the report is searched for.
extern "C" {

[[gnu::noinline]] void dereference_null() { *nowhere = 1; }

[[gnu::noinline]] size_t build_index(size_t entries, bool crash) {
  std::map<std::string, std::vector<std::string>> index;
  for (size_t i = 0; i < entries; i++) {
    index["word " + std::to_string(i * 7919 % entries) + " of a longer line"].push_back(std::string(i % 300, 'x'));
    if (crash && i == entries / 2) dereference_null();
  }
  return index.size();
}

int recurse(int depth);
int (*volatile recurse_again)(int) = recurse;  // or the compiler sees that there is no end

int recurse(int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  return recurse_again(depth + 1) + frame[0];
}

void crash_inside_malloc(int, siginfo_t*, void* context) {
  const auto pc = static_cast<uintptr_t>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
  dl_find_object found;
  if (_dl_find_object(reinterpret_cast<void*>(pc), &found) != 0) return;
  if (reinterpret_cast<uintptr_t>(found.dlfo_map_start) == library_begin) dereference_null();
}

}  // extern "C"

namespace {

void find_malloc() {
  dl_find_object found;
  if (_dl_find_object(dlsym(RTLD_DEFAULT, "malloc"), &found) == 0) {
    library_begin = reinterpret_cast<uintptr_t>(found.dlfo_map_start);
  }
}

void interrupt_malloc() {
  find_malloc();
  struct sigaction action = {};
  action.sa_sigaction = crash_inside_malloc;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGALRM, &action, nullptr);
  sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGALRM;
  timer_t timer;
  const itimerspec period = {{0, 1'000'000}, {0, 100'000'000}};  // lets the other threads get going
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &period, nullptr) != 0) exit(3);
}

void work(bool crash) {
  for (int round = 0; round < 20 || !crash; round++) build_index(2000, crash && round == 19);
}

}  // namespace

int main(int argc, char** argv) {
  const char* const how = argc == 2 ? argv[1] : "";
  for (int i = 0; i < 2; i++) std::thread(work, false).detach();
  if (strcmp(how, "plain") == 0) std::thread(work, true).join();
  if (strcmp(how, "deep") == 0) std::thread(recurse, 0).join();
  if (strcmp(how, "abort") == 0) abort();
  if (strcmp(how, "inside") == 0) {
    interrupt_malloc();
    work(false);
  }
  fprintf(stderr, "usage: crasher plain|inside|deep|abort\n");
  return 2;
}
