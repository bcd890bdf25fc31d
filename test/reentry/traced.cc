// SPDX-License-Identifier: Apache-2.0
// The same by ptrace, independent of the trap flag and of breakpoints: a parent steps a child through the operations, and
// at some of the steps (all of them in the passes of the long form) gives it a signal, whose handler does the nested
// operation on the child's own stack. Under a registered rseq each step in a section aborts it, as under any debugger.
//
// The child marks its places by raising SIGUSR2: in front of the walked call, behind it, and at the end of the handler.
#include <reslab/reslab.h>
#include <signal.h>
#include <sys/mman.h>
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
#include "passes.h"
#include "settings.h"
#include "stock.h"

using namespace reentry;

namespace {

// How much of each operation: some of its first steps in the library, and the rest runs by itself; or all of them.
enum class Extent : uint8_t { kSome, kAll };
constexpr uint64_t kSomeSteps = 500;
constexpr uint64_t kStride = 7;

// What the child has come to, in memory that it shares with its parent.
struct Progress {
  volatile size_t walked;      // operations
  const char* volatile walks;  // the name of the one that it is at
};
Progress* progress;

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
  nested_run = 0;
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

using Operations = std::vector<const Operation*>;

[[noreturn]] void be_traced(const Settings& settings, const Operations& operations) {
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGUSR1, &action, nullptr);
  explain_fatal_signals(settings.limit_seconds);
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  for (const Operation* operation : operations) {
    progress->walks = operation->name;
    walk(*operation);
    if (time_is_over()) break;  // and its last steps were not stopped at, perhaps
    progress->walked = progress->walked + 1;
  }
  _exit(0);
}

// --- the parent ----------------------------------------------------------------------------------------------------------

class Tracer {
 public:
  Tracer(pid_t child, Extent extent, uint64_t seed) : child_(child), extent_(extent), seed_(seed) {}

  // Until the child has ended.
  void run() {
    for (int status; waitpid(child_, &status, 0) == child_;) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
      if (!WIFSTOPPED(status)) {
        fail("the traced child ended with wait status 0x%x, behind %zu steps of '%s'", static_cast<unsigned>(status),
             static_cast<size_t>(steps_), progress->walks);
      }
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
    } else if (signal == SIGTRAP) {
      clear_trap_flag();
      resume(PTRACE_CONT, 0);
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
    if ((extent_ == Extent::kSome && steps_ > kSomeSteps) || time_is_over()) {
      // Without a further stop, up to the marker behind the call.
      resume(PTRACE_CONT, 0);
    } else if (extent_ == Extent::kAll || (steps_ + seed_) % kStride == 0) {
      ++injected_;
      state_ = State::kInHandler;
      resume(PTRACE_CONT, SIGUSR1);
    } else {
      resume(PTRACE_SINGLESTEP, 0);
    }
  }

  unsigned long register_at(size_t offset) const {
    errno = 0;
    const long value = ptrace(PTRACE_PEEKUSER, child_, offset, nullptr);
    if (errno != 0) fail("the traced child's registers cannot be read: %s", strerror(errno));
    return static_cast<unsigned long>(value);
  }
  bool is_in_library() const { return Library::get().has(register_at(offsetof(user_regs_struct, rip))); }

  // A hook saves and restores the flags of the code around it: where stepping has ended in between, it brings the trap
  // flag back that it has seen.
  void clear_trap_flag() {
    constexpr unsigned long kTrapFlag = 0x100;
    constexpr size_t kFlags = offsetof(user_regs_struct, eflags);
    if (ptrace(PTRACE_POKEUSER, child_, kFlags, register_at(kFlags) & ~kTrapFlag) != 0) {
      fail("the traced child's flags cannot be set: %s", strerror(errno));
    }
  }

  void resume(__ptrace_request how, int signal) {
    if (ptrace(how, child_, nullptr, reinterpret_cast<void*>(static_cast<intptr_t>(signal))) != 0) {
      fail("the traced child cannot be resumed: %s", strerror(errno));
    }
  }

  pid_t child_;
  Extent extent_;
  uint64_t seed_;
  State state_ = State::kBetween;
  uint64_t steps_ = 0;
  uint64_t all_steps_ = 0;
  uint64_t injected_ = 0;
};

FILE* log_file = stdout;

Operations chosen_of(const Settings& settings) {
  Operations chosen;
  for (const Operation& operation : table_of(settings.table).operations) {
    if (settings.quick && (operation.is(kLongOnly) || operation.is(kRare))) continue;
    if (settings.operation == nullptr || strstr(operation.name, settings.operation) != nullptr)
      chosen.push_back(&operation);
  }
  if (chosen.empty()) fail("no operation of this table is named like '%s'", settings.operation);
  return chosen;
}

// In a child of its own: the heap is the child's, this process has not used it. How many operations were walked to the
// end, and not cut short.
size_t trace(const Settings& settings, const Operations& operations, Extent extent, FILE* log) {
  progress->walked = 0;
  const pid_t child = fork();
  if (child == 0) {
    Settings of_child = settings;
    expect_mode(of_child);
    stay_on_one_cpu();
    be_traced(of_child, operations);
  }
  if (child < 0) fail("no child process to be had");
  Tracer tracer(child, extent, scene.seed);
  tracer.run();
  if (log == nullptr) return progress->walked;
  fprintf(log,
          "traced: mode %s, table %s, seed %zu: %zu operations, %zu steps in the library, a nested operation at %zu\n",
          scene.mode, settings.table, static_cast<size_t>(scene.seed), progress->walked,
          static_cast<size_t>(tracer.steps()), static_cast<size_t>(tracer.injected()));
  fflush(log);
  if (settings.operation == nullptr && tracer.injected() < 1000) fail("hardly any step had a nested operation");
  return progress->walked;
}

void trace_table(const Settings& settings) {
  const Operations operations = chosen_of(settings);
  Passes passes(settings, operations.size(), "operations by nested operations");
  for (size_t walked = trace(settings, operations, Extent::kSome, log_file); walked > 0; --walked) passes.owe(1);
  if (settings.quick) return;
  passes.begin_the_clock();
  for (size_t row; passes.next(row);) passes.add(trace(settings, {operations[row]}, Extent::kAll, nullptr));
  passes.report(log_file);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings = read_settings(argc, argv);
  if (settings.log != nullptr) log_file = fopen(settings.log, "a");
  if (log_file == nullptr) fail("cannot write the log to %s", settings.log);
  expect_rseq_mode(strcmp(scene.mode, "fallback") != 0);
  Coverage::get();
  explain_fatal_signals(settings.limit_seconds);
  void* memory = mmap(nullptr, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("no memory");
  progress = static_cast<Progress*>(memory);
  scene.seed = settings.seed;
  trace_table(settings);
  Coverage::get().append_to(settings.coverage);
  return 0;
}
