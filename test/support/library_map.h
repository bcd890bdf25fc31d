// SPDX-License-Identifier: Apache-2.0
// A library of reslab as loaded in this process: where its code is, its restartable sections, its hook points, its
// functions. Read from the tables that it ships with (__rseq_cs, reslab_hooks, .symtab), so nothing here knows its
// sources.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace support {

// While rseq_cs names a section, a thread is in it at every address from `start` on and before `end`. `entry` is the
// instruction that sets rseq_cs, the last one before `start`: a thread that stops there is not in it yet.
struct CriticalSection {
  uintptr_t entry;
  uintptr_t start;
  uintptr_t end;
  uintptr_t abort;
};

struct HookSite {
  uintptr_t nop;
  const char* name;
};

class LibraryMap {
 public:
  // The one that `function` really comes from: "reslab_malloc". An address taken in the program may be a stub.
  static LibraryMap of(const char* function);

  uintptr_t text() const { return text_begin_; }
  size_t text_bytes() const { return text_bytes_; }
  // As the disassembly has it.
  uintptr_t link_address(uintptr_t pc) const { return pc - base_; }
  // A handler never sees a program counter inside a restartable section: the kernel has moved it to the section's abort
  // address, which lies in the library as well.
  bool contains(uintptr_t pc) const { return pc - text_begin_ < text_bytes_; }
  // In a function that programs call: the fast path lies there, and nothing else does.
  bool is_entry_point(uintptr_t pc) const;
  const CriticalSection* section_entered_at(uintptr_t pc) const;
  const CriticalSection* section_around(uintptr_t pc) const;
  const char* hook_at(uintptr_t pc) const;  // nullptr: none
  const std::vector<HookSite>& hooks() const { return hooks_; }
  const std::vector<CriticalSection>& sections() const { return sections_; }

  // "slab_take+0x1c", or the offset in the library where it has been stripped.
  std::string name_of(uintptr_t pc) const;

 private:
  struct Function {
    uintptr_t start;
    size_t bytes;
    std::string name;
    bool exported;
  };

  void read(const char* path);

  uintptr_t base_ = 0;
  uintptr_t text_begin_ = 0;
  size_t text_bytes_ = 0;
  std::vector<CriticalSection> sections_;
  std::vector<HookSite> hooks_;
  std::vector<Function> functions_;
};

}  // namespace support
