// SPDX-License-Identifier: Apache-2.0
// The shipped libreslab.so as it lies in this process: where its code is, which of it are restartable sections and hook
// points, and its entry points. Those are looked up in the library itself: this program's own malloc is libc's
// (own_malloc.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace reentry {

// From its descriptor in section __rseq_cs. A thread that is stopped in [start, end) goes on at `abort`.
struct CriticalSection {
  uintptr_t start;
  uintptr_t end;
  uintptr_t abort;
};

class Library {
 public:
  // Found once; ends the process with a message if it is not loaded or stripped of its sections.
  static const Library& get();

  bool has(uintptr_t pc) const { return pc - text_ < text_bytes_; }
  uintptr_t text() const { return text_; }
  size_t text_bytes() const { return text_bytes_; }
  // Addresses as the disassembly has them.
  uintptr_t link_address(uintptr_t pc) const { return pc - base_; }

  const std::vector<CriticalSection>& sections() const { return sections_; }
  const CriticalSection* section_at(uintptr_t pc) const;
  // The thread at `pc` has stored the descriptor, or is about to: the next steps are a section's.
  bool is_inside_section(uintptr_t pc) const { return section_at(pc) != nullptr; }
  // The NOP at `pc` is the hook of that name.
  bool is_hook(uintptr_t pc, const char* name) const;

  // A function by its name in the symbol table; ends the process with a message if there is none.
  void* symbol(const char* name) const;
  // The function of the symbol table that covers `pc`; empty if none does.
  std::string function_at(uintptr_t pc) const;

 private:
  Library();
  struct HookPoint {
    uintptr_t nop;
    const char* name;
  };
  struct Function {
    uintptr_t start;
    size_t bytes;
    std::string name;
  };
  void read_file(const char* path);

  uintptr_t base_ = 0;
  uintptr_t text_ = 0;
  size_t text_bytes_ = 0;
  std::vector<CriticalSection> sections_;
  std::vector<HookPoint> hooks_;
  std::vector<Function> functions_;
};

}  // namespace reentry
