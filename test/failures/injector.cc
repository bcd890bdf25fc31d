// SPDX-License-Identifier: Apache-2.0
#include "injector.h"

#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>

#include "failure.h"

namespace failures {
namespace {

struct Known {
  unsigned number;
  const char* name;
  int errors[4];
};

// What the manual pages and mm/ give for the ways in which the library calls them.
constexpr Known kKnown[] = {
    {SYS_mmap, "mmap", {ENOMEM, EEXIST, EAGAIN}},
    {SYS_munmap, "munmap", {ENOMEM, EINVAL}},
    {SYS_mprotect, "mprotect", {ENOMEM, EACCES}},
    {SYS_madvise, "madvise", {EINVAL, ENOMEM, EAGAIN}},
    {SYS_mremap, "mremap", {ENOMEM, EINVAL, EFAULT}},
    {SYS_membarrier, "membarrier", {ENOSYS, EPERM, EINVAL}},
    {SYS_openat, "openat", {ENOENT, EACCES, EMFILE}},
    {SYS_read, "read", {EIO, EINTR, EAGAIN}},
    {SYS_close, "close", {EIO, EINTR}},
    {SYS_prlimit64, "prlimit64", {EPERM, ENOSYS}},
    {SYS_sysinfo, "sysinfo", {EFAULT, ENOSYS}},
    {SYS_sched_getaffinity, "sched_getaffinity", {EINVAL, ENOSYS}},
    {SYS_sigaltstack, "sigaltstack", {ENOMEM, EPERM}},
    {SYS_getrandom, "getrandom", {ENOSYS, EAGAIN}},
};

const Known* known(unsigned number) {
  for (const Known& one : kKnown) {
    if (one.number == number) return &one;
  }
  return nullptr;
}

CallLog* calls;
Injection injection;
Perform perform = perform_as_asked;

// Short of memory, all calls that ask for some fail together; one that gives some back does not.
bool asks_for_memory(unsigned number) { return number == SYS_mmap || number == SYS_mprotect || number == SYS_mremap; }

bool is_to_fail(uint32_t ordinal, const Known* call) {
  static unsigned first_kind = 0;
  if (call == nullptr || injection.ordinal == 0 || ordinal < injection.ordinal) return false;
  if (ordinal == injection.ordinal) first_kind = call->number;
  if (!injection.for_ever) return ordinal == injection.ordinal;
  return call->number == first_kind || (asks_for_memory(call->number) && asks_for_memory(first_kind));
}

long error_for(const Known& call) {
  const int wanted = injection.variant < 4 ? call.errors[injection.variant] : 0;
  return wanted != 0 ? wanted : call.errors[0];
}

void on_system_call(int, siginfo_t* info, void* context) {
  const int interrupted_errno = errno;
  auto& r = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const auto number = static_cast<unsigned>(info->si_syscall);
  const uint32_t ordinal = ++calls->count;
  if (ordinal <= kMostCalls) calls->number[ordinal - 1] = static_cast<uint16_t>(number);
  const Known* call = known(number);
  if (is_to_fail(ordinal, call)) {
    ++calls->failed;
    r[REG_RAX] = -error_for(*call);
  } else {
    const long arguments[6] = {r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]};
    r[REG_RAX] = perform(number, arguments);
  }
  errno = interrupted_errno;
}

struct Text {
  const void* function;
  uintptr_t begin, end;
};

int find_text(dl_phdr_info* object, size_t, void* argument) {
  Text& text = *static_cast<Text*>(argument);
  const auto address = reinterpret_cast<uintptr_t>(text.function);
  for (size_t i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    const uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    if (address - begin < segment.p_memsz) {
      text.begin = begin;
      text.end = begin + segment.p_memsz;
    }
  }
  return text.end != 0;
}

// A signal for each system call whose instruction lies in the text; the address is compared in halves.
void set_filter(const Text& text) {
  const auto high = static_cast<uint32_t>(text.begin >> 32);
  if (high != text.end >> 32) support::fail("the library's text lies across a border of 4 GiB");
  constexpr auto kAddress = static_cast<uint32_t>(offsetof(struct seccomp_data, instruction_pointer));
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kAddress + 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kAddress),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, static_cast<uint32_t>(text.begin), 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, static_cast<uint32_t>(text.end), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    support::fail("this system allows no seccomp filter");
  }
}

}  // namespace

void intercept_calls_of(const void* function, CallLog* log) {
  calls = log;
  Text text = {function, 0, 0};
  dl_iterate_phdr(find_text, &text);
  if (text.end == 0) support::fail("the library's text is not found");
  struct sigaction action = {};
  action.sa_sigaction = on_system_call;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSYS, &action, nullptr);
  set_filter(text);
}

long perform_as_asked(unsigned number, const long (&arguments)[6]) {
  const auto& [a, b, c, d, e, f] = arguments;
  const long result = syscall(number, a, b, c, d, e, f);
  return result == -1 ? -errno : result;
}

void perform_by(Perform wanted) { perform = wanted; }
void inject(const Injection& wanted) { injection = wanted; }
void stop_failing() { injection = {}; }

const char* call_name(unsigned number) {
  const Known* call = known(number);
  return call == nullptr ? "another" : call->name;
}

const int* errors_of(unsigned number) {
  static constexpr int kNone[] = {0};
  const Known* call = known(number);
  return call == nullptr ? kNone : call->errors;
}

}  // namespace failures
