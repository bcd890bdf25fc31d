// SPDX-License-Identifier: Apache-2.0
#include "without_heap.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace {

constexpr int kMaxFrames = 32;

const char* file_name(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

// What a signal frame returns to: `mov $SYS_rt_sigreturn, %rax; syscall`, by which every unwinder knows it.
bool is_signal_frame(const void* return_address) {
#if defined(__x86_64__)
  return memcmp(return_address, "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", 9) == 0;
#else
  (void)return_address;
  return false;
#endif
}

// A return address can lie past its function's end, when the call was the last thing in it: the byte before is the
// call's. Static functions have no name at run time; C++ names need an allocating function to be readable: left out.
bool say_named_frame(const void* return_address) {
  Dl_info found;
  if (dladdr(static_cast<const char*>(return_address) - 1, &found) == 0 || found.dli_sname == nullptr) return false;
  if (strncmp(found.dli_sname, "_Z", 2) == 0) return false;
  say("    %-26s %s\n", found.dli_sname, file_name(found.dli_fname));
  return true;
}

}  // namespace

void say(const char* format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (length < 0) return;
  const size_t size = static_cast<size_t>(length) < sizeof text ? static_cast<size_t>(length) : sizeof text - 1;
  if (write(STDERR_FILENO, text, size) < 0) return;  // nobody is left to tell
}

void prepare_stack_trace() {
  void* frame;
  backtrace(&frame, 1);
}

void say_stack_trace() {
  void* frames[kMaxFrames];
  const int count = backtrace(frames, kMaxFrames);
  int first = 0;  // behind the signal that asks for the trace, where it can be told
  while (first < count && !is_signal_frame(frames[first])) ++first;
  first = first < count ? first + 1 : 0;

  bool was_shown = true;
  for (int i = first; i < count; ++i) {
    const bool is_signal = is_signal_frame(frames[i]);
    if (is_signal) say("    --- a signal arrived ---\n");
    const bool is_shown = is_signal || say_named_frame(frames[i]);
    if (was_shown && !is_shown) say("    ...\n");
    was_shown = is_shown;
  }
}
