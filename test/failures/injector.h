// SPDX-License-Identifier: Apache-2.0
// Failures of system calls, one at a time. A seccomp filter turns each system call that the library makes into a
// signal, told from everybody else's by the address of its instruction; the handler makes it fail, or does it for the
// library. The filter stays for the life of the process, so each trial has a child of its own.
#pragma once

#include <cstdint>

namespace failures {

struct Injection {
  uint32_t ordinal;  // which of the library's system calls, counted from 1; 0: none
  bool for_ever;     // and all of its kind behind it
  uint32_t variant;  // which of the errors that the call may have; beyond the last: the first
};

constexpr uint32_t kMostCalls = 4096;

// What came, in shared memory of the caller's: it is read after the child has ended.
struct CallLog {
  uint32_t count;
  uint16_t number[kMostCalls];  // of the system call
  uint32_t failed;
};

// From now on the system calls of the loaded object that holds `function` pass through here.
void intercept_calls_of(const void* function, CallLog* log);
// They are made by this function, but for those that fail. Its results are as the kernel's: negative errno values on failure.
using Perform = long (*)(unsigned number, const long (&arguments)[6]);
void perform_by(Perform perform);
long perform_as_asked(unsigned number, const long (&arguments)[6]);  // the way without it
void inject(const Injection& injection);
void stop_failing();

const char* call_name(unsigned number);
// The errors that a system call may have; 0 behind the last. A call that is not listed is never made to fail.
const int* errors_of(unsigned number);

}  // namespace failures
