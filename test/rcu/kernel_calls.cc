// SPDX-License-Identifier: Apache-2.0
// The system calls of class any+wake: at most one futex wake each, and in a nolock scope none. `kernel_calls MODE wake|none
// thread|handler`: a thread makes every such call many times, idle and busy, under a seccomp filter that kills the process
// for anything else, and has each wake counted before it is made; as it is, or in a handler.

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstddef>

#include "support.h"

using namespace rcu_test;

namespace {

constexpr int kObjects = 20'000;
void* objects[kObjects];
bool may_wake, in_handler;

// A wake has no sixth argument: ours says that it has been counted.
constexpr unsigned kCounted = 0xc0de;
volatile sig_atomic_t wakes = 0;  // of the call that is being made

void count_wake(int, siginfo_t*, void* context) {
  greg_t* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  wakes = wakes + 1;
  registers[REG_RAX] = syscall(SYS_futex, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX], 0, 0, kCounted);
}

void forbid_the_kernel() {
  constexpr auto kNumber = static_cast<unsigned>(offsetof(seccomp_data, nr));
  constexpr auto kSecond = static_cast<unsigned>(offsetof(seccomp_data, args[1]));
  constexpr auto kSixth = static_cast<unsigned>(offsetof(seccomp_data, args[5]));
  const unsigned futex = may_wake ? SYS_futex : 0xffffffffu;
  struct sigaction action = {};
  action.sa_sigaction = count_wake;
  action.sa_flags = SA_SIGINFO;
  RCU_CHECK(sigaction(SIGSYS, &action, nullptr) == 0);
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 9, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 8, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 7, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, futex, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kSecond),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAKE_PRIVATE, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kSixth),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kCounted, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof code / sizeof code[0], code};
  RCU_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  RCU_CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

// By no other system call than a write, and then the end.
[[noreturn]] void end_with(int status, const char* words) {
  const auto length = static_cast<ssize_t>(strlen(words));
  _exit(write(STDERR_FILENO, words, static_cast<size_t>(length)) == length ? status : 1);
}

int calls_that_woke = 0;
template <class Call>
void make(Call call) {
  wakes = 0;
  errno = 4711;
  call();
  if (errno != 4711) end_with(1, "kernel_calls: errno is not what it was\n");
  if (wakes > 1) end_with(1, "kernel_calls: one call made more than one futex call\n");
  calls_that_woke += wakes;
}

// Long enough for the reclaimer to fall asleep, so that there is somebody to wake.
void pass_time() {
  for (int i = 0; i < 2'000'000; ++i) asm volatile("pause");
}

[[noreturn]] void call_all() {
  const unsigned saved = may_wake ? 0 : reslab_nolock_save();
  forbid_the_kernel();
  for (int i = 0; i < kObjects; ++i) {
    make([&] { reslab_free_rcu(objects[i]); });
    if (i % 2500 == 0) pass_time();
    if (i % 100 != 0) continue;
    reslab_gp_cookie cookie = {0};
    bool elapsed = false;
    make([&] { cookie = reslab_gp_get(); });
    make([&] { elapsed = reslab_gp_poll(cookie); });
    make([&] { cookie = reslab_gp_start(); });
    make([&] { elapsed = elapsed || reslab_gp_poll(cookie); });
    if (elapsed) asm volatile("");
    if (i % 1000 == 0) make([] { reslab_gp_expedite(); });
    if (i % 3000 == 0) make([&] { reslab_rcu_set_limit(i % 2000 == 0 ? 1 : 64 << 20); });
  }
  if (!may_wake) reslab_nolock_restore(saved);
  if ((calls_that_woke > 0) != may_wake) end_with(1, "kernel_calls: there was nobody to wake\n");
  char line[64];
  snprintf(line, sizeof line, "%d calls woke somebody\n", calls_that_woke);
  end_with(0, line);
}

void on_signal(int) { call_all(); }

void* call_here_or_in_a_handler(void*) {
  if (!in_handler) call_all();
  struct sigaction action = {};
  action.sa_handler = on_signal;
  RCU_CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
  raise(SIGUSR1);
  return nullptr;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return fprintf(stderr, "usage: kernel_calls rseq|fallback wake|none thread|handler\n"), 2;
  require_mode(arguments[1]);
  may_wake = strcmp(arguments[2], "wake") == 0;
  in_handler = strcmp(arguments[3], "handler") == 0;
  RCU_CHECK(reslab_rcu_init(nullptr) == 0);
  for (int i = 0; i < kObjects; ++i)
    RCU_CHECK((objects[i] = reslab_malloc(static_cast<size_t>(16 + i % 900))) != nullptr);
  pthread_t thread;
  RCU_CHECK(pthread_create(&thread, nullptr, call_here_or_in_a_handler, nullptr) == 0);
  pthread_join(thread, nullptr);
  return 1;
}
