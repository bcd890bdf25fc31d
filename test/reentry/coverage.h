// SPDX-License-Identifier: Apache-2.0
// Which instructions of the library were interrupted, with a nested operation in between. Two sets: places where a handler
// ran before the instruction, and instructions of restartable sections that a breakpoint stopped and that were then
// restarted (26). Shared with forked children; appended to a file at the end, for coverage.py.
#pragma once

#include <cstddef>
#include <cstdint>

namespace reentry {

enum class Interrupted : uint8_t {
  kBefore = 1,
  kInSection = 2,
  kByBreakpoint = 4,  // these of this process, not written
  kChased = 8,
  kFaulted = 16,
};

class Coverage {
 public:
  static Coverage& get();

  void mark(uintptr_t pc, Interrupted how);
  bool has(uintptr_t pc, Interrupted how) const;
  size_t count(Interrupted how) const;
  // Lines "before 0xADDRESS" or "section 0xADDRESS". A file name may be nullptr: nothing is written.
  void append_to(const char* file) const;

 private:
  Coverage();
  uint8_t* flags_;  // one for each byte of the library's text
};

}  // namespace reentry
