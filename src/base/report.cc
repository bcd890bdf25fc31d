// SPDX-License-Identifier: Apache-2.0
#include "base/report.h"

#include <signal.h>
#include <unistd.h>

#include "platform/syscall.h"

namespace reslab {
namespace {

// Not as pointers, which the loader would have to relocate at the start of every process.
constexpr size_t kMostWords = 112;
constexpr char kWords[][kMostWords] = {
#define REPORT(name, words) words,
#include "base/reports.def"
#undef REPORT
};

// The words, and put() for each {} in them.
template <class Put>
Line& say_words(Line& line, Report report, Put put) {
  for (const char* words = kWords[static_cast<size_t>(report)]; *words != '\0'; ++words) {
    if (words[0] == '{' && words[1] == '}') {
      put();
      ++words;
    } else {
      line.text(words, 1);
    }
  }
  return line;
}

void raise_abort() {
  const long pid = sys_call(SYS_getpid);
  const long tid = sys_call(SYS_gettid);
  sys_call(SYS_tgkill, pid, tid, SIGABRT);
}

void unblock_abort() {
  const uint64_t mask = uint64_t{1} << (SIGABRT - 1);
  sys_call(SYS_rt_sigprocmask, SIG_UNBLOCK, reinterpret_cast<long>(&mask), 0, sizeof mask);
}

// libc's abort() takes a lock and may be what was interrupted; this raises the same signal with nothing held.
[[noreturn]] void abort_with_nothing_held() {
  // As abort() does, before all else: where it is blocked, the signal would only be pending, and come to the default
  // action below instead of the program's handler.
  unblock_abort();
  raise_abort();
  // The handler came back, perhaps with the signal blocked again by its context, or it is ignored: the default action.
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(SIGABRT, &action, nullptr);
  unblock_abort();
  raise_abort();
  for (;;) sys_call(SYS_exit_group, 127);
}

}  // namespace

Line& say(Line& line, Report report, std::initializer_list<uint64_t> values) {
  const uint64_t* value = values.begin();
  return say_words(line, report, [&] {
    if (value != values.end()) line.dec(*value++);
  });
}

Line& say(Line& line, Report report, const char* name) {
  return say_words(line, report, [&] { line.text(name); });
}

void begin_report(Line& line, const char* call, const void* address) {
  line.text("reslab: ").text(call).text("(").ptr(address).text("): ");
}

void die(Line& line) {
  line.write_to(STDERR_FILENO);
  abort_with_nothing_held();
}

void die_said() { abort_with_nothing_held(); }

void die_corrupt(const char* what, uint64_t value) {
  Line line;
  line.text("reslab: corrupt state: ").text(what).text(" does not hold, value ").hex(value);
  die(line);
}

}  // namespace reslab
