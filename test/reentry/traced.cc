// SPDX-License-Identifier: Apache-2.0
// The same by ptrace, independent of the trap flag and of breakpoints: a parent steps a child through the operations, and
// at some of the steps (all of them in the long form) gives it a signal, whose handler does the nested operation on the
// child's own stack. Under a registered rseq each step in a section aborts it, as under any debugger.
//
// The child marks its places by raising SIGUSR2: in front of the walked call, behind it, and at the end of the handler.
#include <reslab/reslab.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "coverage.h"
#include "cpu_slot.h"
#include "failure.h"
#include "library.h"
#include "nested.h"
#include "objects.h"
#include "operations.h"
#include "settings.h"
#include "stock.h"

using namespace reentry;

namespace {

constexpr uint64_t kQuickSteps = 500;  // in the library, of one operation; the rest of it runs by itself
constexpr uint64_t kQuickStride = 7;

// --- the child -----------------------------------------------------------------------------------------------------------

size_t nested_bytes;
size_t nested_run;

void on_signal(int, siginfo_t*, void* context) {
  const int kept = errno;
  Coverage::get().mark(pc_of(*static_cast<const ucontext_t*>(context)), Interrupted::kBefore);
  run_nested((scene.seed + nested_run++) % nested_count(), nested_bytes);
  errno = kept;
  raise(SIGUSR2);
}

void walk(const Operation& operation) {
  scene.operation = operation.name;
  scene.way = "traced";
  nested_bytes = operation.bytes == 0 ? 16 : operation.bytes < 300000 ? operation.bytes : 300000;
  release_stock();
  const Ledger before;
  Call call(operation);
  struct Body {
    const Operation* operation;
    Call* call;
    uintptr_t result;
  } body{&operation, &call, 0};
  call.around(
      [](void* context) {
        auto& own = *static_cast<Body*>(context);
        const Entry entry = own.call->entry();
        const uintptr_t a = own.call->argument(own.operation->a), b = own.call->argument(own.operation->b),
                        c = own.call->argument(own.operation->c);
        raise(SIGUSR2);
        own.result = entry(a, b, c);
        raise(SIGUSR2);
      },
      &body);
  release_nested();
  call.finish(body.result, false);
  release_stock();
  release_hoard();
  before.expect_same();
}

[[noreturn]] void be_traced(const Settings& settings) {
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGUSR1, &action, nullptr);
  explain_fatal_signals(settings.limit_seconds);
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  for (const Operation& operation : table_of(settings.table).operations) {
    if (operation.is(kLongOnly) || (settings.quick && operation.is(kRare))) continue;
    if (settings.operation == nullptr || strstr(operation.name, settings.operation) != nullptr) walk(operation);
  }
  _exit(0);
}

// --- the parent ----------------------------------------------------------------------------------------------------------

class Tracer {
 public:
  Tracer(pid_t child, const Settings& settings, uint64_t seed) : child_(child), settings_(settings), seed_(seed) {}

  // Until the child has ended.
  void run() {
    for (int status; waitpid(child_, &status, 0) == child_;) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
      if (!WIFSTOPPED(status)) fail("the traced child ended with wait status 0x%x", static_cast<unsigned>(status));
      go_on(WSTOPSIG(status));
    }
    fail("the traced child cannot be waited for");
  }

  uint64_t steps() const { return all_steps_; }
  uint64_t injected() const { return injected_; }

 private:
  enum class State { kBetween, kStepping, kInHandler };

  void go_on(int signal) {
    if (signal == SIGUSR2) {
      marker();
    } else if (signal == SIGTRAP && state_ == State::kStepping) {
      step();
    } else {
      resume(state_ == State::kStepping ? PTRACE_SINGLESTEP : PTRACE_CONT, signal);  // the child's own affair
    }
  }

  void marker() {
    state_ = state_ == State::kStepping ? State::kBetween : State::kStepping;
    if (state_ == State::kBetween) steps_ = 0;
    resume(state_ == State::kStepping ? PTRACE_SINGLESTEP : PTRACE_CONT, 0);
  }

  void step() {
    if (!is_in_library()) {
      resume(PTRACE_SINGLESTEP, 0);
      return;
    }
    ++steps_;
    ++all_steps_;
    if (settings_.quick && steps_ > kQuickSteps) {
      // Without a further stop, up to the marker behind the call.
      resume(PTRACE_CONT, 0);
    } else if (!settings_.quick || (steps_ + seed_) % kQuickStride == 0) {
      ++injected_;
      state_ = State::kInHandler;
      resume(PTRACE_CONT, SIGUSR1);
    } else {
      resume(PTRACE_SINGLESTEP, 0);
    }
  }

  bool is_in_library() const {
    errno = 0;
    const long pc = ptrace(PTRACE_PEEKUSER, child_, offsetof(user_regs_struct, rip), nullptr);
    if (errno != 0) fail("the traced child's registers cannot be read: %s", strerror(errno));
    return Library::get().has(static_cast<uintptr_t>(pc));
  }

  void resume(__ptrace_request how, int signal) {
    if (ptrace(how, child_, nullptr, reinterpret_cast<void*>(static_cast<intptr_t>(signal))) != 0) {
      fail("the traced child cannot be resumed: %s", strerror(errno));
    }
  }

  pid_t child_;
  const Settings& settings_;
  uint64_t seed_;
  State state_ = State::kBetween;
  uint64_t steps_ = 0;
  uint64_t all_steps_ = 0;
  uint64_t injected_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Settings settings = read_settings(argc, argv);
  FILE* log = settings.log != nullptr ? fopen(settings.log, "a") : stdout;
  if (log == nullptr) fail("cannot write the log to %s", settings.log);
  expect_rseq_mode(strcmp(scene.mode, "fallback") != 0);
  Coverage::get();
  explain_fatal_signals(settings.limit_seconds);
  const timespec began = now();
  scene.seed = settings.seed;
  do {
    // The heap is the child's: this process has not used it.
    const pid_t child = fork();
    if (child == 0) {
      expect_mode(settings);
      stay_on_one_cpu();
      be_traced(settings);
    }
    if (child < 0) fail("no child process to be had");
    Tracer tracer(child, settings, scene.seed);
    tracer.run();
    fprintf(log, "traced: mode %s, seed %zu: %zu steps in the library, a nested operation at %zu of them\n", scene.mode,
            static_cast<size_t>(scene.seed), static_cast<size_t>(tracer.steps()),
            static_cast<size_t>(tracer.injected()));
    if (settings.operation == nullptr && tracer.injected() < 1000) fail("hardly any step had a nested operation");
    fflush(log);
    ++scene.seed;
  } while (seconds_since(began) < settings.minutes * 60);
  Coverage::get().append_to(settings.coverage);
  return 0;
}
