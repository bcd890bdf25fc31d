// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <fcntl.h>
#include <reslab/reslab.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stack_trace.h"
#include "symbols.h"

namespace crash_reporter {
namespace {

constexpr size_t kDeepest = 256;

std::string contents_of(const char* path) {
  std::string text;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char part[4096];
  for (ssize_t length; (length = read(fd, part, sizeof part)) > 0;) text.append(part, static_cast<size_t>(length));
  close(fd);
  return text;
}

std::string what_happened(int signal_number, const siginfo_t& info) {
  char line[160];
  const char* const name = sigabbrev_np(signal_number);
  snprintf(line, sizeof line, "process %d, thread %d: SIG%s, code %d, address %p\n", getpid(), gettid(),
           name == nullptr ? "?" : name, info.si_code, info.si_addr);
  return line;
}

std::string stack_of(ucontext_t* context) {
  uintptr_t frames[kDeepest];
  const size_t depth = examples::walk_interrupted_stack(context, frames, kDeepest);
  examples::Symbols symbols;
  std::string text;
  for (size_t i = 0; i < depth; i++) {
    const uintptr_t instruction = i == 0 ? frames[i] : frames[i] - 1;  // a return address is one past the call
    text +=
        "  #" + std::to_string(i) + "  " + symbols.name_of(instruction) + "  (" + symbols.place_of(instruction) + ")\n";
  }
  return text;
}

std::string heap_statistics() {
  reslab_stats stats = {};
  reslab_status status = {};
  if (reslab_get_stats(&stats, sizeof stats) != 0 || reslab_get_status(&status, sizeof status) != 0) {
    return "  not to be had\n";
  }
  const struct {
    const char* name;
    uint64_t value;
  } kShown[] = {{"bytes_live", stats.bytes_live},
                {"bytes_committed", stats.bytes_committed},
                {"bytes_metadata", stats.bytes_metadata},
                {"bytes_purged", stats.bytes_purged},
                {"deferred_pending", stats.deferred_pending},
                {"nolock_failures", stats.nolock_failures},
                {"reentries", stats.reentries}};
  std::string text = std::string("  mode=") + (status.mode == RESLAB_MODE_RSEQ ? "rseq" : "fallback") + "\n";
  for (const auto& [name, value] : kShown) text += std::string("  ") + name + "=" + std::to_string(value) + "\n";
  return text;
}

}  // namespace

std::string describe_crash(int signal_number, const siginfo_t& info, ucontext_t* context) {
  return "crash report\n" + what_happened(signal_number, info) + "stack, innermost call first:\n" + stack_of(context) +
         "heap:\n" + heap_statistics() + "mappings:\n" + contents_of("/proc/self/maps") + "end of crash report\n";
}

}  // namespace crash_reporter
