/* SPDX-License-Identifier: Apache-2.0 */
/* Guard pages (debug=G) beside a program that has its own mind about SIGSEGV: `guards MODE`. Each case is a child, since the
 * first guarded object takes the signal for good. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <reslab/reslab.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

enum { kPage = 4096, kBytes = 64 };

static char* guarded(void) {
  char* object = reslab_malloc(kBytes);
  CHECK(object != NULL && ((uintptr_t)object + kBytes) % reslab_page_size() == 0);
  return object;
}

static volatile sig_atomic_t handled;
static char* volatile touched;
static sigset_t blocked_inside;
static int was_on_alternate_stack;
static char alternate_stack[64 << 10];

static void count(int number) {
  (void)number;
  ++handled;
}

static void look_around(int number, siginfo_t* info, void* context) {
  (void)number, (void)info, (void)context;
  stack_t stack;
  sigaltstack(NULL, &stack);
  was_on_alternate_stack = (stack.ss_flags & SS_ONSTACK) != 0;
  sigprocmask(SIG_BLOCK, NULL, &blocked_inside);
  ++handled;
  if (touched != NULL) mprotect(touched, kPage, PROT_READ | PROT_WRITE);
}

/* look_around() with SA_SIGINFO, else count(). */
static void handle(int flags, int blocked) {
  const stack_t stack = {.ss_sp = alternate_stack, .ss_size = sizeof alternate_stack};
  CHECK(sigaltstack(&stack, NULL) == 0);
  struct sigaction action = {.sa_flags = flags};
  if ((flags & SA_SIGINFO) != 0) action.sa_sigaction = look_around;
  else action.sa_handler = count;
  sigemptyset(&action.sa_mask);
  if (blocked != 0) sigaddset(&action.sa_mask, blocked);
  CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
}

static void touch_closed_page(void) {
  touched = mmap(NULL, kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(touched != MAP_FAILED);
  *(volatile char*)touched = 1; /* again and again, until somebody opens it */
  touched = NULL;
}

/* --- signals that a process sends --- */

static void sent_to_nobody(void) {
  guarded();
  kill(getpid(), SIGSEGV);
  _exit(1);
}
static void sent_to_who_ignores_it(void) {
  signal(SIGSEGV, SIG_IGN);
  char* object = guarded();
  kill(getpid(), SIGSEGV);
  reslab_free(object);
  *(volatile char*)object = 1; /* still reported */
  _exit(1);
}
static void sent_to_a_handler(void) {
  handle(0, 0);
  guarded();
  kill(getpid(), SIGSEGV);
  CHECK(handled == 1);
}
static void fault_of_nobody(void) {
  guarded();
  touch_closed_page();
}

/* --- what a handler asked for --- */

static void handler_is_called_as_it_asked(void) {
  handle(SA_SIGINFO, SIGUSR1);
  guarded();
  touch_closed_page();
  CHECK(handled == 1 && !was_on_alternate_stack);
  CHECK(sigismember(&blocked_inside, SIGUSR1) == 1 && sigismember(&blocked_inside, SIGSEGV) == 1);
  sigprocmask(SIG_BLOCK, NULL, &blocked_inside);
  CHECK(sigismember(&blocked_inside, SIGUSR1) == 0 && sigismember(&blocked_inside, SIGSEGV) == 0);
}
static void handler_may_be_interrupted(void) {
  handle(SA_SIGINFO | SA_NODEFER | SA_ONSTACK, 0);
  guarded();
  touch_closed_page();
  CHECK(handled == 1 && was_on_alternate_stack && sigismember(&blocked_inside, SIGSEGV) == 0);
}
static void handler_is_called_once(void) {
  handle(SA_SIGINFO | SA_RESETHAND, 0);
  guarded();
  touch_closed_page();
  CHECK(handled == 1);
  touch_closed_page();
}

/* --- a fault of another thread while the signal is taken: here it comes at the end of the call that takes it --- */

static int comes_meanwhile;

extern int __sigaction(int, const struct sigaction*, struct sigaction*);

int sigaction(int number, const struct sigaction* action, struct sigaction* before) {
  struct sigaction former;
  const int result = __sigaction(number, action, &former);
  if (comes_meanwhile && action != NULL) raise(SIGSEGV);
  if (before != NULL) *before = former;
  return result;
}

static void fault_meanwhile(void) {
  handle(0, 0);
  comes_meanwhile = 1;
  guarded();
  comes_meanwhile = 0;
  CHECK(handled == 1);
}

/* --- pages that can be closed in part only --- */

#ifdef __x86_64__
static size_t pool_bytes(void) { return 1024 * reslab_page_size(); }

static void close_half(int number, siginfo_t* info, void* context) {
  (void)number, (void)info;
  greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  CHECK(mprotect((void*)registers[REG_RDI], pool_bytes() / 2, PROT_NONE) == 0);
  registers[REG_RAX] = -12; /* ENOMEM: too many mappings */
}

#define OF(part) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, part))
#define UNLESS(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void pool_is_closed_in_part(void) {
  const struct sigaction action = {.sa_sigaction = close_half, .sa_flags = SA_SIGINFO};
  sigaction(SIGSYS, &action, NULL);
  struct sock_filter filter[] = {OF(nr),
                                 UNLESS(SYS_mprotect),
                                 OF(args[1]),
                                 UNLESS((unsigned)pool_bytes()),
                                 OF(args[2]),
                                 UNLESS(PROT_NONE),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)};
  const struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
  for (int i = 0; i < 3; ++i) {
    char* object = reslab_malloc(kBytes); /* not guarded, then */
    char* pages = reslab_malloc(pool_bytes());
    CHECK(object != NULL && pages != NULL);
    memset(object, 1, kBytes);
    memset(pages, 1, pool_bytes());
    reslab_free(pages);
    reslab_free(object);
  }
}
#endif

static const struct {
  const char* name;
  void (*run)(void);
  int signal; /* that ends it */
} kCases[] = {
    {"sent, nobody handles it", sent_to_nobody, SIGSEGV},
    {"sent, it is ignored", sent_to_who_ignores_it, SIGABRT},
    {"sent, it is handled", sent_to_a_handler, 0},
    {"a fault, nobody handles it", fault_of_nobody, SIGSEGV},
    {"the handler is called as it asked", handler_is_called_as_it_asked, 0},
    {"the handler may be interrupted", handler_may_be_interrupted, 0},
    {"the handler is called once", handler_is_called_once, SIGSEGV},
    {"a fault while the signal is taken", fault_meanwhile, 0},
#ifdef __x86_64__
    {"pages that can be closed in part", pool_is_closed_in_part, 0},
#endif
};

int main(int argc, char** argv) {
  const size_t cases = sizeof kCases / sizeof kCases[0];
  int failures = 0;
  for (size_t i = 0; i < cases; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      struct reslab_status status;
      const int is_rseq = argc == 2 && strcmp(argv[1], "rseq") == 0;
      CHECK(reslab_get_status(&status, sizeof status) == 0);
      CHECK(status.mode == (is_rseq ? RESLAB_MODE_RSEQ : RESLAB_MODE_FALLBACK));
      alarm(20);
      kCases[i].run();
      _exit(0);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    const int is_so = kCases[i].signal == 0 ? status == 0 : WIFSIGNALED(status) && WTERMSIG(status) == kCases[i].signal;
    if (!is_so) fprintf(stderr, "FAILED %s: wait status 0x%x\n", kCases[i].name, (unsigned)status);
    failures += is_so ? 0 : 1;
  }
  printf("%zu cases, %d failures\n", cases, failures);
  return failures == 0 ? 0 : 1;
}
